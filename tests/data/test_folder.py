"""Folders of classes: splits, boxes beside them, and what does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import limelight.data
from limelight.errors import DatasetError


def save(file: Path, size: tuple[int, int] = (20, 10)) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(file)


def test_classes_splits_and_nested_folders(tmp_path: Path) -> None:
    for name in ("train/dog/1.png", "train/cat/deep/2.JPG", "val/dog/3.png", "val/emu/1.png"):
        save(tmp_path / name)
    (tmp_path / "train" / "dog" / "notes.txt").write_text("no image")
    (tmp_path / "train" / ".hidden").mkdir()
    train = limelight.data.open(tmp_path, split="train")
    assert train.splits == ("train", "val")
    assert train.class_names == ("cat", "dog", "emu")
    assert [(e.id, e.label) for e in train] == [("train/cat/deep/2.JPG", 0), ("train/dog/1.png", 1)]
    assert [e.label for e in limelight.data.open(tmp_path)] == [0, 1, 1, 2]
    assert train[0].read().size == (20, 10)


def test_boxes_by_path_by_name_and_of_another_size(tmp_path: Path) -> None:
    for name in ("cat/1.png", "dog/1.png", "dog/2.png"):
        save(tmp_path / name)
    (tmp_path / "boxes.csv").write_text(
        "file,boxes,width,height\ncat/1.png,1 2 3 4,,\ndog/1.png,2 2 6 6;4 4 8 8,40,20\n2.png,0 0 20 10,,\n"
    )
    dataset = limelight.data.open(tmp_path)
    assert [e.boxes.tolist() for e in dataset] == [
        [[1, 2, 3, 4]],
        [[1, 1, 3, 3], [2, 2, 4, 4]],
        [[0, 0, 20, 10]],
    ]
    assert [e.label for e in dataset] == [0, 1, 1]
    assert dataset[0].box_labels is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1.png,1 2 3 4", "no image 1.png, or more than one"),
        ("emu/9.png,1 2 3 4", "no image emu/9.png"),
        ("cat/1.png,1 2 3", "a box is four numbers"),
        ("cat/1.png,3 3 1 4", "no area"),
    ],
)
def test_a_broken_line_of_the_boxes(line: str, message: str, tmp_path: Path) -> None:
    for name in ("cat/1.png", "dog/1.png"):
        save(tmp_path / name)
    (tmp_path / "places.csv").write_text(f"file,boxes\n{line}\ndog/1.png,1 2 3 4\n")
    with pytest.raises(DatasetError, match=rf"places\.csv, line 2: .*{message}"):
        limelight.data.open(f"folder:{tmp_path}", boxes="places.csv")
    lenient = limelight.data.open(f"folder:{tmp_path}", strict=False, boxes="places.csv")
    assert [len(e.boxes) for e in lenient] == [0, 1]
    assert len(lenient.problems) == 1


def test_no_classes_no_images_no_boxes(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no folders"):
        limelight.data.open(f"folder:{tmp_path}")
    (tmp_path / "cat").mkdir()
    with pytest.raises(DatasetError, match="holds no images in its folders"):
        limelight.data.open(f"folder:{tmp_path}")
    save(tmp_path / "cat" / "1.png")
    with pytest.raises(DatasetError, match="no CSV file of boxes"):
        limelight.data.open(f"folder:{tmp_path}?boxes=gone.csv")
