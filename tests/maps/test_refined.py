"""Maps refined with their images: in original pixels, of any type, and what is said otherwise."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from limelight import Frame, Maps
from limelight.boxes import iou_each
from limelight.errors import ImageError, MethodError, MissingExtra
from limelight.localization import list_refiners

Make = Callable[..., Maps]


def photograph(size: tuple[int, int], box: tuple[int, int, int, int]) -> np.ndarray:
    """An orange ellipse in `box` on a green ground, with noise."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    x0, y0, x1, y1 = box
    inside = ((2 * x - x0 - x1) / (x1 - x0)) ** 2 + ((2 * y - y0 - y1) / (y1 - y0)) ** 2 < 1
    noise = np.random.default_rng(7).normal(0, 10, (*size, 3))
    colours = np.where(inside[..., None], (200, 120, 50), (60, 110, 90)) + noise
    return np.clip(colours, 0, 255).astype(np.uint8)


def blob(frame: Frame, box: tuple[int, int, int, int]) -> np.ndarray:
    """A round map of 7 × 7 cells about the middle of `box`, whatever its shape."""
    (h, w), cells = frame.input_size, np.arange(7) + 0.5
    x0, y0, x1, y1 = frame.to_input(box).tolist()
    across = (cells * w / 7 - (x0 + x1) / 2) / (0.2 * w)
    down = (cells * h / 7 - (y0 + y1) / 2) / (0.2 * h)
    return np.exp(-(across[None] ** 2) - down[:, None] ** 2).astype(np.float32)


WIDE, TALL = (90, 160), (150, 100)
BOXES = [(60, 30, 128, 60), (30, 40, 60, 110)]
FRAMES = [
    Frame.identity(WIDE).resize((63, 112)).crop(0, 24, (63, 63)),
    Frame.identity(TALL).resize((63, 42)).crop(0, -10, (63, 63)),
]
PICTURES = [photograph(WIDE, BOXES[0]), photograph(TALL, BOXES[1])]


@pytest.fixture
def maps(make: Make) -> Maps:
    """Of a centre crop of a wide photograph, and of a letterboxed tall one."""
    return make(np.stack([blob(f, b) for f, b in zip(FRAMES, BOXES, strict=True)]), FRAMES)


SPECS = {refiner.name: refiner.name for refiner in list_refiners()}
SPECS["grabcut"] += ":sure=6:probable=2"  # for objects as small as these


@pytest.mark.parametrize("refine", SPECS.values())
def test_boxes_come_closer_in_original_pixels(maps: Maps, refine: str) -> None:
    def best(**how: Any) -> np.ndarray:
        found = [maps.boxes(threshold=t, **how) for t in np.arange(0.1, 0.9, 0.1)]
        return np.max([iou_each(boxes, BOXES) for boxes in found], axis=0)

    plain, refined = best(), best(refine=refine, images=PICTURES)
    assert (refined > plain + 0.1).all()
    assert (refined > 0.6).all()


def test_what_was_not_seen_stays_so(maps: Maps) -> None:
    """The ellipse goes on beyond the crop; the map does not."""
    wide = maps.refined(PICTURES, "grabcut").resized("max")[0]
    seen = FRAMES[0].seen()
    assert not wide[~seen].any() and wide[seen].max() == pytest.approx(1, abs=0.02)
    overlays = maps.refined(PICTURES, "grabcut").overlay(PICTURES)
    np.testing.assert_array_equal(overlays[0][~seen], maps.overlay(PICTURES)[0][~seen])


def test_boxes_are_those_of_the_refined_maps(maps: Maps) -> None:
    refined = maps.refined(PICTURES, "guided-filter:radius=0.05")
    assert refined.numpy().shape == (2, 63, 63) and refined.frames == maps.frames
    assert (refined.method, refined.layer) == (maps.method, maps.layer)
    for how in ({}, {"which": "all"}, {"format": "cxcywh", "normalizer": "minmax"}):
        got = maps.boxes(refine="guided-filter:radius=0.05", images=PICTURES, **how)
        for one, other in zip(got, refined.boxes(**how), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "framework", ["numpy", "torch", pytest.param("keras", marks=pytest.mark.keras)]
)
def test_several_classes_in_the_type_of_the_maps(make: Make, framework: str) -> None:
    one = blob(FRAMES[0], BOXES[0])
    values: Any = np.stack([one, one.T])[None]
    if framework == "torch":
        values = pytest.importorskip("torch").as_tensor(values)
    elif framework == "keras":
        values = pytest.importorskip("keras").ops.convert_to_tensor(values)
    refined = make(values, FRAMES[:1]).refined(PICTURES[:1], "random-walk")
    assert type(refined.values) is type(values) and refined.numpy().shape == (1, 2, 63, 63)
    alone = make(one[None], FRAMES[:1]).refined(PICTURES[:1], "random-walk")
    np.testing.assert_array_equal(refined.numpy()[0, 0], alone.numpy()[0])
    boxes = make(values, FRAMES[:1]).boxes(0.5, refine="random-walk", images=PICTURES[:1])
    np.testing.assert_allclose(boxes[0, 0], alone.boxes(0.5)[0], atol=1e-6)


def test_images_as_explain_took_them(make: Make) -> None:
    """A float batch of channels first is the same as its pictures."""
    size = (64, 96)
    picture = photograph(size, (30, 10, 80, 40))
    batch = picture.transpose(2, 0, 1)[None].astype(np.float32) / 255
    frames = [Frame.identity(size)]
    maps = make(blob(frames[0], (30, 10, 80, 40))[None], frames)
    from_batch = maps.boxes(refine="grabcut", images=batch)
    np.testing.assert_array_equal(from_batch, maps.boxes(refine="grabcut", images=[picture]))


def test_an_empty_map_keeps_its_diagnosis(make: Make) -> None:
    values = np.stack([np.zeros((7, 7)), -np.eye(7), np.full((7, 7), np.nan), np.ones((7, 7))])
    frames = [Frame.identity(WIDE)] * 4
    maps = make(values.astype(np.float32), frames)
    refined = maps.refined([PICTURES[0]] * 4, "grabcut")
    assert refined.diagnosis == maps.diagnosis and None not in maps.diagnosis
    boxes = maps.boxes(refine="grabcut", images=[PICTURES[0]] * 4)
    np.testing.assert_array_equal(boxes, maps.boxes())


def test_what_is_missing_gets_one_sentence(maps: Maps, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ImageError, match=r"boxes refined by 'grabcut' need the images that explain"
    ):
        maps.boxes(refine="grabcut")
    with pytest.raises(ImageError, match="1 images were given for the maps of 2"):
        maps.boxes(refine="grabcut", images=PICTURES[:1])
    with pytest.raises(MethodError, match="did you mean 'grabcut'"):
        maps.boxes(refine="grab-cut", images=PICTURES)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtra, match=r'pip install "limelight\[opencv\]"'):
        maps.boxes(refine="grabcut", images=PICTURES)
