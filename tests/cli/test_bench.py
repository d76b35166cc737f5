"""`limelight bench` on the located digits with a tiny model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import Call

pytest.importorskip("pyarrow")
METRICS = ["pointing-game", "deletion", "model-randomization-rank"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny trained folder for the digits."""
    pytest.importorskip("torch")
    import limelight
    from limelight.data import open as open_dataset

    folder = tmp_path_factory.mktemp("trained") / "digits"
    data = open_dataset("digits?count=48", split="train")
    limelight.train_classifier(data, out=folder, epochs=1, progress=False)
    return folder


def test_ranked_kept_and_resumed(call: Callable[..., Call], small: Path, tmp_path: Path) -> None:
    words = [
        "bench", "digits?count=10", "--split", "test", "-m", small, "--methods", "gradcam,eigencam",
        "--metrics", ",".join(METRICS), "--out", "RUN",
    ]  # fmt: skip
    found = call(*words)
    assert found.code == 0, found.err
    assert found.out.splitlines()[-1] == str(Path("RUN") / "report.html")
    assert "mean rank" in found.out and "randomized (rank)" in found.out
    assert Path("RUN/leaderboard.png").read_bytes().startswith(b"\x89PNG")
    kept = json.loads(Path("RUN/metrics.json").read_text())["leaderboard"]
    assert {each["name"] for each in kept["standings"]} == {"gradcam", "eigencam", "random"}
    assert "seconds" in {column["key"] for column in kept["columns"]}
    state = call("status", "RUN", "--json").json
    assert state["finished"] and state["done"] == state["images"]

    before = {file: file.stat().st_mtime_ns for file in Path("RUN/rows").iterdir()}
    again = call(*words, "--json")
    assert again.code == 0, again.err
    assert again.json == kept
    assert {file: file.stat().st_mtime_ns for file in Path("RUN/rows").iterdir()} == before

    other = call(*words, "--layer", "0")
    assert other.code == 2


def test_bad_calls(call: Callable[..., Call], small: Path) -> None:
    found = call("bench", "digits?count=10", "-m", small, "--metrics", "delation", "--out", "RUN")
    assert found.code == 2 and "did you mean 'deletion'" in found.err
    found = call("bench", "digits?count=10", "-m", small, "--methods", "gradcamm", "--out", "RUN")
    assert found.code == 2 and "gradcam" in found.err
