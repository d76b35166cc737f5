"""Bootstrap confidence intervals, the same for every metric."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_CELLS = 2**22  # weights held at once


def bootstrap_interval(
    statistic: Callable[[np.ndarray], np.ndarray],
    count: int,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """The percentile interval of a statistic over images drawn again with replacement.

    Args:
        statistic: from weights (b, count), how often each image was drawn in each of b resamples,
            to the b values.
        count: the number of images.
        resamples: how many times to draw.
        level: the share of the resampled values inside the interval.
        seed: of the draws; the same seed gives the same interval.

    Returns:
        Its two ends. Resamples without a value (NaN) do not count.

    Source: Efron 1979.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    step = max(1, _CELLS // count)
    values = []
    for first in range(0, resamples, step):
        rows = min(step, resamples - first)
        drawn = rng.integers(0, count, (rows, count)) + count * np.arange(rows)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        values.append(statistic(weights))
    drawn_values = np.concatenate(values)
    drawn_values = drawn_values[~np.isnan(drawn_values)]
    if len(drawn_values) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(drawn_values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
