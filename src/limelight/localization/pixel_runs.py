"""Connected components of many nested images at once, over runs of pixels.

The foregrounds of one map at many thresholds are nested, and each row of each of them is a few
runs of pixels. Where a row rises from value a to value b, a run begins in all foregrounds between
a and b. So all runs of all foregrounds come from the differences along the rows of the map, and
one search for connected components over the runs of neighbouring rows finds every component of
every foreground. A map of 224 × 224 has about 30,000 runs at all its 255 thresholds, and 13
million pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Runs:
    """Runs of pixels in the rows of several images of one size, sorted by image, row and start.

    Attributes:
        image: (n,) which of the images, 0 to `images` - 1.
        row, start, stop: (n,) pixels `start` to `stop` - 1 of that row.
        images, height, width: how many images of which size.
    """

    image: np.ndarray
    row: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    images: int
    height: int
    width: int


@dataclass(frozen=True)
class Components:
    """Connected components of runs, in the order in which a scan of their image meets them.

    Attributes:
        runs: what they are made of.
        image: (n,) which image.
        boxes: (n, 4) half-open x0, y0, x1, y1.
        of_run: (runs,) which component a run belongs to.
        pairs: the touching runs of neighbouring rows, upper ones (p,) and lower ones (p,).
    """

    runs: Runs
    image: np.ndarray
    boxes: np.ndarray
    of_run: np.ndarray
    pairs: tuple[np.ndarray, np.ndarray]

    def cycles(self) -> np.ndarray:
        """(images,) the independent cycles in the graph of each image's runs: its holes."""
        import numpy as np

        counts = (
            np.bincount(image, minlength=self.runs.images)
            for image in (self.runs.image[self.pairs[0]], self.runs.image, self.image)
        )
        pairs, runs, found = counts
        return pairs - runs + found


def runs_of(inside: np.ndarray) -> Runs:
    """The runs of one image; `inside` is (H, W) bool."""
    import numpy as np

    height, width = inside.shape
    # An empty pixel behind each row, so that none continues in the next one.
    padded = np.zeros((height, width + 1), bool)
    padded[:, :-1] = inside
    flat = padded.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if flat[0]:
        edges = np.concatenate([[0], edges])
    starts, stops = edges[::2], edges[1::2]
    row = starts // (width + 1)
    line = row * (width + 1)
    image = np.zeros(len(row), int)
    return Runs(image, row, starts - line, stops - line, 1, height, width)


def runs_below(rank: np.ndarray, images: int) -> Runs:
    """The runs of the nested images ``rank > i`` for i in 0 to `images` - 1; `rank` is (H, W)."""
    import numpy as np

    height, width = rank.shape
    count = images * height * (width + 1)
    padded = np.zeros((height, width + 2), np.int32 if count < 2**31 else np.int64)
    padded[:, 1:-1] = rank
    before, after = padded[:, :-1].ravel(), padded[:, 1:].ravel()
    starts, stops = np.sort(_keys(before, after)), np.sort(_keys(after, before))
    line = starts // (width + 1)  # keys are those of (image, row, x), where x is 0 to width
    image = line // height
    return Runs(
        image,
        line - image * height,
        starts - line * (width + 1),
        stops - line * (width + 1),
        images,
        height,
        width,
    )


def _keys(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """``i * len(low) + place`` for every place and every i from `low` up to `high` - 1."""
    import numpy as np

    places = len(low)
    rises = np.flatnonzero(high > low).astype(low.dtype)
    low, high = low[rises], high[rises]
    return _ranges(low, high - low) * low.dtype.type(places) + np.repeat(rises, high - low)


def _ranges(first: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The numbers ``first, first + 1, …`` of each range, `count` of them."""
    import numpy as np

    ends = np.cumsum(count, dtype=first.dtype)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(first - (ends - count), count) + np.arange(total, dtype=first.dtype)


def components(runs: Runs, diagonal: bool) -> Components:
    """Components of runs whose pixels touch; 8-connected where `diagonal`, else 4-connected."""
    import numpy as np
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    count, lower = _touching(runs, diagonal)
    nodes = len(count)
    edges = np.concatenate([[0], np.cumsum(count)]).astype(lower.dtype)
    graph = csr_array((np.ones(len(lower)), lower, edges), shape=(nodes, nodes))
    total, of_run = connected_components(graph, directed=False)
    order = np.arange(nodes)
    first, last = np.empty(total, int), np.empty(total, int)
    last[of_run] = order  # the last value given to an element stays
    first[of_run[::-1]] = order[::-1]
    left, right = np.full(total, runs.width, lower.dtype), np.zeros(total, lower.dtype)
    np.minimum.at(left, of_run, runs.start)
    np.maximum.at(right, of_run, runs.stop)
    boxes = np.stack([left, runs.row[first], right, runs.row[last] + 1], axis=1)
    pairs = (np.repeat(order, count), lower)
    return Components(runs, runs.image[first], boxes, of_run, pairs)


def _touching(runs: Runs, diagonal: bool) -> tuple[np.ndarray, np.ndarray]:
    """For each run (n,) how many of the next row it touches, and (p,) which they are."""
    import numpy as np

    stride = runs.width + 1
    line = (runs.image * runs.height + runs.row) * stride
    starts, stops = line + runs.start, line + runs.stop
    reach = int(diagonal)  # how far apart the columns may lie
    low = np.searchsorted(stops, starts + (stride + 1 - reach)).astype(line.dtype)
    high = np.searchsorted(starts, stops + (stride + reach)).astype(line.dtype)
    count = np.where(runs.row + 1 < runs.height, np.maximum(high - low, 0), 0)
    return count, _ranges(low, count)
