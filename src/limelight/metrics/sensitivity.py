"""Max-sensitivity: how much a map changes where its input hardly does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from limelight.arrays import like, namespace, to_numpy
from limelight.errors import MetricError
from limelight.metrics.metric import Metric
from limelight.metrics.perturbing import as_batch, each_label

if TYPE_CHECKING:
    import numpy as np

__all__ = ["MaxSensitivity"]


class MaxSensitivity(Metric):
    """The largest ‖Φ(x + n) - Φ(x)‖ / ‖Φ(x)‖ over noise n of at most `radius` at each value.

    Φ is the map, ‖·‖ its Euclidean length, and noise is uniform in [-radius, radius], the same
    `samples` draws for all images. An image whose map is zero has no value. The paper does not
    divide by ‖Φ(x)‖; what a map's unit is differs between methods.

    Args:
        radius: in the units of the model's input.
        samples: how many draws.
        seed: of the noise.

    Source: Yeh et al. 2019, On the (In)fidelity and Sensitivity of Explanations, definition 3.1.
    """

    name = "max-sensitivity"
    title = "largest relative change of the map under small noise in the input"
    paper = "Yeh et al. 2019"
    inputs: ClassVar[tuple[str, ...]] = ("images", "explain")
    greater_is_better: ClassVar[bool] = False

    def __init__(self, radius: float = 0.02, samples: int = 10, seed: int = 0) -> None:
        if samples < 1 or radius < 0:
            raise MetricError(f"{self.name} with radius={radius} and samples={samples}")
        self.radius, self.samples, self.seed = radius, samples, seed
        super().__init__()

    def settings(self) -> dict[str, Any]:
        """The radius, the number of draws, and their seed."""
        return {"radius": self.radius, "samples": self.samples, "seed": self.seed}

    def update(
        self, maps: Any, images: Any, explain: Callable[[Any], Any], labels: Any = None
    ) -> None:
        """Score a batch; where it raises, nothing of it was kept.

        Args:
            maps: (N, h, w) of `images`.
            images: (N, C, H, W) the model's input, in whatever framework.
            explain: the maps (N, h, w) of images like these, for the same classes.
            labels: (N,) the images' classes, for the values per class.

        Raises:
            MetricError: maps are not one for each image, or change their shape.
        """
        rows = self.measure(maps, images, explain)
        self._extend(list(zip(rows, each_label(labels, len(rows)), strict=True)))

    def measure(
        self, maps: Any, images: Any, explain: Callable[[Any], Any]
    ) -> Sequence[np.ndarray | None]:
        """The row of each image, without keeping it; None: its map is zero."""
        import numpy as np

        batch, before = as_batch(images), _on_host(maps)
        xp = namespace(batch)
        random = np.random.default_rng(self.seed)
        shape = tuple(int(side) for side in batch.shape[1:])
        worst = np.zeros(len(before))
        for _ in range(self.samples):
            noise = random.uniform(-self.radius, self.radius, shape).astype(np.float32)
            after = _on_host(explain(batch + xp.astype(like(noise, batch), batch.dtype)))
            if after.shape != before.shape or len(before) != batch.shape[0]:
                raise MetricError(
                    f"{self.name}: maps of {before.shape} became {after.shape} for "
                    f"{batch.shape[0]} images; one map of the same size was expected for each"
                )
            worst = np.maximum(worst, _lengths(after - before))
        size = _lengths(before)
        return [np.array([w / s]) if s > 0 else None for w, s in zip(worst, size, strict=True)]

    def _values(self, sums: np.ndarray, counts: np.ndarray, choice: Any) -> np.ndarray:
        return sums[:, 0] / counts


def _on_host(maps: Any) -> np.ndarray:
    import numpy as np

    host = to_numpy(maps) if hasattr(maps, "shape") else np.stack([np.asarray(m) for m in maps])
    return host.astype(float)


def _lengths(maps: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.sqrt((maps**2).reshape(len(maps), -1).sum(axis=1))
