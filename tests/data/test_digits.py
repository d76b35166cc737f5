"""The embedded digits: real shapes, tight boxes, no shape in two splits, kept between calls."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import limelight.data
from limelight.data import digit_drawing, digits
from limelight.errors import DatasetError

pytest.importorskip("sklearn")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIMELIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """The overlap of two boxes, counted in cells of a fine grid."""
    grid = np.zeros((2, digit_drawing.SIZE, digit_drawing.SIZE), bool)
    for layer, (x0, y0, x1, y1) in zip(grid, np.rint([a, b]).astype(int), strict=True):
        layer[y0:y1, x0:x1] = True
    return (grid[0] & grid[1]).sum() / (grid[0] | grid[1]).sum()


def test_shapes_go_to_one_split_each() -> None:
    parts = [set(digit_drawing._sources(split, seed=0)) for split in digit_drawing.COUNTS]
    assert [len(p) for p in parts] == [1186, 252, 359]
    assert set.union(*parts) == set(range(1797))


def test_other_splits_shapes_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither as the digit nor as a fragment: images stay the same with those shapes destroyed."""
    expected = digit_drawing.draw("test", 200)
    shapes, labels = digit_drawing._shapes()
    own = digit_drawing._sources("test", seed=0)
    destroyed = np.full_like(shapes, np.nan)
    destroyed[own] = shapes[own]
    monkeypatch.setattr(digit_drawing, "_shapes", lambda: (destroyed, labels))
    again = digit_drawing.draw("test", 200)
    np.testing.assert_array_equal(again["images"], expected["images"])
    assert set(expected["sources"]) <= set(own)


def test_boxes_are_tight_around_masks() -> None:
    for example in limelight.data.open("digits", split="validation", count=60):
        assert example.mask is not None
        ys, xs = np.nonzero(example.mask)
        assert example.boxes.tolist() == [[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]]
        assert example.size == example.mask.shape == (112, 112)


def test_what_is_in_the_box_is_the_labelled_digit() -> None:
    """The nearest of scikit-learn's shapes, cropped and scaled alike, has the same label."""
    shapes, labels = digit_drawing._shapes()

    def unit(picture: np.ndarray) -> np.ndarray:
        ys, xs = np.nonzero(picture > 0.5)
        crop = (picture > 0.5)[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1].astype(float)
        return ndimage.zoom(crop, np.array([16, 16]) / crop.shape, order=1).ravel()

    fine = np.stack([unit(ndimage.zoom(shape, 5, order=1)) for shape in shapes])
    hits = 0
    examples = limelight.data.open("digits", split="test", count=100)
    for example in examples:
        assert example.mask is not None
        distance = ((fine - unit(example.mask.astype(float))) ** 2).sum(1)
        hits += labels[distance.argmin()] == example.label
    assert hits >= 90


def test_the_digit_stands_out_of_the_canvas() -> None:
    for example in limelight.data.open("digits", split="train", count=60):
        pixels = np.asarray(example.read()).mean(2)
        inside = pixels[ndimage.binary_erosion(example.mask)].mean()
        assert abs(inside - np.median(pixels)) > 40
        assert inside > 0.7 * 255 or inside < 0.25 * 255


def test_rendering_is_bilinear_interpolation() -> None:
    rng = np.random.default_rng(3)
    cells = rng.random((4, 8, 8), np.float32)
    grey, extent = digit_drawing._render(rng, cells, 54)
    for shape, (height, width), picture in zip(cells, extent, grey, strict=True):
        y = (np.arange(54) + 0.5) / height * 8 - 0.5
        x = (np.arange(54) + 0.5) / width * 8 - 0.5
        at = np.stack(np.meshgrid(y, x, indexing="ij"))
        expected = ndimage.map_coordinates(shape, at, order=1, mode="grid-constant", cval=0)
        np.testing.assert_allclose(picture, expected, atol=1e-4)


def test_baselines_are_low() -> None:
    """No centred box of any size, nor the whole image, has a mean IoU of 0.25."""
    boxes = np.concatenate([e.boxes for e in limelight.data.open("digits", split="test")])
    assert len(boxes) == 1000
    middle = digit_drawing.SIZE / 2
    sample = boxes[::5]
    for half in range(8, 57, 4):
        centred = np.array([middle - half, middle - half, middle + half, middle + half])
        assert np.mean([iou(centred, box) for box in sample]) < 0.25
    assert np.ptp(boxes[:, 0]) > 70
    assert np.ptp(boxes[:, 1]) > 70


def test_same_seed_same_images_and_a_shorter_set_is_the_beginning() -> None:
    long = digit_drawing.draw("train", 250)
    short = digit_drawing.draw("train", 30)
    for key, values in short.items():
        np.testing.assert_array_equal(values, long[key][:30])
    assert (digit_drawing.draw("train", 30, seed=1)["images"] != short["images"]).any()


def test_all_splits_follow_one_another_and_ids_are_unique() -> None:
    both = limelight.data.open("digits", count=20)
    assert len(both) == 60
    assert both.splits == ("train", "validation", "test")
    assert len({e.id for e in both}) == 60
    assert both[45].id == "test/00005"
    sent = pickle.loads(pickle.dumps(both))[45]
    np.testing.assert_array_equal(sent.mask, both[45].mask)
    one = limelight.data.open("digits", split="test", count=20)[5]
    np.testing.assert_array_equal(both[45].image, one.image)


def test_kept_and_made_again_when_damaged(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = limelight.data.open("digits", split="test", count=20)
    (file,) = cache.iterdir()
    made: list[str] = []
    draw = digits.draw
    monkeypatch.setattr(digits, "draw", lambda *a: made.append(a[0]) or draw(*a))
    second = limelight.data.open("digits", split="test", count=20)
    assert not made
    file.write_bytes(file.read_bytes()[:5000])
    third = limelight.data.open("digits", split="test", count=20)
    assert made == ["test"]
    for a, b, c in zip(first, second, third, strict=True):
        np.testing.assert_array_equal(a.image, b.image)
        np.testing.assert_array_equal(a.mask, c.mask)
    assert list(cache.iterdir()) == [file]


def test_an_unusable_cache_folder_is_said(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="not kept"):
        assert len(limelight.data.open("digits", split="test", count=3)) == 3
    assert len(limelight.data.open("digits", split="test", count=3, cache=False)) == 3


def test_what_cannot_be_made_is_refused() -> None:
    with pytest.raises(DatasetError, match="count must be a whole number"):
        limelight.data.open("digits?count=many")
    with pytest.raises(DatasetError, match="seed must be a whole number"):
        limelight.data.open("digits", seed=-1)
    with pytest.raises(DatasetError, match="no option 'cout'; did you mean 'count'"):
        limelight.data.open("digits?cout=3")
    with pytest.raises(DatasetError, match="takes no path"):
        limelight.data.open("digits:/somewhere")
    with pytest.raises(DatasetError, match="did you mean 'validation'"):
        limelight.data.open("digits", split="validaton")
