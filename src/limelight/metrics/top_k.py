"""Top-k localization: the right class and the right box together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from limelight.errors import MetricError
from limelight.metrics.candidates import Candidates
from limelight.metrics.curve import Proposer, protocol_thresholds
from limelight.metrics.diagnosis import KINDS, diagnose
from limelight.metrics.inputs import each_image, truth_boxes
from limelight.metrics.metric import Metric, Result

if TYPE_CHECKING:
    import numpy as np

__all__ = ["TopKLocalization", "top_k_localization"]

_RIGHT = KINDS.index("right")
VARIANTS = {
    "A": "the true class's map, IoU ≥ 0.5 and the label among the top k; the best threshold",
    "B": "each top-k class's own map; the class right and its IoU > 0.5; one fixed threshold",
}


class TopKLocalization(Metric):
    """The share of images where one of the top k classes is right and so is the box.

    Boxes are those of the largest contour (version 1 of the protocol). `details` holds the share
    of each kind of error (`diagnosis.py`).

    Args:
        variant: "A" (as Choe et al. 2020) takes the map of the true class, IoU ≥ 0.5 and the best
            of 100 thresholds for the data set; "B" (as the TS-CAM line of work) the map of each
            predicted class, IoU > 0.5 and a fixed threshold.
        k: how many of the highest classes count: 1 or 5 are usual.
        threshold: a fraction of the map's maximum; None: the best one for "A", 0.2 for "B".
        convention: "wsol2020" or "half_open".
    """

    name = "top-k"
    title = "share of images whose class and box are both right"
    paper = "Choe et al. 2020; Gao et al. 2021"
    inputs: ClassVar[tuple[str, ...]] = ("boxes", "labels", "predictions")

    def __init__(
        self,
        variant: str = "A",
        k: int = 1,
        threshold: float | None = None,
        convention: str = "wsol2020",
    ) -> None:
        if variant not in VARIANTS:
            known = "; ".join(f"{name!r}: {about}" for name, about in VARIANTS.items())
            raise MetricError(f"{self.name} has no variant {variant!r}; {known}")
        if k < 1:
            raise MetricError(f"{self.name} with k={k}, expected at least 1")
        if variant == "B" and threshold is None:
            threshold = 0.2
        self.variant, self.k, self.threshold = variant, k, threshold
        self._proposer = Proposer(protocol_thresholds(self.name, threshold), True, convention)
        super().__init__()

    def settings(self) -> dict[str, Any]:
        """The variant, k, the threshold ("best" where it is chosen) and the convention."""
        return {
            "variant": self.variant,
            "k": self.k,
            "threshold": "best" if self.threshold is None else self.threshold,
            "convention": self._proposer.convention,
        }

    def update(self, maps: Any, boxes: Any, labels: Any, predictions: Any) -> None:
        """Score a batch.

        Args:
            maps: variant "A": (N, H, W), the true class's maps; variant "B": (N, k, H, W), the map
                of each class in `predictions`. In 0..1.
            boxes: N arrays (n, 4) of the ground truth, x0, y0, x1, y1 in the map's pixels. An
                image without any is excluded.
            labels: (N,) the true classes.
            predictions: (N, k) or more: the classes, the highest score first.

        Raises:
            MetricError: lengths or shapes differ, or a map is not in 0..1.
        """
        images = each_image(self.name, maps, boxes=boxes, labels=labels, predictions=predictions)
        rows = [(v, truth_boxes(truth), int(label), c) for v, truth, label, c in images]
        self._extend(
            [(self._row(v, t, label, c) if len(t) else None, label) for v, t, label, c in rows]
        )

    def _row(self, values: np.ndarray, truth: np.ndarray, label: int, classes: Any) -> np.ndarray:
        """The kind of error at each threshold (t,)."""
        top = [int(c) for c in classes[: self.k]]
        if len(top) < self.k:
            raise MetricError(f"{self.name} with k={self.k} was given {len(top)} predictions")
        strict = self.variant == "B"
        if strict:
            if values.ndim != 3 or len(values) < self.k:
                raise MetricError(
                    f"{self.name}, variant 'B': maps of shape {values.shape} for one image,"
                    f" expected ({self.k}, H, W), one for each predicted class"
                )
            values = values[top.index(label) if label in top else 0]
        found: Candidates = self._proposer(values)
        kind = diagnose(found.boxes, truth, label in top, found.convention, strict)
        return kind[found.at]

    def _unpack(self, rows: np.ndarray) -> np.ndarray:
        import numpy as np

        one_hot = rows[:, None, :] == np.arange(len(KINDS))[:, None]
        return one_hot.reshape(len(rows), -1).astype(np.float32)

    def _values(self, sums: np.ndarray, counts: np.ndarray, choice: Any) -> np.ndarray:
        right = sums.reshape(len(sums), len(KINDS), -1)[:, _RIGHT]
        return (right.max(axis=1) if choice is None else right[:, choice]) / counts

    def _choose(self, total: np.ndarray) -> Any:
        return int(total.reshape(len(KINDS), -1)[_RIGHT].argmax())

    def _details(self, total: np.ndarray, choice: Any) -> dict[str, float]:
        shares = total.reshape(len(KINDS), -1)[:, choice] / len(self._rows)
        found = dict(zip(KINDS, shares.tolist(), strict=True))
        return {**found, "threshold": float(self._proposer.thresholds[choice])}


def top_k_localization(
    maps: Any,
    boxes: Any,
    labels: Any,
    predictions: Any,
    variant: str = "A",
    k: int = 1,
    threshold: float | None = None,
    convention: str = "wsol2020",
    resamples: int = 0,
    seed: int = 0,
) -> Result:
    """Top-k localization of one batch that is the whole data set; see `TopKLocalization`."""
    metric = TopKLocalization(variant, k, threshold, convention)
    metric.update(maps, boxes, labels, predictions)
    return metric.compute(resamples, seed)
