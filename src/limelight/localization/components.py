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
