"""Boxes around the connected components of a foreground."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def component_boxes(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Boxes of the 8-connected components of a foreground.

    Args:
        values: (H, W) map.
        inside: (H, W) its foreground.

    Returns:
        (n, 5) as x0, y0, x1, y1 (half-open) and the map's maximum inside; the component of the
        most pixels first.
    """
    import numpy as np
    from scipy import ndimage

    labels, count = ndimage.label(inside, np.ones((3, 3), int))
    if count == 0:
        return np.zeros((0, 5))
    index = np.arange(1, count + 1)
    top = ndimage.maximum(values, labels, index)
    rows = [
        (x.start, y.start, x.stop, y.stop, score)
        for (y, x), score in zip(ndimage.find_objects(labels), top, strict=True)
    ]
    pixels = np.bincount(labels.ravel())[1:]
    return np.array(rows, float)[np.argsort(-pixels, kind="stable")]


def largest_at(values: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """The box of the largest component at many thresholds: `component_boxes` at each, at once.

    Args:
        values: (H, W) map.
        cuts: (c,) ascending; foreground i is ``values > cuts[i]``.

    Returns:
        (c, 4) half-open x0, y0, x1, y1; NaN where nothing is foreground.
    """
    import numpy as np

    from limelight.localization.pixel_runs import components, runs_below

    boxes = np.full((len(cuts), 4), np.nan)
    rank = np.searchsorted(cuts, values)  # foreground i holds the pixels of rank > i
    if not rank.any():
        return boxes
    runs = runs_below(rank, len(cuts))
    found = components(runs, diagonal=True)
    pixels = np.bincount(found.of_run, runs.stop - runs.start)
    order = np.lexsort((-np.arange(len(pixels)), pixels, found.image))  # of equal ones the first
    last = np.append(np.flatnonzero(np.diff(found.image[order])), len(order) - 1)
    chosen = order[last]
    boxes[found.image[chosen]] = found.boxes[chosen]
    return boxes
