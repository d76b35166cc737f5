"""What every reader hands out: a lazy sequence of examples."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from limelight.errors import DatasetError, ImageError, LimelightError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image


@dataclass(frozen=True)
class Problem:
    """A broken entry of a data set.

    Attributes:
        file: the annotation file (or the image) that holds it.
        line: its line, counted from 1; None where the file has no lines that mean anything.
        message: what is wrong with it.
    """

    file: str
    line: int | None
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}, line {self.line}"
        return f"{place}: {self.message}"


@dataclass
class Problems:
    """Where readers take what they find broken: raised in strict mode, listed in lenient mode."""

    strict: bool
    found: list[Problem] = field(default_factory=list)

    def add(self, file: str | Path, line: int | None, message: str) -> None:
        """Report a broken entry.

        Raises:
            DatasetError: in strict mode.
        """
        problem = Problem(str(file), line, message)
        if self.strict:
            raise DatasetError(f"{problem} (strict=False leaves such entries out and lists them)")
        self.found.append(problem)


@dataclass(frozen=True, eq=False)
class Example:
    """One image with what is known about it.

    Attributes:
        id: its name in the data set, which no other example of the data set has.
        image: a path; a uint8 array (H, W) or (H, W, 3); the bytes of an image file; a PIL image;
            or a function without arguments that returns one of these. None where only the
            annotations are at hand.
        label: the index of its class; None where it is unknown, or where the image's boxes are of
            several classes.
        boxes: (n, 4) float64, x0, y0, x1, y1, half-open, in pixels of the image as displayed
            upright; (0, 4) where there are none.
        box_labels: (n,) int64, the class of each box; None where the data set gives classes to
            images only.
        size: (height, width) of the upright image where it is known without decoding it.
        entry: the file and line that declare the example.
        load_mask, load_ignore: functions that return what `mask` and `ignore` give.
    """

    id: str
    image: Any
    label: int | None
    boxes: np.ndarray
    box_labels: np.ndarray | None = None
    size: tuple[int, int] | None = None
    entry: str | None = None
    load_mask: Callable[[], np.ndarray] | None = field(default=None, repr=False)
    load_ignore: Callable[[], np.ndarray] | None = field(default=None, repr=False)

    @property
    def mask(self) -> np.ndarray | None:
        """The object's pixels, (H, W) bool, read anew at each call; None where there is no mask."""
        return None if self.load_mask is None else self.load_mask()

    @property
    def ignore(self) -> np.ndarray | None:
        """The pixels that no score counts, (H, W) bool; None where there are none."""
        return None if self.load_ignore is None else self.load_ignore()

    def measure(self) -> tuple[int, int]:
        """(height, width) of the upright image, from the file's header where it is a file.

        Raises:
            ImageError, DatasetError: as `read`; a truncated file is not noticed.
        """
        from limelight.data.header import upright_size

        if isinstance(self.image, str | Path | bytes):
            source = io.BytesIO(self.image) if isinstance(self.image, bytes) else Path(self.image)
            try:
                return upright_size(source)
            except ImageError as error:
                raise ImageError(f"{error} ({self.entry or self.id})") from error
        shape = getattr(self.image, "shape", None)
        width, height = self.read().size if shape is None else (shape[1], shape[0])
        return int(height), int(width)

    def read(self) -> Image.Image:
        """The image as upright 8-bit RGB.

        Raises:
            ImageError: the file is missing, truncated or no image; the message also names the
                entry of the data set.
            DatasetError: the data set was opened without its images.
        """
        from limelight import images

        if self.image is None:
            raise DatasetError(f"{self.id}: the data set was opened without its images")
        try:
            return images.read(self.image() if callable(self.image) else self.image)
        except ImageError as error:
            raise ImageError(f"{error} ({self.entry or self.id})") from error


class Dataset(Sequence[Example]):
    """A lazy sequence of `Example`: indexed, sliced, iterated; nothing is decoded before `read`.

    Attributes:
        name: the reader's name or the folder's.
        split: the split that was opened; None for all of them.
        splits: the names of the splits that the data set has; empty where it has none.
        class_names: the classes' names in the order of their labels; None where they are unknown.
        problems: the broken entries that were left out (lenient mode).
        recognized: how a plain path was recognized, in words; None where the reader was named.
    """

    def __init__(
        self,
        name: str,
        count: int,
        make: Callable[[int], Example],
        *,
        class_names: Sequence[str] | None = None,
        split: str | None = None,
        splits: Sequence[str] = (),
        problems: Sequence[Problem] = (),
    ) -> None:
        self.name = name
        self.class_names = None if class_names is None else tuple(class_names)
        self.split = split
        self.splits = tuple(splits)
        self.problems = list(problems)
        self.recognized: str | None = None
        self._make = make
        self._indices: Sequence[int] | np.ndarray = range(count)

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Dataset: ...
    def __getitem__(self, index: int | slice) -> Example | Dataset:
        if isinstance(index, slice):
            return self.subset(range(*index.indices(len(self))))
        return self._make(int(self._indices[index]))

    def __iter__(self) -> Iterator[Example]:
        for index in self._indices:
            yield self._make(int(index))

    def subset(self, indices: Iterable[int]) -> Dataset:
        """The examples at `indices` (of this data set, in this order), as a data set.

        Raises:
            DatasetError: an index lies outside.
        """
        import numpy as np

        chosen = np.asarray(list(indices), np.int64)
        if chosen.size and not -len(self) <= chosen.min() <= chosen.max() < len(self):
            raise DatasetError(
                f"the subset asks for index {chosen.min()} to {chosen.max()} of {len(self)} "
                f"examples; expected 0 to {len(self) - 1}"
            )
        part = Dataset(
            self.name,
            0,
            self._make,
            class_names=self.class_names,
            split=self.split,
            splits=self.splits,
            problems=self.problems,
        )
        part.recognized = self.recognized
        part._indices = np.asarray(self._indices, np.int64)[chosen]
        return part

    def verify(self, decode: bool = True) -> list[Problem]:
        """The examples whose image is missing or broken; `decode` reads the pixels of each.

        Without `decode` only the images' headers are read: quick, but blind to truncated files.
        """
        found = []
        for index in self._indices:
            try:
                example = self._make(int(index))
                _ = example.read() if decode else example.measure()
            except LimelightError as error:
                found.append(Problem(self.name, None, str(error)))
        return found

    def __repr__(self) -> str:
        split = "all splits" if self.splits and self.split is None else self.split
        parts = [f"{len(self)} examples"]
        if self.class_names is not None:
            parts.append(f"{len(self.class_names)} classes")
        if self.problems:
            parts.append(f"{len(self.problems)} broken entries left out")
        return f"<Dataset {self.name}{f' ({split})' if split else ''}: {', '.join(parts)}>"
