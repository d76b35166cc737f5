"""Pascal VOC: the real kangaroo set, its truncated file, splits, and broken annotations."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from PIL import Image

import limelight.data
from limelight.errors import DatasetError, ImageError


def test_kangaroos(data: Path) -> None:
    dataset = limelight.data.open(data / "kangaroo")
    assert "read as voc" in str(dataset.recognized)
    assert dataset.class_names == ("kangaroo",)
    files = sorted((data / "kangaroo" / "annots").iterdir())
    assert len(dataset) == len(files) == 164
    for example, file in zip(dataset, files, strict=True):
        root = ElementTree.parse(file).getroot()
        expected = []
        for box in root.iter("bndbox"):
            x0, y0, x1, y1 = (int(box.findtext(k, "")) for k in ("xmin", "ymin", "xmax", "ymax"))
            expected.append([x0 - 1, y0 - 1, x1, y1])
        assert example.boxes.tolist() == expected
        assert example.id == root.findtext("filename")
        assert example.label == 0
        height, width = root.findtext("size/height"), root.findtext("size/width")
        assert example.size == (int(height or 0), int(width or 0))
        assert example.boxes[:, :2].min() >= 0
        assert (example.boxes[:, 2:] <= example.size[::-1]).all()
    from_zero = limelight.data.open(f"voc:{data}/kangaroo", origin=0)
    assert (from_zero[0].boxes - dataset[0].boxes).tolist()[0] == [1, 1, 0, 0]


def test_the_truncated_kangaroo_is_reported(data: Path) -> None:
    dataset = limelight.data.open(data / "kangaroo")
    broken = next(e for e in dataset if e.id == "00090.jpg")
    assert len(broken.boxes) == 3
    place = [e.id for e in dataset].index("00090.jpg")
    with pytest.raises(ImageError, match=r"00090\.jpg.*truncated.*00090\.xml"):
        broken.read()
    around = dataset[place - 10 : place + 10]
    (problem,) = around.verify()
    assert "00090.jpg" in problem.message
    assert around.verify(decode=False) == []


def xml(name: str, *boxes: str, size: tuple[int, int] = (10, 20)) -> str:
    objects = "\n".join(
        "<object>\n<name>{}</name><difficult>{}</difficult><bndbox><xmin>{}</xmin><ymin>{}</ymin>"
        "<xmax>{}</xmax><ymax>{}</ymax></bndbox>\n<part><name>head</name><bndbox><xmin>9</xmin>"
        "<ymin>9</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></part></object>".format(*box.split())
        for box in boxes
    )
    return (
        f"<annotation>\n<filename>{name}</filename>\n<size><width>{size[1]}</width>"
        f"<height>{size[0]}</height></size>\n{objects}\n</annotation>"
    )


@pytest.fixture
def devkit(tmp_path: Path) -> Path:
    for folder in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (tmp_path / folder).mkdir(parents=True)
    for stem, box in {"a": "zebra 0 1 1 5 6", "b": "ant 1 2 2 9 9", "c": "bee 0 3 3 4 4"}.items():
        (tmp_path / "Annotations" / f"{stem}.xml").write_text(xml(f"{stem}.jpg", box))
        Image.new("RGB", (20, 10)).save(tmp_path / "JPEGImages" / f"{stem}.jpg")
    (tmp_path / "ImageSets" / "Main" / "train.txt").write_text("a\nc\n")
    (tmp_path / "ImageSets" / "Main" / "val.txt").write_text("b\n")
    (tmp_path / "ImageSets" / "Main" / "ant_val.txt").write_text("b 1\n")
    return tmp_path


def test_the_devkit_and_its_lists(devkit: Path) -> None:
    train = limelight.data.open(devkit, split="train")
    assert train.splits == ("train", "val")
    assert train.class_names == ("ant", "bee", "zebra")  # the same numbers in every split
    assert [(e.id, e.label, e.boxes.tolist()) for e in train] == [
        ("a.jpg", 2, [[0, 0, 5, 6]]),
        ("c.jpg", 1, [[2, 2, 4, 4]]),
    ]
    assert [e.id for e in limelight.data.open(devkit, split="val")] == ["b.jpg"]
    assert len(limelight.data.open(devkit)) == 3
    easy = limelight.data.open(f"voc:{devkit}?difficult=false")
    assert [len(e.boxes) for e in easy] == [1, 0, 1]


def test_a_folder_for_each_split(tmp_path: Path) -> None:
    for split, name in (("train", "ant"), ("valid", "bee")):
        (tmp_path / split).mkdir()
        (tmp_path / split / "x.xml").write_text(xml("x.jpg", f"{name} 0 1 1 5 6"))
        Image.new("RGB", (40, 20)).save(tmp_path / split / "x.jpg")
    both = limelight.data.open(tmp_path)
    assert [(e.id, e.label) for e in both] == [("train/x.jpg", 0), ("valid/x.jpg", 1)]
    assert both[0].boxes.tolist() == [[0, 0, 10, 12]]  # a copy of twice the declared size
    (valid,) = limelight.data.open(tmp_path, split="valid")
    assert valid.label == 1
    assert valid.read().size == (40, 20)


BROKEN = {
    "<annotation>\n<object>\n": (3, "not XML"),
    xml("a.jpg", "ant 0 1 1 5 six"): (4, "the box is not four numbers.*ymax=six"),
    xml("a.jpg", "ant 0 5 5 2 9"): (4, "has no area"),
    xml("a.jpg", "ant 0 1 1 5 5").replace("<name>ant</name>", ""): (4, "no name"),
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_file_is_named_with_its_line(text: str, devkit: Path) -> None:
    (devkit / "Annotations" / "a.xml").write_text(text)
    line, message = BROKEN[text]
    with pytest.raises(DatasetError, match=rf"a\.xml, line {line}: .*{message}"):
        limelight.data.open(devkit)
    lenient = limelight.data.open(devkit, strict=False)
    (problem,) = lenient.problems
    assert problem.line == line
    assert [e.id for e in lenient][-2:] == ["b.jpg", "c.jpg"]


def test_entities_are_not_expanded(devkit: Path) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY x "0123456789">]>' + xml("a.jpg", "&x; 0 1 1 5 6")
    (devkit / "Annotations" / "a.xml").write_text(bomb)
    with pytest.raises(DatasetError, match=r"a\.xml, line 1: .*entit"):
        limelight.data.open(devkit)
