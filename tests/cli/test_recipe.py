"""`--recipe`, and what is evaluated where no method is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import limelight
from cli.conftest import Call
from limelight.localization import DEFAULT_RECIPE, RECIPES

Run = Callable[..., Call]


@pytest.mark.parametrize("recipe", RECIPES)
def test_boxes_by_a_recipe_are_those_of_localize(
    call: Run, weights: Path, annotated: Path, recipe: str
) -> None:
    image = annotated / "0.png"
    said = call("explain", image, "-m", weights, "--recipe", recipe, "--json")
    assert said.code == 0, said.err
    expected = limelight.localize(limelight.load(weights), [image], recipe)[0]
    np.testing.assert_allclose(said.json[0]["results"][0]["box"], expected, atol=0.01)


def test_the_default_recipe_is_evaluated(call: Run, weights: Path, annotated: Path) -> None:
    pytest.importorskip("pyarrow")
    for out, how in (("named", ["--recipe", DEFAULT_RECIPE]), ("silent", [])):
        done = call("evaluate", annotated, "-m", weights, "--out", out, *how)
        assert done.code == 0, done.err
        kept = json.loads(Path(out, "config.json").read_text())["configuration"]
        assert kept["methods"] == [RECIPES[DEFAULT_RECIPE].method]
    rows = [[row.found for row in limelight.runs.open(out)] for out in ("named", "silent")]
    for named, silent in zip(*rows, strict=True):
        for name, found in named.items():
            np.testing.assert_array_equal(found.box, silent[name].box)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["--recipe", "fats"], "there is no recipe 'fats'; did you mean 'fast'?"),
        (["--recipe", "best", "--refine", "grabcut"], "--recipe best already says what --refine"),
        (["--recipe", "best", "--method", "cam"], "--recipe best already says what --method"),
        (["--recipe", "fast", "--threshold", "0.3"], "--recipe fast already says what --threshold"),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    call: Run, weights: Path, annotated: Path, words: list[str], answer: str
) -> None:
    said = call("explain", annotated / "0.png", "-m", weights, *words)
    assert said.code == 2 and answer in said.err and "Traceback" not in said.err
