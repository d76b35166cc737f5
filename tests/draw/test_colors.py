"""Colours against matplotlib's, value by value."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

from limelight import draw
from limelight.errors import ImageError


@pytest.mark.parametrize("name", ["jet", "viridis", "gray", "jet_r", "inferno", "RdBu"])
def test_colours_are_those_of_matplotlib(name: str) -> None:
    values = np.concatenate([np.linspace(0, 1, 4001), np.arange(257) / 256, np.arange(256) / 255])
    map = values.astype(np.float32)[None]
    expected = matplotlib.colormaps[name](map, bytes=True)[..., :3]
    assert draw.colorize(map, name).dtype == np.uint8
    difference = np.abs(draw.colorize(map, name).astype(int) - expected)
    assert difference.max() <= 1  # one of jet's entries is 25 − 1e-16 there and 25 here
    assert (difference > 0).mean() < 0.005


def test_jet_goes_from_dark_blue_over_green_to_dark_red() -> None:
    low, middle, high = draw.colorize(np.array([[0.0, 0.5, 1.0]]))[0].tolist()
    assert low == [0, 0, 127]
    assert high == [127, 0, 0]
    assert middle[1] == 255


def test_a_colormap_of_few_colours_is_cut_into_equal_parts() -> None:
    colors = draw.colorize(np.array([[0.0, 0.1, 0.12, 0.999, 1.0]]), "Set1")[0]  # nine colours
    assert (colors[0] == colors[1]).all()
    assert (colors[1] != colors[2]).any()
    assert (colors[3] == colors[4]).all()


def test_rounding_of_a_resize_is_let_through() -> None:
    map = np.array([[1.0 + 1e-6, -1e-6]], np.float32)
    np.testing.assert_array_equal(draw.colorize(map), draw.colorize(np.array([[1.0, 0.0]])))


@pytest.mark.parametrize(
    ("map", "words"),
    [
        (np.array([[0.2, 1.3]]), "reach from 0.2 to 1.3"),
        (np.array([[-0.5, 0.3]]), "normalized()"),
        (np.array([[np.nan, 0.3]]), "1 of the map's 2 values are NaN"),
        (np.array([[np.inf, 0.3]]), "to inf"),
        (np.zeros((2, 3, 4)), r"shape (2, 3, 4)"),
        (np.zeros((0, 4)), r"shape (0, 4)"),
        (np.array([["a"]]), "expected real numbers"),
    ],
)
def test_a_map_that_cannot_be_coloured_is_named(map: np.ndarray, words: str) -> None:
    with pytest.raises(ImageError) as caught:
        draw.colorize(map)
    assert words in str(caught.value)


def test_an_unknown_colormap_gets_the_nearest_names() -> None:
    with pytest.raises(ImageError, match="no colormap 'virdis'; did you mean 'viridis'"):
        draw.colorize(np.zeros((2, 2)), "virdis")
