"""The guided filter: in every window the map is a linear function of the image's colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limelight.localization.refinement.declaration import refiner

if TYPE_CHECKING:
    import numpy as np


@refiner("guided-filter", title="Guided filter", paper="He 2013")
def guided_filter(
    values: np.ndarray, image: np.ndarray, *, radius: float = 0.1, eps: float = 1e-3
) -> np.ndarray:
    """q_i = mean over the windows ω that hold i of a_ω · I_i + b_ω.

    In each square window ω, a_ω (3,) and b_ω are those of the least squares
    ``Σ_{i ∈ ω} (a_ω · I_i + b_ω − p_i)² + |ω| · eps · |a_ω|²``, with p the map and I the image's
    colours in 0..1. Windows are cut at the image's edge. In a constant image a is 0, so that the
    map is its mean over windows of windows.

    Args:
        values: (h, w) map p.
        image: (h, w, 3) uint8.
        radius: of a window, as a share of the longer side; a window is 2 r + 1 pixels wide.
        eps: how far colours in 0..1 must vary in a window to count as an edge, squared.

    Source: He, Sun and Tang, "Guided Image Filtering", TPAMI 2013, equations 19 to 21.
    """
    import numpy as np

    r = round(radius * max(values.shape))
    guide = image.astype(np.float64) / 255
    p = values.astype(np.float64)
    mean_i, mean_p = _box_mean(guide, r), _box_mean(p, r)
    products = _box_mean(guide[..., :, None] * guide[..., None, :], r)
    covariance = products - mean_i[..., :, None] * mean_i[..., None, :]
    with_map = _box_mean(guide * p[..., None], r) - mean_i * mean_p[..., None]
    a = np.linalg.solve(covariance + eps * np.eye(3), with_map[..., None])[..., 0]
    b = mean_p - (a * mean_i).sum(-1)
    return (_box_mean(a, r) * guide).sum(-1) + _box_mean(b, r)


def _box_mean(values: np.ndarray, radius: int) -> np.ndarray:
    """The mean (h, w, …) over windows of ``2 radius + 1`` pixels, cut at the edges."""
    import numpy as np

    for axis in (0, 1):
        length = values.shape[axis]
        zero = np.zeros_like(values.take([0], axis))
        sums = np.concatenate([zero, values], axis).cumsum(axis)
        low = np.maximum(np.arange(length) - radius, 0)
        high = np.minimum(np.arange(length) + radius + 1, length)
        counts = (high - low).reshape(-1, *[1] * (values.ndim - axis - 1))
        values = (sums.take(high, axis) - sums.take(low, axis)) / counts
    return values
