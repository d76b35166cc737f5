"""CSV manifests: the real one against a plain parse, every form of columns, broken lines."""

from __future__ import annotations

import csv
import random
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import limelight.data
from limelight.errors import DatasetError


def test_ilsvrc_as_it_stands(data: Path) -> None:
    """Every line of the real index, boxes scaled to the squashed 227×227 files."""
    dataset = limelight.data.open(data / "ilsvrc_val")
    with (data / "ilsvrc_val" / "index.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(dataset) == len(lines) == 666
    assert dataset.class_names is not None
    for example, line in zip(dataset, lines, strict=True):
        assert example.id == line["file"]
        assert example.label == int(line["class_index"])
        assert dataset.class_names[example.label] == line["class_name"]
        width, height = int(line["original_width"]), int(line["original_height"])
        expected = [
            [int(v) * 227 / (height if i % 2 else width) for i, v in enumerate(box.split())]
            for box in line["boxes"].split(";")
        ]
        np.testing.assert_allclose(example.boxes, expected, rtol=1e-12)
        assert example.size == (227, 227)
    assert dataset[5].read().size == (227, 227)
    assert limelight.data.open(f"csv:{data}/ilsvrc_val/index.csv")[9].boxes.tolist() == (
        dataset[9].boxes.tolist()
    )


def write(folder: Path, text: str, *images: str) -> Path:
    for image in images:
        (folder / image).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 10)).save(folder / image)
    (folder / "list.csv").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("file,class,boxes", ["a.png,dog,1 2 3 4;5 6 7 8", "b.png,cat,"]),
        ("file,class,boxes", ['a.png,dog,"[1, 2, 3, 4];[5,6,7,8]"', "b.png,cat,"]),
        ("path,label,x0,y0,x1,y1", ["a.png,dog,1,2,3,4", "b.png,cat,,,,", "a.png,dog,5,6,7,8"]),
        ("image,class_index,class_name,bbox", ["a.png,1,dog,1 2 3 4;5 6 7 8", "b.png,0,cat,"]),
        ("filename,label,class_name,boxes", ["a.png,1,dog,1 2 3 4;5 6 7 8", "b.png,0,cat,"]),
        ("\ufeffFile,Class,Boxes", ["a.png,dog,1 2 3 4;5 6 7 8", "b.png,cat,"]),
        ("file,class,width,height,boxes", ["a.png,dog,40,30,2 6 6 12;10 18 14 24", "b.png,cat,9,9,"]),
    ],
)  # fmt: skip
def test_the_forms_of_columns(header: str, rows: list[str], tmp_path: Path) -> None:
    dataset = limelight.data.open(write(tmp_path, "\n".join([header, *rows]), "a.png", "b.png"))
    assert dataset.class_names == ("cat", "dog")
    assert [e.label for e in dataset] == [1, 0]
    assert dataset[0].boxes.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert dataset[1].boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("format", "box"),
    [
        ("xywh", "2 3 5 6"),
        ("cxcywh", "4.5 6 5 6"),
        ("minmax", "2 7 3 9"),
        ("yxyx", "3 2 9 7"),
        ("tfds", "0.3 0.1 0.9 0.35"),
        ("cxcywh-normalized", "0.225 0.6 0.25 0.6"),
        ("ltrb", "2 3 13 1"),
    ],
)
def test_every_box_format(format: str, box: str, tmp_path: Path) -> None:
    text = f"file,width,height,boxes\na.png,20,10,{box}"
    dataset = limelight.data.open(write(tmp_path, text, "a.png"), format=format)
    np.testing.assert_allclose(dataset[0].boxes, [[2, 3, 7, 9]], rtol=1e-12)


def test_splits_share_their_class_numbers(tmp_path: Path) -> None:
    text = "file,class,split\na.png,zebra,test\nb.png,ant,train\nc.png,bee,test"
    write(tmp_path, text, "a.png", "b.png", "c.png")
    test = limelight.data.open(tmp_path, split="test")
    assert test.splits == ("test", "train")
    assert [(e.id, e.label) for e in test] == [("a.png", 2), ("c.png", 1)]
    assert test.class_names == ("ant", "bee", "zebra")
    assert len(limelight.data.open(tmp_path)) == 3
    with pytest.raises(DatasetError, match="no split 'tset'; did you mean 'test'"):
        limelight.data.open(tmp_path, split="tset")


BROKEN = {
    "d.png,dog": "2 values in 4 columns",
    ",1,cat,1 2 3 4": "names no file",
    "d.png,x,cat,1 2 3 4": "class index 'x'",
    "d.png,-1,cat,1 2 3 4": "class index '-1'",
    "d.png,1,cat,1 2 3": "a box is four numbers; got '1 2 3'",
    "d.png,1,cat,1 2 3 four": "a box is four numbers; got '1 2 3 four'",
}


@pytest.mark.parametrize("line", BROKEN)
def test_a_broken_line_is_named_or_left_out(line: str, tmp_path: Path) -> None:
    text = (
        f"file,class_index,class_name,boxes\na.png,1,cat,1 2 3 4\n\n{line}\nb.png,0,dog,5 6 7 8\n"
    )
    write(tmp_path, text, "a.png", "b.png")
    with pytest.raises(DatasetError, match=rf"list\.csv, line 4: .*{BROKEN[line]}"):
        limelight.data.open(f"csv:{tmp_path}")
    lenient = limelight.data.open(f"csv:{tmp_path}", strict=False)
    assert [e.id for e in lenient] == ["a.png", "b.png"]
    (problem,) = lenient.problems
    assert problem.line == 4
    assert problem.file == str(tmp_path / "list.csv")
    assert BROKEN[line] in problem.message


def test_a_box_without_area_leaves_the_image(tmp_path: Path) -> None:
    text = "file,boxes\na.png,1 2 3 4;5 5 5 9\nb.png,1 1 nan 4"
    write(tmp_path, text, "a.png", "b.png")
    with pytest.raises(DatasetError, match=r"line 2: .*5 5 5 9.* has no area"):
        limelight.data.open(f"csv:{tmp_path}")
    lenient = limelight.data.open(f"csv:{tmp_path}", strict=False)
    assert [e.boxes.tolist() for e in lenient] == [[[1, 2, 3, 4]], []]
    assert [p.line for p in lenient.problems] == [2, 3]


def test_a_missing_image_keeps_its_annotations(tmp_path: Path) -> None:
    """It is found when it is read, with the line that names it, not when the list is opened."""
    write(tmp_path, "file,width,height,boxes\na.png,40,20,2 2 4 4\ngone.png,40,20,2 2 4 4", "a.png")
    dataset = limelight.data.open(tmp_path / "list.csv")
    assert dataset[0].boxes.tolist() == [[1, 1, 2, 2]]
    assert dataset[1].boxes.tolist() == [[2, 2, 4, 4]]
    (problem,) = dataset.verify()
    assert "gone.png" in str(problem)
    assert "list.csv, line 3" in str(problem)


def test_boxes_on_the_stored_pixels_of_a_turned_photograph(tmp_path: Path) -> None:
    """A size that is the stored file's, not the upright image's, says where the boxes lie."""
    image = Image.new("RGB", (20, 10), "black")
    image.paste((255, 255, 255), (2, 3, 7, 9))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.png", exif=exif)
    (tmp_path / "list.csv").write_text("file,width,height,boxes\na.png,20,10,2 3 7 9")
    example = limelight.data.open(tmp_path / "list.csv")[0]
    bright = np.asarray(example.read())[..., 0] > 127
    ys, xs = np.nonzero(bright)
    assert bright.shape == (20, 10) == example.size
    assert example.boxes.tolist() == [[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]]


def test_images_elsewhere(tmp_path: Path) -> None:
    write(tmp_path / "pictures", "file\n", "x/a.png")
    (tmp_path / "list.tsv").write_text("file\tclass\nx/a.png\tdog")
    dataset = limelight.data.open(f"csv:{tmp_path}/list.tsv?images=pictures")
    assert dataset[0].read().size == (20, 10)
    with pytest.raises(DatasetError, match="no folder of images"):
        limelight.data.open(f"csv:{tmp_path}/list.tsv", images="elsewhere")


def test_what_is_no_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match="no CSV manifest"):
        limelight.data.open(f"csv:{tmp_path}")
    (tmp_path / "list.csv").write_bytes(b"file,class\na.png,\xff\xfe\n")
    with pytest.raises(DatasetError, match="UTF-8"):
        limelight.data.open(f"csv:{tmp_path}")
    (tmp_path / "list.csv").write_text("file,boxes\na.png,1 2 3 4\n")
    with pytest.raises(DatasetError, match="did you mean 'xywh'"):
        limelight.data.open(f"csv:{tmp_path}", format="xyhw")


def long_manifest(folder: Path, lines: int) -> Path:
    generator = random.Random(0)
    path = folder / "long.csv"
    with path.open("w") as file:
        file.write("file,class_index,class_name,original_width,original_height,boxes\n")
        for i in range(lines):
            x, c = generator.randrange(200), i % 1000
            file.write(f"{i // 1000:04d}/{i:08d}.jpg,{c},class {c},500,375,{x} 20 {x + 50} 200\n")
    return path


def check_long(path: Path, lines: int, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "open", lambda *a, **k: pytest.fail("an image was opened"))
    start = time.process_time()
    dataset = limelight.data.open(path)
    assert time.process_time() - start < seconds
    assert len(dataset) == lines
    monkeypatch.undo()
    example = dataset[lines - 1]
    assert example.label == (lines - 1) % 1000
    assert example.entry == f"{path}, line {lines + 1}"
    assert (example.boxes[0, 2] - example.boxes[0, 0]) == 50


def test_a_long_manifest_opens_quickly_and_reads_no_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_long(long_manifest(tmp_path, 100_000), 100_000, 4, monkeypatch)


@pytest.mark.soak
def test_a_million_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_long(long_manifest(tmp_path, 1_000_000), 1_000_000, 30, monkeypatch)
