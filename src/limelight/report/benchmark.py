"""A benchmark: methods ranked on a user's own model and data."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.errors import (
    DatasetError,
    LimelightError,
    LimelightWarning,
    MetricError,
    MissingExtra,
)
from limelight.runs.folder import METRICS, PLOT, REPORT, RunFolder

if TYPE_CHECKING:
    from limelight.data import Dataset
    from limelight.models import Classifier
    from limelight.runs import Leaderboard

_LOOKED_AT = 64  # entries of the data set


def bench(
    model: Any,
    dataset: Any,
    methods: str | Sequence[str] = "all",
    *,
    out: str | os.PathLike[str],
    split: str | None = None,
    metrics: Sequence[str] | None = None,
    faithfulness_images: int | None = None,
    title: str | None = None,
    source: str | Path | None = None,
    **settings: Any,
) -> Leaderboard:
    """Rank methods on a data set: localization, pointing, faithfulness, sanity, time and memory.

    All of it is kept in a folder like any run, with a report and, where matplotlib is installed, a
    plot, `leaderboard.png`; the same call goes on where it was interrupted. Every method explains
    by itself and is timed; the method `random`, the floor of every comparison, is always among
    them.

    Args:
        model: a `Classifier`, or what `limelight.load` loads without being told more.
        dataset: what `limelight.data.open` opens.
        methods: "all" that the model allows, or names from `limelight.list_methods()`.
        out: the folder (needs the extra ``[runs]``).
        split: of the data set.
        metrics: keys of `limelight.runs.metric_rows.scorers`; None: all, and those of
            localization where there are boxes. Max-sensitivity, for which every map is made ten
            times again, is then left out for methods of many passes, with a notice; named, it is
            measured for all.
        faithfulness_images: of how many images, evenly spread over the data set, faithfulness and
            sanity are measured, for which the model is asked hundreds of times for each image and
            method; None: of all. Each figure says of how many images it is.
        title: of the report.
        source: what an opened `dataset` was opened from, so that the folder tells where it is.
        settings: `target`, `thresholds`, `normalizer`, `layer`, `options`, `batch_size` (4, and
            edits run in chunks of their own), `class_map`, `engine`, `cluster` and `progress` of
            `limelight.evaluate`.

    Raises:
        LimelightError: what does not fit, in one sentence; a bad image is a row with its error.

    Example:
        >>> board = bench(classifier, dataset, ["gradcam"], out="BOARD", metrics=["deletion"])
        >>> board  # the random map is always among them
        <Leaderboard of 2 methods on arrays>
    """
    from limelight.data import open as open_dataset
    from limelight.models import Classifier, load
    from limelight.report.evaluation import report_of
    from limelight.report.page import write
    from limelight.runs import evaluate_in_folder
    from limelight.runs.benching import BATCH, usable_methods
    from limelight.runs.leaderboard import leaderboard

    if faithfulness_images is not None and faithfulness_images < 1:
        raise MetricError(
            f"faithfulness_images={faithfulness_images}: at least one image was expected; name "
            "metrics without faithfulness where none is wanted"
        )
    classifier = model if isinstance(model, Classifier) else load(model)
    opened = open_dataset(dataset, split=split, strict=False)
    chosen = _metrics_for(opened) if metrics is None else checked(metrics)
    asked = [methods] if isinstance(methods, str) else list(methods)
    image = _first_image(classifier, opened)
    names = usable_methods(classifier, image, asked, settings.get("options"))
    spared = _spared(names) if metrics is None else {}
    source = dataset if isinstance(dataset, str | Path) else source
    settings["batch_size"] = settings.get("batch_size") or min(BATCH, max(len(opened), 1))
    found = evaluate_in_folder(
        classifier, opened, names, out, source=source, metrics=chosen,
        asked_again=faithfulness_images, spared=spared, **settings,
    )  # fmt: skip
    board = leaderboard(found)
    kept = {**found.as_dict(rows=False), "leaderboard": board.as_dict()}
    text = json.dumps(kept, ensure_ascii=False, indent=1, allow_nan=False)
    RunFolder(out).write_text(METRICS, text + "\n")
    page = report_of(found, title or f"Which method to trust: {found.data}")
    page = replace(page, leaderboard=board, summary=f"{page.summary} {in_words(board)}")
    write(page, Path(out) / REPORT, figures=False)
    _write_plot(board, RunFolder(out))
    return board


def _write_plot(board: Leaderboard, folder: RunFolder) -> None:
    """The leaderboard as a picture; where matplotlib is not installed, a warning says so."""
    import warnings

    from limelight.report.leaderboard_figure import leaderboard_figure

    try:
        figure = leaderboard_figure(board)
    except MissingExtra as missing:
        warnings.warn(f"{PLOT} is not written: {missing}", LimelightWarning, stacklevel=3)
        return
    with folder.writing(folder.path / PLOT) as stream:
        figure.savefig(stream, format="png", dpi=110)


def checked(metrics: Sequence[str]) -> list[str]:
    """The keys, all of which are known.

    Raises:
        MetricError: one is not.
    """
    from limelight.errors import did_you_mean
    from limelight.runs.metric_rows import scorers

    for name in metrics:
        if name not in scorers():
            hint = did_you_mean(name, scorers()) or f"; there are {', '.join(scorers())}"
            raise MetricError(f"a benchmark has no metric {name!r}{hint}")
    return list(metrics)


def _spared(methods: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """By metric, the methods that do without it where nobody names it; told in a warning."""
    import warnings

    from limelight.methods import find_method
    from limelight.metrics import MaxSensitivity

    dear = tuple(name for name in methods if find_method(name).cost == "many passes")
    if not dear:
        return {}
    warnings.warn(
        f"{MaxSensitivity.name} is left out for {', '.join(dear)}: it makes every map "
        f"{MaxSensitivity().samples} times again, and theirs take many passes each; name it among "
        "the metrics to have it",
        LimelightWarning,
        stacklevel=3,
    )
    return {MaxSensitivity.name: dear}


def _metrics_for(dataset: Dataset) -> list[str]:
    from limelight.runs.metric_rows import scorers

    count, boxes = len(dataset), False
    for i in sorted({k * count // _LOOKED_AT for k in range(_LOOKED_AT)} if count else ()):
        try:
            boxes = boxes or len(dataset[i].boxes) > 0
        except LimelightError:  # it becomes a row with its error
            continue
    return [name for name, scorer in scorers().items() if scorer.measured or boxes]


def _first_image(classifier: Classifier, dataset: Dataset) -> Any:
    """The first image that can be read, prepared."""
    reason = "there are none"
    for i in range(len(dataset)):
        try:
            return classifier.prepare([dataset[i].read()])[0]
        except LimelightError as error:
            reason = str(error)
    raise DatasetError(f"no image of {dataset.name} can be read: {reason}")


def in_words(board: Leaderboard) -> str:
    """Which method has the best mean rank, in a sentence."""
    first = board.standings[0]
    return (
        f"Over {', '.join(group for group in board.groups if group != 'cost')}, {first.name} has "
        f"the best mean rank, {first.rank:.1f} of {len(board.standings)}."
    )
