"""A folder of classes: every image lies in a folder named like its class."""

from __future__ import annotations

from pathlib import Path

from limelight.boxes import FORMATS
from limelight.data.csv_lines import Lines, check_format, corners_of
from limelight.data.dataset import Dataset, Problems
from limelight.data.files import holds_images, image_files, split_folders, subfolders
from limelight.data.registry import choose_splits, reader
from limelight.data.table import Rows
from limelight.errors import DatasetError

_BOXES = "boxes.csv"


def _recognizes(path: Path) -> bool:
    if not path.is_dir():
        return False
    parts = split_folders(path)
    inside = [path / part for part in parts] or [path]
    return any(holds_images(f / name) for f in inside for name in subfolders(f)[:3])


@reader(
    "folder",
    title="a folder of classes, with an optional CSV of boxes",
    expects="a folder with one folder of images a class, or with <split>/<class>/; optional "
    f"{_BOXES} with the columns file and boxes (or x0, y0, x1, y1)",
    recognizes=_recognizes,
    general=2,
)
def folder(
    path: Path,
    split: str | None,
    problems: Problems,
    *,
    boxes: str | None = None,
    format: str = "xyxy",
) -> Dataset:
    """Read a folder of classes.

    Classes are numbered in the alphabet's order of their folders, over all splits.

    Args:
        path: the folder.
        split: the name of a folder between `path` and the classes ("train", "val", "test" …).
        problems: takes lines of the boxes that cannot be read, and boxes of unknown images.
        boxes: the CSV file of the boxes; boxes.csv where there is one. Its files start from
            `path`, or are the images' own names where those are unique.
        format: how a box is written: a name of `limelight.boxes.FORMATS`.

    Raises:
        DatasetError: no images in folders, no such split or CSV file, or (strict) a broken line.
    """
    if not path.is_dir():
        raise DatasetError(f"{path} is not a folder")
    check_format(format)
    splits = [s for s in split_folders(path) if subfolders(path / s)]
    chosen = choose_splits(split, splits, path)
    classes = sorted({name for part in splits or [""] for name in subfolders(path / part)})
    label_of = {name: label for label, name in enumerate(classes)}
    if not classes:
        raise DatasetError(f"{path} holds no folders; expected one folder of images a class")
    rows = Rows(path, problems, FORMATS[format].normalized)
    found: dict[str, int] = {}
    for part in chosen or [""]:
        start = f"{part}/" if part else ""
        for name in image_files(path / part):
            label = label_of.get(name.partition("/")[0]) if "/" in name else None
            if label is not None:
                found[start + name] = rows.image(start + name, label, source=path)
    if not found:
        raise DatasetError(f"{path} holds no images in its folders ({', '.join(classes[:5])} …)")
    file = _boxes_file(path, boxes)
    if file is not None:
        _add_boxes(rows, found, file, problems, format, all_images=split is None)
    return rows.dataset(path.name, class_names=classes, split=split, splits=splits)


def _boxes_file(path: Path, boxes: str | None) -> Path | None:
    if boxes is None:
        return path / _BOXES if (path / _BOXES).is_file() else None
    places = [Path(boxes).expanduser(), path / boxes]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise DatasetError(f"there is no CSV file of boxes {places[1]}")
    return file


def _add_boxes(
    rows: Rows, found: dict[str, int], file: Path, problems: Problems, format: str, all_images: bool
) -> None:
    bases: dict[str, int | None] = {}
    for name in found:
        base = name.rpartition("/")[2]
        bases[base] = None if base in bases else found[name]
    lines = Lines(file, problems)
    for line, record in lines:
        name = record[lines.columns.file].strip().replace("\\", "/").removeprefix("./")
        row = found.get(name, bases.get(name))
        if row is None:
            if all_images:
                problems.add(file, line, f"there is no image {name}, or more than one")
            continue
        try:
            written, size = lines.boxes(record), lines.size(record)
            boxes = [corners_of(box, format, size) for box in written]
        except ValueError as error:
            problems.add(file, line, str(error))
            continue
        if size is not None:
            rows.resize(row, size)
        for box in boxes:
            rows.box(row, box, source=file, line=line)
