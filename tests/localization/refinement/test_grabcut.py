"""GrabCut's seeds, against OpenCV called by hand."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from limelight import Frame
from limelight.localization.refinement import refine
from limelight.localization.refinement.grabcut import grabcut


def test_the_mask_is_the_one_that_opencv_cuts(scene: Any) -> None:
    rows, columns, _ = Frame.identity((112, 140)).resampling((7, 7))
    level = rows @ scene.map @ columns.T
    level = level / level.max()
    seeds = np.zeros((112, 140), np.uint8)
    for y, x in np.ndindex(112, 140):
        v = level[y, x]
        seeds[y, x] = 1 if v > 0.8 else 3 if v > 0.4 else 0 if v < 0.02 else 2
    cv2.setRNGSeed(0)
    cv2.grabCut(
        scene.image, seeds, None, np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_MASK
    )
    got = grabcut(level, scene.image, sure=0.8, probable=0.4, never=0.02, iterations=2)
    np.testing.assert_array_equal(got, (seeds == 1) | (seeds == 3))


def test_the_map_has_the_rest_of_the_weight(scene: Any) -> None:
    mask, half, none = (
        refine([scene.map], [scene.image], f"grabcut:weight={w}")[0] for w in (1.0, 0.5, 0.0)
    )
    np.testing.assert_allclose(half, (mask + none) / 2, atol=1e-6)
    assert set(np.unique(mask)) == {0, 1}
