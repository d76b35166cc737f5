"""MaxBoxAcc and MaxBoxAccV2: the share of images located, at the best threshold."""

from __future__ import annotations

from typing import Any

from limelight.errors import MetricError
from limelight.metrics.curve import HitCurve, Proposer
from limelight.metrics.metric import Result

__all__ = ["MaxBoxAcc", "max_box_acc"]


class MaxBoxAcc(HitCurve):
    """The published protocol, exactly.

    Version 1 takes the largest contour at 100 thresholds and IoU 0.5; version 2 the best of all
    contours at 1,000 thresholds, and the mean of IoU 0.3, 0.5 and 0.7, each at its own threshold.
    As published, maps are minmax-normalized at 224 × 224 and boxes truncated to whole pixels of
    that square (`protocol_boxes`); other sizes work in their own pixels.

    Args:
        version: 1 or 2.
        convention: "wsol2020" as published (both ends of a box count), or "half_open".

    Source: Choe et al. 2020, Evaluating Weakly Supervised Object Localization Methods Right;
    version 2 in its journal version.

    Example:
        >>> import numpy as np
        >>> maps = np.zeros((2, 64, 64))
        >>> maps[:, 20:40, 20:40] = 1
        >>> boxes = [[[20, 20, 40, 40]], [[30, 20, 50, 40]]]  # the second is half covered
        >>> metric = MaxBoxAcc()
        >>> metric.update(maps, boxes)
        >>> round(metric.compute().value, 2)
        0.67
    """

    name = "maxboxacc"
    title = "share of images whose box is found, at the best threshold"
    paper = "Choe et al. 2020"

    def __init__(self, version: int = 2, convention: str = "wsol2020") -> None:
        import numpy as np

        if version not in (1, 2):
            raise MetricError(f"{self.name} has the versions 1 and 2, not {version!r}")
        self.version = version
        self._deltas = (0.5,) if version == 1 else (0.3, 0.5, 0.7)
        thresholds = np.arange(0, 1, 0.01 if version == 1 else 0.001)
        self._proposer = Proposer(thresholds, version == 1, convention)
        super().__init__()

    def settings(self) -> dict[str, Any]:
        """The version and the convention."""
        return {"version": self.version, "convention": self._proposer.convention}


def max_box_acc(
    maps: Any,
    boxes: Any,
    labels: Any = None,
    version: int = 2,
    convention: str = "wsol2020",
    resamples: int = 0,
    seed: int = 0,
) -> Result:
    """MaxBoxAcc of one batch that is the whole data set; see `MaxBoxAcc` and its `update`."""
    metric = MaxBoxAcc(version, convention)
    metric.update(maps, boxes, labels)
    return metric.compute(resamples, seed)
