"""The overlay against a plain loop over pixels."""

from __future__ import annotations

import cmap
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from limelight import draw
from limelight.errors import ImageError


def plain_overlay(
    image: np.ndarray, map: np.ndarray, alpha: float, colormap: str, seen: np.ndarray | None = None
) -> np.ndarray:
    """The same picture, one pixel after the other, in Python's own numbers."""
    colors = cmap.Colormap(colormap)
    result = np.zeros((*map.shape, 3), np.uint8)
    for row in range(map.shape[0]):
        for column in range(map.shape[1]):
            pixel = [int(value) for value in np.ravel(image[row, column])]
            red, green, blue = pixel * (3 if len(pixel) == 1 else 1)
            color = colors([float(map[row, column])], bytes=True)[0]
            if seen is not None and not seen[row, column]:
                grey = round((0.299 * red + 0.587 * green + 0.114 * blue) * 0.5)
                result[row, column] = grey
                continue
            for channel, value in enumerate((red, green, blue)):
                blend = (1 - alpha) * value + alpha * int(color[channel])
                result[row, column, channel] = round(blend)
    return result


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(), (1,), (3,)]),
    st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
    st.sampled_from(["jet", "gray", "viridis"]),
    st.booleans(),
)
def test_every_pixel_is_the_blend(
    seed: int, channels: tuple[int, ...], alpha: float, colormap: str, partly: bool
) -> None:
    random = np.random.default_rng(seed)
    size = tuple(random.integers(1, 9, 2))
    image = random.integers(0, 256, (*size, *channels), np.uint8)
    map = random.random(size, np.float32)
    seen = random.random(size) < 0.5 if partly else None
    expected = plain_overlay(image, map, alpha, colormap, seen)
    got = draw.overlay(image, map, alpha, colormap, seen)
    # Greys that fall on a half are rounded by the last digit of the luma's weights.
    np.testing.assert_allclose(got, expected, atol=0 if seen is None else 1)


def test_any_alpha_is_within_the_rounding_of_one_level() -> None:
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (20, 30, 3), np.uint8)
    map = random.random((20, 30))
    for alpha in (0.1, 0.4, 0.61):  # a blend that falls on a half goes either way
        expected = plain_overlay(image, map, alpha, "jet").astype(int)
        got = draw.overlay(image, map, alpha)
        assert np.abs(got - expected).max() <= 1
        assert (got != expected).mean() < 0.02


def test_rows_are_y_and_columns_are_x() -> None:
    map = np.zeros((3, 7))
    map[2, 5] = 1
    picture = draw.overlay(np.full((3, 7), 100, np.uint8), map, alpha=1)
    assert picture.shape == (3, 7, 3)
    assert np.argwhere(picture[..., 0] > 0).tolist() == [[2, 5]]


def test_pil_images_and_numbers_from_0_to_1_are_the_same_as_bytes() -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    map = np.random.default_rng(1).random((5, 6))
    expected = draw.overlay(image, map)
    np.testing.assert_array_equal(draw.overlay(Image.fromarray(image), map), expected)
    np.testing.assert_array_equal(draw.overlay(image / 255.0, map), expected)
    np.testing.assert_array_equal(draw.overlay(image.astype(np.int64), map), expected)
    opaque = Image.fromarray(image).convert("RGBA")
    np.testing.assert_array_equal(draw.overlay(opaque, map), expected)


def test_a_photograph_is_drawn_upright_and_transparency_on_white() -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    map = np.random.default_rng(1).random((6, 5))
    turned = Image.fromarray(image)
    turned.getexif()[0x0112] = 6  # the camera was held upright: turn right
    expected = draw.overlay(np.rot90(image, -1), map)
    np.testing.assert_array_equal(draw.overlay(turned, map), expected)
    clear = np.dstack([image, np.zeros((5, 6), np.uint8)])
    assert (draw.overlay(clear, map.T, alpha=0) == 255).all()
    assert (draw.overlay(Image.fromarray(clear), map.T, alpha=0) == 255).all()


def test_what_the_model_has_not_seen_has_no_colour_and_is_darker() -> None:
    image = np.random.default_rng(0).integers(60, 256, (8, 12, 3), np.uint8)
    seen = np.zeros((8, 12), bool)
    seen[:, 2:10] = True
    outside = draw.overlay(image, np.ones((8, 12)), seen=seen)[~seen]
    assert (outside == outside[:, :1]).all()
    assert (outside.max(1) < image[~seen].max(1)).all()


def test_the_image_given_is_left_as_it_was() -> None:
    image = np.full((4, 5, 3), 7, np.uint8)
    draw.overlay(image, np.ones((4, 5)))[:] = 0
    draw.boxes(image, [0, 0, 3, 3])
    assert (image == 7).all()


@pytest.mark.parametrize(
    ("image", "map", "words"),
    [
        (np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4)), "the map is 5 × 4 and the image 4 × 5"),
        (np.zeros((3, 4, 5), np.uint8), np.zeros((4, 5)), "np.moveaxis(image, 0, -1)"),
        (np.zeros((4, 5, 2), np.uint8), np.zeros((4, 5)), "1, 3 or 4 channels last"),
        (np.zeros(4, np.uint8), np.zeros((4, 5)), "has shape (4,)"),
        (np.full((4, 5, 3), -2.1), np.zeros((4, 5)), "standard deviation"),
        (np.full((4, 5, 3), np.nan), np.zeros((4, 5)), "nan"),
        (np.full((4, 5, 3), 300), np.zeros((4, 5)), "to 300"),
        (np.zeros((4, 5, 3), complex), np.zeros((4, 5)), "complex"),
        (Image.new("F", (5, 4)), np.zeros((4, 5)), "the PIL image"),
    ],
)
def test_what_cannot_be_drawn_is_named(image: object, map: np.ndarray, words: str) -> None:
    with pytest.raises(ImageError) as caught:
        draw.overlay(image, map)
    assert words in str(caught.value)


def test_alpha_and_seen_are_checked() -> None:
    image, map = np.zeros((4, 5), np.uint8), np.zeros((4, 5))
    with pytest.raises(ImageError, match="alpha is 50; expected a share between 0 and 1"):
        draw.overlay(image, map, alpha=50)
    with pytest.raises(ImageError, match=r"`seen` has shape \(5, 4\)"):
        draw.overlay(image, map, seen=np.ones((5, 4), bool))
    with pytest.raises(ImageError, match="holds float64; expected bool"):
        draw.overlay(image, map, seen=np.ones((4, 5)))
