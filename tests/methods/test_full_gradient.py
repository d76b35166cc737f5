"""FullGrad a second time, in loops and with OpenCV's resize."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from limelight.arrays import namespace
from limelight.evidence import Evidence
from limelight.methods import find_method

FULLGRAD = find_method("fullgrad")


def plain(terms: list[np.ndarray]) -> np.ndarray:
    """One image: the input's term (C, H, W), then those of the biases."""
    import cv2

    height, width = terms[0].shape[1:]
    found = np.zeros((height, width))
    for term in (each for each in terms if each.ndim == 3):
        size = np.abs(term.astype(np.float64))
        for channel in size:
            scaled = (channel - size.min()) / ((size.max() - size.min()) or 1)
            found += cv2.resize(scaled, (width, height), interpolation=cv2.INTER_LINEAR)
    return found


@pytest.mark.parametrize("grids", [[], [(5, 3)], [(11, 7), (5, 3), (2, 2)]], ids=str)
def test_equals_the_plain_formula(grids: list[tuple[int, int]], convert: Any) -> None:
    random = np.random.default_rng(6)
    terms = [random.normal(0, 2, (3, 3, 21, 13))]
    terms += [random.normal(0, 0.5, (3, 4, *grid)) for grid in grids]
    terms.append(random.normal(0, 1, (3, 10)))  # of a linear layer: it has no place in the map
    terms = [each.astype(np.float32) for each in terms]
    terms[0][2] = 0
    given = [convert(each) for each in terms]
    found = np.asarray(FULLGRAD(Evidence(namespace(given[0]), None, full_gradients=given)))
    for i, map_ in enumerate(found):
        np.testing.assert_allclose(map_, plain([each[i] for each in terms]), atol=2e-5)
