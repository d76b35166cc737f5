"""Hugging Face data sets in memory and saved to disk, against what the library returns."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import limelight.data
from limelight.errors import DatasetError


@pytest.fixture(scope="module")
def library() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("datasets")


def pixels(i: int) -> np.ndarray:
    return np.random.default_rng(i).integers(0, 256, (10 + i, 20, 3), np.uint8)


BOXES = [[[1, 2, 3, 4]], [], [[0, 0, 5, 5], [4, 4, 6, 2]]]  # x, y, width, height
KINDS = [[1], [], [0, 1]]


@pytest.fixture
def objects(library: Any) -> Any:
    """The form of detection data sets on the hub: objects with bbox and category."""
    content = {
        "image": [Image.fromarray(pixels(i)) for i in range(3)],
        "objects": [{"bbox": b, "category": k} for b, k in zip(BOXES, KINDS, strict=True)],
    }
    kind = library.ClassLabel(names=["ant", "bee"])
    features = library.Features(
        {
            "image": library.Image(),
            "objects": {
                "bbox": library.List(library.List(library.Value("float32"))),
                "category": library.List(kind),
            },
        }
    )
    return library.Dataset.from_dict(content, features=features)


def check_objects(dataset: limelight.data.Dataset) -> None:
    assert dataset.class_names == ("ant", "bee")
    assert [e.label for e in dataset] == [1, None, None]
    for i, example in enumerate(dataset):
        np.testing.assert_array_equal(np.asarray(example.read()), pixels(i))
        expected = [[x, y, x + w, y + h] for x, y, w, h in BOXES[i]]
        np.testing.assert_array_equal(example.boxes, np.reshape(expected, (-1, 4)))
        assert example.box_labels is not None
        assert example.box_labels.tolist() == KINDS[i]


def test_objects_in_memory_and_on_disk(objects: Any, tmp_path: Path) -> None:
    check_objects(limelight.data.open(objects))
    objects.save_to_disk(str(tmp_path / "saved"))
    dataset = limelight.data.open(tmp_path / "saved")
    assert "read as huggingface" in str(dataset.recognized)
    check_objects(dataset)
    check_objects(limelight.data.open(f"hf:{tmp_path / 'saved'}"))  # as ids of models are written


def test_splits_labels_and_normalized_boxes(library: Any, tmp_path: Path) -> None:
    def part(start: int) -> Any:
        content = {
            "img": [Image.fromarray(pixels(start + i)) for i in range(2)],
            "fine_label": [0, 1],
            "box": [[0.1, 0.5, 0.2, 1.0]] * 2,
        }
        features = library.Features(
            {
                "img": library.Image(),
                "fine_label": library.ClassLabel(names=["a", "b"]),
                "box": library.List(library.Value("float64")),
            }
        )
        return library.Dataset.from_dict(content, features=features)

    both = library.DatasetDict({"train": part(0), "test": part(2)})
    both.save_to_disk(str(tmp_path / "saved"))
    for source in (both, f"huggingface:{tmp_path}/saved"):
        test = limelight.data.open(source, split="test", format="xyxy-normalized")
        assert test.splits == ("train", "test")
        assert test.class_names == ("a", "b")
        assert [e.label for e in test] == [0, 1]
        assert test[0].id == "test/00000"
        np.testing.assert_allclose(test[1].boxes, [[2, 6.5, 4, 13]])
        np.testing.assert_array_equal(np.asarray(test[1].read()), pixels(3))
        assert len(limelight.data.open(source)) == 4


def test_images_by_path(library: Any, tmp_path: Path) -> None:
    Image.fromarray(pixels(0)).save(tmp_path / "a.png")
    content = library.Dataset.from_dict({"image": [str(tmp_path / "a.png")]})
    dataset = limelight.data.open(content.cast_column("image", library.Image()))
    np.testing.assert_array_equal(np.asarray(dataset[0].read()), pixels(0))
    assert dataset[0].label is None
    assert dataset[0].boxes.shape == (0, 4)


def test_columns_can_be_chosen(objects: Any) -> None:
    renamed = objects.rename_column("image", "photo")
    assert limelight.data.open(renamed)[0].read().size == (20, 10)  # found by its kind
    with pytest.raises(DatasetError, match="no column 'foto'; there are photo, objects/bbox"):
        limelight.data.open(renamed, image="foto")
    with pytest.raises(DatasetError, match="no column of images among objects"):
        limelight.data.open(objects.remove_columns("image"))


def test_a_name_that_cannot_be_loaded(library: Any, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="load_dataset cannot load it"):
        limelight.data.open(f"huggingface:{tmp_path}")
