"""Images on disk with their labels and boxes, in columns: a million stay light and quick."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from limelight.data.dataset import Dataset, Example, Problems
from limelight.data.header import upright_frame
from limelight.errors import DatasetError, ImageError
from limelight.frames import Frame, Size

if TYPE_CHECKING:
    import numpy as np

PER = ("image", "class")
_NONE = -1  # no label
_SEVERAL = -2  # more than one label


class Rows:
    """What a reader fills, image by image and box by box.

    Args:
        root: the folder that the images' names start from; None: there are no images.
        problems: takes boxes without an area.
        fractions: whether boxes are fractions of the upright image's size instead of pixels.
    """

    def __init__(self, root: Path | None, problems: Problems, fractions: bool = False) -> None:
        self.root = root
        self.problems = problems
        self.fractions = fractions
        self._rows: dict[str, int] = {}
        self._labels = array("q")
        self._sizes = array("q")
        self._sources: dict[str | Path, int] = {}
        self._source = array("q")
        self._lines = array("q")
        self._owner = array("q")
        self._corners = array("d")
        self._box_labels = array("q")
        self.masks: dict[int, Callable[[], np.ndarray]] = {}
        self.ignores: dict[int, Callable[[], np.ndarray]] = {}

    def image(
        self,
        name: str,
        label: int | None = None,
        size: Size | None = None,
        source: str | Path = "",
        line: int = 0,
    ) -> int:
        """The row of the image `name`: a new one, or the one that it has already.

        `size` is (height, width) of the image that pixel boxes refer to; where the file's own size
        differs (a resized copy), boxes are scaled to the file. `source` and `line` say where the
        image is declared.
        """
        row = self._rows.setdefault(name, len(self._rows))
        if row == len(self._labels):
            self._labels.append(_NONE if label is None else label)
            self._sizes.extend(size or (0, 0))
            if source not in self._sources:
                self._sources[source] = len(self._sources)
            self._source.append(self._sources[source])
            self._lines.append(line)
        elif label is not None and self._labels[row] != label:
            self._labels[row] = _SEVERAL
        return row

    def resize(self, row: int, size: Size) -> None:
        """Declare the (height, width) that the pixel boxes of an image refer to."""
        self._sizes[2 * row], self._sizes[2 * row + 1] = size

    def box(
        self,
        row: int,
        corners: Sequence[float],
        label: int | None = None,
        source: str | Path = "",
        line: int | None = None,
    ) -> bool:
        """Add a box x0, y0, x1, y1 (half-open) to an image; False where it is broken."""
        x0, y0, x1, y1 = corners
        if not (0 < x1 - x0 < math.inf and 0 < y1 - y0 < math.inf):  # NaN fails both
            text = " ".join(f"{value:g}" for value in corners)
            self.problems.add(source, line, f"the box from x0 y0 to x1 y1 ({text}) has no area")
            return False
        self._owner.append(row)
        self._corners.extend(corners)
        self._box_labels.append(_NONE if label is None else label)
        return True

    def relabel(self, order: Sequence[int] | None) -> None:
        """Give the classes other numbers: label i becomes `order[i]`; None changes nothing."""
        if order is None:
            return
        for labels in (self._labels, self._box_labels):
            for i, label in enumerate(labels):
                if label >= 0:
                    labels[i] = order[label]

    def dataset(
        self,
        name: str,
        *,
        class_names: Sequence[str] | None = None,
        split: str | None = None,
        splits: Sequence[str] = (),
        per: str = "image",
    ) -> Dataset:
        """The rows as a data set; `per` "class" gives one example for each image and class.

        Raises:
            DatasetError: `per` is neither "image" nor "class".
        """
        import numpy as np

        if per not in PER:
            raise DatasetError(f"per is 'image' or 'class' (one example a class); got {per!r}")
        owner = np.asarray(self._owner)
        order = np.argsort(owner, kind="stable")
        table = Table(
            names=list(self._rows),
            labels=np.array(self._labels, np.int64),
            sizes=np.array(self._sizes, np.int64).reshape(-1, 2),
            sources=[str(source) for source in self._sources],
            source=np.asarray(self._source),
            lines=np.asarray(self._lines),
            starts=np.searchsorted(owner[order], np.arange(len(self._rows) + 1)),
            boxes=np.array(self._corners, np.float64).reshape(-1, 4)[order],
            box_labels=np.array(self._box_labels, np.int64)[order],
            root=self.root,
            fractions=self.fractions,
            masks=self.masks,
            ignores=self.ignores,
            class_names=None if class_names is None else tuple(class_names),
        )
        table.take_labels_from_boxes()
        pairs = table.pairs() if per == "class" else []
        make = Classes(table, pairs).example if per == "class" else table.example
        count = len(pairs) if per == "class" else len(table.names)
        return Dataset(
            name, count, make, class_names=class_names, split=split, splits=splits
        )  # fmt: skip


@dataclass
class Table:
    """The columns, finished: boxes sorted by image, `starts` where each image's begin."""

    names: list[str]
    labels: np.ndarray
    sizes: np.ndarray
    sources: list[str]
    source: np.ndarray
    lines: np.ndarray
    starts: np.ndarray
    boxes: np.ndarray
    box_labels: np.ndarray
    root: Path | None
    fractions: bool
    masks: dict[int, Callable[[], np.ndarray]]
    ignores: dict[int, Callable[[], np.ndarray]]
    class_names: tuple[str, ...] | None
    has_box_labels: bool = field(init=False)

    def take_labels_from_boxes(self) -> None:
        """Give each image without a label the class that all its boxes share."""
        import numpy as np

        self.has_box_labels = bool((self.box_labels != _NONE).any())
        if not self.has_box_labels:
            return
        owner = np.repeat(np.arange(len(self.names)), np.diff(self.starts))
        high = np.full(len(self.names), _NONE)
        low = np.full(len(self.names), np.iinfo(np.int64).max)
        np.maximum.at(high, owner, self.box_labels)
        np.minimum.at(low, owner, self.box_labels)
        shared = (self.labels == _NONE) & (low == high)
        self.labels[shared] = high[shared]

    def pairs(self) -> list[tuple[int, int]]:
        """Each image with each class that its boxes have; without boxes, its own class."""
        found: list[tuple[int, int]] = []
        for row in range(len(self.names)):
            labels = sorted(set(self.box_labels[self.starts[row] : self.starts[row + 1]].tolist()))
            own = int(self.labels[row])
            found += [(row, label) for label in labels] if len(labels) > 1 else [(row, own)]
        return found

    def entry(self, row: int) -> str:
        """Where the image is declared: file and line."""
        file, line = self.sources[self.source[row]], int(self.lines[row])
        return f"{file}, line {line}" if line else file

    def example(self, row: int) -> Example:
        """The example of a row; an image's header is read where boxes depend on its size."""
        path = None if self.root is None else self.root / self.names[row]
        first, last = self.starts[row], self.starts[row + 1]
        boxes = self.boxes[first:last].copy()
        height, width = self.sizes[row].tolist()
        declared = (height, width) if height and width else None
        size = declared
        if path is not None and (self.fractions or declared):
            try:
                frame = upright_frame(path)
            except ImageError as error:
                if self.fractions:
                    raise DatasetError(f"{error} ({self.entry(row)})") from error
                # Boxes stay as declared; reading the image reports what is wrong with it.
            else:
                size = frame.input_size
                reference = (1, 1) if self.fractions or declared is None else declared
                boxes = _fitted(boxes, reference, frame)
        label = int(self.labels[row])
        return Example(
            id=self.names[row],
            image=path,
            label=label if label >= 0 else None,
            boxes=boxes,
            box_labels=self.box_labels[first:last].copy() if self.has_box_labels else None,
            size=size,
            entry=self.entry(row),
            load_mask=self.masks.get(row),
            load_ignore=self.ignores.get(row),
        )


@dataclass(frozen=True)
class Classes:
    """A table with one example for each image and class."""

    table: Table
    pairs: list[tuple[int, int]]

    def example(self, index: int) -> Example:
        """The image with the boxes of one class only; the class is part of the id."""
        from dataclasses import replace

        row, label = self.pairs[index]
        whole = self.table.example(row)
        if whole.label is not None or whole.box_labels is None or label < 0:
            return whole
        own = whole.box_labels == label
        names = self.table.class_names
        return replace(
            whole,
            id=f"{whole.id}#{names[label] if names else label}",
            label=label,
            boxes=whole.boxes[own],
            box_labels=whole.box_labels[own],
        )


def _fitted(boxes: np.ndarray, declared: Size, frame: Frame) -> np.ndarray:
    """Boxes in an image of the `declared` size, in the upright image that `frame` describes."""
    import numpy as np

    upright, stored = frame.input_size, frame.original_size
    if declared == upright:
        return boxes
    if declared == stored:  # drawn on the file's own pixels, before it is turned upright
        return frame.to_input(boxes)
    scale = np.array([upright[1] / declared[1], upright[0] / declared[0]] * 2)
    return boxes * scale
