"""GT-known localization: the box of the true class's map, whatever the model predicts."""

from __future__ import annotations

from typing import Any

from limelight.metrics.curve import HitCurve, Proposer, protocol_thresholds
from limelight.metrics.metric import Result

__all__ = ["GTKnownLocalization", "gt_known_localization"]


class GTKnownLocalization(HitCurve):
    """The share of images where the largest contour's box has IoU ≥ 0.5 with the ground truth.

    Args:
        threshold: a fraction of the map's maximum; None takes the best of 100 for the data set,
            which is version 1 of `MaxBoxAcc`.
        convention: "wsol2020" or "half_open".

    Source: Zhou et al. 2016; Choe et al. 2020 for the choice of the threshold.

    Example:
        >>> import numpy as np
        >>> maps = np.zeros((2, 64, 64))
        >>> maps[:, 20:40, 20:40] = 1
        >>> boxes = [[[20, 20, 40, 40]], [[30, 20, 50, 40]]]  # the second is half covered
        >>> metric = GTKnownLocalization()
        >>> metric.update(maps, boxes)
        >>> round(metric.compute().value, 2)
        0.5
    """

    name = "gt-known"
    title = "share of images whose largest box is right, the class being known"
    paper = "Zhou et al. 2016"

    def __init__(self, threshold: float | None = None, convention: str = "wsol2020") -> None:
        self.threshold = threshold
        self._deltas = (0.5,)
        self._proposer = Proposer(protocol_thresholds(self.name, threshold), True, convention)
        super().__init__()

    def settings(self) -> dict[str, Any]:
        """The threshold ("best" where it is chosen) and the convention."""
        return {
            "threshold": "best" if self.threshold is None else self.threshold,
            "convention": self._proposer.convention,
        }


def gt_known_localization(
    maps: Any,
    boxes: Any,
    labels: Any = None,
    threshold: float | None = None,
    convention: str = "wsol2020",
    resamples: int = 0,
    seed: int = 0,
) -> Result:
    """GT-known localization of one batch that is the whole data set; see the class."""
    metric = GTKnownLocalization(threshold, convention)
    metric.update(maps, boxes, labels)
    return metric.compute(resamples, seed)
