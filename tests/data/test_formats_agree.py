"""The same boxes written as COCO, VOC, YOLO, CSV and a folder with a CSV read back equal."""

from __future__ import annotations

import csv
import json
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import limelight.data
from limelight.data import Dataset

# One image: its (height, width) and its boxes, each with a class.
Box = tuple[int, int, int, int, int]
Picture = tuple[tuple[int, int], list[Box]]
CLASSES = ["ant", "bee", "cat"]


@st.composite
def pictures(draw: st.DrawFn) -> list[Picture]:
    found = []
    for _ in range(draw(st.integers(1, 4))):
        height, width = draw(st.tuples(st.integers(2, 40), st.integers(2, 40)))
        boxes = []
        for _ in range(draw(st.integers(0, 3))):
            x0 = draw(st.integers(0, width - 1))
            y0 = draw(st.integers(0, height - 1))
            x1, y1 = draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height))
            boxes.append((x0, y0, x1, y1, draw(st.integers(0, 2))))
        found.append(((height, width), boxes))
    # Every class occurs, so that names found in the annotations are numbered alike.
    found.append(((9, 9), [(0, 0, 3, 4, c) for c in range(3)]))
    return found


def draw_pictures(folder: Path, made: list[Picture], orientation: int = 1) -> None:
    """Save the images; `orientation` stores them turned, with the EXIF tag that undoes it."""
    folder.mkdir(parents=True)
    for i, ((height, width), _) in enumerate(made):
        stored = (width, height) if orientation >= 5 else (height, width)
        image = Image.new("RGB", (stored[1], stored[0]), (i, 99, 0))
        exif = image.getexif()
        exif[0x0112] = orientation
        image.save(folder / f"{i}.jpg", exif=exif)


def write_coco(root: Path, made: list[Picture]) -> None:
    draw_pictures(root / "images", made)
    annotations = [
        {"id": 10 + n, "image_id": i, "category_id": 7 * c + 1, "bbox": [x0, y0, x1 - x0, y1 - y0]}
        for n, (i, (x0, y0, x1, y1, c)) in enumerate(
            (i, box) for i, (_, boxes) in enumerate(made) for box in boxes
        )
    ]
    images = [
        {"id": i, "file_name": f"{i}.jpg", "height": h, "width": w}
        for i, ((h, w), _) in enumerate(made)
    ]
    categories = [{"id": 7 * c + 1, "name": name} for c, name in enumerate(CLASSES)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "all.json").write_text(json.dumps(content))


def write_voc(root: Path, made: list[Picture]) -> None:
    draw_pictures(root / "JPEGImages", made)
    (root / "Annotations").mkdir()
    for i, ((h, w), boxes) in enumerate(made):
        objects = "".join(
            f"<object><name>{CLASSES[c]}</name><bndbox><xmin>{x0 + 1}</xmin><ymin>{y0 + 1}</ymin>"
            f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
            for x0, y0, x1, y1, c in boxes
        )
        (root / "Annotations" / f"{i}.xml").write_text(
            f"<annotation><filename>{i}.jpg</filename><size><width>{w}</width>"
            f"<height>{h}</height><depth>3</depth></size>{objects}</annotation>"
        )


def write_yolo(root: Path, made: list[Picture], orientation: int = 1) -> None:
    draw_pictures(root / "images", made, orientation)
    (root / "labels").mkdir()
    (root / "classes.txt").write_text("\n".join(CLASSES))
    for i, ((h, w), boxes) in enumerate(made):
        text = "".join(
            f"{c} {(x0 + x1) / 2 / w:.17g} {(y0 + y1) / 2 / h:.17g} {(x1 - x0) / w:.17g} "
            f"{(y1 - y0) / h:.17g}\n"
            for x0, y0, x1, y1, c in boxes
        )
        (root / "labels" / f"{i}.txt").write_text(text)


def write_csv(root: Path, made: list[Picture]) -> None:
    """One line a box; images without boxes have an empty one."""
    draw_pictures(root, made)
    with (root / "boxes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax"])
        for i, ((h, w), boxes) in enumerate(made):
            for x0, y0, x1, y1, c in boxes:
                writer.writerow([f"{i}.jpg", w, h, CLASSES[c], x0, y0, x1, y1])
            if not boxes:
                writer.writerow([f"{i}.jpg", w, h, "", "", "", "", ""])


def write_coco_turned(root: Path, made: list[Picture]) -> None:
    """COCO whose files are stored on their side: sizes and boxes are those of the upright image."""
    write_coco(root, made)
    for file in (root / "images").iterdir():
        file.unlink()
    (root / "images").rmdir()
    draw_pictures(root / "images", made, orientation=6)


def write_yolo_turned(root: Path, made: list[Picture]) -> None:
    write_yolo(root, made, orientation=8)


WRITERS: dict[str, Callable[[Path, list[Picture]], None]] = {
    "coco": write_coco,
    "voc": write_voc,
    "yolo": write_yolo,
    "csv": write_csv,
    "coco, EXIF": write_coco_turned,
    "yolo, EXIF": write_yolo_turned,
}


def check(dataset: Dataset, made: list[Picture], rounding: float) -> None:
    assert dataset.class_names == tuple(CLASSES)
    assert [example.id for example in dataset] == [f"{i}.jpg" for i in range(len(made))]
    for example, ((height, width), boxes) in zip(dataset, made, strict=True):
        expected = np.array([box[:4] for box in boxes], float).reshape(-1, 4)
        np.testing.assert_allclose(example.boxes, expected, atol=rounding)
        classes = [box[4] for box in boxes]
        assert example.label == (classes[0] if len(set(classes)) == 1 else None)
        assert example.box_labels is not None
        assert example.box_labels.tolist() == classes
        assert example.read().size == (width, height)
        assert example.size == (height, width)


@pytest.mark.parametrize("kind", WRITERS)
@settings(deadline=None, max_examples=12)
@given(made=pictures())
def test_what_was_written_is_read(kind: str, made: list[Picture]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        WRITERS[kind](root, made)
        name = kind.partition(",")[0]
        dataset = limelight.data.open(f"{name}:{root}")
        check(dataset, made, rounding=1e-9 if name == "yolo" else 0)
        assert f"read as {name}:" in str(limelight.data.open(root).recognized)
        elsewhere = pickle.loads(pickle.dumps(dataset))  # as a worker process gets it
        assert [e.boxes.tolist() for e in elsewhere] == [e.boxes.tolist() for e in dataset]
        by_class = limelight.data.open(f"{name}:{root}?per=class")
        expected = [
            (f"{i}.jpg", c, [list(b[:4]) for b in boxes if b[4] == c])
            for i, (_, boxes) in enumerate(made)
            for c in sorted({b[4] for b in boxes}) or [None]
        ]
        assert len(by_class) == len(expected)
        for example, (name, label, boxes) in zip(by_class, expected, strict=True):
            assert example.id.partition("#")[0] == name
            assert example.label == label
            np.testing.assert_allclose(example.boxes, np.reshape(boxes, (-1, 4)), atol=1e-9)
        assert len({example.id for example in by_class}) == len(by_class)
