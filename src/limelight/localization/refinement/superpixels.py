"""Superpixels: the map has one value in each patch of like colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limelight.localization.refinement.colours import to_lab
from limelight.localization.refinement.declaration import refiner
from limelight.localization.refinement.scaling import shrunk, stretched

if TYPE_CHECKING:
    import numpy as np

_ROUNDS = 10  # the paper's
_SIDE = 128  # pixels along the longer side, for the cost


@refiner("superpixels", title="SLIC superpixels", paper="Achanta 2012")
def superpixels(
    values: np.ndarray, image: np.ndarray, *, segments: int = 60, compactness: float = 10.0
) -> np.ndarray:
    """The mean of the map over each superpixel of the image, at most 128 pixels along a side.

    Args:
        values: (h, w) map.
        image: (h, w, 3) uint8.
        segments: how many superpixels, about.
        compactness: the weight of distance against colour; the larger, the squarer they are.

    Source: Achanta et al., "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods",
    TPAMI 2012, without its last step, which joins stray pixels to their surroundings.
    """
    import numpy as np

    level, small = shrunk(values, image, _SIDE)
    labels = slic(small, segments, compactness)
    counts = np.bincount(labels.ravel())
    sums = np.bincount(labels.ravel(), level.ravel())
    return stretched((sums / np.maximum(counts, 1))[labels], values.shape)


def slic(image: np.ndarray, segments: int, compactness: float) -> np.ndarray:
    """The superpixel (h, w) of each pixel, as numbers from 0; some may have no pixel.

    Centres start on a grid. In each of ten rounds a pixel joins the nearest of the centres of the
    3 × 3 cells around it, by ``|ΔLab|² + (compactness · |Δposition| / cell)²``, and each centre
    moves to the mean of its pixels.
    """
    import numpy as np

    h, w = image.shape[:2]
    side = max(1.0, np.sqrt(h * w / max(segments, 1)))
    rows, columns = max(1, round(h / side)), max(1, round(w / side))
    y, x = np.mgrid[:h, :w]
    scale = compactness / side
    features = np.concatenate([to_lab(image), scale * np.stack([y, x], -1)], -1).reshape(-1, 5)
    cell_y, cell_x = (y * rows // h).ravel(), (x * columns // w).ravel()
    labels = cell_y * columns + cell_x
    for _ in range(_ROUNDS):
        counts = np.maximum(np.bincount(labels, minlength=rows * columns), 1)
        sums = [np.bincount(labels, each, rows * columns) for each in features.T]
        centres = (np.stack(sums, -1) / counts[:, None]).astype(np.float32)
        nearest = np.full(h * w, np.inf)
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                near_y, near_x = cell_y + dy, cell_x + dx
                there = (near_y >= 0) & (near_y < rows) & (near_x >= 0) & (near_x < columns)
                candidate = np.where(there, near_y * columns + near_x, 0)
                apart = ((features - centres[candidate]) ** 2).sum(-1)
                closer = there & (apart < nearest)
                labels = np.where(closer, candidate, labels)
                nearest = np.where(closer, apart, nearest)
    return labels.reshape(h, w)
