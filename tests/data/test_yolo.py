"""YOLO: layouts, data.yaml, polygons, and broken lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import limelight.data
from limelight.data.yolo_yaml import read_data_yaml
from limelight.errors import DatasetError


def picture(file: Path, label: str | None, size: tuple[int, int] = (20, 10)) -> None:
    """An image, and its label file where YOLO looks for it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(file)
    if label is not None:
        place = Path(str(file.parent)[::-1].replace("segami", "slebal", 1)[::-1])
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{file.stem}.txt").write_text(label)


BOX = "1 0.5 0.5 0.2 0.4\n"  # 8 3 12 7 in 20×10 pixels


def test_splits_below_images(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "train" / "a.png", BOX)
    picture(tmp_path / "images" / "val" / "b.png", BOX + BOX.replace("1", "0", 1))
    picture(tmp_path / "images" / "val" / "nothing.png", None)
    (tmp_path / "classes.txt").write_text("ant\nbee\n")
    val = limelight.data.open(tmp_path, split="val")
    assert val.splits == ("train", "val")
    assert val.class_names == ("ant", "bee")
    assert [(e.id, e.label, len(e.boxes)) for e in val] == [
        ("b.png", None, 2),
        ("nothing.png", None, 0),
    ]
    both = limelight.data.open(tmp_path)
    assert [e.id for e in both] == ["train/a.png", "val/b.png", "val/nothing.png"]
    np.testing.assert_allclose(both[0].boxes, [[8, 3, 12, 7]])
    assert both[0].label == 1
    assert both[1].read().size == (20, 10)


@pytest.mark.parametrize(
    "names", ["names: ['ant', \"b, ee\"]", "names:\n  - ant\n  - 'b, ee'", "names:\n  1: b, ee\n  0: ant",
              "names: {0: ant, 1: 'b, ee'}", "names: [ant,\n  'b, ee']"],
)  # fmt: skip
def test_data_yaml(names: str, tmp_path: Path) -> None:
    picture(tmp_path / "train" / "images" / "a.png", BOX)
    picture(tmp_path / "valid" / "images" / "b.png", BOX)
    (tmp_path / "data.yaml").write_text(
        "# exported\n---\ntrain: ../train/images\nval: valid/images  # the small one\ntest:\n\n"
        f"nc: 2\n{names}\nroboflow:\n  project: x\n"
    )
    for source in (tmp_path, tmp_path / "data.yaml", f"yolo:{tmp_path}"):
        dataset = limelight.data.open(source, split="val")
        assert dataset.splits == ("train", "val")
        assert dataset.class_names == ("ant", "b, ee")
        assert [e.id for e in dataset] == ["b.png"]
        assert dataset[0].label == 1


def test_data_yaml_with_a_base_path(tmp_path: Path) -> None:
    picture(tmp_path / "set" / "images" / "one" / "a.png", BOX)
    (tmp_path / "x.yaml").write_text("path: set\ntrain: images/one\nnames: [a, b]\n")
    assert limelight.data.open(tmp_path / "x.yaml")[0].label == 1


def test_data_yaml_that_is_not_understood(tmp_path: Path) -> None:
    file = tmp_path / "data.yaml"
    file.write_text("train: [a, b]\n")
    with pytest.raises(DatasetError, match="train names several folders"):
        read_data_yaml(file)
    file.write_text("names:\n  0: a\n  2: b\n")
    with pytest.raises(DatasetError, match="no class 1"):
        read_data_yaml(file)
    file.write_text("train: x\nwhat\n")
    with pytest.raises(DatasetError, match=r"data\.yaml, line 2: expected 'key: value'"):
        read_data_yaml(file)
    file.write_text("train: gone/images\nnames: [a]\n")
    with pytest.raises(DatasetError, match="no folder of images"):
        limelight.data.open(file)


def test_polygons_are_boxes_and_masks(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png", "0 0.1 0.2 0.5 0.2 0.5 0.6 0.1 0.6\n" + BOX)
    example = limelight.data.open(tmp_path)[0]
    np.testing.assert_allclose(example.boxes, [[2, 2, 10, 6], [8, 3, 12, 7]])
    expected = np.zeros((10, 20), bool)
    expected[2:6, 2:10] = True
    assert example.mask is not None
    np.testing.assert_array_equal(example.mask, expected)


def test_labels_beside_the_images(tmp_path: Path) -> None:
    Image.new("RGB", (20, 10)).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.2 0.4 0.99")  # with a confidence
    (tmp_path / "classes.txt").write_text("ant")
    dataset = limelight.data.open(tmp_path)
    np.testing.assert_allclose(dataset[0].boxes, [[8, 3, 12, 7]])
    assert dataset.class_names == ("ant",)


BROKEN = {
    "2 0.5 0.5 0.2 0.4": "class 2 of 2 classes",
    "x 0.5 0.5 0.2 0.4": "expected a class index and numbers",
    "1 0.5 0.5 0.2": "expected four numbers or a polygon",
    "1 0.5 0.5 1.2 0.4": "fractions from 0 to 1",
    "1 50 50 20 40": "fractions from 0 to 1",
    "1 0.5 0.5 0.2 0": "no area",
}


@pytest.mark.parametrize("line", BROKEN)
def test_a_broken_line_is_named(line: str, tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png", f"{BOX}\n{line}\n")
    (tmp_path / "classes.txt").write_text("ant\nbee")
    with pytest.raises(DatasetError, match=rf"a\.txt, line 3: .*{BROKEN[line]}"):
        limelight.data.open(tmp_path)
    lenient = limelight.data.open(tmp_path, strict=False)
    assert [p.line for p in lenient.problems] == [3]
    np.testing.assert_allclose(lenient[0].boxes, [[8, 3, 12, 7]])


def test_labels_without_an_image_and_an_image_that_is_none(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png", BOX)
    (tmp_path / "labels" / "b.txt").write_text(BOX)
    with pytest.raises(DatasetError, match=r"b\.txt: there is no image of that name"):
        limelight.data.open(tmp_path)
    (tmp_path / "images" / "a.png").write_bytes(b"nothing")
    dataset = limelight.data.open(tmp_path, strict=False)
    with pytest.raises(DatasetError, match=r"a\.png .*a\.txt"):
        dataset[0]  # boxes are fractions of a size that nobody knows
    assert len(dataset.verify()) == 1
