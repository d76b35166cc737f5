"""The examples of targets: each looks at the place that it says, on a real photograph."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples.conftest import Run

DOG, CAT = (70, 0, 190, 150), (60, 110, 224, 224)  # x0, y0, x1, y1 in both.png


@pytest.fixture
def settings(data: Path, tmp_path: Path) -> dict[str, Any]:
    """The settings of the examples on the real SqueezeNet and the dog and the cat."""
    weights = data / "models" / "squeezenet1_0.safetensors"
    return {"WEIGHTS": weights, "PHOTO": data / "photos" / "both.png"}


def inside(box: list[float], where: tuple[int, int, int, int]) -> bool:
    """Whether the middle of `box` is in `where`."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return where[0] <= x <= where[2] and where[1] <= y <= where[3]


def boxes_of(printed: str) -> list[list[float]]:
    return [ast.literal_eval(found) for found in re.findall(r"\[\d[\d., ]*\]", printed)]


@pytest.mark.parametrize("kind", ["script", pytest.param("notebook", marks=pytest.mark.soak)])
def test_counterfactual(
    kind: str, run_example: Run, settings: dict[str, Any], tmp_path: Path
) -> None:
    printed = run_example("counterfactual", kind, **settings)
    speaks_for, against = boxes_of(printed)
    assert inside(speaks_for, DOG) and not inside(speaks_for, CAT)
    assert inside(against, CAT) and not inside(against, DOG)
    assert (tmp_path / "out" / "counterfactual.png").stat().st_size > 10_000


def test_multilabel_and_binary(run_example: Run, settings: dict[str, Any]) -> None:
    printed = run_example("multilabel", **settings)
    (dog, cat), (is_dog, is_cat) = boxes_of(printed)
    assert dog > 0.9 and cat > 0.9, "two labels, each with a probability of its own"
    assert is_dog + is_cat == pytest.approx(1)
    logit = np.log(dog / (1 - dog)) - np.log(cat / (1 - cat))
    assert is_dog == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-4)
    assert "labels ['dog', 'cat']" in printed and "binary ['dog', 'cat']" in printed


def test_segmentation(run_example: Run, settings: dict[str, Any]) -> None:
    printed = run_example("segmentation", **settings)
    seen, lower = (float(row) for row in re.findall(r"at row ([\d.]+) of 27", printed))
    assert seen < 27 / 2 < lower, "the dog's head is in the upper half"


def test_similarity(run_example: Run, settings: dict[str, Any]) -> None:
    dog, cat = boxes_of(run_example("similarity", **settings))
    assert inside(dog, DOG) and not inside(dog, CAT)
    assert inside(cat, CAT) and not inside(cat, DOG)


def test_regression(run_example: Run, tmp_path: Path) -> None:
    printed = run_example("regression")
    found = re.findall(r"(\w+) the number: ([\d.]+) on discs, ([\d.]+) on squares", printed)
    (raises, up_discs, up_squares), (lowers, down_discs, down_squares) = found
    assert (raises, lowers) == ("raises", "lowers")
    assert float(up_discs) > 0.5 > 0.1 > float(up_squares)
    assert float(down_squares) > 0.5 > 0.1 > float(down_discs)
    assert (tmp_path / "out" / "regression.png").stat().st_size > 10_000


def test_detection(run_example: Run, settings: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    printed = run_example("detection", **settings)
    (best,) = re.findall(r"best in query (\d+)", printed)
    greatest = re.findall(r"query(?: \d+)?: greatest (\S+)", printed)
    assert len(greatest) == 2 and greatest[0] == greatest[1], f"query {best} is the best one"
    assert float(greatest[0]) != 0
    assert (tmp_path / "out" / "detection.png").stat().st_size > 10_000
