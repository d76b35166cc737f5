"""The energy-based pointing game: how much of a map lies on the object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limelight.errors import MetricError
from limelight.metrics.inputs import pixels_inside
from limelight.metrics.metric import BoxMetric, Result

if TYPE_CHECKING:
    import numpy as np

__all__ = ["EnergyPointingGame", "energy_pointing_game"]


class EnergyPointingGame(BoxMetric):
    """The mean over images of Σ of the map inside the boxes / Σ of the map.

    Pixels that a box touches are inside; where boxes overlap they count once. A map of zeros has
    nothing inside: 0.

    Source: Wang et al. 2020, Score-CAM.

    Example:
        >>> import numpy as np
        >>> maps = np.zeros((2, 64, 64))
        >>> maps[:, 20:40, 20:40] = 1
        >>> boxes = [[[20, 20, 40, 40]], [[30, 20, 50, 40]]]  # the second is half covered
        >>> metric = EnergyPointingGame()
        >>> metric.update(maps, boxes)
        >>> round(metric.compute().value, 2)
        0.75
    """

    name = "energy-pointing-game"
    title = "share of the map's sum that lies in the boxes"
    paper = "Wang et al. 2020"

    def settings(self) -> dict[str, Any]:
        """Nothing can be set."""
        return {}

    def _row(self, values: np.ndarray, truth: np.ndarray) -> np.ndarray:
        import numpy as np

        if values.min() < 0:
            raise MetricError(
                f"{self.name}: a map with values down to {values.min():.4g}, expected none below"
                " 0: localization.normalize brings it there"
            )
        total = values.sum(dtype=float)
        inside = values[pixels_inside(truth, values.shape)].sum(dtype=float)
        return np.array([inside / total if total > 0 else 0.0])

    def _values(self, sums: np.ndarray, counts: np.ndarray, choice: Any) -> np.ndarray:
        return sums[:, 0] / counts


def energy_pointing_game(
    maps: Any, boxes: Any, labels: Any = None, resamples: int = 0, seed: int = 0
) -> Result:
    """The energy-based pointing game over one batch; see `EnergyPointingGame`."""
    metric = EnergyPointingGame()
    metric.update(maps, boxes, labels)
    return metric.compute(resamples, seed)
