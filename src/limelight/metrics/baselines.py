"""Baselines that look at no image, beside which every figure stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["centre_gaussian", "whole_image"]


def centre_gaussian(
    size: tuple[int, int], centre: tuple[float, float] | None = None, sigma: float = 0.3
) -> np.ndarray:
    """A Gaussian in the middle: at each threshold a centred box of the image's proportions.

    Args:
        size: (H, W).
        centre: (y, x) in pixel indices; None: the middle, ((H - 1) / 2, (W - 1) / 2).
        sigma: standard deviation as a share of each side.

    Returns:
        (H, W) float32 in 0..1, its minimum 0 and its maximum 1.
    """
    import numpy as np

    middle = centre if centre is not None else tuple((side - 1) / 2 for side in size)
    y, x = (
        np.exp(-(((np.arange(side) - at) / (sigma * side)) ** 2) / 2)
        for side, at in zip(size, middle, strict=True)
    )
    bump = (y[:, None] * x[None, :]).astype(np.float32)
    low, high = bump.min(), bump.max()
    return (bump - low) / (high - low) if high > low else np.ones(size, np.float32)


def whole_image(size: tuple[int, int]) -> np.ndarray:
    """Ones (H, W): at each threshold the box of the whole image, and a pointing without a point."""
    import numpy as np

    return np.ones(size, np.float32)


BASELINES: dict[str, Callable[[tuple[int, int]], np.ndarray]] = {
    "centre-box": centre_gaussian,
    "whole-image": whole_image,
}
"""Each baseline's map (H, W) by name, from the size of the image."""
