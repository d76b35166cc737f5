"""RefineCAM a second time, with OpenCV's resize and in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from limelight.arrays import namespace
from limelight.methods import find_method

REFINECAM = find_method("refinecam")


def plain(maps: list[np.ndarray]) -> np.ndarray:
    """One image: its maps, deepest first."""
    import cv2

    found = None
    for map_ in maps:
        map_ = np.maximum(map_.astype(np.float64), 0)
        map_ = map_ / (map_.max() or 1)
        if found is not None:
            h, w = map_.shape
            map_ = map_ * cv2.resize(found, (w, h), interpolation=cv2.INTER_LINEAR)
            map_ = map_ / (map_.max() or 1)
        found = map_
    assert found is not None
    return found


@pytest.mark.parametrize(
    "grids", [[(3, 2)], [(3, 2), (5, 4)], [(2, 3), (4, 6), (9, 11)], [(4, 3), (4, 3)]], ids=str
)
def test_equals_the_plain_product(
    grids: list[tuple[int, int]], convert: Callable[[np.ndarray], Any]
) -> None:
    random = np.random.default_rng(0)
    maps = [random.normal(0.3, 1, (3, *grid)).astype(np.float32) for grid in grids]
    maps[0][1] = -1  # nowhere positive
    given = [convert(each) for each in maps]
    assert REFINECAM.across is not None
    found = np.asarray(REFINECAM.across(namespace(given[0]), given, []))
    for i, refined in enumerate(found):
        np.testing.assert_allclose(refined, plain([each[i] for each in maps]), atol=1e-6)
    assert not found[1].any()


@pytest.mark.parametrize("base", ["gradcam++", "gradcam"])
def test_at_each_layer_it_is_its_base(
    base: str, random_evidence: dict[str, np.ndarray], apply: Callable[..., np.ndarray]
) -> None:
    found = apply(REFINECAM, random_evidence, base=base)
    np.testing.assert_array_equal(found, apply(find_method(base), random_evidence))
