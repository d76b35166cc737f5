"""The metrics of an evaluation, and the rows that they keep of each image.

A metric is a function of one row per image. An image is scored where its map is at hand, its rows
travel in a file, and the value is computed where all rows are together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from limelight.errors import MetricError

if TYPE_CHECKING:
    import numpy as np

    from limelight.metrics import Metric, Result


@dataclass(frozen=True)
class Scorer:
    """A metric as an evaluation uses it.

    Attributes:
        name: the key of its figures.
        title: of its column.
        make: returns the metric.
        protocol: whether it takes maps as the published protocol has them: minmax-normalized, on a
            square of 224 pixels. Otherwise they are normalized as the method's cut says, in the
            pixels of the original image.
        slow: whether it goes through all thresholds.
        measured: whether the model is asked again; such a metric's rows come from
            `limelight.runs.benching`, and exist where there are no true boxes too.
        lower: whether small values are good.
        group: what it judges: one of `GROUPS`.
    """

    name: str
    title: str
    make: Callable[[], Metric]
    protocol: bool = False
    slow: bool = False
    measured: bool = False
    lower: bool = False
    group: str = "localization"


#: What figures judge; a method's rank is the mean of its ranks in each but the last.
GROUPS = ("localization", "pointing", "faithfulness", "sanity", "cost")


@cache
def scorers() -> dict[str, Scorer]:
    """By name, what is scored of every map, apart from its box."""
    from limelight.metrics import EnergyPointingGame, MaxBoxAcc, PointingGame

    found = (
        Scorer("maxboxacc-v1", "MaxBoxAcc", lambda: MaxBoxAcc(1), protocol=True, slow=True),
        Scorer("maxboxacc-v2", "MaxBoxAccV2", lambda: MaxBoxAcc(2), protocol=True, slow=True),
        Scorer("pointing-game", "pointing", PointingGame, group="pointing"),
        Scorer("energy-pointing-game", "energy", EnergyPointingGame, group="pointing"),
        *_measured(),
    )
    return {scorer.name: scorer for scorer in found}


def _measured() -> Iterator[Scorer]:
    """The metrics for which the model is asked again."""
    from limelight.explainer.faithfulness import faithfulness_metrics
    from limelight.explainer.sanity import stage_names
    from limelight.metrics import SIMILARITIES, ModelRandomization, find_metric
    from limelight.runs.benching import STAGES

    for name in faithfulness_metrics():
        kind: Any = find_metric(name)
        title = name.replace("-", " ")
        lower = not kind.greater_is_better
        yield Scorer(name, title, kind, measured=True, lower=lower, group="faithfulness")
    for similarity in SIMILARITIES:

        def make(similarity: str = similarity) -> Metric:
            return ModelRandomization(stage_names(STAGES), similarity=similarity)

        key = f"{ModelRandomization.name}-{similarity}"
        title = f"randomized ({similarity})"
        yield Scorer(key, title, make, measured=True, lower=True, group="sanity")


class _Rows:
    """Mixed into a metric: hands out an image's row, and takes rows in."""

    _rows: list[np.ndarray]
    update: Callable[..., None]
    reset: Callable[[], None]
    _extend: Callable[[list[tuple[Any, Any]]], None]

    def row(self, values: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """The row of one image: of its map (H, W) and its true boxes (n, 4), n > 0."""
        self.update([values], [truth])
        (row,) = self._rows
        self.reset()
        return row

    def take(self, rows: Iterable[np.ndarray | None], labels: Iterable[int | None]) -> None:
        """Take in an image's row and label each; None: an image without true boxes."""
        self._extend(list(zip(rows, labels, strict=True)))


def with_rows(metric: Metric) -> Any:
    """The metric, empty, with `row` and `take`."""
    kind = type(metric)
    made: Any = kind.__new__(type(kind.__name__, (_Rows, kind), {}))
    made.__dict__.update(metric.__dict__)
    made.reset()
    return made


def result_of(
    metric: Metric,
    rows: Iterable[np.ndarray | None],
    labels: Iterable[int | None],
    resamples: int,
) -> Result | None:
    """The metric over images of these rows and labels; None where none of them has a row."""
    filled = with_rows(metric)
    filled.take(rows, labels)
    try:
        return filled.compute(resamples)
    except MetricError:
        if filled._rows:
            raise
        return None


def share_of(
    name: str,
    hits: Iterable[float | None],
    labels: Iterable[int | None],
    resamples: int,
    settings: Mapping[str, Any],
) -> Result | None:
    """The share of hits, with its interval and the share of each class; None: does not count.

    Of numbers that are no hits it is their mean.
    """
    import numpy as np

    from limelight.metrics import Result
    from limelight.metrics.intervals import bootstrap_interval

    pairs = list(zip(hits, labels, strict=True))
    counted = [(hit, label) for hit, label in pairs if hit is not None]
    if not counted:
        return None
    values = np.array([hit for hit, _ in counted], float)
    by_class: dict[int, list[float]] = {}
    for hit, label in counted:
        if label is not None:
            by_class.setdefault(label, []).append(hit)
    interval = None
    if resamples:
        interval = bootstrap_interval(
            lambda weights: weights @ values / weights.sum(axis=1), len(values), resamples
        )
    return Result(
        metric=name,
        value=float(values.mean()),
        images=len(values),
        excluded=len(pairs) - len(values),
        settings=dict(settings),
        interval=interval,
        per_class={label: float(np.mean(found)) for label, found in sorted(by_class.items())},
    )
