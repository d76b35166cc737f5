"""Stanford Dogs, drawn by the test in the form of its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

import limelight.data
from limelight.errors import DatasetError

BREEDS = ("n02085620-Chihuahua", "n02113978-Mexican_hairless")
DOGS = {
    f"{BREEDS[0]}/n02085620_1.jpg": [(0, 2, 7, 9)],
    f"{BREEDS[0]}/n02085620_2.jpg": [(1, 1, 3, 4), (5, 5, 20, 10)],
    f"{BREEDS[1]}/n02113978_3.jpg": [(3, 0, 19, 10)],
}
SPLITS = {"train": [0, 2], "test": [1]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, boxes in DOGS.items():
        image, annotation = tmp_path / "Images" / name, tmp_path / "Annotation" / name[:-4]
        for file in (image, annotation):
            file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 10)).save(image)
        objects = "".join(
            f"<object><name>dog</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax>"
            f"<ymax>{y1}</ymax></bndbox>\n</object>"
            for x0, y0, x1, y1 in boxes
        )
        annotation.write_text(
            "<annotation>\n<filename>%s</filename><size><width>20</width><height>10</height>"
            f"</size>\n{objects}</annotation>"  # some of the real files keep this placeholder
        )
    for split, rows in SPLITS.items():
        names = [list(DOGS)[i] for i in rows]
        content = {
            "file_list": np.array(names, dtype=object)[:, None],
            "labels": np.array([[BREEDS.index(n.partition("/")[0]) + 1] for n in names]),
        }
        savemat(tmp_path / f"{split}_list.mat", content)
    return tmp_path


def test_splits_breeds_and_boxes(folder: Path) -> None:
    train = limelight.data.open(folder, split="train")
    assert "read as stanford_dogs" in str(train.recognized)
    assert train.class_names == BREEDS
    names = list(DOGS)
    assert [(e.id, e.label) for e in train] == [(names[0], 0), (names[2], 1)]
    (test,) = limelight.data.open(folder, split="test")
    assert [tuple(box) for box in test.boxes] == DOGS[names[1]]
    assert test.read().size == (20, 10)
    assert len(limelight.data.open(folder)) == 3


def test_without_lists_there_are_no_splits(folder: Path) -> None:
    for split in SPLITS:
        (folder / f"{split}_list.mat").unlink()
    dataset = limelight.data.open(folder)
    assert dataset.splits == ()
    assert [e.id for e in dataset] == list(DOGS)
    with pytest.raises(DatasetError, match="it has no splits"):
        limelight.data.open(folder, split="train")


def test_a_broken_annotation_is_named(folder: Path) -> None:
    file = folder / "Annotation" / BREEDS[0] / "n02085620_2"
    file.write_text(file.read_text().replace("<xmin>5<", "<xmin>25<"))
    with pytest.raises(DatasetError, match=r"n02085620_2, line 4: .*no area"):
        limelight.data.open(folder)
    file.unlink()
    with pytest.raises(DatasetError, match="n02085620_2: cannot be read"):
        limelight.data.open(folder)
    lenient = limelight.data.open(folder, strict=False)
    assert [len(e.boxes) for e in lenient] == [1, 1, 0]
    assert len(lenient.problems) == 1
