"""What the colours of an image say about its pixels: how much more often the object has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limelight.localization.refinement.colours import to_lab

if TYPE_CHECKING:
    import numpy as np

_BINS = (16, 32, 32)  # of L in 0..100, a and b in −100..100: cells of 6.25
_MOST = 3.0  # how much a colour can say, as a logarithm: a factor of 20
_LEAST = 1e-7  # the density of a colour that was not seen
_ODDS = 9.0  # of the object, at the map's maximum
_STEEPEST = 10.0


def posterior(
    values: np.ndarray, image: np.ndarray, weight: float, level: float = 0.0
) -> np.ndarray:
    """The probability (h, w) that a pixel is of the object, by its place in a map and its colour.

    A pixel's odds by place are a power of its value: 1 at `level`, 9 at the map's maximum. Weighted
    with the probabilities that these are, the image's colours give two densities, of the object and
    of the rest: histograms of Lab with Gaussian kernels one cell wide. The odds are multiplied by
    the ratio of the densities at the pixel's colour, to the power of `weight`.

    Args:
        values: (h, w) map, at least 0 and somewhere positive.
        image: (h, w, 3) uint8.
        weight: of the colours against the map; 0 leaves them out.
        level: a fraction of the map's maximum; 0: its mean.
    """
    import numpy as np

    share = values / values.max()
    even = min(level or share.mean(), _ODDS ** (-1 / _STEEPEST))
    odds = _ODDS ** (1 - np.log(np.maximum(share, _LEAST)) / np.log(even))
    place = odds / (1 + odds)
    cells = _cells(image)
    ratio = np.log(_density(cells, place) / _density(cells, 1 - place))
    odds = odds * np.exp(weight * np.clip(ratio, -_MOST, _MOST))
    return odds / (1 + odds)


def _cells(image: np.ndarray) -> tuple[np.ndarray, ...]:
    """The cell of the histogram of each pixel, as three arrays (h, w)."""
    import numpy as np

    bins = np.array(_BINS)
    share = (to_lab(image) + np.array([0, 100, 100])) / (100, 200, 200)
    return tuple(np.moveaxis(np.clip((share * bins).astype(int), 0, bins - 1), -1, 0))


def _density(cells: tuple[np.ndarray, ...], weights: np.ndarray) -> np.ndarray:
    """At each pixel, the density of its colour among all pixels, weighted (h, w)."""
    import numpy as np
    from scipy.ndimage import gaussian_filter

    counts = np.zeros(_BINS)
    np.add.at(counts, cells, weights)
    return gaussian_filter(counts, 1.0, mode="constant")[cells] / weights.sum() + _LEAST
