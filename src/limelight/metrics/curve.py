"""Hits at every threshold: what the metrics that take the best threshold share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from limelight.boxes import CONVENTIONS
from limelight.errors import MetricError
from limelight.metrics.candidates import Candidates, propose
from limelight.metrics.metric import BoxMetric

if TYPE_CHECKING:
    import numpy as np


class Proposer:
    """Boxes of one map after another; a map that comes again is not worked on again.

    A baseline that looks at no image is one map for the whole data set.
    """

    def __init__(self, thresholds: np.ndarray, largest_only: bool, convention: str) -> None:
        if convention not in CONVENTIONS:
            known = " or ".join(map(repr, CONVENTIONS))
            raise MetricError(f"unknown convention {convention!r}, expected {known}")
        self.thresholds, self.largest_only = thresholds, largest_only
        self.convention = convention
        self._previous: tuple[np.ndarray, Candidates] | None = None

    def __call__(self, map: np.ndarray) -> Candidates:
        """The candidates of `map` (H, W) in 0..1."""
        import numpy as np

        if self._previous is None or not np.array_equal(self._previous[0], map):
            found = propose(map, self.thresholds, self.largest_only, self.convention)
            self._previous = (map.copy(), found)
        return self._previous[1]


def protocol_thresholds(name: str, threshold: float | None) -> np.ndarray:
    """The one threshold given (1,), or the hundred of the protocol.

    Raises:
        MetricError: the threshold is not a fraction below 1.
    """
    import numpy as np

    if threshold is None:
        return np.arange(0, 1, 0.01)
    if not 0 <= threshold < 1:
        raise MetricError(f"{name} with threshold {threshold}, expected 0 to 1, without 1")
    return np.array([threshold])


class HitCurve(BoxMetric):
    """The share of images whose IoU reaches δ, at the threshold that is best for all of them.

    Its subclasses set `_proposer` and `_deltas`; with several δ, each has its own threshold, and
    the value is their mean.
    """

    _proposer: Proposer
    _deltas: tuple[float, ...]

    def curve(self, rows: Sequence[np.ndarray], delta: float) -> list[tuple[float, float]]:
        """The share of images whose IoU reaches `delta` at each threshold, as (threshold, share).

        Args:
            rows: of the images, as `row` gives them; without any the curve is empty.
            delta: one of those that the metric is about; of any other the curve is empty.
        """
        import numpy as np

        if not len(rows) or delta not in self._deltas:
            return []
        hits = self._unpack(np.stack(rows)).reshape(len(rows), len(self._deltas), -1)
        shares = hits[:, self._deltas.index(delta)].mean(0, dtype=float)
        return list(zip(self._proposer.thresholds.tolist(), shares.tolist(), strict=True))

    def _row(self, values: np.ndarray, truth: np.ndarray) -> np.ndarray:
        import numpy as np

        best = self._proposer(values).best_ious(truth)
        return np.packbits(best >= np.array(self._deltas)[:, None])

    def _unpack(self, rows: np.ndarray) -> np.ndarray:
        import numpy as np

        cells = len(self._deltas) * len(self._proposer.thresholds)
        return np.unpackbits(rows, axis=1, count=cells).astype(np.float32)

    def _values(self, sums: np.ndarray, counts: np.ndarray, choice: Any) -> np.ndarray:
        import numpy as np

        curves = sums.reshape(len(sums), len(self._deltas), -1)
        if choice is None:
            best = curves.max(axis=2)
        else:
            best = curves[:, np.arange(len(self._deltas)), choice]
        return best.mean(axis=1) / counts

    def _choose(self, total: np.ndarray) -> Any:
        return total.reshape(len(self._deltas), -1).argmax(axis=1)

    def _details(self, total: np.ndarray, choice: Any) -> dict[str, float]:
        curves = total.reshape(len(self._deltas), -1) / len(self._rows)
        found = {}
        for delta, curve, best in zip(self._deltas, curves, choice, strict=True):
            found[f"accuracy@{delta:g}"] = float(curve[best])
            found[f"threshold@{delta:g}"] = float(self._proposer.thresholds[best])
        return found
