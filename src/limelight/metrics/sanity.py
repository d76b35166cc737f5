"""Sanity checks: a map must change where what the model has learned is taken from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from limelight.arrays import to_numpy
from limelight.errors import MetricError, did_you_mean
from limelight.metrics.inputs import each_image
from limelight.metrics.metric import Metric
from limelight.metrics.similarity import SIMILARITIES

if TYPE_CHECKING:
    import numpy as np

__all__ = ["ORDERS", "LabelRandomization", "ModelRandomization"]

#: In which order layers are randomized: from the output down, each alone, from the input up.
ORDERS = ("top-down", "independent", "bottom-up")


class _Compared(Metric):
    """A metric of the similarity of an image's map with others of the same image."""

    inputs: ClassVar[tuple[str, ...]] = ("others",)
    greater_is_better: ClassVar[bool] = False

    def __init__(self, similarity: str = "rank") -> None:
        if similarity not in SIMILARITIES:
            raise MetricError(
                f"there is no similarity {similarity!r}{did_you_mean(similarity, SIMILARITIES)}; "
                f"there are {' and '.join(SIMILARITIES)}"
            )
        self.similarity = similarity
        super().__init__()

    def update(self, maps: Any, others: Any, labels: Any = None) -> None:
        """Score a batch; where it raises, nothing of it was kept.

        Args:
            maps: (N, H, W) in [0, 1], of the model as it is.
            others: (N, S, H, W): of each image the S maps to compare with.
            labels: (N,) the images' classes, for the values per class.

        Raises:
            MetricError: lengths or sizes differ.
        """
        import numpy as np

        compare = SIMILARITIES[self.similarity]
        rows: list[tuple[np.ndarray | None, Any]] = []
        host = to_numpy(maps) if hasattr(maps, "shape") else maps
        for values, found, label in each_image(self.name, host, others=others, labels=labels):
            if any(np.shape(other) != values.shape for other in found):
                raise MetricError(
                    f"{self.name} compares maps of one size, but a map of {values.shape} has "
                    f"others of {[np.shape(other) for other in found]}"
                )
            row = [compare(values, np.asarray(other)) for other in found]
            rows.append((self._checked(np.array(row)), label))
        self._extend(rows)

    def _checked(self, row: np.ndarray) -> np.ndarray:
        return row


class ModelRandomization(_Compared):
    """How alike the maps are of the model and of the same model with randomized layers.

    Each image has a similarity for each of the stages, in which ever more layers are randomized
    ("top-down" from the output, "bottom-up" from the input), or a part of them alone
    ("independent"). The value is the similarity after the last stage, when all layers are random;
    of "independent" the mean over the stages. A map that depends on what the model has learned
    has a value near 0; `details` hold each stage.

    Args:
        stages: their names, in order; of all images the same.
        order: a name from `ORDERS`.
        similarity: "rank" (Spearman's correlation) or "ssim".

    Source: Adebayo et al. 2018, Sanity Checks for Saliency Maps, section 4.
    """

    name = "model-randomization"
    title = "similarity with the map of the model whose layers are random"
    paper = "Adebayo et al. 2018"

    def __init__(
        self, stages: Sequence[str], order: str = "top-down", similarity: str = "rank"
    ) -> None:
        if order not in ORDERS:
            raise MetricError(
                f"there is no order {order!r}"
                + (did_you_mean(order, ORDERS) or f"; there are {', '.join(ORDERS)}")
            )
        self.stages, self.order = tuple(stages), order
        if not self.stages:
            raise MetricError(f"{self.name} needs at least one stage")
        super().__init__(similarity)

    def settings(self) -> dict[str, Any]:
        """The stages, their order, and the similarity."""
        return {
            "stages": list(self.stages),
            "order": self.order,
            "similarity": self.similarity,
        }

    def _checked(self, row: np.ndarray) -> np.ndarray:
        if len(row) != len(self.stages):
            raise MetricError(
                f"{self.name} was given {len(row)} maps for the stages {', '.join(self.stages)}"
            )
        return row

    def _values(self, sums: np.ndarray, counts: np.ndarray, choice: Any) -> np.ndarray:
        return (sums.mean(axis=1) if self.order == "independent" else sums[:, -1]) / counts

    def _details(self, total: np.ndarray, choice: Any) -> dict[str, float]:
        mean = total / len(self._rows)
        return {name: float(each) for name, each in zip(self.stages, mean, strict=True)}


class LabelRandomization(_Compared):
    """How alike the maps are of the model and of one that was trained on random labels.

    Args:
        similarity: "rank" (Spearman's correlation) or "ssim".

    Source: Adebayo et al. 2018, Sanity Checks for Saliency Maps, section 5.
    """

    name = "label-randomization"
    title = "similarity with the map of a model that was trained on random labels"
    paper = "Adebayo et al. 2018"

    def settings(self) -> dict[str, Any]:
        """The similarity."""
        return {"similarity": self.similarity}

    def _values(self, sums: np.ndarray, counts: np.ndarray, choice: Any) -> np.ndarray:
        return sums.mean(axis=1) / counts
