"""What all metrics share: rows that accumulate, merge, and are drawn again for intervals.

A metric keeps one row of numbers per image, and is a function of the rows' (weighted) sum. From
that come, for every metric alike, the value (all weights 1), its bootstrap interval (weights drawn
at random), the value of each class (weights 1 for its images), and merging (rows appended).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from limelight.errors import MetricError
from limelight.metrics.inputs import each_image, truth_boxes
from limelight.metrics.intervals import bootstrap_interval

if TYPE_CHECKING:
    import numpy as np

_registry: dict[str, type[Metric]] = {}
_IMAGES = 4096  # rows summed at once


@dataclass(frozen=True)
class Result:
    """A metric's value over the images seen.

    Attributes:
        metric: the metric's name.
        value: in 0..1.
        images: how many images count.
        excluded: how many were left out because they have no ground truth.
        settings: what the metric was made with: convention, version, threshold …
        interval: the bootstrap interval's ends, where it was asked for.
        details: further figures by name, such as the threshold that was best.
        per_class: the value of each class, at the threshold that is best over all; empty where
            no labels were given.
    """

    metric: str
    value: float
    images: int
    excluded: int
    settings: dict[str, Any]
    interval: tuple[float, float] | None = None
    details: dict[str, float] = field(default_factory=dict)
    per_class: dict[int, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<{self.metric} {self.in_percent()} % of {self.images:,} images>"

    def in_percent(self, interval: bool = True) -> str:
        """The value in per cent, and its interval behind it: "32.8 [32.2, 33.3]"."""
        text = f"{100 * self.value:.1f}"
        if self.interval is None or not interval:
            return text
        low, high = self.interval
        return f"{text} [{100 * low:.1f}, {100 * high:.1f}]"


class Metric(ABC):
    """A metric that accumulates: `update` with batches, `merge` with others, then `compute`.

    Subclasses declare `name`, `title`, `paper` and `inputs`, the arguments of their `update` after
    the maps, and say what one image's row is and how a sum of rows becomes a value.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    paper: ClassVar[str] = ""
    inputs: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in cls.__dict__:  # a base of several metrics has none
            _registry[cls.name] = cls

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget every image."""
        self._rows: list[np.ndarray] = []
        self._labels: list[int | None] = []
        self._excluded = 0

    def merge(self, other: Metric) -> None:
        """Take in what another metric of the same settings has seen, as after `update`.

        Raises:
            MetricError: the other one is of another kind, or of other settings.
        """
        if type(other) is not type(self) or other.settings() != self.settings():
            raise MetricError(
                f"{self.name} with {self.settings()} cannot take in {other.name} with"
                f" {other.settings()}"
            )
        self._rows += other._rows
        self._labels += other._labels
        self._excluded += other._excluded

    def compute(self, resamples: int = 0, seed: int = 0, level: float = 0.95) -> Result:
        """The value over all images seen so far.

        Args:
            resamples: how many bootstrap resamples make the interval; 0 leaves it out.
            seed: of the resamples.
            level: of the interval.

        Raises:
            MetricError: no image has been scored.
        """
        import numpy as np

        if not self._rows:
            raise MetricError(f"{self.name} has scored no image with ground truth")
        count = len(self._rows)
        total = self._sum(np.ones((1, count)))
        choice = self._choose(total[0])
        interval = None
        if resamples:
            interval = bootstrap_interval(self._statistic, count, resamples, level, seed)
        return Result(
            metric=self.name,
            value=float(self._statistic(np.ones((1, count)))[0]),
            images=count,
            excluded=self._excluded,
            settings=self.settings(),
            interval=interval,
            details=self._details(total[0], choice),
            per_class=self._per_class(choice),
        )

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What the metric was made with; metrics of equal settings can be merged."""

    @abstractmethod
    def _values(self, sums: np.ndarray, counts: np.ndarray, choice: Any) -> np.ndarray:
        """The values (b,) of weighted sums of rows (b, …) over `counts` (b,) images.

        `choice` is what `_choose` returned, or None: each of the b chooses for itself.
        """

    def _choose(self, total: np.ndarray) -> Any:
        """What is tuned on the whole data set, from the sum of all rows; None: nothing is."""
        return None

    def _details(self, total: np.ndarray, choice: Any) -> dict[str, float]:
        return {}

    def _unpack(self, rows: np.ndarray) -> np.ndarray:
        """Rows (n, …) as they were kept, as numbers (n, r) to be summed."""
        return rows.reshape(len(rows), -1)

    def _statistic(self, weights: np.ndarray) -> np.ndarray:
        return self._values(self._sum(weights), weights.sum(1), None)

    def _sum(self, weights: Any) -> np.ndarray:
        """Sums (b, r) of the rows with weights (b, images), an array or a sparse one."""
        import numpy as np

        total = None
        for first in range(0, len(self._rows), _IMAGES):
            rows = self._unpack(np.stack(self._rows[first : first + _IMAGES]))
            part = weights[:, first : first + _IMAGES].astype(rows.dtype) @ rows
            total = part.astype(np.float64) if total is None else total + part
        return np.asarray(total)

    def _members(self) -> tuple[np.ndarray, Any]:
        """The classes (c,) seen, and which image is of which: a sparse (c, images) of 0 and 1."""
        import numpy as np
        from scipy.sparse import csr_array

        image = np.flatnonzero([label is not None for label in self._labels])
        classes, row = np.unique([self._labels[i] for i in image], return_inverse=True)
        shape = (len(classes), len(self._labels))
        return classes, csr_array((np.ones(len(image)), (row, image)), shape=shape)

    def _per_class(self, choice: Any) -> dict[int, float]:
        classes, members = self._members()
        if len(classes) == 0:
            return {}
        values = self._values(self._sum(members), members.sum(axis=1), choice)
        return dict(zip(classes.tolist(), values.tolist(), strict=True))

    def _extend(self, rows: list[tuple[np.ndarray | None, Any]]) -> None:
        """Keep each image's row and label; None in place of a row: the image is excluded."""
        for row, label in rows:
            if row is None:
                self._excluded += 1
            else:
                self._rows.append(row)
                self._labels.append(None if label is None else int(label))


class BoxMetric(Metric):
    """A metric of one map and its ground-truth boxes per image."""

    inputs: ClassVar[tuple[str, ...]] = ("boxes",)

    def update(self, maps: Any, boxes: Any, labels: Any = None) -> None:
        """Score a batch; where it raises, nothing of it was kept.

        Args:
            maps: (N, H, W), or N maps (H, W) of different sizes; each explains the image's true
                class.
            boxes: N arrays (n, 4) of that class's ground truth, x0, y0, x1, y1 in the map's
                pixels. An image without any is excluded.
            labels: (N,) the images' classes, for the values per class.

        Raises:
            MetricError: lengths differ, or a map is not what the metric takes.
        """
        images = each_image(self.name, maps, boxes=boxes, labels=labels)
        rows = [(values, truth_boxes(truth), label) for values, truth, label in images]
        self._extend([(self._row(v, t) if len(t) else None, label) for v, t, label in rows])

    @abstractmethod
    def _row(self, values: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """The row of an image: of its map (H, W) and its ground truth (n, 4), n > 0."""
