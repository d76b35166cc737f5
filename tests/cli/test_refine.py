"""`--refine` of `explain`, `tune`, `evaluate` and `run`: what it says there is done there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import limelight
from cli.conftest import Call
from limelight.localization import list_refiners
from limelight.models import load
from limelight.runs import read_thresholds

Run = Callable[..., Call]
REFINE = "random-walk:spread=20"


def test_explain(call: Run, weights: Path, annotated: Path) -> None:
    image = annotated / "0.png"
    said = call("explain", image, "-m", weights, "--threshold", 0.9, "--refine", REFINE, "--json")
    assert said.code == 0, said.err
    maps = limelight.explain(load(weights), [image])
    expected = maps.boxes(0.9, refine=REFINE, images=[image])[0]
    assert (expected != maps.boxes(0.9)[0]).any()
    np.testing.assert_allclose(said.json[0]["results"][0]["box"], expected, atol=0.01)


def test_tune_then_evaluate_and_run(call: Run, weights: Path, annotated: Path) -> None:
    pytest.importorskip("pyarrow")
    tuned = call(
        "tune",
        annotated,
        "-m",
        weights,
        "--methods",
        "gradcam",
        "--refine",
        REFINE,
        "--out",
        "t.json",
    )
    assert tuned.code == 0, tuned.err
    threshold = read_thresholds("t.json")["gradcam"]
    assert threshold.refine == REFINE
    boxes = {}
    for command, how in {
        "evaluate": ["--methods", "gradcam", "--threshold-file", "t.json"],
        "run": ["--refine", REFINE, "--threshold", threshold.value, "--target", "true"],
    }.items():
        done = call(command, annotated, "-m", weights, "--out", command, *how)
        assert done.code == 0, done.err
        configuration = json.loads(Path(command, "config.json").read_text())["configuration"]
        assert configuration["cuts"]["gradcam"]["refine"] == REFINE
        rows = limelight.runs.open(command)
        boxes[command] = np.array([row.found["gradcam"].box for row in rows])
    np.testing.assert_array_equal(boxes["evaluate"], boxes["run"])


@pytest.mark.parametrize("command", ["explain", "tune", "evaluate", "run"])
def test_the_help_names_every_refiner(call: Run, command: str) -> None:
    letters = re.sub(r"\W", "", call(command, "--help").out)  # lines end within names
    names = [refiner.name.replace("-", "") for refiner in list_refiners()]
    assert names and all(name in letters for name in names)


@pytest.mark.parametrize(
    ("refine", "words"),
    [
        ("grabcat", "there is no refiner 'grabcat'; did you mean 'grabcut'?"),
        ("grabcut:iterations", "an option of a refiner is written name=value"),
    ],
)
def test_a_bad_refiner_is_one_sentence(
    call: Run, weights: Path, annotated: Path, refine: str, words: str
) -> None:
    for command in (["explain", annotated / "0.png"], ["evaluate", annotated], ["tune", annotated]):
        said = call(*command, "-m", weights, "--refine", refine, "--out", "out")
        assert said.code == 2 and words in said.err and "Traceback" not in said.err
