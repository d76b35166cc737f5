"""Infidelity: whether a map foretells what removing a square does to the score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from limelight.arrays import like, namespace
from limelight.errors import MetricError
from limelight.metrics.perturbing import PerturbationMetric, Scoring, ask, constant

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Infidelity"]


class Infidelity(PerturbationMetric):
    """The mean over random squares Z of (β Σ_Z M - (f(x) - f(x without Z)))².

    M is the map, f the score, and x without Z has the constant `baseline` there. What a map of
    class activations says is up to a positive factor, so that β ≥ 0 is the best one for each image
    (the optimal scaling of the paper; `scaled=False` takes β = 1). Every image meets the same
    squares. A linear model whose map is Σ_c w_c (x_c - b) has 0.

    Args:
        samples: how many squares.
        smallest, largest: their side, as a part of the image's shorter side.
        baseline: in the units of the model's input.
        scaled: whether β is fitted.
        seed: of the squares.

    Source: Yeh et al. 2019, On the (In)fidelity and Sensitivity of Explanations, definition 2.1,
    with square removal (section 2.2).
    """

    name = "infidelity"
    title = "mean squared error of the fall of the score that the map foretells for removed squares"
    paper = "Yeh et al. 2019"
    greater_is_better = False

    def __init__(
        self,
        samples: int = 50,
        smallest: float = 0.1,
        largest: float = 0.5,
        baseline: float = 0.0,
        scaled: bool = True,
        seed: int = 0,
    ) -> None:
        if samples < 1 or not 0 < smallest <= largest <= 1:
            raise MetricError(
                f"{self.name} with samples={samples} and squares from {smallest} to {largest}: at "
                "least one square was expected, of a side between 0 and 1"
            )
        self.samples, self.smallest, self.largest = samples, smallest, largest
        self.baseline, self.scaled, self.seed = baseline, scaled, seed
        super().__init__()

    def settings(self) -> dict[str, Any]:
        """What the squares are, the baseline, the scaling, and the seed."""
        names = ("samples", "smallest", "largest", "baseline", "scaled", "seed")
        return {name: getattr(self, name) for name in names}

    def squares(self, size: tuple[int, int]) -> np.ndarray:
        """The squares (samples, H, W) as masks of 0 and 1, float32."""
        import numpy as np

        random = np.random.default_rng(self.seed)
        masks = np.zeros((self.samples, *size), np.float32)
        for mask in masks:
            side = max(1, round(random.uniform(self.smallest, self.largest) * min(size)))
            top, left = (int(random.integers(0, length - side + 1)) for length in size)
            mask[top : top + side, left : left + side] = 1
        return masks

    def _measure(
        self, maps: np.ndarray, images: Any, rescoring: Scoring
    ) -> Sequence[np.ndarray | None]:
        return self.foretell(maps, self.falls(images, rescoring))

    def foretell(self, maps: np.ndarray, falls: np.ndarray) -> Sequence[np.ndarray]:
        """The rows of maps (N, H, W), where `falls` (N, samples) are known."""
        import numpy as np

        masks = self.squares((maps.shape[1], maps.shape[2]))
        foretold = np.einsum("nhw,shw->ns", maps, masks.astype(float))
        scale = np.ones((len(maps), 1))
        if self.scaled:
            square_sum = (foretold**2).sum(axis=1, keepdims=True)
            product = (foretold * falls).sum(axis=1, keepdims=True)
            scale = np.maximum(product, 0) / np.where(square_sum > 0, square_sum, 1)
        return list(((scale * foretold - falls) ** 2).mean(axis=1, keepdims=True))

    def falls(self, images: Any, rescoring: Scoring) -> np.ndarray:
        """By how much the score of each image falls without each square, (N, samples).

        That is the same for every map of these images.
        """
        import numpy as np

        xp, n = namespace(images), int(images.shape[0])
        masks = self.squares((int(images.shape[2]), int(images.shape[3])))
        # The first of each image's jobs removes nothing.
        all_masks = np.concatenate([np.zeros_like(masks[:1]), masks])
        on_device = xp.astype(like(all_masks, images), images.dtype)
        jobs = self.samples + 1
        which, square = np.repeat(np.arange(n), jobs), np.tile(np.arange(jobs), n)
        base = constant(images, self.baseline)

        def edit(start: int, stop: int) -> Any:
            x = xp.take(images, like(which[start:stop], images), axis=0)
            mask = xp.take(on_device, like(square[start:stop], images), axis=0)[:, None]
            return x + (base - x) * mask

        scores = ask(rescoring, edit, which).reshape(n, jobs)
        return scores[:, :1] - scores[:, 1:]

    def _values(self, sums: np.ndarray, counts: np.ndarray, choice: Any) -> np.ndarray:
        return sums[:, 0] / counts
