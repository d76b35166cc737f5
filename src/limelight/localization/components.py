"""Boxes around the connected components of a foreground."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from limelight.localization.pixel_runs import Runs


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

    from limelight.localization.pixel_runs import components, runs_of

    runs = runs_of(inside)
    if not len(runs.row):
        return np.zeros((0, 5))
    found = components(runs, diagonal=True)
    count = len(found.boxes)
    pixels = np.zeros(count, int)
    np.add.at(pixels, found.of_run, runs.stop - runs.start)
    top = np.full(count, -np.inf)
    np.maximum.at(top, found.of_run, _maxima(values, runs))
    return np.column_stack([found.boxes, top])[np.argsort(-pixels, kind="stable")]


def largest_box(inside: np.ndarray) -> np.ndarray:
    """The box (4,) of the first row of `component_boxes`; NaN where nothing is foreground."""
    import numpy as np

    from limelight.localization.pixel_runs import components, runs_of

    runs = runs_of(inside)
    if not len(runs.row):
        return np.full(4, np.nan)
    found = components(runs, diagonal=True)
    pixels = np.bincount(found.of_run, runs.stop - runs.start)
    return found.boxes[pixels.argmax()].astype(float)


def _maxima(values: np.ndarray, runs: Runs) -> np.ndarray:
    """The largest value (n,) in each run."""
    import numpy as np

    ends = np.stack([runs.start, runs.stop], axis=1) + (runs.row * runs.width)[:, None]
    # Every other piece lies between two runs; the end of the image is no beginning of a piece.
    flat = np.append(values.ravel(), values.ravel()[-1:])
    return np.maximum.reduceat(flat, ends.ravel())[::2]


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
