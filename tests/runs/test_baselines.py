"""The centre box in closed form against locating it in the Gaussian itself."""

from __future__ import annotations

import numpy as np
import pytest

from limelight.localization import locate, tune
from limelight.metrics import centre_gaussian
from limelight.runs.baselines import baseline_boxes, centred_boxes, tune_centre
from limelight.runs.cuts import Cut


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 7), (40, 61), (113, 64)])
def test_centred_boxes_are_those_of_the_gaussian(size: tuple[int, int]) -> None:
    bump = centre_gaussian(size)
    for step, box in enumerate(centred_boxes(size)):
        np.testing.assert_array_equal(box, locate(bump, step / 100))


@pytest.mark.parametrize("goal", ["iou", "accuracy"])
def test_the_centre_is_tuned_as_methods_are(goal: str) -> None:
    random = np.random.default_rng(0)
    sizes = [(30, 40), (51, 33), (30, 40), (64, 64)]
    boxes = []
    for height, width in sizes:
        low = random.uniform(0, 12, (2, 2))
        high = np.array([width, height]) - random.uniform(0, 12, (2, 2))
        boxes.append(np.concatenate([low, high], 1))
    expected = tune([centre_gaussian(size) for size in sizes], boxes, goal=goal, data="here")
    assert tune_centre(sizes, boxes, goal, "here") == expected
    assert tune_centre(sizes, [np.zeros((0, 4))] * 4, goal, "") is None


def test_boxes_at_a_threshold_between_the_hundredths() -> None:
    size = (31, 50)
    (box,) = baseline_boxes("centre-box", Cut(0.123), [size])
    np.testing.assert_array_equal(box, locate(centre_gaussian(size), 0.123))
    (whole,) = baseline_boxes("whole-image", Cut(0.5), [size])
    np.testing.assert_array_equal(whole, [0, 0, 50, 31])
