"""What the metrics share that ask the model again, what it makes of edited inputs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from limelight.arrays import like, namespace, to_numpy
from limelight.errors import MetricError
from limelight.metrics.inputs import each_image
from limelight.metrics.metric import Metric

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Scoring"]

#: ``edit(x, mask)``: images (n, C, H, W), changed where mask (n, 1, H, W) is true.
MaskedEdit = Callable[[Any, Any], Any]


class Scoring(Protocol):
    """Scores edited inputs, in chunks that fit into memory."""

    def inputs(self, edit: Callable[[int, int], Any], images: np.ndarray) -> Any:
        """Scores (J, 1) of J edited inputs, each (C, H, W), for their images' explained classes.

        ``edit(start, stop)`` makes those of that part of the jobs when their turn has come;
        `images` (J,) says of which image each job is.
        """


class PerturbationMetric(Metric):
    """A metric of one map per image, and of the scores of edits of that image.

    Subclasses say in `greater_is_better` which way the value is read.
    """

    inputs: ClassVar[tuple[str, ...]] = ("images", "rescoring")
    greater_is_better: ClassVar[bool]

    def update(self, maps: Any, images: Any, rescoring: Scoring, labels: Any = None) -> None:
        """Score a batch; where it raises, nothing of it was kept.

        Args:
            maps: (N, H, W) at the size of the model's input, on the host or not.
            images: (N, C, H, W) the model's input, in whatever framework; it is edited there.
            rescoring: ``rescoring.inputs(edit, images)``: the scores (J, 1) of edited inputs for
                the class that is explained; see `Scoring`. Which score
                that is, probability or logit, is the caller's choice.
            labels: (N,) the images' classes, for the values per class.

        Raises:
            MetricError: lengths or sizes differ, or a map is not what the metric takes.
        """
        rows = self.measure(maps, images, rescoring)
        self._extend(list(zip(rows, each_label(labels, len(rows)), strict=True)))

    def measure(self, maps: Any, images: Any, rescoring: Scoring) -> Sequence[np.ndarray | None]:
        """The row of each image, without keeping it; None: the metric has no value for it."""
        import numpy as np

        batch = as_batch(images)
        host = to_numpy(maps) if hasattr(maps, "shape") else maps
        checked = [values for (values,) in each_image(self.name, host)]
        size = tuple(int(side) for side in batch.shape[2:])
        if len(checked) != batch.shape[0] or any(values.shape != size for values in checked):
            raise MetricError(
                f"{self.name} was given maps of {_shapes(checked)} for {batch.shape[0]} images of "
                f"{size[0]} × {size[1]}: one map of that size for each image was expected"
            )
        return self._measure(np.stack(checked).astype(float), batch, rescoring)

    @abstractmethod
    def _measure(
        self, maps: np.ndarray, images: Any, rescoring: Scoring
    ) -> Sequence[np.ndarray | None]:
        """The rows of maps (N, H, W) of images (N, C, H, W)."""


class CurveMetric(PerturbationMetric):
    """A metric whose row is a curve: the score after each of `steps` equal steps, and before.

    Args:
        steps: how many steps there are from nothing changed to everything.
        seed: of the order of pixels with equal values, the same in every image.
    """

    def __init__(self, steps: int, seed: int) -> None:
        if steps < 1:
            raise MetricError(f"{self.name} with steps={steps}: at least one was expected")
        self.steps, self.seed = steps, seed
        super().__init__()

    def settings(self) -> dict[str, Any]:
        """The number of steps, and the seed."""
        return {"steps": self.steps, "seed": self.seed}

    def _measure(
        self, maps: np.ndarray, images: Any, rescoring: Scoring
    ) -> Sequence[np.ndarray | None]:
        ranks = rank(maps, self.seed)
        counts = stations(maps[0].size, self.steps)
        return list(scores_along(rescoring, images, ranks, counts, self._edit(images)))

    @abstractmethod
    def _edit(self, images: Any) -> MaskedEdit:
        """The edit of the pixels that come first."""

    def _values(self, sums: np.ndarray, counts: np.ndarray, choice: Any) -> np.ndarray:
        return (sums / counts[:, None]) @ trapezoid(self.steps)

    def _details(self, total: np.ndarray, choice: Any) -> dict[str, float]:
        mean = total / len(self._rows)
        return {f"at {k / self.steps:.3g}": float(mean[k]) for k in range(self.steps + 1)}


def trapezoid(steps: int) -> np.ndarray:
    """The weights (steps + 1,) of a curve's points in its area on [0, 1], by the trapezoid rule.

    The area is linear in the curve: the mean of the images' areas is that of their mean curve.
    """
    import numpy as np

    weights = np.full(steps + 1, 1 / steps)
    weights[[0, -1]] /= 2
    return weights


def stations(count: int, steps: int) -> np.ndarray:
    """How many of `count` pixels are changed after 0, 1 … `steps` equal steps."""
    import numpy as np

    return np.round(np.linspace(0, count, steps + 1)).astype(int)


def rank(maps: np.ndarray, seed: int) -> np.ndarray:
    """The place of each pixel of (N, H, W), the highest value first, as float32.

    Equal values come in one random order, the same for every image and map: in reading order, the
    zeros of a map would be edited from the top down.
    """
    import numpy as np

    n, size = len(maps), maps[0].size
    shuffled = np.random.default_rng(seed).permutation(size)
    flat = maps.reshape(n, size)[:, shuffled]
    order = shuffled[np.argsort(-flat, axis=1, kind="stable")]
    ranks = np.empty((n, size), np.float32)
    np.put_along_axis(ranks, order, np.arange(size, dtype=np.float32)[None], axis=1)
    return ranks.reshape(maps.shape)


def scores_along(
    rescoring: Scoring, images: Any, ranks: np.ndarray, counts: np.ndarray, edit: MaskedEdit
) -> np.ndarray:
    """The scores (N, P) of images whose first ``counts[p]`` pixels are edited.

    Args:
        rescoring: see `PerturbationMetric.update`.
        images: (N, C, H, W).
        ranks: (N, H, W) the place of each pixel.
        counts: (P,).
        edit: what is done to them.
    """
    import numpy as np

    xp = namespace(images)
    points, places = len(counts), like(ranks.astype(np.float32), images)
    which = np.repeat(np.arange(len(ranks)), points)
    cuts = np.tile(np.asarray(counts, np.float32), len(ranks))[:, None, None]

    def edited(start: int, stop: int) -> Any:
        chosen = like(which[start:stop], images)
        mask = xp.take(places, chosen, axis=0) < like(cuts[start:stop], images)
        return edit(xp.take(images, chosen, axis=0), mask[:, None])

    return ask(rescoring, edited, which).reshape(len(ranks), points)


def ask(rescoring: Scoring, edit: Callable[[int, int], Any], which: np.ndarray) -> np.ndarray:
    """The scores (J,) of J edits of the images `which` (J,), on the host."""
    return to_numpy(rescoring.inputs(edit, which))[:, 0].astype(float)


def constant(images: Any, value: float) -> Any:
    """`value` at each place of (N, C, H, W), as (1, C, H, W)."""
    return namespace(images).zeros_like(images[:1]) + value


def as_batch(images: Any) -> Any:
    """Images as one array (N, C, H, W), also where N of them were given."""
    if isinstance(images, list | tuple):
        return namespace(images[0]).stack(list(images))
    return images


def each_label(labels: Any, count: int) -> Sequence[Any]:
    """A label, or None, for each of `count` images.

    Raises:
        MetricError: there is another number of them.
    """
    if labels is None:
        return [None] * count
    if len(labels) != count:
        raise MetricError(f"{count} images and {len(labels)} labels were given")
    return list(labels)


def _shapes(maps: Sequence[np.ndarray]) -> str:
    return ", ".join(sorted({" × ".join(map(str, each.shape)) for each in maps}))
