"""The colours of the object against densities written out, a pixel at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from skimage.color import rgb2lab

from limelight.localization.refinement.colour_model import posterior


@pytest.mark.parametrize("level", [0.0, 0.3])
def test_against_densities_written_out(level: float) -> None:
    """Kernel densities in cells of Lab; the kernel is a Gaussian one cell wide, cut at four."""
    rng = np.random.default_rng(4)
    values = rng.random((7, 9))
    image = rng.integers(60, 190, (7, 9, 3)).astype(np.uint8)
    cells = np.floor((rgb2lab(image) + np.array([0, 100, 100])) / 6.25).reshape(-1, 3)
    share = values.ravel() / values.max()
    even = level or share.mean()
    odds = (share / even) ** (np.log(9) / np.log(1 / even))
    assert odds.max() == pytest.approx(9)
    place = odds / (1 + odds)
    taps = np.exp(-(np.arange(-4, 5) ** 2) / 2)
    taps /= taps.sum()

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        apart = (a - b).astype(int)
        return 0.0 if abs(apart).max() > 4 else float(np.prod(taps[apart + 4]))

    expected = np.zeros(63)
    for i in range(63):
        near = np.array([kernel(cells[i], cells[j]) for j in range(63)])
        ratio = [(near @ w) / w.sum() + 1e-7 for w in (place, 1 - place)]
        odd = odds[i] * np.exp(0.6 * np.clip(np.log(ratio[0] / ratio[1]), -3, 3))
        expected[i] = odd / (1 + odd)
    np.testing.assert_allclose(posterior(values, image, 0.6, level).ravel(), expected, rtol=1e-9)


def test_without_colours_it_is_the_place(scene: Any) -> None:
    values = np.random.default_rng(1).random((112, 140))
    values.flat[:2] = 1, 0.25
    expected = posterior(values, scene.image, 0.0, 0.25)
    np.testing.assert_allclose(expected.flat[:2], [0.9, 0.5])
    np.testing.assert_array_equal(expected.argsort(None), values.argsort(None))
    grey = np.full_like(scene.image, 90)  # one colour says nothing
    np.testing.assert_allclose(posterior(values, grey, 1.0, 0.25), expected, rtol=1e-5)


def test_the_object_s_colour_is_found_where_the_map_is_dark(scene: Any) -> None:
    y, x = np.mgrid[:112, :140]
    left = np.exp(-(((x - 65) / 15) ** 2) - ((y - 50) / 15) ** 2)  # on the object's left half
    found = posterior(left, scene.image, 1.0)
    right, beside = found[45:55, 105:115], found[5:15, 105:115]
    assert right.mean() > 5 * beside.mean()
