"""A miniature of `limelight demo`, as a user runs it: in a process of its own, with no network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cli.conftest import Call
from limelight.boxes import iou
from report.reading import picture, read

METHODS = ("cam", "gradcam", "layercam", "affinitycam")

# No connection can be made, and at the end no window can have been opened.
ALONE = """
import socket, sys
def refuse(*args):
    raise AssertionError("a network request")
socket.socket.connect = socket.socket.connect_ex = refuse
from limelight.cli import main
try:
    main()
finally:
    pyplot = sys.modules.get("matplotlib.pyplot")  # Keras imports it by itself
    assert pyplot is None or not pyplot.get_fignums()
"""


def start(out: Path, cache: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ALONE, "demo", "--out", str(out), "--no-open", *arguments],
        env={**os.environ, "LIMELIGHT_CACHE": str(cache), "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=_hears_ctrl_c,
    )


def _hears_ctrl_c() -> None:
    """A shell's background job ignores Ctrl-C, and what it starts inherits that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass(frozen=True)
class Demo:
    """A finished demo: its folder, what it printed, and its numbers."""

    folder: Path
    printed: str
    numbers: dict[str, Any]

    def value(self, name: str, column: str) -> float:
        (line,) = (line for line in self.numbers["table"] if line["name"] == name)
        return line["results"][column]["value"]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "digits"


def test_without_matplotlib_the_demo_says_so_before_it_trains(
    call: Callable[..., Call], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = call("demo", "--out", tmp_path / "demo", "--no-open")
    assert result.code == 2 and 'pip install "limelight[demo]"' in result.err
    assert result.out == "" and not (tmp_path / "demo").exists()


def test_the_demo_trains_explains_localizes_and_reports(tmp_path: Path, cache: Path) -> None:
    pytest.importorskip("torch")
    out = tmp_path / "demo"
    arguments = ("--images", "800", "--epochs", "8")
    demo = finished(out, finish(start(out, cache, *arguments)))
    check_that_boxes_beat_what_looks_at_no_image(demo)
    check_that_the_numbers_are_those_of_the_boxes(demo)
    check_the_terminal(demo)
    check_the_files(demo)
    check_the_report(demo, cache)
    check_that_a_second_call_reuses_the_model(demo, cache, arguments)


def finished(out: Path, printed: str) -> Demo:
    return Demo(out, printed, json.loads((out / "numbers.json").read_text(encoding="utf-8")))


def finish(process: subprocess.Popen[str]) -> str:
    printed, _ = process.communicate()
    assert process.returncode == 0, printed
    return printed


def check_that_boxes_beat_what_looks_at_no_image(demo: Demo) -> None:
    assert demo.numbers["accuracy"]["value"] > 0.2  # by chance 0.1; the whole demo reaches 0.98
    better = max(demo.value(name, "mean-iou") for name in ("centre-box", "whole-image"))
    assert better < 0.25
    for method in METHODS:
        assert demo.value(method, "mean-iou") > 2 * better
        assert demo.value(method, "pointing-game") > demo.value("centre-box", "pointing-game")


def check_that_the_numbers_are_those_of_the_boxes(demo: Demo) -> None:
    for row in demo.numbers["rows"]:
        for method in METHODS:
            box = row[method]["box"]
            overlap = 0.0 if box is None else iou([box], row["boxes"]).max()
            assert row[method]["iou"] == pytest.approx(overlap)
    each = [row["cam"]["iou"] for row in demo.numbers["rows"]]
    assert demo.value("cam", "mean-iou") == pytest.approx(np.mean(each))
    assert demo.value("cam", "gt-known") == pytest.approx(np.mean(np.array(each) >= 0.5))


def check_the_terminal(demo: Demo) -> None:
    lines = demo.printed.splitlines()
    assert Path(lines[-1]) == demo.folder / "report.html"
    assert sum(line.startswith("epoch") for line in lines) == 8
    for name in (*METHODS, "centre-box", "whole-image"):
        (line,) = (line for line in lines if line.startswith(name + " "))
        assert f"{100 * demo.value(name, 'mean-iou'):.1f}" in line


def check_the_files(demo: Demo) -> None:
    figures = sorted(path.name for path in (demo.folder / "figures").iterdir())
    assert figures == ["best.png", "iou.png", "methods.png", "worst.png"]
    for name in figures:
        with Image.open(demo.folder / "figures" / name) as figure:
            assert np.asarray(figure.convert("L")).std() > 10
    (model,) = demo.folder.glob("model-*")
    kept = {path.name for path in model.iterdir()}
    assert "config.json" in kept
    assert kept & {"model.safetensors", "model.keras"}


def check_the_report(demo: Demo, cache: Path) -> None:
    by_id = {row["id"]: row for row in demo.numbers["rows"]}
    cases = read(demo.folder / "report.html").all("article", "case")
    assert len(cases) >= 12
    for case in cases:
        row = by_id[case.all("span", "id")[0].text]
        original = case.all("svg", "picture")[0]
        assert original.boxes("true") == [tuple(box) for box in row["boxes"]]
        for image in case.all("image"):
            assert picture(image).std() > 5
        for method, overlay in zip(METHODS, case.all("svg", "overlay"), strict=True):
            (box,) = overlay.boxes("predicted")
            assert box == pytest.approx(row[method]["box"], abs=0.06)
    # Each picture is that of its own image: the report's are compressed, but near.
    (images,) = (part["images"] for part in made_digits(cache))
    for case in cases[:5]:
        shown = picture(case.all("image")[0])[..., 0].astype(int)
        pixels = images[by_id[case.all("span", "id")[0].text]["index"]].astype(int)
        assert np.abs(shown - pixels).mean() < 4


def made_digits(cache: Path) -> Iterator[Any]:
    """The test images that the demo has made and kept."""
    for path in cache.rglob("*test*.npz"):
        with np.load(path) as kept:
            yield dict(kept)


def check_that_a_second_call_reuses_the_model(
    demo: Demo, cache: Path, arguments: tuple[str, ...]
) -> None:
    weights = demo.folder / "model-torch" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    printed = finish(start(demo.folder, cache, *arguments))
    assert "epoch" not in printed
    assert weights.stat().st_mtime_ns == before
    again = json.loads((demo.folder / "numbers.json").read_text(encoding="utf-8"))
    assert again["table"] == demo.numbers["table"]


def in_keras(out: Path, cache: Path) -> subprocess.Popen[str]:
    arguments = ("--images", "200", "--epochs", "3", "--framework", "keras")
    return start(out, cache, *arguments, KERAS_BACKEND="tensorflow")


def cut_and_resumed(out: Path, cache: Path) -> Demo:
    """The demo in Keras, interrupted after its first epoch and called again."""
    with in_keras(out, cache) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch"):  # the first one is finished
                process.send_signal(signal.SIGINT)
                break
        rest = process.stdout.read()
    assert process.returncode == 130, rest
    assert "Interrupted" in rest
    assert "Traceback" not in rest
    resumed = finish(in_keras(out, cache))
    assert 1 <= sum(line.startswith("epoch") for line in resumed.splitlines()) <= 2, resumed
    return finished(out, resumed)


@pytest.mark.soak
def test_in_keras_after_ctrl_c_the_next_call_goes_on(tmp_path: Path, cache: Path) -> None:
    pytest.importorskip("tensorflow")
    demo = cut_and_resumed(tmp_path / "cut", cache)
    check_that_the_numbers_are_those_of_the_boxes(demo)
    check_the_files(demo)


@pytest.mark.soak
def test_in_keras_cut_and_whole_are_the_same(tmp_path: Path, cache: Path) -> None:
    pytest.importorskip("tensorflow")
    demo, whole = cut_and_resumed(tmp_path / "cut", cache), tmp_path / "whole"
    uncut = finished(whole, finish(in_keras(whole, cache)))
    assert demo.numbers["table"] == uncut.numbers["table"]


def test_an_unknown_framework_is_a_bad_call(tmp_path: Path, cache: Path) -> None:
    process = start(tmp_path, cache, "--framework", "mxnet")
    printed, _ = process.communicate()
    assert process.returncode == 2
    assert printed.strip() == "limelight: --framework mxnet is not known; expected torch or keras"


@pytest.mark.soak
@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_the_whole_demo_reaches_its_figures(framework: str, tmp_path: Path, cache: Path) -> None:
    process = start(tmp_path, cache, "--framework", framework, OMP_NUM_THREADS="2")
    printed, _ = process.communicate()
    assert process.returncode == 0, printed
    found = finished(tmp_path, printed)
    assert found.numbers["accuracy"]["value"] >= 0.95
    better = max(found.value(name, "mean-iou") for name in ("centre-box", "whole-image"))
    assert found.value("cam", "mean-iou") >= 2.5 * better
