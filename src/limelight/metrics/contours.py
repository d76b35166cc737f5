"""The boxes of a map's contours at every threshold at once, as OpenCV finds them one by one.

The published evaluator draws `cv2.findContours` (`RETR_TREE`) around the foreground of a map at
each of up to a thousand thresholds. Here all of them are done together, without OpenCV:

- A contour is either the outer border of an 8-connected component of the foreground, and its
  bounding rectangle that of the component; or the border of a hole, a 4-connected component of
  the background that does not reach the outside. A hole's border runs on the foreground pixels
  around it, so that its rectangle is the hole's, one pixel larger on each side.
- A foreground has holes where the graph of its runs of pixels (`localization.pixel_runs`) has
  cycles.
- The largest contour by `cv2.contourArea` is the outer border of a component that no other one
  encloses. Its polygon runs through pixel centres, so its area is that of the 2 × 2 blocks of
  pixels of the filled component: 1 for each whole block, ½ for each with three pixels. Of equal
  ones OpenCV lists first the one that it meets last, scanning row by row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limelight.localization.pixel_runs import Components, Runs, components, runs_below

if TYPE_CHECKING:
    import numpy as np

# A hole's rectangle is one pixel larger on each side, and was found in a frame of one pixel.
_HOLE_IN_FRAME = (-2, -2, 0, 0)


def all_contours(values: np.ndarray, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounding rectangles of all contours, outer ones and those of holes.

    Args:
        values: (H, W) whole numbers from 0.
        cuts: (c,) ascending; foreground i is ``values > cuts[i]``.

    Returns:
        (n,) which foreground, and (n, 4) its rectangles as half-open x0, y0, x1, y1.
    """
    import numpy as np

    rank = _rank(values, cuts)
    outer = components(runs_below(rank, len(cuts)), diagonal=True)
    image, boxes = outer.image, outer.boxes
    holed = np.flatnonzero(outer.cycles())
    if len(holed):
        inner = components(_background(rank, holed), diagonal=False)
        is_hole = inner.boxes[:, 1] > 0  # what reaches the frame is no hole
        image = np.append(image, holed[::-1][inner.image[is_hole]])
        boxes = np.append(boxes, inner.boxes[is_hole] + _HOLE_IN_FRAME, axis=0)
    return image, boxes


def largest_contours(values: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Bounding rectangle of the contour of the largest `cv2.contourArea` of each foreground.

    Args:
        values: (H, W) whole numbers from 0.
        cuts: (c,) ascending, all below the maximum; foreground i is ``values > cuts[i]``.

    Returns:
        (c, 4) half-open x0, y0, x1, y1.
    """
    import numpy as np

    rank = _rank(values, cuts)
    outer = components(runs_below(rank, len(cuts)), diagonal=True)
    boxes = np.empty((len(cuts), 4), int)
    holed = outer.cycles() > 0
    boxes[~holed] = _largest(outer)[~holed]
    if holed.any():
        chosen = np.flatnonzero(holed)
        filled = components(_filled(_background(rank, chosen)), diagonal=True)
        boxes[chosen[::-1]] = _largest(filled) - 1  # in a frame of one pixel
    return boxes


def _rank(values: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """For each pixel in how many foregrounds it lies: in those numbered below."""
    import numpy as np

    return np.searchsorted(cuts, np.arange(int(values.max()) + 1))[values]


def _largest(found: Components) -> np.ndarray:
    """The boxes (images, 4) of the components that enclose most, all without holes."""
    import numpy as np

    runs, (upper, lower) = found.runs, found.pairs
    stop, other_stop = runs.stop[upper], runs.stop[lower]
    start, other_start = runs.start[upper], runs.start[lower]
    shared = np.minimum(stop, other_stop) - np.maximum(start, other_start)
    ragged = (start != other_start) * 0.5 + (stop != other_stop) * 0.5
    blocks = np.where(shared > 0, shared - 1 + ragged, 0)
    area = np.bincount(found.of_run[upper], blocks, len(found.image))
    order = np.lexsort((area, found.image))  # stable: of equal areas the one met last is last
    last = np.append(np.flatnonzero(np.diff(found.image[order])), len(order) - 1)
    return found.boxes[order[last]]


def _background(rank: np.ndarray, chosen: np.ndarray) -> Runs:
    """Runs of the background of the `chosen` foregrounds in a frame of one pixel, in reverse."""
    import numpy as np

    below = len(chosen) - np.searchsorted(chosen, np.arange(rank.max() + 1))[rank]
    return runs_below(np.pad(below, 1, constant_values=len(chosen)), len(chosen))


def _filled(background: Runs) -> Runs:
    """The runs of the foreground with its holes filled: what the outer background leaves."""
    import numpy as np

    around = components(background, diagonal=False)
    outside = np.flatnonzero(around.boxes[around.of_run, 1] == 0)
    image, row = background.image[outside], background.row[outside]
    gap = (image[1:] == image[:-1]) & (row[1:] == row[:-1])
    start, stop = background.start[outside], background.stop[outside]
    size = (background.images, background.height, background.width)
    return Runs(image[:-1][gap], row[:-1][gap], stop[:-1][gap], start[1:][gap], *size)
