"""Masks that are written as outlines or run lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.data.header import upright_size
from limelight.errors import DatasetError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Outlines:
    """Draws a mask (H, W) bool when it is called.

    Attributes:
        parts: each a polygon (x, y, x, y, …) or a COCO run-length dictionary with "size" and
            "counts" (a list, or the compressed string).
        size: (height, width); None: that of `image`.
        image: the image's file.
        fractions: whether the polygons are fractions of the size.
    """

    parts: tuple[Any, ...]
    size: tuple[int, int] | None
    image: Path | None = None
    fractions: bool = False

    def __call__(self) -> np.ndarray:
        """The union of the parts."""
        import numpy as np

        size = self.size
        if size is None:
            if self.image is None:
                raise DatasetError("a mask of outlines needs the image's size")
            size = upright_size(self.image)
        mask = np.zeros(size, bool)
        for part in self.parts:
            if isinstance(part, dict):
                mask |= from_run_lengths(part["counts"], tuple(part["size"]))
            else:
                mask |= _filled(part, size, self.fractions)
        return mask


def _filled(polygon: Sequence[float], size: tuple[int, int], fractions: bool) -> np.ndarray:
    """The pixels (H, W) whose centres lie in the polygon, by the even-odd rule."""
    import numpy as np

    height, width = size
    points = np.asarray(polygon, np.float64).reshape(-1, 2)
    if fractions:
        points = points * (width, height)
    # Each edge turns over everything to its right, in the rows whose centres it crosses.
    crossings = np.zeros((height, width + 1), np.int64)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        first, last = (max(0, min(height, int(np.ceil(y - 0.5)))) for y in sorted((y0, y1)))
        rows = np.arange(first, last)
        x = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
        crossings[rows, np.clip(np.ceil(x - 0.5), 0, width).astype(int)] += 1
    return crossings.cumsum(axis=1)[:, :width] % 2 == 1


def from_run_lengths(counts: str | bytes | Sequence[int], size: tuple[int, int]) -> np.ndarray:
    """A mask (H, W) from COCO run lengths: down the columns, starting with zeros.

    Raises:
        DatasetError: the runs do not fill the size.
    """
    import numpy as np

    height, width = size
    runs = _unpacked(counts) if isinstance(counts, str | bytes) else list(counts)
    if sum(runs) != height * width:
        raise DatasetError(f"run lengths cover {sum(runs)} pixels; expected {height}×{width}")
    values = np.zeros(len(runs), bool)
    values[1::2] = True
    return np.repeat(values, runs).reshape(width, height).T


def _unpacked(text: str | bytes) -> list[int]:
    """COCO's compressed run lengths: 5 bits a character, low ones first, the sign in bit 4, and
    from the fourth run on the difference from the run two before."""
    runs: list[int] = []
    value = shift = 0
    for byte in text.encode() if isinstance(text, str) else text:
        code = byte - 48
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    return runs
