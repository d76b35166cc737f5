"""What holds for every refiner, and what is said where one cannot work."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from limelight import Frame
from limelight.errors import ImageError, MethodError, MissingExtra
from limelight.localization import locate, normalize
from limelight.localization.refinement import find_refinement, guide_of, list_refiners, refine

NAMES = [refiner.name for refiner in list_refiners()]
# GrabCut's seeds are chosen for photographs, whose objects are larger than those made here.
SMALL_OBJECTS = {"grabcut": "grabcut:sure=4:probable=1"}


def carried(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    rows, columns, _ = Frame.identity(size).resampling((values.shape[0], values.shape[1]))
    return rows @ values @ columns.T


@pytest.mark.parametrize("name", NAMES)
def test_the_box_of_a_coarse_blob_comes_closer_to_the_object(name: str, scene: Any) -> None:
    plain = max(
        scene.iou_of(carried(scene.map, (112, 140)), t) for t in np.arange(0.05, 0.95, 0.05)
    )
    values = refine([scene.map], [scene.image], SMALL_OBJECTS.get(name, name))[0]
    refined = max(scene.iou_of(values, t) for t in np.arange(0.05, 0.95, 0.05))
    assert refined > plain + 0.1
    assert refined > 0.8


@pytest.mark.parametrize("name", NAMES)
def test_a_mirrored_image_has_the_mirrored_map(name: str, scene: Any) -> None:
    values = refine([scene.map], [scene.image], name)[0]
    mirrored = refine([scene.map[:, ::-1]], [scene.image[:, ::-1].copy()], name)[0]
    box, other = locate(values, 0.4), locate(mirrored, 0.4)
    np.testing.assert_allclose(other[[2, 1, 0, 3]] * (-1, 1, -1, 1) + (140, 0, 140, 0), box, atol=5)


@pytest.mark.parametrize("name", NAMES)
def test_each_map_by_itself_and_again(name: str, scene: Any) -> None:
    other = np.roll(scene.map, 1, 0)
    both = refine([scene.map, other], [scene.image, scene.image[::-1].copy()], name)
    again = refine([other, scene.map], [scene.image[::-1].copy(), scene.image], name)
    np.testing.assert_array_equal(both, again[::-1])
    classes = refine(np.stack([scene.map, other])[None], [scene.image], name)
    np.testing.assert_array_equal(classes[0, 0], both[0])


@pytest.mark.parametrize("name", NAMES)
def test_a_map_is_scaled_and_its_negative_part_is_nothing(name: str, scene: Any) -> None:
    values = refine([scene.map], [scene.image], name)[0]
    assert values.dtype == np.float32 and values.min() >= 0 and np.isfinite(values).all()
    scaled = refine([scene.map * 1e-4], [scene.image], name)[0]
    np.testing.assert_allclose(scaled, values, atol=1e-4)
    lower = scene.map - 0.3
    of_positive = refine([np.maximum(lower, 0)], [scene.image], name)
    np.testing.assert_array_equal(refine([lower], [scene.image], name), of_positive)


@pytest.mark.parametrize("name", NAMES)
def test_a_weight_between_what_is_refined_and_the_map(name: str, scene: Any) -> None:
    whole, third, nothing = (
        refine([scene.map], [scene.image], f"{name}:weight={w}")[0] for w in (1, 1 / 3, 0)
    )
    expected = carried(scene.map, (112, 140))
    np.testing.assert_allclose(nothing, expected / expected.max(), atol=1e-6)
    assert whole.max() == pytest.approx(1, abs=1e-6) and whole.min() >= 0
    np.testing.assert_allclose(third, whole / 3 + 2 * nothing / 3, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_refined_is_only_carried(name: str, scene: Any) -> None:
    for values in (np.zeros((7, 7)), np.full((7, 7), 0.3), -1 - scene.map, np.zeros((1, 1))):
        got = refine([values], [scene.image], name)[0]
        np.testing.assert_allclose(got, carried(values, (112, 140)), rtol=1e-5)
    broken = scene.map.copy()
    broken[3, 3] = np.nan
    assert not normalize(refine([broken], [scene.image], name)).any()


@pytest.mark.parametrize("name", NAMES)
def test_an_image_of_one_colour_keeps_the_peak_where_it_was(name: str, scene: Any) -> None:
    grey = np.full_like(scene.image, 128)
    got = refine([scene.map], [grey], name)[0]
    y, x = np.unravel_index(got.argmax(), got.shape)
    assert np.isfinite(got).all() and got.max() > 0
    before = carried(scene.map, (112, 140))
    assert before[y, x] > 0.6 * before.max()


@pytest.mark.parametrize("name", NAMES)
def test_in_the_model_s_input_whatever_that_is_of_the_image(name: str, scene: Any) -> None:
    """A crop is refined as the picture of that crop; of the photograph's size nothing depends."""
    frame = Frame.identity((112, 140)).crop(10, 30, (96, 96))
    cropped = np.ascontiguousarray(scene.image[10:106, 30:126])
    np.testing.assert_array_equal(guide_of(scene.image, frame), cropped)
    got = refine([scene.map], [scene.image], name, [frame])
    np.testing.assert_array_equal(got, refine([scene.map], [cropped], name))


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_and_the_smallest_images(name: str, scene: Any) -> None:
    half = refine([scene.map.astype(np.float16)], [scene.image], name)[0]
    assert scene.iou_of(half, 0.5) == pytest.approx(
        scene.iou_of(refine([scene.map], [scene.image], name)[0], 0.5), abs=0.03
    )
    for size in ((1, 1), (1, 9), (8, 3)):
        tiny = scene.image[: size[0], : size[1]].copy()
        got = refine([scene.map[:2, :3]], [tiny], name)
        assert got.shape == (1, *size) and np.isfinite(got).all()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("grabcat", "there is no refiner 'grabcat'; did you mean 'grabcut'?"),
        ("zzz", "there are grabcut"),
        ("grabcut:iteration=3", "did you mean 'iterations'?"),
        ("grabcut:iterations=2.5", "iterations=2.5, expected a whole number, 0 or more"),
        ("grabcut:sure=-1", "sure=-1, expected a number, 0 or more; the default is"),
        ("grabcut:sure", "an option of a refiner is written name=value"),
        ("grabcut:sure=much", "sure='much', expected a number"),
        ("guided-filter:weight=1.5", "weight=1.5, expected 0 to 1: the map has the rest"),
    ],
)
def test_what_is_not_there_gets_one_sentence(kind: str, words: str) -> None:
    with pytest.raises(MethodError) as raised:
        find_refinement(kind)
    assert words in str(raised.value)


def test_pictures_that_do_not_fit(scene: Any) -> None:
    with pytest.raises(ImageError, match="1 pictures were given to refine 2 maps"):
        refine([scene.map] * 2, [scene.image], "guided-filter")
    frames = [Frame.identity((112, 140)), Frame.identity((112, 140)).resize((50, 50))]
    with pytest.raises(ImageError, match="several sizes"):
        refine([scene.map] * 2, [scene.image] * 2, "guided-filter", frames)


def test_grabcut_without_opencv(monkeypatch: pytest.MonkeyPatch, scene: Any) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtra, match=r'pip install "limelight\[opencv\]"'):
        refine([scene.map], [scene.image], "grabcut")
