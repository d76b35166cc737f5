"""The curves that the rows of an evaluation hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limelight.report.contents import Curves

if TYPE_CHECKING:
    from limelight.runs import Evaluation

_POINTS = 50
_HIT = 0.5


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
    """The mean scores of metrics whose details are the points of a curve, "at 0.05" …"""
    from limelight.runs.metric_rows import scorers

    found = []
    for metric, scorer in scorers().items():
        lines = {}
        for line in evaluation.table():
            details = line.results[metric].details if metric in line.results else {}
            points = [(float(key[3:]), v) for key, v in details.items() if key.startswith("at ")]
            if len(points) > 1:
                lines[line.name] = points
        if lines:
            words = scorer.title.capitalize()
            found.append(Curves(words, "share of the pixels", "score", lines, scorer.lower))
    return found
