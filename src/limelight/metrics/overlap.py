"""Mean IoU at a fixed threshold: what a user gets in practice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limelight.boxes import CONVENTIONS, iou
from limelight.errors import MetricError
from limelight.localization import locate
from limelight.metrics.metric import BoxMetric, Result

if TYPE_CHECKING:
    import numpy as np

__all__ = ["MeanIoU", "mean_iou"]


class MeanIoU(BoxMetric):
    """The mean over images of the IoU of the located box with the closest ground-truth box.

    The box is that of `limelight.localization.locate`: the largest component above the threshold.
    A map in which nothing is found has IoU 0.

    Args:
        threshold, rule: as `locate` takes them.
        convention: "half_open" or "wsol2020".

    Example:
        >>> import numpy as np
        >>> maps = np.zeros((2, 64, 64))
        >>> maps[:, 20:40, 20:40] = 1
        >>> boxes = [[[20, 20, 40, 40]], [[30, 20, 50, 40]]]  # the second is half covered
        >>> metric = MeanIoU()
        >>> metric.update(maps, boxes)
        >>> round(metric.compute().value, 2)
        0.67
    """

    name = "mean-iou"
    title = "mean IoU of the box at a fixed threshold"

    def __init__(
        self, threshold: float = 0.2, rule: str = "max", convention: str = "half_open"
    ) -> None:
        if convention not in CONVENTIONS:
            known = " or ".join(map(repr, CONVENTIONS))
            raise MetricError(f"unknown convention {convention!r}, expected {known}")
        self.threshold, self.rule, self.convention = threshold, rule, convention
        super().__init__()

    def settings(self) -> dict[str, Any]:
        """The threshold, its rule and the convention."""
        return {"threshold": self.threshold, "rule": self.rule, "convention": self.convention}

    def _row(self, values: np.ndarray, truth: np.ndarray) -> np.ndarray:
        import numpy as np

        box = locate(values, self.threshold, self.rule)
        if self.convention == "wsol2020":
            height, width = values.shape
            box = np.minimum(box, (width, height, width - 1, height - 1))
        return iou(box[None], truth, self.convention).max(axis=1)

    def _values(self, sums: np.ndarray, counts: np.ndarray, choice: Any) -> np.ndarray:
        return sums[:, 0] / counts

    def _details(self, total: np.ndarray, choice: Any) -> dict[str, float]:
        import numpy as np

        each = np.concatenate(self._rows)
        low, middle, high = np.quantile(each, (0.25, 0.5, 0.75))
        shares = {f"share@{delta:g}": float((each >= delta).mean()) for delta in (0.3, 0.5, 0.7)}
        return {
            "lower quartile": float(low),
            "median": float(middle),
            "upper quartile": float(high),
            **shares,
        }


def mean_iou(
    maps: Any,
    boxes: Any,
    labels: Any = None,
    threshold: float = 0.2,
    rule: str = "max",
    convention: str = "half_open",
    resamples: int = 0,
    seed: int = 0,
) -> Result:
    """Mean IoU of one batch that is the whole data set; see `MeanIoU` and its `update`."""
    metric = MeanIoU(threshold, rule, convention)
    metric.update(maps, boxes, labels)
    return metric.compute(resamples, seed)
