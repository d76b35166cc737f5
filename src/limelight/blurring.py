"""Gaussian blur of a batch, in any framework: two small matrix products."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limelight.arrays import like

if TYPE_CHECKING:
    import numpy as np


def blurred(xp: Any, images: Any, sigma: float, reach: int) -> Any:
    """Gaussian blur of (N, C, H, W), mirrored at the border as (d c b | a b c d | c b a).

    Args:
        xp: the namespace of `images`.
        images: (N, C, H, W).
        sigma: the standard deviation in pixels.
        reach: after so many pixels the Gaussian is cut off.
    """
    height, width = int(images.shape[2]), int(images.shape[3])
    rows = xp.astype(like(blur_matrix(height, sigma, reach), images), images.dtype)
    columns = xp.astype(like(blur_matrix(width, sigma, reach).T.copy(), images), images.dtype)
    return xp.matmul(xp.matmul(rows, images), columns)


def blur_matrix(side: int, sigma: float, reach: int) -> np.ndarray:
    """(side, side) float32: a signal of that length, blurred, is this matrix times the signal."""
    import numpy as np

    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-(offsets**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    matrix = np.zeros((side, side))
    period = max(2 * (side - 1), 1)
    for row in range(side):
        places = np.abs((row + offsets) % period)
        np.add.at(matrix[row], np.where(places >= side, period - places, places), kernel)
    return matrix.astype(np.float32)
