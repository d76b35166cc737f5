"""Insertion and deletion: the score while pixels come in, or go, in the order of the map."""

from __future__ import annotations

from typing import Any

from limelight.arrays import namespace
from limelight.blurring import blurred
from limelight.metrics.perturbing import CurveMetric, MaskedEdit, constant

__all__ = ["Deletion", "Insertion"]


class Insertion(CurveMetric):
    """The area under the score while the pixels of the image replace those of its blurred copy.

    The pixels of the highest values come first, in `steps` equal steps; the area is that on
    [0, 1] by the trapezoid rule, of each image by itself. Pixels of equal value come in one random
    order, the same for all maps.

    Args:
        steps: from the blurred copy to the image.
        sigma, reach: of the Gaussian blur, in pixels of the model's input.
        seed: of that order.

    Source: Petsiuk et al. 2018, RISE, section 4.1.
    """

    name = "insertion"
    title = "area under the score while pixels are inserted into a blurred image, best ones first"
    paper = "Petsiuk et al. 2018"
    greater_is_better = True

    def __init__(self, steps: int = 20, sigma: float = 5.0, reach: int = 5, seed: int = 0) -> None:
        self.sigma, self.reach = sigma, reach
        super().__init__(steps, seed)

    def settings(self) -> dict[str, Any]:
        """The number of steps, the blur, and the seed."""
        return {"steps": self.steps, "sigma": self.sigma, "reach": self.reach, "seed": self.seed}

    def _edit(self, images: Any) -> MaskedEdit:
        xp = namespace(images)

        def edit(x: Any, mask: Any) -> Any:
            return xp.where(mask, x, blurred(xp, x, self.sigma, self.reach))

        return edit


class Deletion(CurveMetric):
    """The area under the score while the pixels of the image are set to a constant.

    As `Insertion`, from the image to the constant; small values are good.

    Args:
        steps: from the image to the constant.
        baseline: the constant, in the units of the model's input, in which 0 is often the mean
            colour.
        seed: of the order of equal values.

    Source: Petsiuk et al. 2018, RISE, section 4.1.
    """

    name = "deletion"
    title = "area under the score while pixels are deleted, best ones first"
    paper = "Petsiuk et al. 2018"
    greater_is_better = False

    def __init__(self, steps: int = 20, baseline: float = 0.0, seed: int = 0) -> None:
        self.baseline = baseline
        super().__init__(steps, seed)

    def settings(self) -> dict[str, Any]:
        """The number of steps, the constant, and the seed."""
        return {"steps": self.steps, "baseline": self.baseline, "seed": self.seed}

    def _edit(self, images: Any) -> MaskedEdit:
        xp, base = namespace(images), constant(images, self.baseline)
        return lambda x, mask: xp.where(mask, base, x)
