"""Boxes and overlays land in the pixels of the original image, whatever lies between it and the
model: resizing, cropping, squashing, a rotation by EXIF. A model of fixed weights looks for light.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import limelight
from limelight.models import Classifier

pytestmark = pytest.mark.torch

CELL = 16  # pixels of the model's input that a cell of the map covers
Box = tuple[int, int, int, int]


def light_seeker() -> Any:
    """Each cell of its only feature map is the brightness of its own 16×16 pixels above a half."""
    import torch
    from torch import nn

    mean = nn.Conv2d(3, 1, CELL, stride=CELL)
    head = nn.Linear(1, 2)
    with torch.no_grad():
        mean.weight.fill_(1 / (3 * CELL * CELL))
        mean.bias.fill_(-0.5)
        head.weight.copy_(torch.tensor([[1.0], [-1.0]]))
        head.bias.zero_()
    return nn.Sequential(mean, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head).eval()


def classifier(size: int | tuple[int, int], **preprocess: Any) -> Classifier:
    plain = {"mean": [0, 0, 0], "std": [1, 1, 1]}
    return limelight.load(light_seeker(), size=size, preprocess={**plain, **preprocess})


def photograph(size: tuple[int, int], box: Box) -> Image.Image:
    """A dark image (height, width) with a bright rectangle."""
    pixels = np.full((*size, 3), 10, np.uint8)
    x0, y0, x1, y1 = box
    pixels[y0:y1, x0:x1] = 255
    return Image.fromarray(pixels)


SQUASH = ("squash", lambda: classifier(224, mode="squash"), 600 / 224, 300 / 224)
CROP = ("crop", lambda: classifier(224, mode="crop", resize=256), 300 / 256, 300 / 256)
WIDE = ("wide grid", lambda: classifier((128, 320), mode="squash"), 600 / 320, 300 / 128)
LETTERBOX = ("letterbox", lambda: classifier(224, mode="letterbox"), 600 / 224, 600 / 224)


@pytest.mark.parametrize(("name", "make", "per_x", "per_y"), [SQUASH, CROP, WIDE, LETTERBOX])
@pytest.mark.parametrize("box", [(200, 60, 320, 180), (330, 130, 420, 250)])
def test_a_bright_square_yields_its_box_within_one_cell(
    name: str, make: Callable[[], Classifier], per_x: float, per_y: float, box: Box
) -> None:
    maps = limelight.explain(make(), photograph((300, 600), box), target=0)
    (found,) = maps.boxes(threshold=0.5)
    assert np.abs(found[[0, 2]] - np.array(box)[[0, 2]]).max() <= CELL * per_x
    assert np.abs(found[[1, 3]] - np.array(box)[[1, 3]]).max() <= CELL * per_y
    # The overlay is red where the light is, in the same pixels.
    overlay = maps.overlay([photograph((300, 600), box)])[0]
    assert overlay.shape == (300, 600, 3)
    y, x = (box[1] + box[3]) // 2, (box[0] + box[2]) // 2
    assert overlay[y, x, 0] > overlay[y, x, 2]


def test_what_lies_outside_of_the_crop_is_not_seen() -> None:
    left = (10, 100, 110, 200)  # the crop begins at x = 168.75
    image = photograph((300, 600), left)
    maps = limelight.explain(classifier(224, mode="crop", resize=256), image, target=0)
    assert np.isnan(maps.boxes()).all()
    assert maps.diagnosis[0] is not None
    seen = maps.frames[0].seen()
    assert not seen[:, :168].any()
    assert not seen[:, 432:].any()
    assert seen[20:280, 170:430].all()
    overlay = maps.overlay([image])[0]
    outside = overlay[:, :160]
    assert (outside.max(-1) == outside.min(-1)).all()  # grey: no colour of the map


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_gives_the_box_of_the_upright_image(orientation: int, tmp_path: Path) -> None:
    box = (200, 60, 320, 180)
    upright = photograph((300, 600), box)
    # How a camera would have stored it, so that a viewer turns it back.
    undo = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    stored = upright if undo is None else upright.transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    stored.save(path, exif=exif)
    maps = limelight.explain(classifier(224, mode="squash"), [path], target=0)
    assert maps.frames[0].original_size == (300, 600)
    (found,) = maps.boxes(threshold=0.5)
    assert np.abs(found[[0, 2]] - np.array(box)[[0, 2]]).max() <= CELL * 600 / 224
    assert np.abs(found[[1, 3]] - np.array(box)[[1, 3]]).max() <= CELL * 300 / 224
    assert maps.overlay([path]).shape == (1, 300, 600, 3)


def test_images_of_different_sizes_in_one_call() -> None:
    boxes = [(200, 60, 320, 180), (20, 300, 120, 420), (64, 64, 160, 160)]
    images = [
        photograph(size, box)
        for size, box in zip([(300, 600), (500, 200), (224, 224)], boxes, strict=True)
    ]
    together = limelight.explain(classifier(224, mode="squash"), images, target=0)
    found = together.boxes(threshold=0.5)
    for i, (image, box) in enumerate(zip(images, boxes, strict=True)):
        cell = (CELL * image.width / 224, CELL * image.height / 224)
        assert (np.abs(found[i] - box) <= [*cell, *cell]).all()
        alone = limelight.explain(classifier(224, mode="squash"), image, target=0)
        np.testing.assert_array_equal(alone.boxes(threshold=0.5)[0], found[i])
    resized, overlays = together.resized(), together.overlay(images)
    assert [tuple(map_.shape) for map_ in resized] == [(300, 600), (500, 200), (224, 224)]
    assert [picture.shape for picture in overlays] == [
        (*s, 3) for s in [(300, 600), (500, 200), (224, 224)]
    ]


def test_resized_is_torchs_half_pixel_bilinear() -> None:
    import torch

    maps = limelight.explain(
        light_seeker(), torch.rand(2, 3, 96, 160), target=[[0, 1]], method="hirescam"
    )
    expected = torch.nn.functional.interpolate(maps.values, (96, 160), mode="bilinear")
    torch.testing.assert_close(maps.resized(), expected, rtol=1e-5, atol=1e-7)
    assert isinstance(maps.resized(), torch.Tensor)


@pytest.mark.parametrize("format", ["xywh", "tfds", "cxcywh", "ltrb", "corners"])
def test_boxes_in_every_format_are_the_converted_ones(format: str) -> None:
    image = photograph((300, 600), (200, 60, 320, 180))
    maps = limelight.explain(classifier(224, mode="squash"), image, target=0)
    plain = maps.boxes()
    expected = limelight.boxes.convert(plain, "xyxy", format, size=(300, 600))
    np.testing.assert_allclose(maps.boxes(format=format), expected)
    (several,) = maps.boxes(which="all", format=format)
    np.testing.assert_allclose(several[0, :-1], np.ravel(expected[0]))
    assert several[0, -1] == pytest.approx(1)


def test_rotated_boxes_enclose_the_upright_square() -> None:
    pytest.importorskip("cv2")
    image = photograph((300, 600), (200, 60, 320, 180))
    maps = limelight.explain(classifier(224, mode="squash"), image, target=0)
    corners = maps.boxes(threshold=0.5, rotated=True)
    assert corners.shape == (1, 4, 2)
    (x0, y0), (x1, y1) = corners[0].min(0), corners[0].max(0)
    assert np.abs(np.array([x0, y0, x1, y1]) - (200, 60, 320, 180)).max() <= CELL * 600 / 224


def test_k_classes_have_k_boxes_and_the_one_that_light_speaks_against_has_none() -> None:
    image = photograph((300, 600), (200, 60, 320, 180))
    maps = limelight.explain(classifier(224, mode="squash"), image, target=[[0, 1]])
    boxes = maps.boxes()
    assert boxes.shape == (1, 2, 4)
    assert np.isfinite(boxes[0, 0]).all()
    assert np.isnan(boxes[0, 1]).all()
    assert maps.diagnosis[0][0] is None
    assert "nothing at this layer speaks for the class" in maps.diagnosis[0][1]
    against = limelight.explain(classifier(224), image, target=1, negative=True)
    np.testing.assert_array_equal(
        against.boxes(), limelight.explain(classifier(224), image, target=0).boxes()
    )
