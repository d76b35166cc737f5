"""How alike two maps are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["SIMILARITIES", "rank_correlation", "ssim"]

_WINDOW = 7  # pixels
_K1, _K2 = 0.01, 0.03


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's correlation of the values of two maps (H, W); equal values have their mean rank.

    Where one map is constant there is no order to agree with: 0, and 1 where both are.
    """
    import numpy as np
    from scipy.stats import rankdata

    first, second = (rankdata(values.ravel()) for values in (a, b))
    first, second = first - first.mean(), second - second.mean()
    size = np.sqrt((first**2).sum() * (second**2).sum())
    if size == 0:
        return float(not first.any() and not second.any())
    return float((first * second).sum() / size)


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """The structural similarity of two maps (H, W) in [0, 1].

    Mean over windows of 7 × 7 pixels that lie inside (smaller ones where the map is smaller), with
    k1 = 0.01, k2 = 0.03 and the sample covariance.

    Source: Wang et al. 2004, Image Quality Assessment.
    """
    import numpy as np
    from scipy.ndimage import uniform_filter

    a, b = np.asarray(a, float), np.asarray(b, float)
    side = min(_WINDOW, *a.shape)
    side -= 1 - side % 2
    half, count = side // 2, side * side
    inside = (slice(half, a.shape[0] - half), slice(half, a.shape[1] - half))

    def mean(values: np.ndarray) -> np.ndarray:
        return uniform_filter(values, side)[inside]

    unbiased = count / max(count - 1, 1)
    mean_a, mean_b = mean(a), mean(b)
    variance_a = unbiased * (mean(a * a) - mean_a**2)
    variance_b = unbiased * (mean(b * b) - mean_b**2)
    covariance = unbiased * (mean(a * b) - mean_a * mean_b)
    c1, c2 = _K1**2, _K2**2
    above = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    below = (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    return float((above / below).mean())


#: By name, what compares two maps.
SIMILARITIES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "rank": rank_correlation,
    "ssim": ssim,
}
