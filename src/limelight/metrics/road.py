"""ROAD: pixels are removed and imputed, so that their absence is not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from limelight.arrays import like, namespace
from limelight.errors import MetricError
from limelight.metrics.imputation import impute
from limelight.metrics.perturbing import MaskedEdit, PerturbationMetric, Scoring, rank, scores_along

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Road"]

_TOLERANCE = 3e-4  # of the equations; leaves errors below the noise


class Road(PerturbationMetric):
    """How much more is left of the score where the least relevant pixels are removed first.

    Pixels are removed in the order of the map, most relevant first (MoRF) and least relevant first
    (LeRF), and replaced by noisy linear imputation. The value is the mean over `fractions` of the
    score after LeRF less that after MoRF, of each image by itself; `details` hold both. A map that
    says nothing has 0.

    Args:
        fractions: which parts of the pixels are removed, each between 0 and 1.
        noise: standard deviation of what is added to imputed pixels, in units of the model's input.
        seed: of the noise, the same for all images, and of the order of equal values.

    Source: Rong et al. 2022, A Consistent and Efficient Evaluation Strategy for Attribution
    Methods. There the figure is the accuracy over the data set; here it is each image's score.
    """

    name = "road"
    title = "score left when the least relevant pixels are imputed, less when the most relevant are"
    paper = "Rong et al. 2022"
    greater_is_better = True

    def __init__(
        self,
        fractions: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
        noise: float = 0.01,
        seed: int = 0,
    ) -> None:
        self.fractions, self.noise, self.seed = tuple(fractions), noise, seed
        if not self.fractions or not all(0 < each < 1 for each in self.fractions):
            raise MetricError(
                f"{self.name}: fractions={fractions!r}, expected some between 0 and 1"
            )
        super().__init__()

    def settings(self) -> dict[str, Any]:
        """The fractions, the noise, and the seed."""
        return {"fractions": list(self.fractions), "noise": self.noise, "seed": self.seed}

    def _measure(
        self, maps: np.ndarray, images: Any, rescoring: Scoring
    ) -> Sequence[np.ndarray | None]:
        import numpy as np

        counts = np.round(np.array(self.fractions) * maps[0].size).astype(int)
        edit = self._edit(images)
        curves = [
            scores_along(rescoring, images, rank(sign * maps, self.seed), counts, edit)
            for sign in (1, -1)
        ]
        return list(np.concatenate(curves, axis=1))

    def _edit(self, images: Any) -> MaskedEdit:
        import numpy as np

        xp = namespace(images)
        shape = tuple(int(side) for side in images.shape[1:])
        draw = np.random.default_rng(self.seed).normal(0, self.noise, shape).astype(np.float32)
        noise = xp.astype(like(draw, images), images.dtype)

        def edit(x: Any, mask: Any) -> Any:
            return xp.where(mask, impute(x, mask, _TOLERANCE) + noise, x)

        return edit

    def _values(self, sums: np.ndarray, counts: np.ndarray, choice: Any) -> np.ndarray:
        first = len(self.fractions)
        return (sums[:, first:].mean(axis=1) - sums[:, :first].mean(axis=1)) / counts

    def _details(self, total: np.ndarray, choice: Any) -> dict[str, float]:
        mean, first = total / len(self._rows), len(self.fractions)
        found = {"MoRF": float(mean[:first].mean()), "LeRF": float(mean[first:].mean())}
        for order, curve in (("MoRF", mean[:first]), ("LeRF", mean[first:])):
            for fraction, value in zip(self.fractions, curve, strict=True):
                found[f"{order} at {fraction:g}"] = float(value)
        return found
