"""The pointing game: whether a map's maximum falls on the object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limelight.metrics.inputs import pixels_inside
from limelight.metrics.metric import BoxMetric, Result

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PointingGame", "pointing_game"]


class PointingGame(BoxMetric):
    """The share of hits of each class, averaged over the classes.

    A hit is a maximum within `tolerance` pixels of a pixel of the ground truth, measured between
    pixel centres and without the tolerance itself, as in TorchRay. Of several equal maxima the
    first in reading order counts; a flat map points nowhere and misses. Without labels all images
    are one class.

    Args:
        tolerance: in pixels of the map; published with 15 at the original image's size.

    Source: Zhang et al. 2016, Top-down Neural Attention by Excitation Backprop.

    Example:
        >>> import numpy as np
        >>> maps = np.zeros((2, 64, 64))
        >>> maps[0, 20, 20] = maps[1, 60, 60] = 1
        >>> game = PointingGame(tolerance=5)
        >>> game.update(maps, [[[10, 10, 30, 30]]] * 2)
        >>> game.compute().value
        0.5
    """

    name = "pointing-game"
    title = "share of maps whose maximum lies on the object"
    paper = "Zhang et al. 2016"

    def __init__(self, tolerance: float = 15) -> None:
        self.tolerance = tolerance
        super().__init__()

    def settings(self) -> dict[str, Any]:
        """The tolerance in pixels."""
        return {"tolerance": self.tolerance}

    def _row(self, values: np.ndarray, truth: np.ndarray) -> np.ndarray:
        import numpy as np

        if values.max() == values.min():
            return np.zeros(1)
        y, x = np.unravel_index(values.argmax(), values.shape)
        ys, xs = np.nonzero(pixels_inside(truth, values.shape))
        distance = (ys - y) ** 2 + (xs - x) ** 2
        return np.array([((distance < self.tolerance**2) | (distance == 0)).any()], float)

    def _values(self, sums: np.ndarray, counts: np.ndarray, choice: Any) -> np.ndarray:
        return sums[:, 0] / counts

    def _statistic(self, weights: np.ndarray) -> np.ndarray:
        """The mean over classes; a class that was not drawn does not count."""
        import numpy as np

        classes, members = self._members()
        if len(classes) == 0:
            return super()._statistic(weights)
        drawn = weights @ members.T
        hits = (weights * np.concatenate(self._rows)) @ members.T
        seen = (drawn > 0).sum(axis=1)
        return (hits / np.maximum(drawn, 1)).sum(axis=1) / np.maximum(seen, 1)

    def _details(self, total: np.ndarray, choice: Any) -> dict[str, float]:
        return {"hits": float(total[0]), "over all images": float(total[0]) / len(self._rows)}


def pointing_game(
    maps: Any,
    boxes: Any,
    labels: Any = None,
    tolerance: float = 15,
    resamples: int = 0,
    seed: int = 0,
) -> Result:
    """The pointing game over one batch that is the whole data set; see `PointingGame`."""
    metric = PointingGame(tolerance)
    metric.update(maps, boxes, labels)
    return metric.compute(resamples, seed)
