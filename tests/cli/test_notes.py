"""What a user should know beside the result is a line of its own, without the place in the code."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import Call

pytestmark = pytest.mark.torch


def test_a_warning_is_one_plain_line(
    call: Callable[..., Call], weights: Path, photographs: list[Path]
) -> None:
    """CAM is left out, for behind this layer is more than pooling and a head."""
    shown = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        result = call(
            "explain", photographs[0], "--model", weights, "--method", "all-gradient",
            "--layer", "features.5", "--out", "out",
        )  # fmt: skip
    assert result.code == 0, result.err
    notes = [line for line in result.err.splitlines() if "left out" in line]
    assert len(notes) == 1 and notes[0].startswith("note: left out: ") and "cam" in notes[0]
    assert "LimelightWarning" not in result.err and ".py:" not in result.err
    assert warnings.showwarning is shown


def test_warnings_of_others_keep_their_form(
    call: Callable[..., Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    def build() -> Callable[[], None]:
        return lambda: warnings.warn("old", DeprecationWarning, stacklevel=1)

    monkeypatch.setattr("limelight.cli.build_app", build)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        result = call("methods")
    assert result.err == "" and [str(each.message) for each in seen] == ["old"]
