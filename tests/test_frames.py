"""Frames against pixels that are followed by hand, and resampling against loops and libraries."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from limelight.frames import Frame, bilinear


def resample(frame: Frame, grid: np.ndarray) -> np.ndarray:
    rows, columns, swapped = frame.resampling(grid.shape)
    return rows @ (grid.T if swapped else grid) @ columns.T


def apply(frame: Frame, x: float, y: float) -> tuple[float, float]:
    """One input point in original pixels, by the frame's own matrix."""
    (a, b, c), (d, e, f) = frame.matrix
    return a * x + b * y + c, d * x + e * y + f


def slow_resample(frame: Frame, grid: np.ndarray) -> np.ndarray:
    """Every original pixel's centre, carried to the grid and read there: loops, float64.

    The way back from original to input pixels is solved anew, not taken from the frame.
    """
    (height, width), (in_h, in_w), (h, w) = frame.original_size, frame.input_size, grid.shape
    matrix = np.array([*frame.matrix, (0, 0, 1)], np.float64)
    out = np.zeros((height, width))
    for i in range(height):
        for j in range(width):
            x, y, _ = np.linalg.solve(matrix, [j + 0.5, i + 0.5, 1])
            if not (-1e-9 <= x <= in_w + 1e-9 and -1e-9 <= y <= in_h + 1e-9):
                continue
            u = min(max(x / in_w * w - 0.5, 0), w - 1)
            v = min(max(y / in_h * h - 0.5, 0), h - 1)
            u0, v0 = math.floor(u), math.floor(v)
            u1, v1 = min(u0 + 1, w - 1), min(v0 + 1, h - 1)
            top = grid[v0, u0] * (1 - u + u0) + grid[v0, u1] * (u - u0)
            bottom = grid[v1, u0] * (1 - u + u0) + grid[v1, u1] * (u - u0)
            out[i, j] = top * (1 - v + v0) + bottom * (v - v0)
    return out


sizes = st.tuples(st.integers(2, 17), st.integers(2, 17))


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """A random path of preprocessing: orientation, then a few resizes, crops and pads."""
    frame = Frame.identity(draw(sizes)).orient(draw(st.integers(1, 8)))
    for _ in range(draw(st.integers(0, 3))):
        if draw(st.booleans()):
            frame = frame.resize(draw(sizes))
        else:
            top, left = draw(st.integers(-5, 5)), draw(st.integers(-5, 5))
            frame = frame.crop(top, left, draw(sizes))
    return frame


# --- following pixels ---------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_follows_every_pixel_as_pil_turns_it(orientation: int) -> None:
    h, w = 3, 5
    stored = np.arange(h * w, dtype=np.uint8).reshape(h, w)
    image = Image.fromarray(stored)
    image.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image))
    frame = Frame.identity((h, w)).orient(orientation)
    assert frame.input_size == upright.shape and frame.original_size == (h, w)
    for i in range(upright.shape[0]):
        for j in range(upright.shape[1]):
            x, y = apply(frame, j + 0.5, i + 0.5)
            assert stored[math.floor(y), math.floor(x)] == upright[i, j]
    # A grid as fine as the input is carried back without being touched.
    np.testing.assert_array_equal(resample(frame, upright.astype(np.float32)), stored)


def test_crop_follows_every_pixel() -> None:
    image = np.arange(8 * 9, dtype=np.float32).reshape(8, 9)
    frame = Frame.identity((8, 9)).crop(top=2, left=3, size=(4, 5))
    back = resample(frame, image[2:6, 3:8])
    expected = np.zeros_like(image)
    expected[2:6, 3:8] = image[2:6, 3:8]
    np.testing.assert_array_equal(back, expected)


def test_pad_and_unpad_give_the_image_back() -> None:
    image = np.arange(6 * 7, dtype=np.float32).reshape(6, 7)
    padded = np.pad(image, ((2, 3), (1, 4)))
    frame = Frame.identity((6, 7)).crop(top=-2, left=-1, size=(11, 12))
    np.testing.assert_allclose(resample(frame, padded), image, rtol=1e-6)


@settings(deadline=None, max_examples=80)
@given(frames(), st.tuples(st.integers(1, 7), st.integers(1, 7)), st.integers(0, 99))
def test_resampling_is_a_bilinear_reading_of_the_grid(
    frame: Frame, grid_size: tuple[int, int], seed: int
) -> None:
    grid = np.random.default_rng(seed).standard_normal(grid_size)
    np.testing.assert_allclose(resample(frame, grid), slow_resample(frame, grid), atol=2e-6)


@settings(deadline=None, max_examples=60)
@given(frames(), st.floats(-3, 3))
def test_a_constant_stays_constant_where_the_model_saw(frame: Frame, value: float) -> None:
    seen = resample(frame, np.full((3, 4), value))
    ones = resample(frame, np.ones((1, 1)))
    assert set(np.unique(ones.round(5))) <= {0, 1}
    np.testing.assert_allclose(seen, value * ones, atol=1e-5)


# --- against other libraries ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grid", "size"), [((7, 7), (224, 224)), ((15, 9), (61, 200)), ((1, 5), (40, 3))]
)
def test_plain_resizing_equals_cv2_and_pillow(grid: tuple[int, int], size: tuple[int, int]) -> None:
    a = np.random.default_rng(0).random(grid, np.float32)
    ours = resample(Frame.identity(size), a)
    cv2 = pytest.importorskip("cv2")
    np.testing.assert_allclose(
        ours, cv2.resize(a, size[::-1], interpolation=cv2.INTER_LINEAR), atol=2e-6
    )
    if size[0] >= grid[0] and size[1] >= grid[1]:  # Pillow antialiases when it shrinks
        pillow = Image.fromarray(a).resize(size[::-1], Image.Resampling.BILINEAR)
        np.testing.assert_allclose(ours, np.asarray(pillow), atol=2e-6)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("grid", "size"), [((7, 7), (224, 224)), ((15, 9), (61, 200)), ((12, 30), (5, 8))]
)
def test_plain_resizing_equals_torch(grid: tuple[int, int], size: tuple[int, int]) -> None:
    torch = pytest.importorskip("torch")
    a = np.random.default_rng(1).random(grid, np.float32)
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(a)[None, None], size=size, mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(resample(Frame.identity(size), a), theirs[0, 0].numpy(), atol=2e-6)


@pytest.mark.torch
def test_resize_then_centre_crop_equals_torch_on_the_part_that_was_seen() -> None:
    torch = pytest.importorskip("torch")
    # 600×300 (width × height): the shorter side to 256, then the centre 224×224.
    frame = Frame.identity((300, 600)).resize((256, 512)).crop(16, 144, (224, 224))
    a = np.random.default_rng(2).random((7, 7), np.float32)
    ours = resample(frame, a)
    # The crop covers 262.5 original pixels on each side, from (18.75, 168.75): at eight times the
    # resolution its edges fall on whole pixels.
    fine = torch.nn.functional.interpolate(
        torch.from_numpy(a)[None, None].double(), size=(2100, 2100), mode="bilinear"
    )[0, 0].numpy()
    for i, j in [(20, 170), (19, 300), (150, 299), (279, 430)]:
        y, x = round((i + 0.5 - 18.75) * 8), round((j + 0.5 - 168.75) * 8)  # between fine pixels
        assert ours[i, j] == pytest.approx(fine[y - 1 : y + 1, x - 1 : x + 1].mean(), abs=1e-5)
    seen = np.zeros((300, 600), bool)
    seen[19:281, 169:431] = True  # pixels whose centre lies in the crop
    np.testing.assert_array_equal(resample(frame, np.ones((7, 7))) > 0.5, seen)


# --- boxes ----------------------------------------------------------------------------------------


def test_a_box_through_resize_and_crop_by_hand() -> None:
    frame = Frame.identity((300, 600)).resize((256, 512)).crop(16, 144, (224, 224))
    box = frame.to_original([0, 0, 224, 224])
    np.testing.assert_allclose(box, [168.75, 18.75, 431.25, 281.25])
    np.testing.assert_allclose(frame.to_original([112, 0, 112, 0]), [300, 18.75, 300, 18.75])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_in_an_upright_image_encloses_the_same_pixels_of_the_file(orientation: int) -> None:
    stored = np.zeros((6, 9), np.uint8)
    stored[1:3, 4:9] = 255  # x 4..9, y 1..3
    image = Image.fromarray(stored)
    image.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image))
    ys, xs = np.nonzero(upright)
    box = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
    frame = Frame.identity((6, 9)).orient(orientation)
    np.testing.assert_array_equal(frame.to_original(box), [4, 1, 9, 3])
    np.testing.assert_array_equal(frame.to_input([4, 1, 9, 3]), box)


@settings(deadline=None, max_examples=80)
@given(frames(), st.integers(0, 99))
def test_boxes_go_to_the_original_and_back(frame: Frame, seed: int) -> None:
    corners = np.random.default_rng(seed).uniform(-20, 40, (2, 3, 2, 2))
    boxes = np.concatenate([corners.min(-2), corners.max(-2)], -1)
    np.testing.assert_allclose(frame.to_input(frame.to_original(boxes)), boxes, atol=1e-9)
    original = frame.to_original(boxes)
    assert (original[..., :2] <= original[..., 2:]).all()
    np.testing.assert_allclose(
        np.prod(original[..., 2:] - original[..., :2], -1)
        * abs(np.linalg.det(np.asarray(frame.matrix)[:, :2])) ** -1,
        np.prod(boxes[..., 2:] - boxes[..., :2], -1),
        atol=1e-6,
    )


def test_a_row_of_nan_stays_nan_and_alone() -> None:
    frame = Frame.identity((10, 20)).orient(6).resize((4, 4))
    boxes = np.array([[np.nan] * 4, [0, 0, 4, 4]])
    result = frame.to_original(boxes)
    assert np.isnan(result[0]).all()
    np.testing.assert_allclose(result[1], [0, 0, 20, 10])


# --- the whole chain on a picture -----------------------------------------------------------------


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("squash", [True, False])
def test_a_bright_square_comes_back_to_its_place(orientation: int, squash: bool) -> None:
    """A picture prepared by PIL, reduced to a 14×14 map, is carried back onto its square."""
    stored = np.zeros((300, 600), np.uint8)
    stored[100:190, 250:340] = 255
    image = Image.fromarray(stored)
    image.getexif()[0x0112] = orientation
    upright = ImageOps.exif_transpose(image)
    frame = Frame.identity((300, 600)).orient(orientation)
    if squash:
        frame = frame.resize((224, 224))
        upright = upright.resize((224, 224))
    else:
        h, w = (256, 512) if upright.width > upright.height else (512, 256)
        top, left = (h - 224) // 2, (w - 224) // 2
        frame = frame.resize((h, w)).crop(top, left, (224, 224))
        upright = upright.resize((w, h)).crop((left, top, left + 224, top + 224))
    grid = np.asarray(upright, np.float32).reshape(14, 16, 14, 16).mean((1, 3))
    ys, xs = np.nonzero(resample(frame, grid) > 127)
    box = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    cell = np.abs(frame.to_original([0, 0, 16, 16]) @ [[-1, 0], [0, -1], [1, 0], [0, 1]])
    assert (np.abs(box - [250, 100, 340, 190]) <= np.tile(cell, 2)).all()


def test_weights_sum_to_one_inside_and_to_nothing_outside() -> None:
    positions = np.array([-0.01, 0, 0.01, 0.5, 0.99, 1, 1.01])
    for cells in (1, 2, 3, 14):
        matrix = bilinear(positions, cells)
        np.testing.assert_allclose(matrix.sum(1), [0, 1, 1, 1, 1, 1, 0], atol=1e-6)
        assert (matrix >= 0).all()


def test_a_centre_exactly_on_the_edge_is_seen_whichever_way_it_is_rounded() -> None:
    frame = Frame.identity((7, 2)).resize((10, 2)).crop(top=5, left=0, size=(2, 2))
    # The input begins at 3.5, the centre of the original's row 3.
    np.testing.assert_array_equal(resample(frame, np.ones((1, 1)))[:, 0], [0, 0, 0, 1, 1, 0, 0])
