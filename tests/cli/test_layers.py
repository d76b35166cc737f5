"""`limelight layers`: shapes as a hook sees them, and the automatic layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import SIZE, Call
from limelight.models import load

Run = Callable[..., Call]


def shapes_seen(weights: Path) -> dict[str, list[int]]:
    """By module, the shape of its output without the batch axis."""
    torch = pytest.importorskip("torch")
    model = load(weights).model
    seen: dict[str, list[int]] = {}

    def watch(name: str) -> Any:
        return lambda module, given, output: seen.update({name: list(output.shape[1:])})

    handles = [m.register_forward_hook(watch(name)) for name, m in model.named_modules()]
    with torch.no_grad():
        model(torch.zeros(1, 3, SIZE, SIZE))
    for handle in handles:
        handle.remove()
    return seen


def test_every_layer_with_its_shape(call: Run, weights: Path) -> None:
    result = call("layers", weights, "--all", "--json")
    assert result.code == 0
    seen = shapes_seen(weights)
    rows = {row["layer"]: row for row in result.json}
    assert len(rows) == len(result.json)
    for name, row in rows.items():
        assert row["shape"] == seen[name]
    explainable = {name for name, row in rows.items() if row["explainable"]}
    assert {"features.0", "features.12", "features.12.expand3x3"} <= explainable
    assert not explainable & {"classifier.3", ""}
    assert [name for name, row in rows.items() if row["automatic"]] == ["classifier.2"]
    listed = call("layers", weights, "--json").json
    assert {row["layer"] for row in listed} == explainable


def test_the_table_marks_the_automatic_layer(call: Run, weights: Path) -> None:
    result = call("layers", weights)
    assert result.code == 0
    (line,) = (line for line in result.out.splitlines() if "automatic" in line)
    assert line.split()[0] == "classifier.2"
    assert "1000 × 3 × 3" in line


def test_a_file_that_is_no_model(call: Run, tmp_path: Path) -> None:
    result = call("layers", tmp_path / "none.keras")
    assert result.code == 2
    assert result.err.startswith("limelight: ") and "there is no file" in result.err
