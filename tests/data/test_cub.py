"""CUB-200-2011, drawn by the test in the form of its files, and against the WSOL lists of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import limelight.data
from limelight.errors import DatasetError


def write(root: Path, **files: str) -> Path:
    texts = {
        "images": "1 001.Ant/a.jpg\n2 002.Bee/b.jpg\n3 002.Bee/c.jpg\n",
        "image_class_labels": "1 1\n2 2\n3 2\n",
        "train_test_split": "1 1\n2 0\n3 1\n",
        "bounding_boxes": "1 1.0 2.0 5.5 4.0\n2 0.0 0.0 9.0 9.0\n3 3.0 3.0 1.0 1.0\n",
        "classes": "1 001.Ant\n2 002.Bee\n",
    }
    (root / "images").mkdir(parents=True)
    for name, text in (texts | files).items():
        (root / f"{name}.txt").write_text(text)
    for line in texts["images"].splitlines():
        file = root / "images" / line.split()[1]
        file.parent.mkdir(exist_ok=True)
        Image.new("RGB", (20, 10)).save(file)
    return root


def test_splits_labels_and_boxes(tmp_path: Path) -> None:
    write(tmp_path / "CUB_200_2011")
    train = limelight.data.open(tmp_path, split="train")
    assert "read as cub" in str(train.recognized)
    assert train.class_names == ("001.Ant", "002.Bee")
    assert [(e.id, e.label, e.boxes.tolist()) for e in train] == [
        ("001.Ant/a.jpg", 0, [[1, 2, 6.5, 6]]),
        ("002.Bee/c.jpg", 1, [[3, 3, 4, 4]]),
    ]
    assert train[0].read().size == (20, 10)
    assert [e.id for e in limelight.data.open(tmp_path, split="test")] == ["002.Bee/b.jpg"]
    assert len(limelight.data.open(tmp_path / "CUB_200_2011")) == 3


def test_masks(tmp_path: Path) -> None:
    root = write(tmp_path / "CUB_200_2011")
    grey = np.zeros((10, 20), np.uint8)
    grey[2:5, 3:7], grey[7:9, 1:3] = 255, 51  # five annotators, and one
    (tmp_path / "segmentations" / "001.Ant").mkdir(parents=True)
    Image.fromarray(grey).save(tmp_path / "segmentations" / "001.Ant" / "a.png")
    mask = limelight.data.open(root)[0].mask
    assert mask is not None
    np.testing.assert_array_equal(mask, grey == 255)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("images", "1 001.Ant/a.jpg\n2\n", r"images\.txt, line 2: expected an id and 1 values"),
        ("bounding_boxes", "1 1 2 5 4\n2 0 0 nine 9\n", r"boxes\.txt, line 2: .*four numbers"),
        ("bounding_boxes", "9 1 2 5 4\n", r"boxes\.txt, line 1: .*id of an image"),
        ("bounding_boxes", "1 1 2 0 4\n", r"boxes\.txt, line 1: .*no area"),
        (
            "image_class_labels",
            "1 1\n2 two\n3 2\n",
            r"labels\.txt, line 2: .*and a number; got two",
        ),
        ("train_test_split", "1 1\n2 0\n", r"images\.txt, line 3: image 3 has no class from 1 on"),
    ],
)
def test_a_broken_line_is_named(name: str, text: str, message: str, tmp_path: Path) -> None:
    root = write(tmp_path / "cub", **{name: text})
    with pytest.raises(DatasetError, match=message):
        limelight.data.open(root)
    lenient = limelight.data.open(root, strict=False)
    assert lenient[0].id == "001.Ant/a.jpg"
    assert lenient.problems


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    root = write(tmp_path / "cub")
    (root / "train_test_split.txt").unlink()
    with pytest.raises(DatasetError, match=r"there is no train_test_split\.txt"):
        limelight.data.open(f"cub:{root}")
