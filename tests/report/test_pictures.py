"""Pictures in the page against the ones that the library draws."""

from __future__ import annotations

import numpy as np
import pytest

from limelight import draw
from limelight.draw.browser import image_uri
from limelight.frames import Frame
from limelight.report.pictures import LONGEST_IMAGE, LONGEST_MAP, map_uri, resized
from report.reading import Node, picture


def decoded(uri: str) -> np.ndarray:
    return picture(Node("image", {"href": uri}))


def test_a_small_image_is_kept_exactly() -> None:
    image = np.random.default_rng(0).integers(0, 256, (28, 40, 3), np.uint8)
    np.testing.assert_array_equal(decoded(image_uri(image, LONGEST_IMAGE)), image)


def test_a_photograph_is_reduced_and_stays_itself() -> None:
    image = np.zeros((900, 1200, 3), np.uint8)
    image[:, :400] = (200, 40, 40)
    image[450:, 400:] = (30, 60, 220)
    uri = image_uri(image, LONGEST_IMAGE)
    got = decoded(uri)
    assert got.shape == (LONGEST_IMAGE * 900 // 1200, LONGEST_IMAGE, 3)
    assert len(uri) < 12_000
    for y, x in ((100, 100), (800, 100), (100, 800), (800, 800)):
        at = got[y * got.shape[0] // 900, x * got.shape[1] // 1200].astype(int)
        assert np.abs(at - image[y, x]).max() < 12


@pytest.mark.parametrize(
    ("grid", "size"), [((7, 7), (60, 90)), ((5, 9), (300, 140)), ((1, 1), (30, 30))]
)
def test_a_map_is_resized_as_frames_define_it(grid: tuple[int, int], size: tuple[int, int]) -> None:
    values = np.random.default_rng(0).random(grid, np.float32)
    rows, columns, _ = Frame.identity(size).resampling(grid)
    np.testing.assert_allclose(resized(values, size), rows @ values @ columns.T, atol=1e-5)


def test_a_part_of_a_map_is_cut_from_the_whole() -> None:
    values = np.random.default_rng(0).random((7, 9), np.float32)
    whole = resized(values, (70, 90))
    part = resized(values, (35, 60), (1 / 9, 2 / 7, 7 / 9, 5.5 / 7))
    np.testing.assert_allclose(part, whole[20:55, 10:70], atol=1e-5)


@pytest.mark.parametrize("size", [(60, 90), (600, 400)])
@pytest.mark.parametrize("whole", [False, True])
def test_a_map_is_shown_in_the_colours_of_the_colormap(size: tuple[int, int], whole: bool) -> None:
    y, x = np.mgrid[: size[0], : size[1]] / max(size)
    values = np.exp(-((x - 0.3) ** 2 + (y - 0.5) ** 2) * 9) if whole else np.eye(4)[:, :3]
    got = decoded(map_uri(values, size, "viridis"))
    assert max(got.shape) <= LONGEST_MAP
    assert abs(got.shape[1] / got.shape[0] - size[1] / size[0]) < 0.02
    expected = draw.colorize(resized(values, got.shape[:2]), "viridis").astype(int)
    assert np.abs(got - expected).mean() < 4  # WebP keeps a quarter of the colour samples
    assert np.abs(got - expected).max() < 70


def test_of_a_map_only_what_was_seen_is_shown() -> None:
    values = np.zeros((10, 20))
    values[:, 10:] = 1
    got = decoded(map_uri(values, (100, 200), "gray", (120, 20, 180, 80)))
    assert got.shape == (60, 60, 3)
    assert got.min() > 245
