"""PxAP: average precision over pixels, for data sets with masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from limelight.errors import MetricError
from limelight.metrics.inputs import each_image
from limelight.metrics.metric import Metric, Result

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PxAP", "pxap"]


class PxAP(Metric):
    """The area under the precision-recall curve of the pixels of the whole data set.

    Histograms of the maps' values over foreground and background pixels; precision and recall at
    each threshold from the sums above it; Σ precision_i (recall_i - recall_{i-1}). Each image's
    pixels weigh the same as any other's. `protocol_masks` makes the masks as published.

    Args:
        step: between thresholds, 0.001 as published.

    Source: Choe et al. 2020.

    Example:
        >>> import numpy as np
        >>> maps, masks = np.zeros((2, 64, 64)), np.zeros((2, 64, 64), bool)
        >>> maps[:, 20:40, 20:40] = 1
        >>> masks[:, 20:40, 30:50] = True  # half covered
        >>> metric = PxAP()
        >>> metric.update(maps, masks)
        >>> round(metric.compute().value, 2)
        0.3
    """

    name = "pxap"
    title = "average precision over pixels"
    paper = "Choe et al. 2020"
    inputs: ClassVar[tuple[str, ...]] = ("masks", "ignore")

    def __init__(self, step: float = 0.001) -> None:
        import numpy as np

        self.step = step
        self._edges = np.append(np.arange(0, 1, step), 1.0)
        super().__init__()

    def settings(self) -> dict[str, Any]:
        """The step between thresholds."""
        return {"step": self.step}

    def update(self, maps: Any, masks: Any, ignore: Any = None, labels: Any = None) -> None:
        """Score a batch.

        Args:
            maps: (N, H, W), or N maps (H, W), in 0..1.
            masks: N masks (H, W) of bool, the foreground.
            ignore: N masks (H, W) of bool, the pixels that do not count; None: all count.
            labels: (N,) the images' classes, for the values per class.

        Raises:
            MetricError: lengths or shapes differ, or a map is not in 0..1.
        """

        images = each_image(self.name, maps, masks=masks, ignore=ignore, labels=labels)
        self._extend([(self._row(v, m, i), label) for v, m, i, label in images])

    def _row(self, values: np.ndarray, mask: Any, ignored: Any) -> np.ndarray:
        """Histograms (2, bins) of the values over the foreground and over the background."""
        import numpy as np

        if values.min() < 0 or values.max() > 1:
            raise MetricError(
                f"{self.name}: a map with values {values.min():.4g} to {values.max():.4g},"
                " expected 0 to 1: localization.normalize brings it there"
            )
        foreground = np.asarray(mask, bool)
        counts = np.ones_like(foreground) if ignored is None else ~np.asarray(ignored, bool)
        if not values.shape == foreground.shape == counts.shape:
            raise MetricError(
                f"{self.name}: a map of shape {values.shape} and masks of shape"
                f" {foreground.shape} and {counts.shape}, expected the same"
            )
        bins = np.searchsorted(self._edges, values.astype(float), "right") - 1
        parts = (bins[counts & part] for part in (foreground, ~foreground))
        return np.stack([np.bincount(b, minlength=len(self._edges)) for b in parts]).astype(
            np.uint32
        )

    def _unpack(self, rows: np.ndarray) -> np.ndarray:
        return rows.reshape(len(rows), -1).astype(float)

    def _values(self, sums: np.ndarray, counts: np.ndarray, choice: Any) -> np.ndarray:
        import numpy as np

        from_the_top = sums.reshape(len(sums), 2, -1)[:, :, ::-1].cumsum(axis=2)
        hits, found = from_the_top[:, 0], from_the_top.sum(axis=1)
        precision = hits / np.maximum(found, 1)
        gained = np.diff(hits, axis=1, prepend=0)
        positives = hits[:, -1]
        area = (precision * gained).sum(axis=1) / np.maximum(positives, 1)
        return np.where(positives > 0, area, np.nan)  # without foreground there is no recall


def pxap(
    maps: Any,
    masks: Any,
    ignore: Any = None,
    labels: Any = None,
    step: float = 0.001,
    resamples: int = 0,
    seed: int = 0,
) -> Result:
    """PxAP of one batch that is the whole data set; see `PxAP` and its `update`."""
    metric = PxAP(step)
    metric.update(maps, masks, ignore, labels)
    return metric.compute(resamples, seed)
