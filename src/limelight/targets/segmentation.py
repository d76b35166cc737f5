"""A class within a region of the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from limelight.arrays import like, namespace, to_numpy
from limelight.errors import TargetError
from limelight.targets.outputs import check_index, tensor_of


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A class's scores summed over a region: what makes the model see the class there.

    For a model of semantic segmentation, which returns (N, classes, H, W), alone or in a dict as
    "out" (torchvision) or "logits" (transformers). Seg-Grad-CAM, Vinogradova 2020, equation 2.

    Attributes:
        class_index: which class.
        region: (H, W), true or 1 where the scores count, at the size of the model's output; None:
            the pixels that the model itself gives to the class.
        axis: where the classes are: 1, or -1 for (N, H, W, classes).
    """

    class_index: int
    region: Any = None
    axis: int = 1

    def __post_init__(self) -> None:
        if self.axis not in (1, 3, -1):
            raise TargetError(f"axis={self.axis}: the classes are on axis 1, or on the last, -1")
        if self.region is not None and not to_numpy(self.region).any():
            raise TargetError("the region is empty: no pixel's score would count")

    def __call__(self, output: Any) -> Any:
        """The scores (N,). Raises TargetError where the output has another shape."""
        import numpy as np

        order = "(N, classes, H, W)" if self.axis == 1 else "(N, H, W, classes)"
        scores = tensor_of(
            output, ("out", "logits"), (4,), f"a score per class and pixel, {order},"
        )
        check_index("class", self.class_index, int(scores.shape[self.axis]))
        first = self.axis == 1
        of_class = scores[:, self.class_index] if first else scores[..., self.class_index]
        xp = namespace(scores)
        if self.region is None:
            counts = xp.argmax(scores, axis=self.axis) == self.class_index
        else:
            region = to_numpy(self.region).astype(np.float32)
            if region.shape != tuple(of_class.shape[1:]):
                raise TargetError(
                    f"the region has the shape {region.shape}; that of the model's output, "
                    f"{tuple(of_class.shape[1:])}, was expected"
                )
            counts = like(region, scores)[None]
        return xp.sum(of_class * xp.astype(counts, of_class.dtype), axis=(1, 2))
