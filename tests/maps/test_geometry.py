"""From a photograph to a map and a box, and back to the pixels of the photograph.

A tiny network responds to brightness: each cell of its grid is the mean of the input's pixels
there. A bright square in a black image must come back as its box, within one cell of the grid, on
whatever way the image went into the model.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from limelight import Classifier, Maps, explain
from limelight.models import Preprocess

Box = tuple[int, int, int, int]
CELL = 16  # input pixels


def torch_model() -> Any:
    from torch import nn

    pointwise = nn.Conv2d(3, 2, 1)
    nn.init.constant_(pointwise.weight, 1 / 3)
    nn.init.constant_(pointwise.bias, -0.1)
    head = nn.Linear(2, 2)
    nn.init.ones_(head.weight)
    pooling = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(nn.AvgPool2d(CELL), pointwise, nn.ReLU(), *pooling, head).eval()


def keras_model(size: tuple[int, int]) -> Any:
    import keras
    from keras import initializers, layers

    third, shift = initializers.Constant(1 / 3), initializers.Constant(-0.1)
    return keras.Sequential(
        [
            keras.Input((*size, 3)),
            layers.AveragePooling2D(CELL),
            layers.Conv2D(2, 1, kernel_initializer=third, bias_initializer=shift),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax", kernel_initializer="ones"),
        ]
    )


def classifier(framework: str, size: tuple[int, int] = (224, 224), **options: Any) -> Classifier:
    first = framework == "torch"
    return Classifier(
        torch_model() if first else keras_model(size),
        Preprocess(size, channels_first=first, **options),
        framework="torch" if first else "keras",
    )


@pytest.fixture(params=["torch", pytest.param("keras", marks=pytest.mark.keras)])
def framework(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(request.param)
    return request.param


def picture(size: tuple[int, int], box: Box) -> np.ndarray:
    """A black image of `size` (height, width) that is white inside of `box`."""
    pixels = np.zeros((*size, 3), np.uint8)
    x0, y0, x1, y1 = box
    pixels[y0:y1, x0:x1] = 255
    return pixels


def check(found: np.ndarray, box: Box, cell: tuple[float, float]) -> None:
    """Each side of `found` within a cell of (width, height) original pixels of that of `box`."""
    error = np.abs(found - box)
    assert (error <= np.array([*cell, *cell])).all(), (found, box, cell)


WAYS: dict[str, tuple[dict[str, Any], Callable[[int, int], tuple[float, float]]]] = {
    # options, and the size of a cell in an original image of height h and width w
    "crop": (
        {"mode": "crop", "resize": 256},
        lambda h, w: (CELL * min(h, w) / 256, CELL * min(h, w) / 256),
    ),
    "squash": ({}, lambda h, w: (CELL * w / 224, CELL * h / 224)),
    "letterbox": (
        {"mode": "letterbox"},
        lambda h, w: (CELL * max(h, w) / 224, CELL * max(h, w) / 224),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_bright_square_in_a_wide_image(framework: str, way: str) -> None:
    """600 × 300; the square is right of the middle and above it, so that x and y differ."""
    options, cell = WAYS[way]
    box = (330, 60, 400, 130)
    maps = explain(classifier(framework, **options), picture((300, 600), box), target=0)
    assert tuple(maps.values.shape) == (1, 14, 14)
    check(maps.boxes()[0], box, cell(300, 600))
    resized = np.asarray(maps.resized())[0]
    assert resized.shape == (300, 600)
    y, x = np.unravel_index(resized.argmax(), resized.shape)
    assert box[0] <= x < box[2] and box[1] <= y < box[3]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("way", WAYS)
def test_a_turned_photograph_is_boxed_as_viewers_show_it(
    tmp_path: Path, way: str, orientation: int
) -> None:
    options, cell = WAYS[way]
    box = (330, 60, 400, 130)
    upright = Image.fromarray(picture((300, 600), box))
    # What a camera stores, so that viewers, which turn it by `orientation`, show it upright.
    inverse = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    stored = upright.transpose(inverse[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "turned.png", exif=exif)
    maps = explain(classifier("torch", **options), tmp_path / "turned.png", target=0)
    assert maps.frames[0].original_size == (300, 600)
    check(maps.boxes()[0], box, cell(300, 600))
    (overlay,) = maps.overlay(tmp_path / "turned.png", alpha=0)
    seen = maps.frames[0].seen()
    np.testing.assert_array_equal(overlay[seen], np.asarray(upright)[seen])


def test_images_of_different_sizes_in_one_call(framework: str) -> None:
    sizes = [(300, 600), (500, 260), (224, 224), (300, 600)]
    boxes = [(250, 40, 340, 120), (20, 250, 110, 340), (100, 30, 160, 90), (400, 150, 440, 230)]
    images = [picture(size, box) for size, box in zip(sizes, boxes, strict=True)]
    options, cell = WAYS["crop"]
    for batch_size in (32, 3):
        maps = explain(
            classifier(framework, **options), images, target=[0, 1, 0, 1], batch_size=batch_size
        )
        assert [frame.original_size for frame in maps.frames] == sizes
        for found, box, size in zip(maps.boxes(), boxes, sizes, strict=True):
            check(found, box, cell(*size))
        assert [tuple(map_.shape) for map_ in maps.resized()] == sizes
        assert [overlay.shape[:2] for overlay in maps.overlay(images)] == sizes


@pytest.mark.parametrize("size", [(160, 240), (240, 96)])
def test_grids_that_are_not_square(framework: str, size: tuple[int, int]) -> None:
    box = (60, 170, 120, 210)
    maps = explain(classifier(framework, size), picture((320, 200), box), target=0)
    assert tuple(maps.values.shape) == (1, size[0] // CELL, size[1] // CELL)
    check(maps.boxes()[0], box, (CELL * 200 / size[1], CELL * 320 / size[0]))


def test_a_bare_array_is_its_own_original(framework: str) -> None:
    box = (60, 30, 100, 80)
    pixels = (picture((128, 192), box) / 255).astype(np.float32)[None]
    if framework == "torch":
        maps: Maps = explain(torch_model(), pixels.transpose(0, 3, 1, 2).copy(), target=0)
    else:
        maps = explain(keras_model((128, 192)), pixels, target=0)
    assert tuple(maps.values.shape) == (1, 8, 12)
    check(maps.boxes()[0], box, (CELL, CELL))


def test_what_lies_outside_of_the_crop_is_not_seen() -> None:
    """Of 600 × 300, the centre crop shows x from 168.75 to 431.25, and y from 18.75 to 281.25."""
    options, _ = WAYS["crop"]
    model = classifier("torch", **options)
    maps = explain(model, picture((300, 600), (20, 100, 120, 200)), target=0)
    assert np.isnan(maps.boxes()).all() and "zero everywhere" in maps.diagnosis[0]
    maps = explain(model, np.full((300, 600, 3), 255, np.uint8), target=0)
    np.testing.assert_array_equal(maps.boxes(), [[169, 19, 431, 281]])


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_square_in_any_image_on_any_way(data: st.DataObject) -> None:
    draw = data.draw
    height, width = draw(st.integers(120, 400)), draw(st.integers(120, 400))
    way = draw(st.sampled_from(sorted(WAYS)))
    options, cell = WAYS[way]
    x_cell, y_cell = cell(height, width)
    # Inside of what every way shows, and larger than a cell.
    side = min(height, width)
    low_x, low_y = (width - 0.8 * side) / 2, (height - 0.8 * side) / 2
    x0 = draw(st.integers(int(low_x) + 1, int(low_x + 0.4 * side)))
    y0 = draw(st.integers(int(low_y) + 1, int(low_y + 0.4 * side)))
    w = draw(st.integers(int(1.5 * x_cell) + 1, int(0.4 * side)))
    h = draw(st.integers(int(1.5 * y_cell) + 1, int(0.4 * side)))
    box = (x0, y0, x0 + w, y0 + h)
    maps = explain(classifier("torch", **options), picture((height, width), box), target=0)
    check(maps.boxes()[0], box, (x_cell, y_cell))
