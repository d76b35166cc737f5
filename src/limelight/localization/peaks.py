"""One box per peak of a map: around the pixels from which steepest ascent leads to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def peak_boxes(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Boxes of the peaks of a map.

    A peak is a pixel, or an 8-connected plateau of equal pixels, with no higher neighbour. A
    plateau that has one ascends as a whole.

    Args:
        values: (H, W) map.
        inside: (H, W) its foreground: all pixels above one value.

    Returns:
        (n, 5) as x0, y0, x1, y1 (half-open) and the peak's value; the highest first.
    """
    import numpy as np

    ys, xs = np.nonzero(inside)
    if len(ys) == 0:
        return np.zeros((0, 5))
    height = values[inside]
    low, high = _neighbours(inside)
    plateau = _plateaus(low, high, height)
    of_plateau = np.zeros(plateau.max() + 1, height.dtype)
    of_plateau[plateau] = height
    peak = _ascend(plateau[low], plateau[high], of_plateau)[plateau]
    tops, at = np.unique(peak, return_inverse=True)
    boxes = np.empty((len(tops), 5))
    for column, places in enumerate((xs, ys)):
        boxes[:, column], boxes[:, column + 2] = np.inf, 0
        np.minimum.at(boxes[:, column], at, places)
        np.maximum.at(boxes[:, column + 2], at, places + 1)
    boxes[:, 4] = of_plateau[tops]
    return boxes[np.argsort(-boxes[:, 4], kind="stable")]


def _neighbours(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of 8-neighbours, as numbers of the pixels inside in row-major order."""
    import numpy as np

    number = np.full(inside.shape, -1)
    number[inside] = np.arange(inside.sum())
    number = np.pad(number, 1, constant_values=-1)
    h, w = inside.shape
    here = number[1:-1, 1:-1]
    pairs = []
    for dy, dx in ((0, 1), (1, -1), (1, 0), (1, 1)):
        there = number[1 + dy : 1 + dy + h, 1 + dx : 1 + dx + w]
        both = (here >= 0) & (there >= 0)
        pairs.append(np.stack([here[both], there[both]]))
    first, second = np.concatenate(pairs, axis=1)
    return first, second


def _plateaus(first: np.ndarray, second: np.ndarray, height: np.ndarray) -> np.ndarray:
    """For each pixel the number of its plateau: the connected pixels of the same height."""
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    equal = height[first] == height[second]
    edges = (np.ones(equal.sum(), bool), (first[equal], second[equal]))
    return connected_components(coo_array(edges, shape=(len(height),) * 2), directed=False)[1]


def _ascend(first: np.ndarray, second: np.ndarray, height: np.ndarray) -> np.ndarray:
    """For each plateau the peak that steepest ascent leads to."""
    import numpy as np

    up = height[first] < height[second]
    low, high = np.where(up, first, second), np.where(up, second, first)
    rises = height[low] < height[high]
    low, high = low[rises], high[rises]
    order = np.lexsort((high, -height[high], low))  # of each low one, its highest neighbour first
    low, high = low[order], high[order]
    lowest = np.unique(low, return_index=True)[1]
    leads_to = np.arange(len(height))
    leads_to[low[lowest]] = high[lowest]
    while (leads_to[leads_to] != leads_to).any():
        leads_to = leads_to[leads_to]
    return leads_to
