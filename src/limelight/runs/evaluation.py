"""What an evaluation found: a row for each image, and the figures made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.errors import RunError, did_you_mean
from limelight.frames import Frame
from limelight.runs.baselines import baseline_boxes, baseline_cuts
from limelight.runs.cuts import Cut
from limelight.runs.made_elsewhere import read_map
from limelight.runs.metric_rows import share_of
from limelight.runs.rows import Found, Row
from limelight.runs.scoring import best_iou
from limelight.runs.table import COLUMNS, RESAMPLES, Line, make_line

if TYPE_CHECKING:
    import numpy as np

    from limelight.data import Dataset
    from limelight.metrics import Result


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The rows of all images, and what follows from them.

    Attributes:
        data: the data set's name.
        rows: one for each image, in the order of the data set; those with an error too.
        methods: names of the methods and of folders of maps.
        cuts: how their maps were thresholded; a baseline's too, where it was tuned.
        layers: by method, the layer explained.
        target: "true" or "predicted".
        metrics: names of the scorers that were asked for.
        class_names: of the model's classes, None where they are not known.
        label_names: of the data set's classes, None where they are not known.
        settings: what produced the rows, in words and numbers.
        dataset: to read images from, for pictures; None where it is not at hand.
        folders: by name, the folder of maps made elsewhere.
        stored: reads a map that the row itself does not hold, by row and method, from a file.
    """

    data: str
    rows: Sequence[Row]
    methods: tuple[str, ...]
    cuts: Mapping[str, Cut]
    layers: Mapping[str, str]
    target: str
    metrics: tuple[str, ...]
    class_names: Sequence[str] | None = None
    label_names: Sequence[str] | None = None
    settings: Mapping[str, Any] | None = None
    dataset: Dataset | None = None
    folders: Mapping[str, Path] = field(default_factory=dict)
    stored: Callable[[Row, str], np.ndarray | None] | None = None

    def __post_init__(self) -> None:
        good = [row for row in self.rows if row.frame is not None]
        sizes = [row.frame.original_size for row in good if row.frame is not None]
        cuts = baseline_cuts(dict(self.cuts), sizes, [row.boxes for row in good])
        boxes = {name: iter(baseline_boxes(name, cut, sizes)) for name, cut in cuts.items()}
        rows = [_with_boxes(row, boxes) if row.frame is not None else row for row in self.rows]
        object.__setattr__(self, "cuts", {**self.cuts, **cuts})
        object.__setattr__(self, "rows", rows)

    def __repr__(self) -> str:
        methods = ", ".join(self.methods)
        bad = f", {len(self.errors)} not read" if self.errors else ""
        return f"<Evaluation of {methods} on {self.data}: {len(self.rows)} images{bad}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the table, in per cent."""
        from limelight.runs.notebook import table_of

        return table_of(self)

    # -- images -------------------------------------------------------------------------------

    @property
    def errors(self) -> list[Row]:
        """The images that could not be evaluated."""
        return [row for row in self.rows if row.error is not None]

    @property
    def scored(self) -> list[Row]:
        """The images that could."""
        return [row for row in self.rows if row.error is None]

    @property
    def baselines(self) -> tuple[str, ...]:
        """The names of the baselines that have a box."""
        from limelight.metrics import BASELINES

        return tuple(name for name in BASELINES if name in self.cuts)

    @property
    def lead(self) -> str:
        """The method of the highest mean IoU; the first one where no image has a box."""
        means = {
            line.name: line.results["mean-iou"].value
            for line in self.table()
            if not line.baseline and "mean-iou" in line.results
        }
        return max(means, key=means.__getitem__) if means else self.methods[0]

    def ranked(self, method: str | None = None) -> list[Row]:
        """The images with true boxes, the highest IoU of `method` (default: `lead`) first.

        Raises:
            RunError: there is no such method.
        """
        name = self.lead if method is None else method
        if name not in (*self.methods, *self.baselines):
            raise RunError(f"{name!r} was not evaluated{did_you_mean(name, self.methods)}")

        def value(row: Row) -> float:
            return row.found[name].iou or 0.0

        scored = [row for row in self.scored if row.found[name].iou is not None]
        return sorted(scored, key=lambda row: -value(row))

    def map(self, row: Row, method: str) -> tuple[np.ndarray, Frame] | None:
        """A method's map (h, w) of an image, raw, and the frame in which it lies in the image.

        None where it was not kept: of an image with an error, and of baselines.

        Raises:
            ImageError: a map made elsewhere is no longer there.
        """
        if row.frame is None or method not in self.methods:
            return None
        if method in self.folders:
            return read_map(self.folders[method], row.id, row.frame.original_size)
        values = row.found[method].map()
        if values is None and self.stored is not None:
            values = self.stored(row, method)
        return None if values is None else (values, row.frame)

    # -- figures ------------------------------------------------------------------------------

    @cached_property
    def accuracy(self) -> Result | None:
        """The share of images that the model classifies rightly; None where that is not known."""
        rows = self.scored
        return share_of(
            "accuracy", [row.correct for row in rows], [row.label for row in rows], RESAMPLES, {}
        )

    def table(self) -> list[Line]:
        """A line for each method, then one for each baseline."""
        return self._lines

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table that have a figure, in the order of `COLUMNS`."""
        lines = self.table()
        return tuple(name for name in COLUMNS if any(name in line.results for line in lines))

    @cached_property
    def _lines(self) -> list[Line]:
        methods = [self._line(name, baseline=False) for name in self.methods]
        return methods + [self._line(name, baseline=True) for name in self.baselines]

    def _line(self, name: str, baseline: bool) -> Line:
        return make_line(
            self.scored, name, baseline, self.cuts[name], self.layers.get(name), self.target,
            self.metrics,
        )  # fmt: skip

    def per_class(self) -> list[dict[str, Any]]:
        """For each class of the data set: its name, images, accuracy, and each line's figures."""
        counts: dict[int, int] = {}
        for row in self.scored:
            if row.label is not None:
                counts[row.label] = counts.get(row.label, 0) + 1
        accuracy = {} if self.accuracy is None else self.accuracy.per_class
        return [
            {
                "class": label,
                "name": self.label_name(label),
                "images": counts[label],
                "accuracy": accuracy.get(label),
                **{
                    line.name: {
                        column: result.per_class[label]
                        for column, result in line.results.items()
                        if label in result.per_class
                    }
                    for line in self.table()
                },
            }
            for label in sorted(counts)
        ]

    # -- names --------------------------------------------------------------------------------

    def label_name(self, label: int | None) -> str | None:
        """The name of a class of the data set; its number where it has none."""
        return _name(label, self.label_names)

    def class_name(self, index: int | None) -> str | None:
        """The name of a class of the model; its number where it has none."""
        return _name(index, self.class_names)

    def true_name(self, row: Row) -> str | None:
        """The name of an image's true class, in the model's words where it has them."""
        return self.label_name(row.label) if row.truth is None else self.class_name(row.truth)

    # -- keeping ------------------------------------------------------------------------------

    def as_dict(self, rows: bool = True) -> dict[str, Any]:
        """All figures as plain values; with `rows` also each image's, without its maps."""
        kept: dict[str, Any] = {
            "data": self.data,
            "images": len(self.rows),
            "errors": [{"id": row.id, "error": row.error} for row in self.errors],
            "target": self.target,
            "settings": dict(self.settings or {}),
            "accuracy": None if self.accuracy is None else _plain(self.accuracy),
            "table": [
                {
                    "name": line.name,
                    "baseline": line.baseline,
                    "layer": line.layer,
                    "cut": None if line.cut is None else line.cut.as_dict(),
                    "results": {c: _plain(result) for c, result in line.results.items()},
                }
                for line in self.table()
            ],
            "classes": self.per_class(),
        }
        if rows:
            kept["rows"] = [row.as_dict() for row in self.rows]
        return kept

    def to_json(self, rows: bool = True) -> str:
        """`as_dict` as JSON text."""
        import json

        return json.dumps(self.as_dict(rows), ensure_ascii=False, indent=1, allow_nan=False)


def _with_boxes(row: Row, boxes: Mapping[str, Any]) -> Row:
    """The row with the next box of each baseline."""
    found = dict(row.found)
    for name, following in boxes.items():
        box = next(following)
        scored = found.get(name, Found(box, None))  # without metrics there is no other score
        found[name] = replace(scored, box=box, iou=best_iou(box, row.boxes))
    return replace(row, found=found)


def _name(index: int | None, names: Sequence[str] | None) -> str | None:
    if index is None:
        return None
    return str(index) if names is None or index >= len(names) else names[index]


def _plain(result: Result) -> dict[str, Any]:
    """A result without what stands in the figures of the classes."""
    return {
        "value": result.value,
        "interval": None if result.interval is None else list(result.interval),
        "images": result.images,
        "excluded": result.excluded,
        "settings": result.settings,
        "details": result.details,
    }
