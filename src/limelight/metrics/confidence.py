"""What is left of the confidence where the map lets only what it marks through."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from limelight.arrays import like, namespace
from limelight.errors import MetricError
from limelight.metrics.perturbing import PerturbationMetric, Scoring, ask, constant

if TYPE_CHECKING:
    import numpy as np

__all__ = ["AverageDrop", "AverageGain", "IncreaseInConfidence"]


class _MaskedConfidence(PerturbationMetric):
    """A metric of the probabilities y of the image and y' of the image behind its map.

    The image behind its map is b + (X - b) ⊙ M, M the map in [0, 1] and b the constant `baseline`.

    Args:
        baseline: in the units of the model's input, in which 0 is often the mean colour.
    """

    def __init__(self, baseline: float = 0.0) -> None:
        self.baseline = baseline
        super().__init__()

    def settings(self) -> dict[str, Any]:
        """The baseline."""
        return {"baseline": self.baseline}

    def _measure(
        self, maps: np.ndarray, images: Any, rescoring: Scoring
    ) -> Sequence[np.ndarray | None]:
        import numpy as np

        if maps.min() < 0 or maps.max() > 1:
            raise MetricError(
                f"{self.name}: maps with values from {maps.min():.4g} to {maps.max():.4g}, "
                "expected them in [0, 1]: localization.normalize brings them there"
            )
        xp, n = namespace(images), len(maps)
        masks = like(np.concatenate([np.ones_like(maps), maps]).astype(np.float32), images)
        masks, base = xp.astype(masks, images.dtype), constant(images, self.baseline)
        which = np.tile(np.arange(n), 2)

        def edit(start: int, stop: int) -> Any:
            x = xp.take(images, like(which[start:stop], images), axis=0)
            return base + (x - base) * masks[start:stop, None]

        found = ask(rescoring, edit, which)
        if found.min() < 0 or found.max() > 1 + 1e-5:
            raise MetricError(
                f"{self.name} was given scores from {found.min():.4g} to {found.max():.4g}; it is "
                "defined for probabilities: score='probability'"
            )
        whole, masked = found[:n], found[n:]
        return [
            np.array([self._of(y, y_masked)]) for y, y_masked in zip(whole, masked, strict=True)
        ]

    @abstractmethod
    def _of(self, whole: float, masked: float) -> float:
        """The value of one image, from its probability and that behind the map."""

    def _values(self, sums: np.ndarray, counts: np.ndarray, choice: Any) -> np.ndarray:
        return sums[:, 0] / counts


class AverageDrop(_MaskedConfidence):
    """The mean of max(0, y - y') / y: which part of the confidence is lost behind the map.

    y is the probability of the class, y' that of the image behind its map. In 0..1; published in
    per cent.

    Source: Chattopadhay et al. 2018, Grad-CAM++, section 5.1.
    """

    name = "average-drop"
    title = "share of the probability that is lost where only what the map marks is left"
    paper = "Chattopadhay et al. 2018"
    greater_is_better = False

    def _of(self, whole: float, masked: float) -> float:
        return max(0.0, whole - masked) / whole if whole > 0 else 0.0


class IncreaseInConfidence(_MaskedConfidence):
    """The share of images with y < y': the class is more probable behind the map than without.

    Source: Chattopadhay et al. 2018, Grad-CAM++, section 5.1.
    """

    name = "increase-in-confidence"
    title = "share of images that are classified more surely where only what the map marks is left"
    paper = "Chattopadhay et al. 2018"
    greater_is_better = True

    def _of(self, whole: float, masked: float) -> float:
        return float(whole < masked)


class AverageGain(_MaskedConfidence):
    """The mean of max(0, y' - y) / (1 - y): which part of the missing confidence the map gains.

    The counterpart of the average drop.

    Source: Zhang et al. 2024, Opti-CAM, section 4.1.
    """

    name = "average-gain"
    title = "share of the missing probability that is gained where only what the map marks is left"
    paper = "Zhang et al. 2024"
    greater_is_better = True

    def _of(self, whole: float, masked: float) -> float:
        return max(0.0, masked - whole) / (1 - whole) if whole < 1 else 0.0
