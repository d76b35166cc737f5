"""The table of an evaluation: a line for each method and each baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limelight.runs.cuts import Cut
from limelight.runs.metric_rows import result_of, scorers, share_of
from limelight.runs.rows import Row

if TYPE_CHECKING:
    import numpy as np

    from limelight.metrics import Result

RESAMPLES = 1000
_HIT = 0.5


@dataclass(frozen=True)
class Line:
    """One line of the table: a method or a baseline.

    Attributes:
        name: of the method, the folder of maps, or the baseline.
        baseline: whether it looks at no image.
        cut: how its maps were thresholded.
        layer: the layer explained; None where there is none.
        results: by column, a name from `COLUMNS`; a figure without meaning is absent.
    """

    name: str
    baseline: bool
    cut: Cut | None
    layer: str | None
    results: Mapping[str, Result]


COLUMNS: dict[str, str] = {
    "mean-iou": "mean IoU",
    "gt-known": "GT-known",
    "localized": "IoU ≥ 0.5",
    "top-1": "top-1 loc",
    "maxboxacc-v1": "MaxBoxAcc",
    "maxboxacc-v2": "MaxBoxAccV2",
    "pointing-game": "pointing",
    "energy-pointing-game": "energy",
}
"""The title of each column of the table. "gt-known" is the share of images whose box has IoU ≥ 0.5
when the true class is explained, "localized" the same of any other class, "top-1" the share where
the model is right as well."""


# A flat map points nowhere, and would count as if it had pointed and missed.
_MEANINGLESS = {("whole-image", "pointing-game")}


def make_line(
    rows: Sequence[Row],
    name: str,
    baseline: bool,
    cut: Cut,
    layer: str | None,
    target: str,
    metrics: Sequence[str],
) -> Line:
    """The line of a method or baseline.

    Args:
        rows: of the images without an error.
        name, baseline, cut, layer: as in `Line`.
        target: "true" or "predicted".
        metrics: names of the scorers that were asked for.
    """
    from limelight.metrics import MeanIoU

    labels = [row.label for row in rows]
    found = [row.found[name] for row in rows]
    ious = [_array(each.iou) for each in found]
    results: dict[str, Result | None] = {
        "mean-iou": result_of(MeanIoU(cut.threshold, cut.rule), ious, labels, RESAMPLES)
    }
    hits = [None if each.iou is None else each.iou >= _HIT for each in found]
    both = [
        None if hit is None or row.correct is None else hit and row.correct
        for hit, row in zip(hits, rows, strict=True)
    ]
    share = "gt-known" if target == "true" else "localized"
    settings = {"threshold": cut.threshold, "rule": cut.rule, "convention": "half_open"}
    results[share] = share_of(share, hits, labels, RESAMPLES, settings)
    results["top-1"] = share_of("top-1", both, labels, RESAMPLES, settings)
    for metric, scorer in scorers().items():
        if metric in metrics and (name, metric) not in _MEANINGLESS:
            kept = [each.scores.get(metric) for each in found]
            results[metric] = result_of(scorer.make(), kept, labels, RESAMPLES)
    known = {column: result for column, result in results.items() if result is not None}
    return Line(name, baseline, cut, layer, known)


def _array(value: float | None) -> np.ndarray | None:
    import numpy as np

    return None if value is None else np.array([value])
