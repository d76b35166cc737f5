"""The curves that the rows of an evaluation hold."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from limelight.report.contents import Curves

if TYPE_CHECKING:
    from limelight.localization import Threshold
    from limelight.runs import Evaluation, Row

_POINTS = 50
_HIT = 0.5
_TWO_SIDED = 1.96  # standard errors to either side of a mean hold 95 %
_GOALS = {
    "accuracy": ("GT-known localization", f"share with IoU ≥ {_HIT}"),
    "iou": ("Mean IoU", "mean IoU"),
}


def curves_of(evaluation: Evaluation) -> list[Curves]:
    """Accuracy over thresholds where MaxBoxAcc was scored; of a benchmark, scores over pixels."""
    return [*_over_thresholds(evaluation), *_over_pixels(evaluation)]


def _over_thresholds(evaluation: Evaluation) -> list[Curves]:
    from limelight.metrics.curve import HitCurve
    from limelight.runs.metric_rows import scorers

    found = []
    for metric in evaluation.metrics:
        scorer = scorers()[metric]
        made = scorer.make()
        if not isinstance(made, HitCurve):
            continue
        lines = {}
        for name in (*evaluation.methods, *evaluation.baselines):
            kept = [row.found[name].scores.get(metric) for row in evaluation.scored]
            curve = made.curve([row for row in kept if row is not None], _HIT)
            if curve:
                lines[name] = curve[:: max(1, len(curve) // _POINTS)]
        if lines:
            words = f"{scorer.title} over thresholds"
            found.append(Curves(words, "threshold", f"share with IoU ≥ {_HIT}", lines))
    return found


def _over_pixels(evaluation: Evaluation) -> list[Curves]:
    """The mean curves of metrics whose rows are curves, with the interval of the mean."""
    import numpy as np

    found = []
    for metric, title, lower in _curve_metrics(tuple(evaluation.metrics)):
        lines, bands = {}, {}
        for name in evaluation.methods:
            rows = [row.found[name].scores.get(metric) for row in evaluation.rows if row.found]
            kept = np.array([row for row in rows if row is not None], float)
            if not kept.size:
                continue
            steps = np.linspace(0, 1, kept.shape[1]).tolist()
            mean = kept.mean(0)
            lines[name] = list(zip(steps, mean.tolist(), strict=True))
            if len(kept) > 1:
                half = _TWO_SIDED * kept.std(0, ddof=1) / len(kept) ** 0.5
                reach = kept.min(0), kept.max(0)  # which no mean leaves
                ends = np.clip([mean - half, mean + half], *reach).tolist()
                bands[name] = list(zip(steps, *ends, strict=True))
        if lines:
            words = "Means over the images; bands are 95 % intervals of the mean."
            x, y = "share of the pixels", "score of the class"
            found.append(Curves(title, x, y, lines, lower, bands, words=words))
    return found


def curves_of_row(evaluation: Evaluation, row: Row) -> dict[str, dict[str, list[float]]]:
    """The curves of one image, by title and method."""
    found: dict[str, dict[str, list[float]]] = {}
    for metric, title, _ in _curve_metrics(tuple(evaluation.metrics)):
        for name in evaluation.methods:
            values = row.found[name].scores.get(metric)
            if values is not None:
                found.setdefault(title, {})[name] = [float(value) for value in values]
    return found


@cache
def _curve_metrics(metrics: tuple[str, ...]) -> list[tuple[str, str, bool]]:
    """Of those whose rows are curves: name, title, and whether low values are good."""
    from limelight.metrics.perturbing import CurveMetric
    from limelight.runs.metric_rows import scorers

    known = [scorers()[name] for name in metrics]
    return [
        (scorer.name, scorer.title.capitalize(), scorer.lower)
        for scorer in known
        if isinstance(scorer.make(), CurveMetric)
    ]


def curves_of_tuning(thresholds: Mapping[str, Threshold]) -> list[Curves]:
    """What was tuned over all thresholds tried, by method, with the one that was chosen.

    Thresholds that were tuned for another goal or with another rule stand in a chart of their own.
    """
    groups: dict[tuple[str, str, int, str], dict[str, Threshold]] = {}
    for name, found in thresholds.items():
        if found.curves:
            key = (found.goal, found.rule, found.images, found.data)
            groups.setdefault(key, {})[name] = found
    charts = []
    for (goal, rule, images, data), tuned in groups.items():
        lines = {
            name: list(zip(found.thresholds, found.curves[found.normalizer], strict=True))
            for name, found in tuned.items()
        }
        title, y = _GOALS.get(goal, (goal, goal))
        words = f"On {images:,} images of {data}, on which the dots were chosen."
        marks = {name: (found.value, found.score) for name, found in tuned.items()}
        x = "threshold" if rule == "max" else f"threshold ({rule})"
        charts.append(Curves(f"{title} over thresholds", x, y, lines, marks=marks, words=words))
    return charts
