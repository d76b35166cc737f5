"""GrabCut's seeds, against OpenCV called by hand."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from limelight import Frame
from limelight.localization.refinement import refine
from limelight.localization.refinement.grabcut import grabcut


def test_the_mask_is_the_one_that_opencv_cuts(scene: Any) -> None:
    image = scene.image[:, :128].copy()  # small enough to be cut as it is
    rows, columns, _ = Frame.identity((112, 128)).resampling((7, 7))
    level = rows @ scene.map @ columns.T
    seeds = np.zeros((112, 128), np.uint8)
    for y, x in np.ndindex(112, 128):
        v = level[y, x] / level.mean()
        seeds[y, x] = 1 if v > 3 else 3 if v > 1.1 else 0 if v < 0.05 else 2
    cv2.setRNGSeed(0)
    cv2.grabCut(image, seeds, None, np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_MASK)
    got = grabcut(level, image, sure=3.0, probable=1.1, never=0.05, iterations=2)
    np.testing.assert_array_equal(got, (seeds == 1) | (seeds == 3))


def test_the_map_has_the_rest_of_the_weight(scene: Any) -> None:
    mask, half, none = (
        refine([scene.map], [scene.image], f"grabcut:weight={w}")[0] for w in (1.0, 0.5, 0.0)
    )
    np.testing.assert_allclose(half, (mask + none) / 2, atol=1e-6)
    assert ((mask < 0.01) | (mask > 0.99)).mean() > 0.95


def test_a_large_image_is_cut_as_a_small_one(scene: Any) -> None:
    large = scene.image.repeat(2, 0).repeat(2, 1)[:, : 2 * 128].copy()
    small = scene.image[:, :128].copy()
    masks = [refine([scene.map], [image], "grabcut:weight=1")[0] for image in (large, small)]
    assert masks[0].shape == (224, 256)
    agree = (masks[0][::2, ::2] > 0.5) == (masks[1] > 0.5)
    assert agree.mean() > 0.97
