"""`limelight bench` on the located digits with a tiny model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cli.conftest import Call
from limelight.runs import open_run
from report.reading import read

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
    check_the_curves(Path("RUN"))
    state = call("status", "RUN", "--json").json
    assert state["finished"] and state["done"] == state["images"]

    before = {file: file.stat().st_mtime_ns for file in Path("RUN/rows").iterdir()}
    again = call(*words, "--json")
    assert again.code == 0, again.err
    assert again.json == kept
    assert {file: file.stat().st_mtime_ns for file in Path("RUN/rows").iterdir()} == before

    other = call(*words, "--layer", "0")
    assert other.code == 2


def check_the_curves(run: Path) -> None:
    """Of deletion: the means in one chart, each with its interval, and each image's own below it."""
    page = read(run / "report.html")
    assert page.all("table")[0].attributes == {"class": "scores board"}
    (chart,) = [node for node in page.all("section") if node.attributes["id"] == "curves"]
    assert chart.all("figcaption")[0].text == "Deletion (low is good)"
    data, pictures = (str(script.children[0]) for script in page.all("script")[:2])
    kept = {
        item["id"]: json.loads(line)["curves"]["Deletion"]
        for item, line in zip(json.loads(data)["items"], pictures.split("\n"), strict=True)
    }
    opened = open_run(run)
    assert set(kept) == {row.id for row in opened.rows}
    words = chart.all("svg")[0].attributes["aria-label"]
    for name in ("gradcam", "eigencam", "random"):
        curves = np.array([row.found[name].scores["deletion"] for row in opened.rows])
        assert curves.shape == (10, 21)
        for row, values in zip(opened.rows, curves, strict=True):
            np.testing.assert_allclose(kept[row.id][name], values, rtol=0.01)
        mean = curves.mean(0)
        assert f"{name} highest {mean.max():.2f} at {mean.argmax() / 20:.2f}" in words
    assert len(chart.all("polygon")) == len(chart.all("polyline")) == 3


def test_bad_calls(call: Callable[..., Call], small: Path) -> None:
    found = call("bench", "digits?count=10", "-m", small, "--metrics", "delation", "--out", "RUN")
    assert found.code == 2 and "did you mean 'deletion'" in found.err
    found = call("bench", "digits?count=10", "-m", small, "--methods", "gradcamm", "--out", "RUN")
    assert found.code == 2 and "gradcam" in found.err
