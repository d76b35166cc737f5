"""Cars196: the real devkit with photographs drawn by the test, and TFDS's prepared form."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat

import limelight.data
from limelight.errors import DatasetError

DEVKIT = Path("annotations") / "cars196"


@pytest.fixture
def folder(data: Path, tmp_path: Path) -> Path:
    """The folder that people have, with the real annotations."""
    shutil.copytree(data / DEVKIT, tmp_path / "devkit")
    for name in ("cars_train", "cars_test"):
        (tmp_path / name).mkdir()
    return tmp_path


def corners(path: Path) -> list[list[int]]:
    """The four numbers of each annotation, read field by field."""
    found = []
    for entry in loadmat(path)["annotations"][0]:
        found.append([int(entry[f"bbox_{side}"][0, 0]) for side in ("x1", "y1", "x2", "y2")])
    return found


@pytest.mark.parametrize(("split", "count"), [("train", 8144), ("test", 8041)])
def test_every_real_box(split: str, count: int, folder: Path, data: Path) -> None:
    dataset = limelight.data.open(folder, split=split)
    assert "read as cars196" in str(dataset.recognized)
    written = corners(data / DEVKIT / f"cars_{split}_annos.mat")
    assert len(dataset) == len(written) == count
    boxes = np.array([example.boxes for example in dataset])
    assert boxes.shape == (count, 1, 4)
    np.testing.assert_array_equal(boxes[:, 0], np.array(written) - [1, 1, 0, 0])
    assert boxes.min() == 0
    assert len({example.id for example in dataset}) == count


def test_the_annotated_pixels_are_the_box(folder: Path, data: Path) -> None:
    """Photographs whose annotated columns and rows, counted from 1, are drawn white."""
    written = corners(data / DEVKIT / "cars_train_annos.mat")
    dataset = limelight.data.open(folder, split="train")
    for i in range(0, 8144, 1000):
        x1, y1, x2, y2 = written[i]
        pixels = np.zeros((y2 + 7, x2 + 5), np.uint8)
        pixels[y1 - 1 : y2, x1 - 1 : x2] = 255
        Image.fromarray(pixels).save(folder / "cars_train" / f"{i + 1:05d}.jpg", quality=95)
        example = dataset[i]
        assert example.id == f"cars_train/{i + 1:05d}.jpg"
        ys, xs = np.nonzero(np.asarray(example.read())[..., 0] > 127)
        assert example.boxes.tolist() == [[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]]


def test_labels_and_names(folder: Path, data: Path) -> None:
    both = limelight.data.open(folder)
    assert both.splits == ("train", "test")
    assert len(both) == 8144 + 8041
    assert both.class_names is not None
    assert len(both.class_names) == 196
    assert both.class_names[0] == "AM General Hummer SUV 2000"
    entries = loadmat(data / DEVKIT / "cars_train_annos.mat")["annotations"][0]
    for i in (0, 77, 8143):
        assert both[i].label == int(entries[i]["class"][0, 0]) - 1
    assert both[8144].label is None  # published without labels


def test_test_labels_where_they_are_there(tmp_path: Path) -> None:
    def annotations(**more: list[int]) -> np.ndarray:
        names = ["bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", *more, "fname"]
        columns = [[1, 2], [1, 3], [9, 8], [5, 7], *more.values(), ["00001.jpg", "00002.jpg"]]
        rows = list(zip(*columns, strict=True))
        return np.array(rows, dtype=[(name, object) for name in names])

    (tmp_path / "cars_test").mkdir()
    savemat(tmp_path / "cars_test_annos.mat", {"annotations": annotations()})
    assert [e.label for e in limelight.data.open(tmp_path)] == [None, None]
    whole = {"annotations": annotations(**{"class": [196, 1]})}
    savemat(tmp_path / "cars_test_annos_withlabels.mat", whole)
    dataset = limelight.data.open(tmp_path, split="test")
    assert [e.label for e in dataset] == [195, 0]
    assert dataset[1].boxes.tolist() == [[1, 2, 8, 7]]


def test_broken_annotations(tmp_path: Path) -> None:
    names = ["bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "fname"]
    rows = [(1, 1, 9, 5, 2, "a.jpg"), (9, 1, 3, 5, 2, "b.jpg"), (1, 1, 9, 5, 0, "c.jpg")]
    content = {"annotations": np.array(rows, dtype=[(name, object) for name in names])}
    savemat(tmp_path / "cars_train_annos.mat", content)
    with pytest.raises(DatasetError, match=r"cars_train_annos\.mat, annotation 2: .*no area"):
        limelight.data.open(tmp_path)
    lenient = limelight.data.open(tmp_path, strict=False)
    assert [len(e.boxes) for e in lenient] == [1, 0]
    assert [p.file.partition(", ")[2] for p in lenient.problems] == ["annotation 2", "annotation 3"]
    (tmp_path / "cars_train_annos.mat").write_bytes(b"MATLAB nothing")
    with pytest.raises(DatasetError, match="cannot be read as a MATLAB file"):
        limelight.data.open(tmp_path)
    savemat(
        tmp_path / "cars_train_annos.mat", {"annotations": np.array([(1,)], dtype=[("a", object)])}
    )
    with pytest.raises(DatasetError, match="has no annotations with bbox_x1"):
        limelight.data.open(tmp_path)
