"""An evaluation as a report."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.errors import RunError
from limelight.report.configuration import in_groups
from limelight.report.contents import Item, Report, Score
from limelight.report.curves import curves_of, curves_of_row
from limelight.report.seen import seen_part
from limelight.runs.folder import REPORT

if TYPE_CHECKING:
    from limelight.runs import Evaluation, Line, Row

MOST_IMAGES = 200  # in a report that is written unasked


def evaluate(
    model: Any,
    dataset: Any,
    methods: str | Sequence[str] = "gradcam",
    *,
    split: str | None = None,
    out: str | os.PathLike[str] | None = None,
    title: str | None = None,
    source: str | Path | None = None,
    **settings: Any,
) -> Evaluation:
    """Explain every image of a data set by several methods, in one pass, and score their boxes.

    Args:
        model: a `Classifier`, or what `limelight.load` loads without being told more; None where
            all maps are made elsewhere.
        dataset: what `limelight.data.open` opens; broken entries of it are left out and listed.
        methods: a name from `limelight.list_methods()`, or several.
        split: of the data set.
        out: a folder for rows, maps, figures and report, where an interrupted call goes on (needs
            the extra ``[runs]``); None: nothing is written.
        title: of the report.
        source: what an opened `dataset` was opened from, so that the folder tells where it is.
        settings: `target`, `thresholds`, `normalizer`, `refine`, `layer`, `options`, `maps`,
            `batch_size`, `class_map`, `max_box_acc` and `progress` of
            `limelight.runs.evaluate_methods`.

    Returns:
        An `Evaluation`: its `table()`, `rows`, `per_class()`, `accuracy`, `to_json()`.

    Raises:
        LimelightError: what does not fit, in one sentence; a bad image is a row with its error.

    Example:
        >>> found = evaluate(classifier, dataset, ["gradcam", "layercam"])
        >>> found
        <Evaluation of gradcam, layercam on arrays: 4 images>
        >>> [line.name for line in found.table()]
        ['gradcam', 'layercam', 'centre-box', 'whole-image']
    """
    from limelight.data import open as open_dataset
    from limelight.models import Classifier, load
    from limelight.report.page import write
    from limelight.runs import evaluate_in_folder, evaluate_methods

    classifier = model if model is None or isinstance(model, Classifier) else load(model)
    opened = open_dataset(dataset, split=split, strict=False)
    names = [methods] if isinstance(methods, str) else list(methods)
    if out is None:
        return evaluate_methods(classifier, opened, names, **settings)
    source = dataset if isinstance(dataset, str | Path) else source
    found = evaluate_in_folder(classifier, opened, names, out, source=source, **settings)
    page = report_of(found, title or f"Where models look: {found.data}")
    write(page, Path(out) / REPORT, figures=False)
    return found


def report_of(
    evaluation: Evaluation,
    title: str,
    *,
    images: int = MOST_IMAGES,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Report:
    """The report of an evaluation: its table, its best, worst and some other cases.

    Args:
        evaluation: whose data set is at hand, for the pictures.
        title: of the page.
        images: how many images are shown: a quarter of them the best ones of the leading method, a
            quarter the worst, the others evenly spread between.
        settings: what produced the numbers, in groups; the evaluation's own as default.

    Raises:
        RunError: the evaluation has no data set to read images from.
    """
    if evaluation.dataset is None:
        raise RunError("the evaluation has no data set at hand to show images of")
    ranked = evaluation.ranked()
    chosen = _spread(ranked or evaluation.scored, images)
    lines = evaluation.table()
    return Report(
        title=title,
        summary=_summary(evaluation, lines),
        table=[_score(evaluation, line) for line in lines if "mean-iou" in line.results],
        items=[_item(evaluation, row) for row in chosen],
        settings=settings
        or in_groups({**(evaluation.settings or {}), "layers": evaluation.layers}),
        ious={line.name: _ious(ranked, line.name) for line in lines} if ranked else {},
        lead=evaluation.lead if ranked else None,
        curves=curves_of(evaluation),
    )


def _spread(rows: Sequence[Row], count: int) -> list[Row]:
    """The first and the last quarter of `count` rows, and the rest from all over between."""
    if len(rows) <= count:
        return list(rows)
    quarter = count // 4
    middle = rows[quarter : len(rows) - quarter]
    wanted = count - 2 * quarter
    between = [middle[i * len(middle) // wanted] for i in range(wanted)]
    return [*rows[:quarter], *between, *rows[len(rows) - quarter :]]


def _ious(rows: Sequence[Row], name: str) -> list[float]:
    values = [row.found[name].iou for row in rows]
    return [value for value in values if value is not None]


def _summary(evaluation: Evaluation, lines: Sequence[Line]) -> str:
    good, bad = len(evaluation.scored), len(evaluation.errors)
    parts = [f"{good:,} images of {evaluation.data}"]
    if bad:
        parts[0] += f" ({bad:,} more could not be read or explained)"
    if evaluation.accuracy is not None:
        parts.append(f"{100 * evaluation.accuracy.value:.1f} % of them classified rightly")
    means = {
        line.name: line.results["mean-iou"].value for line in lines if "mean-iou" in line.results
    }
    if means:
        lead = evaluation.lead
        words = f"Of the methods, {lead} locates best, with a mean IoU of {means[lead]:.3f}"
        others = [name for name in evaluation.baselines if name in means]
        if others:
            best = max(others, key=means.__getitem__)
            words += f"; the better baseline, {best}, reaches {means[best]:.3f}"
        parts.append(words)
    return ", ".join(parts[:2]) + (f". {parts[2]}" if len(parts) > 2 else "") + "."


def _score(evaluation: Evaluation, line: Line) -> Score:
    results = line.results
    located = results.get("gt-known")
    pointing, mean = results.get("pointing-game"), results["mean-iou"]
    return Score(
        name=line.name,
        mean_iou=mean.value,
        interval=mean.interval,
        gt_known=None if located is None else located.value,
        pointing_game=None if pointing is None else pointing.value,
        accuracy=None if evaluation.accuracy is None else evaluation.accuracy.value,
        threshold=None if line.name == "whole-image" or line.cut is None else line.cut.threshold,
        baseline=line.baseline,
    )


def _item(evaluation: Evaluation, row: Row) -> Item:
    import numpy as np

    from limelight.localization import guide_of, normalize
    from limelight.runs.scoring import refined

    assert evaluation.dataset is not None and row.frame is not None
    names, dataset = evaluation.methods, evaluation.dataset
    maps, frames = {}, {}

    def image() -> np.ndarray:
        return np.asarray(dataset[row.index].read())

    for name in names:
        found = evaluation.map(row, name)
        if found is not None:
            values, frame = found
            cut = evaluation.cuts[name]
            if cut.refine is not None:
                values = refined(values, cut.refine, guide_of(image(), frame))
            maps[name] = np.clip(normalize(values, cut.normalizer), 0, 1)
            frames[name] = frame
    true, known = evaluation.true_name(row), row.predicted is not None
    return Item(
        id=row.id,
        image=image,
        label=true if known else None,
        predicted=(evaluation.class_name(row.predicted) if known else true) or "",
        probability=row.probability,
        true_boxes=row.boxes,
        maps=maps,
        boxes={name: row.found[name].box for name in names},
        iou={
            name: value
            for name in (*names, *evaluation.baselines)
            if (value := row.found[name].iou) is not None
        },
        seen=seen_part(row.frame),
        frames=frames,
        curves=curves_of_row(evaluation, row),
        notes={name: row.found[name].diagnosis or "" for name in names},
    )
