"""The boxes that a map proposes at every threshold, by the published protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limelight.boxes import iou
from limelight.errors import MetricError
from limelight.metrics.contours import all_contours, largest_contours

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Candidates:
    """The boxes that one map proposes.

    At most 255 foregrounds of a map with 256 values differ, so that boxes belong to a foreground,
    and each threshold names its own.

    Attributes:
        boxes: (n, 4) as x0, y0, x1, y1, in the convention.
        foreground: (n,) to which foreground each belongs, 0 to f - 1.
        at: (t,) the foreground of each threshold.
        convention: "half_open" or "wsol2020".
    """

    boxes: np.ndarray
    foreground: np.ndarray
    at: np.ndarray
    convention: str

    def best_ious(self, truth: np.ndarray) -> np.ndarray:
        """The best IoU (t,) of any box with any of `truth` (m, 4) at each threshold."""
        import numpy as np

        best = np.zeros(int(self.foreground.max()) + 1)
        np.maximum.at(best, self.foreground, iou(self.boxes, truth, self.convention).max(axis=1))
        return best[self.at]


def propose(
    map: np.ndarray, thresholds: np.ndarray, largest_only: bool, convention: str
) -> Candidates:
    """The boxes of the contours of a map at each threshold (Choe et al. 2020).

    The map is truncated to 256 values, ``v = uint8(255 · map)``; the foreground of threshold τ is
    ``v > int(τ · max v)``. Contours are those of OpenCV's `RETR_TREE`: of 8-connected components
    and of their holes. In "wsol2020" a box is x, y, min(x + w, W - 1), min(y + h, H - 1) of a
    contour's bounding rectangle, and a map of zeros proposes 0, 0, 0, 0; in "half_open" it is the
    rectangle itself.

    Args:
        map: (H, W) in 0..1.
        thresholds: (t,) in 0..1, below 1.
        largest_only: only the contour of the largest polygon area (version 1).
        convention: "half_open" or "wsol2020".

    Raises:
        MetricError: the map is not (H, W), or not in 0..1.
    """
    import numpy as np

    if map.ndim != 2:
        raise MetricError(f"a map of shape {map.shape}, expected (H, W)")
    if map.min() < 0 or map.max() > 1:
        raise MetricError(
            f"a map with values {map.min():.4g} to {map.max():.4g}, expected 0 to 1:"
            " localization.normalize brings it there"
        )
    values = (map * 255).astype(np.uint8)
    cuts, at = np.unique((thresholds * values.max()).astype(int), return_inverse=True)
    if values.max() == 0:
        return Candidates(np.zeros((1, 4), int), np.zeros(1, int), at, convention)
    if largest_only:
        boxes, foreground = largest_contours(values, cuts), np.arange(len(cuts))
    else:
        foreground, boxes = all_contours(values, cuts)
    if convention == "wsol2020":
        height, width = map.shape
        boxes = np.minimum(boxes, (width, height, width - 1, height - 1))
    return Candidates(boxes, foreground, at, convention)
