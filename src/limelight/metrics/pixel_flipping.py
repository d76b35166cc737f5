"""Pixel flipping: the score while whole regions become noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from limelight.arrays import like, namespace
from limelight.errors import MetricError
from limelight.metrics.perturbing import (
    CurveMetric,
    MaskedEdit,
    Scoring,
    rank,
    scores_along,
    stations,
)

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PixelFlipping"]


class PixelFlipping(CurveMetric):
    """The mean fall of the score while regions become noise, those of the highest sums first.

    Regions are squares of a grid. Noise is uniform between the lowest and the highest value of
    each channel of the image, the same draw for all images. With f(x_k) the score after k steps,
    the value is the area over the perturbation curve, AOPC = mean over k = 0 … `steps` of
    f(x_0) - f(x_k), of each image by itself.

    Args:
        steps: in which all regions are flipped.
        region: side of a region in pixels of the model's input.
        seed: of the noise, and of the order of equal regions.

    Source: Samek et al. 2017, Evaluating the Visualization of What a Deep Neural Network Has
    Learned, eq. 12, after Bach et al. 2015.
    """

    name = "pixel-flipping"
    title = "mean fall of the score while regions become noise, best ones first (AOPC)"
    paper = "Samek et al. 2017"
    greater_is_better = True

    def __init__(self, steps: int = 20, region: int = 9, seed: int = 0) -> None:
        if region < 1:
            raise MetricError(f"{self.name} with region={region}: at least one pixel was expected")
        self.region = region
        super().__init__(steps, seed)

    def settings(self) -> dict[str, Any]:
        """The number of steps, the side of a region, and the seed."""
        return {"steps": self.steps, "region": self.region, "seed": self.seed}

    def _measure(
        self, maps: np.ndarray, images: Any, rescoring: Scoring
    ) -> Sequence[np.ndarray | None]:
        import numpy as np

        height, width = maps.shape[1:]
        across = -(-width // self.region)
        cell = (np.arange(height) // self.region)[:, None] * across
        cell = cell + np.arange(width) // self.region
        cells = int(cell.max()) + 1
        sums = np.stack([np.bincount(cell.ravel(), m.ravel(), cells) for m in maps])
        ranks = rank(sums[:, None], self.seed)[:, 0][:, cell]
        counts = stations(cells, self.steps)
        return list(scores_along(rescoring, images, ranks, counts, self._edit(images)))

    def _edit(self, images: Any) -> MaskedEdit:
        import numpy as np

        xp = namespace(images)
        shape = tuple(int(side) for side in images.shape[1:])
        draw = np.random.default_rng(self.seed).random(shape).astype(np.float32)
        noise = xp.astype(like(draw, images), images.dtype)

        def edit(x: Any, mask: Any) -> Any:
            low = xp.min(x, axis=(2, 3), keepdims=True)
            high = xp.max(x, axis=(2, 3), keepdims=True)
            return xp.where(mask, low + (high - low) * noise, x)

        return edit

    def _values(self, sums: np.ndarray, counts: np.ndarray, choice: Any) -> np.ndarray:
        return (sums[:, 0] - sums.mean(axis=1)) / counts
