"""The lines of a CSV manifest: which column holds what, boxes, sizes and classes."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from limelight.boxes import FORMATS
from limelight.data.dataset import Problems
from limelight.data.files import numbers
from limelight.errors import DatasetError, did_you_mean

# What the columns are called, in the order in which they are looked for.
FILE = ("file", "filename", "file_name", "path", "filepath", "image", "image_path", "image_id")
_INDEX = ("class_index", "class_id", "label_index", "label_id", "target")
_CLASS = ("class", "label", "class_name", "category", "name", "species", "wnid")
_NAME = ("class_name", "label_name", "category", "name", "class", "label")
_BOXES = ("boxes", "box", "bbox", "bboxes")
_CORNERS = (
    ("x0", "y0", "x1", "y1"),
    ("x1", "y1", "x2", "y2"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("left", "top", "right", "bottom"),
    ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2"),
)
_SIZE = (
    ("original_height", "original_width"),
    ("height", "width"),
    ("image_height", "image_width"),
)
_SPACES = str.maketrans(",()[]", "     ")  # what else may stand between a box's numbers
_SPLIT = ("split", "subset", "set", "partition")


@dataclass(frozen=True)
class Columns:
    """Which column holds what: indices into a line, None where there is none."""

    file: int
    index: int | None
    label: int | None
    name: int | None
    boxes: int | None
    corners: tuple[int, ...] | None
    size: tuple[int, ...] | None
    split: int | None
    count: int

    @classmethod
    def of(cls, header: Sequence[str], path: Path) -> Columns:
        """Find the columns by their names in the first line.

        Raises:
            DatasetError: none of them names the images.
        """
        places = {name.strip().lower(): i for i, name in enumerate(header)}

        def one(names: Sequence[str]) -> int | None:
            return next((places[name] for name in names if name in places), None)

        def all_of(groups: Sequence[tuple[str, ...]]) -> tuple[int, ...] | None:
            whole = [g for g in groups if all(name in places for name in g)]
            return tuple(places[name] for name in whole[0]) if whole else None

        file = one(FILE)
        if file is None:
            raise DatasetError(
                f"{path}, line 1: no column names the images (one of {', '.join(FILE)}); "
                f"the columns are {', '.join(header)}"
            )
        return cls(
            file, one(_INDEX), one(_CLASS), one(_NAME), one(_BOXES), all_of(_CORNERS),
            all_of(_SIZE), one(_SPLIT), len(header),
        )  # fmt: skip


def has_file_column(path: Path) -> bool:
    """Whether a file is a .csv or .tsv whose first line names a column of images."""
    if path.suffix.lower() not in (".csv", ".tsv") or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = next(csv.reader(file, delimiter=_delimiter(path)), [])
    return any(name.strip().lower() in FILE for name in header)


class Lines:
    """The lines of a manifest: iterated as (number from 1, values); broken ones are reported."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self.path = path
        self._problems = problems
        self._sizes: dict[tuple[str, ...], tuple[int, int] | None] = {}
        header = next(iter(self._records()), None)
        if header is None:
            raise DatasetError(f"{path} is empty; expected a first line that names the columns")
        self.columns = Columns.of(header[1], path)

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file, delimiter=_delimiter(self.path))
                for record in reader:
                    if record:
                        yield reader.line_num, record
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DatasetError(f"{self.path} cannot be read as CSV in UTF-8: {error}") from error

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        records = self._records()
        next(records)
        count = self.columns.count
        for line, record in records:
            if len(record) != count:
                self._problems.add(self.path, line, f"{len(record)} values in {count} columns")
            elif not record[self.columns.file].strip():
                self._problems.add(self.path, line, "the line names no file")
            else:
                yield line, record

    def boxes(self, record: Sequence[str]) -> list[list[float]]:
        """The boxes of a line, as they are written.

        Raises:
            ValueError: they are not groups of four numbers.
        """
        if self.columns.corners is not None:
            texts = [record[i].strip() for i in self.columns.corners]
            return [_four(texts)] if any(texts) else []
        if self.columns.boxes is None:
            return []
        parts = record[self.columns.boxes].translate(_SPACES).split(";")
        return [_four(part.split()) for part in parts if part.strip()]

    def size(self, record: Sequence[str]) -> tuple[int, int] | None:
        """(height, width) that a line declares.

        Raises:
            ValueError: they are not two numbers over zero.
        """
        if self.columns.size is None:
            return None
        written = tuple(record[i] for i in self.columns.size)
        if written not in self._sizes:
            values = numbers(written) if any(map(str.strip, written)) else [0, 0]
            if values is None or (any(values) and min(values) < 1):
                raise ValueError(f"the size {' × '.join(written)} is not a height and a width")
            self._sizes[written] = (int(values[0]), int(values[1])) if any(values) else None
        return self._sizes[written]


class Classes:
    """Numbers the classes of a manifest: by their index, or in the alphabet's order of names."""

    def __init__(self, columns: Columns) -> None:
        self._index, self._text, self._name = columns.index, columns.label, columns.name
        self._seen: dict[str, int] = {}
        self._names: dict[int, str] = {}

    def label(self, record: Sequence[str]) -> int | None:
        """The class of a line: final where it is an index, for `order` where it is a name.

        Raises:
            ValueError: the index is no whole number from 0 on.
        """
        if self._index is not None:
            text = record[self._index].strip()
            if not text:
                return None
            if not text.isdecimal():
                raise ValueError(f"the class index {text!r} is not a whole number from 0 on")
            if self._name is not None:
                self._names.setdefault(int(text), record[self._name])
            return int(text)
        if self._text is None or not record[self._text].strip():
            return None
        label = self._seen.setdefault(record[self._text].strip(), len(self._seen))
        if self._name is not None and self._name != self._text:
            self._names.setdefault(label, record[self._name])
        return label

    def _numbered(self) -> bool:
        return bool(self._seen) and all(text.isdecimal() for text in self._seen)

    def order(self) -> list[int] | None:
        """What each label becomes; None where labels are final."""
        if self._index is not None or not self._seen:
            return None
        if self._numbered():
            return [int(text) for text in self._seen]
        place = {text: i for i, text in enumerate(sorted(self._seen))}
        return [place[text] for text in self._seen]

    def names(self) -> list[str] | None:
        """The classes' names in the order of the labels; an index without a name is its number."""
        if self._index is None and self._seen and not self._numbered():
            return sorted(self._seen)
        order = self.order()
        named = {order[label] if order else label: name for label, name in self._names.items()}
        return [named.get(i, str(i)) for i in range(max(named) + 1)] if named else None


def _four(texts: Sequence[str]) -> list[float]:
    values = numbers(texts)
    if values is None or len(values) != 4:
        raise ValueError(f"a box is four numbers; got {' '.join(texts)!r}")
    return values


def check_format(format: str) -> None:
    """Whether `format` is a box format of four numbers.

    Raises:
        DatasetError: it is none.
    """
    flat = [name for name, known in FORMATS.items() if known.shape == (4,)]
    if format not in flat:
        raise DatasetError(
            f"there is no format {format!r} of four numbers{did_you_mean(format, flat)}"
        )


def corners_of(box: list[float], format: str, size: tuple[int, int] | None) -> Sequence[float]:
    """A box as x0, y0, x1, y1; fractions stay fractions.

    Raises:
        ValueError: the format needs the image's size, and there is none.
    """
    if format == "xyxy":
        return box
    import numpy as np

    known = FORMATS[format]
    if known.from_edges and not known.normalized and size is None:
        raise ValueError(f"a box in the format {format!r} needs the image's size")
    height, width = (1, 1) if known.normalized else size or (0, 0)
    return [float(value) for value in known.read(np.array(box), height, width, np)]


def _delimiter(path: Path) -> str:
    return "\t" if path.suffix.lower() == ".tsv" else ","
