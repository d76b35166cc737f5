"""The lazy sequence and what an example answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from limelight.data import Dataset, Example, from_arrays
from limelight.errors import DatasetError, ImageError


def counted(count: int) -> tuple[Dataset, list[int]]:
    """A data set of `count` examples, and the indices that were made so far."""
    made: list[int] = []

    def make(index: int) -> Example:
        made.append(index)
        return Example(str(index), None, index, np.zeros((0, 4)))

    return Dataset("counted", count, make), made


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 20), st.data())
def test_it_is_a_sequence_like_a_list(count: int, draw: st.DataObject) -> None:
    dataset, _ = counted(count)
    expected = [str(i) for i in range(count)]
    assert [e.id for e in dataset] == expected
    part = slice(*(draw.draw(st.none() | st.integers(-25, 25)) for _ in range(2)))
    assert [e.id for e in dataset[part]] == expected[part]
    assert [e.id for e in reversed(dataset)] == expected[::-1]
    if count:
        indices = draw.draw(st.lists(st.integers(-count, count - 1)))
        chosen = dataset.subset(indices)
        assert [e.id for e in chosen] == [expected[i] for i in indices]
        again = draw.draw(st.lists(st.integers(0, max(len(indices) - 1, 0)))) if indices else []
        assert [e.id for e in chosen.subset(again)] == [expected[indices[i]] for i in again]


def test_nothing_is_made_before_it_is_asked_for() -> None:
    dataset, made = counted(1_000_000)
    part = dataset[10:1_000_000:3].subset([1, 5])
    assert made == []
    assert part[1].label == 25
    assert made == [25]


def test_outside_is_refused() -> None:
    dataset, _ = counted(3)
    with pytest.raises(IndexError):
        dataset[3]
    with pytest.raises(DatasetError, match="0 to 2"):
        dataset.subset([0, 3])


@pytest.mark.parametrize("kind", ["array", "path", "bytes", "pil", "function"])
def test_every_kind_of_image_is_read(kind: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    file = tmp_path / "a.png"
    Image.fromarray(pixels).save(file)
    image = {
        "array": pixels,
        "path": file,
        "bytes": file.read_bytes(),
        "pil": Image.fromarray(pixels),
        "function": lambda: pixels,
    }[kind]
    example = Example("a", image, None, np.zeros((0, 4)))
    np.testing.assert_array_equal(np.asarray(example.read()), pixels)


def test_a_broken_image_names_the_entry_and_is_found(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "good.jpg")
    data = (tmp_path / "good.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[:-200])

    def make(index: int) -> Example:
        name = ["good.jpg", "cut.jpg", "gone.jpg"][index]
        return Example(name, tmp_path / name, 0, np.zeros((0, 4)), entry=f"list.csv, line {index}")

    dataset = Dataset("three", 3, make)
    with pytest.raises(ImageError, match=r"gone\.jpg.*list\.csv, line 2"):
        dataset[2].read()
    with pytest.raises(ImageError, match=r"cut\.jpg.*list\.csv, line 1"):
        dataset[1].read()
    broken = [str(problem) for problem in dataset.verify()]
    assert len(broken) == 2
    assert "cut.jpg" in broken[0]
    assert "gone.jpg" in broken[1]
    (missing,) = dataset.verify(decode=False)  # headers tell nothing of truncated pixels
    assert "gone.jpg" in str(missing)
    assert "list.csv, line 2" in str(missing)
    with pytest.raises(DatasetError, match="without its images"):
        Example("x", None, 0, np.zeros((0, 4))).read()


def test_arrays_come_back_as_given() -> None:
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (4, 6, 8), np.uint8)
    boxes = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [np.nan] * 4, [2, 2, 8, 6]])
    masks = rng.random((4, 6, 8)) > 0.5
    dataset = from_arrays(images, [0, 1, 1, 0], boxes, masks, ["a", "b"])
    for i, example in enumerate(dataset):
        np.testing.assert_array_equal(np.asarray(example.read())[..., 1], images[i])
        np.testing.assert_array_equal(example.mask, masks[i])
        assert example.label == [0, 1, 1, 0][i]
        np.testing.assert_array_equal(example.boxes, boxes[i : i + 1] if i != 2 else boxes[:0])
        assert example.size == (6, 8)


def test_arrays_that_do_not_fit_are_refused() -> None:
    images = np.zeros((3, 4, 4), np.uint8)
    with pytest.raises(DatasetError, match="2 labels were given for 3 images"):
        from_arrays(images, [0, 1])
    with pytest.raises(DatasetError, match="class indices"):
        from_arrays(images, [0.5, 1, 2])
    with pytest.raises(DatasetError, match="0 to 2, but there are 2 class names"):
        from_arrays(images, [0, 1, 2], class_names=["a", "b"])
    with pytest.raises(DatasetError, match=r"boxes of image 1: .*\(5,\)"):
        from_arrays(images, boxes=[[0, 0, 1, 1], [0, 0, 1, 1, 1], [0, 0, 1, 1]])
