"""CSV manifests: one line an image, or one line a box."""

from __future__ import annotations

from pathlib import Path

from limelight.boxes import FORMATS
from limelight.data.csv_lines import (
    FILE,
    Classes,
    Lines,
    check_format,
    corners_of,
    has_file_column,
)
from limelight.data.dataset import Dataset, Problems
from limelight.data.files import image_root, subfolders
from limelight.data.registry import choose_splits, reader
from limelight.data.table import Rows
from limelight.errors import DatasetError


def _find(path: Path) -> Path | None:
    """The manifest: the file itself, or the one in the folder."""
    if path.is_file():
        return path if has_file_column(path) else None
    found = [p for p in sorted(path.glob("*.[ct]sv")) if has_file_column(p)]
    return found[0] if len(found) == 1 else None


def _recognizes(path: Path) -> bool:
    """A manifest; in a folder of classes only one that gives the classes itself."""
    found = _find(path)
    if found is None or path.is_file():
        return found is not None
    columns = Lines(found, Problems(strict=True)).columns
    return columns.index is not None or columns.label is not None or not subfolders(path)


@reader(
    "csv",
    title="a CSV manifest: file, class, boxes, optional original size",
    expects="a .csv or .tsv file, or a folder with one, whose first line names its columns: "
    f"{' or '.join(FILE[:3])}; class or class_index; boxes ('x0 y0 x1 y1;…') or x0, y0, x1, y1; "
    "optional original_width and original_height, split",
    recognizes=_recognizes,
    general=1,
)
def manifest(
    path: Path,
    split: str | None,
    problems: Problems,
    *,
    images: str | None = None,
    format: str = "xyxy",
    per: str = "image",
) -> Dataset:
    """Read a CSV manifest.

    Boxes are half-open, in pixels of the image whose size the line declares (original_width and
    original_height, or width and height), otherwise of the file; where the file is a resized copy,
    boxes are scaled to it. Lines of the same image are joined.

    Args:
        path: the manifest, or a folder that holds one.
        split: a value of the column "split".
        problems: takes lines that cannot be read.
        images: the folder that file names start from; the manifest's own as default.
        format: how a box is written: a name of `limelight.boxes.FORMATS` with four numbers.
        per: "class" gives one example for each image and class.

    Raises:
        DatasetError: no column of file names, no such split or format, or (strict) a broken line.
    """
    found = _find(path)
    if found is None:
        raise DatasetError(
            f"{path} holds no CSV manifest, or more than one: expected a file whose first line "
            f"names its columns, among them one of {', '.join(FILE)}"
        )
    check_format(format)
    rows = Rows(image_root(found.parent, images), problems, FORMATS[format].normalized)
    lines = Lines(found, problems)
    classes = Classes(lines.columns)
    splits: dict[str, None] = {}
    for line, record in lines:
        own = None if lines.columns.split is None else record[lines.columns.split]
        if own is not None:
            splits[own] = None
        try:
            label = classes.label(record)  # also of other splits: numbers do not depend on `split`
            size = lines.size(record)
            boxes = [corners_of(box, format, size) for box in lines.boxes(record)]
        except ValueError as error:
            if split is None or own == split:
                problems.add(found, line, str(error))
            continue
        if split is not None and own != split:
            continue
        row = rows.image(record[lines.columns.file].strip(), label, size, found, line)
        for box in boxes:
            rows.box(row, box, label, found, line)
    choose_splits(split, tuple(splits), found)
    rows.relabel(classes.order())
    return rows.dataset(
        path.stem, class_names=classes.names(), split=split, splits=tuple(splits), per=per
    )
