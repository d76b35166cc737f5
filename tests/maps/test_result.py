"""Maps as numbers: normalized, resized, boxed, named, taken apart and diagnosed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import limelight
from limelight import Frame, Maps
from limelight.arrays import to_numpy
from limelight.errors import BoxError, MethodError

Make = Callable[..., Maps]
RANDOM = np.random.default_rng(0)
VALUES = RANDOM.normal(0, 1, (3, 4, 6)).astype(np.float32)
CROPPED = Frame.identity((30, 50)).resize((48, 80)).crop(top=4, left=16, size=(40, 60))


@pytest.fixture(params=["numpy", "torch", pytest.param("keras", marks=pytest.mark.keras)])
def convert(request: pytest.FixtureRequest) -> Any:
    if request.param == "numpy":
        return np.asarray
    if request.param == "torch":
        return pytest.importorskip("torch").as_tensor
    return pytest.importorskip("keras").ops.convert_to_tensor


# -- numbers ----------------------------------------------------------------------------------


def test_numpy_is_a_copy_in_float32(make: Make, convert: Any) -> None:
    maps = make(convert(VALUES))
    found = maps.numpy()
    assert found.dtype == np.float32 and found.flags.writeable
    np.testing.assert_array_equal(found, VALUES)
    found[:] = 0
    np.testing.assert_array_equal(maps.numpy(), VALUES)


def test_normalized_is_relu_and_divided_by_the_maximum(make: Make, convert: Any) -> None:
    values = VALUES.copy()
    values[1] = -np.abs(values[1])
    values[2, 0, 0] = np.nan
    maps = make(convert(values))
    found = maps.normalized()
    assert type(found) is type(maps.values)
    expected = np.zeros_like(values)
    for i, j in np.ndindex(4, 6):
        expected[0, i, j] = max(values[0, i, j], 0) / values[0].max()
    np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-6)
    minmax = to_numpy(maps.normalized("minmax"))
    assert minmax[1].min() == 0 and minmax[1].max() == 1
    with pytest.raises(MethodError, match="no normalizer 'maximum'"):
        maps.normalized("maximum")


@pytest.mark.parametrize("size", [(40, 60), (7, 11), (4, 6), (3, 2)])
@pytest.mark.parametrize("lead", [(3,), (2, 2)])
def test_resized_is_half_pixel_bilinear(
    make: Make, convert: Any, size: tuple[int, int], lead: tuple[int, ...]
) -> None:
    import torch

    values = RANDOM.normal(0, 1, (*lead, 4, 6)).astype(np.float32)
    maps = make(convert(values), [Frame.identity(size)] * lead[0])
    found = maps.resized()
    assert type(found) is type(maps.values)
    expected = torch.nn.functional.interpolate(
        torch.as_tensor(values.reshape(1, -1, 4, 6)), size, mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(to_numpy(found), expected.numpy().reshape(*lead, *size), atol=1e-5)


def test_resized_normalizes_before(make: Make, convert: Any) -> None:
    maps = make(convert(VALUES))
    plain = make(maps.normalized("minmax"))
    np.testing.assert_array_equal(to_numpy(maps.resized("minmax")), to_numpy(plain.resized()))


def test_what_was_cropped_away_is_zero(make: Make) -> None:
    """The crop shows rows 4 to 44 of 48 and columns 16 to 76 of 80 of a 30 × 50 image."""
    found = make(np.ones((1, 4, 6), np.float32), [CROPPED]).resized()[0]
    seen = CROPPED.seen()
    np.testing.assert_allclose(found, seen.astype(float), atol=1e-6)
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    assert (rows[0], rows[-1]) == (2, 27) and (columns[0], columns[-1]) == (10, 47)


def test_images_of_different_sizes_give_lists(make: Make, convert: Any) -> None:
    frames = [Frame.identity((40, 60)).resize((40, 60)), Frame.identity((20, 90)).resize((40, 60))]
    for values in (VALUES[:2], np.stack([VALUES[:2]] * 3, 1)):
        maps = make(convert(values), frames)
        found = maps.resized()
        assert isinstance(found, list)
        lead = values.shape[1:-2]
        assert [tuple(map_.shape) for map_ in found] == [(*lead, 40, 60), (*lead, 20, 90)]
        for i, map_ in enumerate(found):
            alone = make(convert(values[i : i + 1]), frames[i : i + 1]).resized()
            np.testing.assert_array_equal(to_numpy(map_), to_numpy(alone)[0])
        boxes = maps.boxes()
        assert boxes.shape == (2, *lead, 4)


def test_frames_that_differ_on_images_of_one_size(make: Make) -> None:
    other = Frame.identity((30, 50)).resize((40, 60))
    found = make(VALUES[:2], [CROPPED, other]).resized()
    assert isinstance(found, np.ndarray) and found.shape == (2, 30, 50)
    np.testing.assert_array_equal(found[1], make(VALUES[1:2], [other]).resized()[0])


# -- boxes ------------------------------------------------------------------------------------


def blocks(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """A map (40, 60) of falling height that is positive inside of `boxes` alone."""
    found = np.zeros((1, 40, 60), np.float32)
    for rank, (x0, y0, x1, y1) in enumerate(boxes):
        found[0, y0:y1, x0:x1] = 4 - rank
    return found


def test_boxes_in_original_pixels(make: Make, convert: Any) -> None:
    maps = make(convert(blocks((5, 10, 25, 18), (40, 20, 50, 38))))
    np.testing.assert_array_equal(maps.boxes(), [[40, 20, 50, 38]])
    assert maps.boxes().dtype == np.float64
    (found,) = maps.boxes(which="all")
    np.testing.assert_allclose(found, [[40, 20, 50, 38, 0.75], [5, 10, 25, 18, 1]])
    np.testing.assert_array_equal(maps.boxes(threshold=0.8), [[5, 10, 25, 18]])
    assert maps.boxes(rule="absolute", threshold=0.8).tolist() == [[5, 10, 25, 18]]
    with pytest.raises(MethodError, match="no boxes 'biggest'"):
        maps.boxes(which="biggest")


@pytest.mark.parametrize("name", sorted(limelight.boxes.FORMATS))
def test_boxes_in_every_format(make: Make, name: str) -> None:
    maps = make(np.concatenate([blocks((5, 10, 25, 18)), blocks()]))
    found = maps.boxes(format=name)
    (expected,) = limelight.boxes.convert(np.array([[5, 10, 25, 18]]), "xyxy", name, (40, 60))
    np.testing.assert_allclose(found[0], expected)
    assert np.isnan(found[1]).all() and found.shape == (2, *expected.shape)
    one, none = maps.boxes(which="all", format=name)
    np.testing.assert_allclose(one[0, :-1], np.ravel(expected))
    assert none.shape[0] == 0


def test_an_unknown_format_is_said_so(make: Make) -> None:
    with pytest.raises(BoxError, match="xyhw"):
        make(VALUES).boxes(format="xyhw")


def test_rotated_boxes_are_corners(make: Make) -> None:
    pytest.importorskip("cv2")
    corners = make(np.concatenate([blocks((5, 10, 25, 18)), blocks()])).boxes(rotated=True)
    assert corners.shape == (2, 4, 2) and np.isnan(corners[1]).all()
    assert np.abs(corners[0].min(0) - (5, 10)).max() <= 1
    assert np.abs(corners[0].max(0) - (25, 18)).max() <= 1


def test_boxes_of_several_classes(make: Make) -> None:
    values = np.stack([blocks((5, 10, 25, 18))[0], blocks((40, 20, 50, 38))[0], blocks()[0]])[None]
    found = make(values).boxes()
    assert found.shape == (1, 3, 4)
    np.testing.assert_array_equal(found[0, :2], [[5, 10, 25, 18], [40, 20, 50, 38]])
    assert np.isnan(found[0, 2]).all()
    ((first, second, none),) = make(values).boxes(which="all")
    np.testing.assert_array_equal(first, [[5, 10, 25, 18, 1]])
    np.testing.assert_array_equal(second, [[40, 20, 50, 38, 1]])
    assert none.shape == (0, 5)


def test_nothing_found_is_nan_and_the_diagnosis_says_why(make: Make) -> None:
    values = np.stack([VALUES[0], -np.abs(VALUES[1]), 0 * VALUES[2], np.full((4, 6), np.nan)])
    values = np.concatenate([values, np.full((1, 4, 6), 2.0, np.float32)])
    maps = make(values)
    boxes = maps.boxes()
    assert np.isnan(boxes).all(1).tolist() == [False, True, True, True, False]
    np.testing.assert_array_equal(boxes[4], [0, 0, 60, 40])
    said = maps.diagnosis
    assert said[0] is None
    for text, words in zip(
        said[1:],
        ("nowhere positive", "zero everywhere", "not numbers", "constant"),
        strict=True,
    ):
        assert words in text
    several = make(values[None, :2]).diagnosis
    assert several[0][0] is None and "nowhere positive" in several[0][1]


# -- parts ------------------------------------------------------------------------------------


def test_parts_of_maps(make: Make, convert: Any) -> None:
    frames = [Frame.identity((40, 60 + i)) for i in range(3)]
    maps = make(convert(VALUES), frames)
    for which, rows in (
        (0, [0]), (-1, [2]), (np.int64(1), [1]), (slice(1, 3), [1, 2]), (slice(None), [0, 1, 2]),
    ):  # fmt: skip
        part = maps[which]
        assert isinstance(part, Maps) and len(part) == len(rows)
        assert part.frames == tuple(frames[i] for i in rows)
        np.testing.assert_array_equal(part.numpy(), VALUES[rows])
        for name in ("scores", "target", "probability"):
            whole = to_numpy(getattr(maps, name))
            np.testing.assert_array_equal(to_numpy(getattr(part, name)), whole[rows])
    for beyond in (3, -4):
        with pytest.raises(IndexError):
            maps[beyond]
    assert [each.numpy().tolist() for each in maps] == VALUES[:, None].tolist()


def test_names(make: Make, convert: Any) -> None:
    names = ("ant", "bee", "cat", "dog", "eel")
    target = convert(np.array([3, 0, 3]))
    assert make(VALUES, target=target).names() == ["3", "0", "3"]
    assert make(VALUES, target=target, class_names=names).names() == ["dog", "ant", "dog"]
    several = make(np.stack([VALUES] * 2, 1), target=np.array([[1, 2], [3, 4], [0, 0]]))
    assert several.names() == [["1", "2"], ["3", "4"], ["0", "0"]]
    assert make(VALUES, target=None).names() == ["the given score"] * 3


def test_it_says_what_it_is(make: Make) -> None:
    text = repr(make(VALUES))
    assert text == "Maps(3 × 4 × 6, method='gradcam', layer='features.3')"
