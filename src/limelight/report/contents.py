"""What a report is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from limelight.errors import RunError, did_you_mean

if TYPE_CHECKING:
    import numpy as np

    from limelight.frames import Frame
    from limelight.runs import Leaderboard


@dataclass(frozen=True)
class Score:
    """One row of the table: a method, or a baseline that looks at no image, over all images.

    Attributes:
        name: of the method ("gradcam") or baseline ("centre box").
        mean_iou: mean IoU of the predicted with the true boxes.
        interval: its 95 % confidence interval, where it was computed.
        gt_known: GT-known localization, the share of images with IoU ≥ 0.5.
        pointing_game: share of hits of the maximum; None where there is no maximum.
        accuracy: of the classifier, 0 to 1.
        threshold: the share of the maximum at which maps were cut.
        baseline: whether it looks at no image.
    """

    name: str
    mean_iou: float
    interval: tuple[float, float] | None = None
    gt_known: float | None = None
    pointing_game: float | None = None
    accuracy: float | None = None
    threshold: float | None = None
    baseline: bool = False


@dataclass(frozen=True, eq=False)
class Item:
    """One image with what was predicted, by each method.

    Attributes:
        id: what the image is called, such as its file name.
        image: as `limelight.draw.overlay` takes it; (H, W, …). Or a function that reads it, so that
            a thousand images need not be in memory at once.
        label: the name of its true class; None where it is not known.
        predicted: the name of the class the model gave it.
        probability: of that class, 0 to 1, or None.
        true_boxes: (n, 4), x0, y0, x1, y1 in pixels of the image; n may be 0.
        maps: by method, (h, w) in [0, 1], at the size of the image or of the feature map, covering
            the whole image either way, unless `frames` says where it lies.
        boxes: by method, (4,); NaN where the map has none.
        iou: by method, of its box with the true ones; NaN or absent where that has no meaning.
        seen: x0, y0, x1, y1 of what the model has seen of the image; None for all of it.
        frames: by method, where the map lies in the image; of those that do not cover it.
        notes: by method, in plain words, why its map is empty or means nothing; of such maps.
        curves: by title and method, the values of a curve at equal steps from 0 to 1, such as the
            scores while pixels are deleted.
    """

    id: str
    image: Any
    label: str | None
    predicted: str
    probability: float | None
    true_boxes: Any
    maps: Mapping[str, Any]
    boxes: Mapping[str, Any] = field(default_factory=dict)
    iou: Mapping[str, float] = field(default_factory=dict)
    seen: Any = None
    frames: Mapping[str, Frame] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    curves: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)

    def pixels(self) -> np.ndarray:
        """The image as uint8 (H, W, 3)."""
        from limelight.draw.pictures import as_rgb

        return as_rgb(self.image() if callable(self.image) else self.image)

    def whole_map(self, method: str) -> Any:
        """A method's map, covering the whole image."""
        import numpy as np

        values = self.maps[method]
        if method not in self.frames:
            return values
        rows, columns, swapped = self.frames[method].resampling(np.shape(values))
        return np.clip(rows @ (np.transpose(values) if swapped else values) @ columns.T, 0, 1)

    @property
    def correct(self) -> bool | None:
        """Whether the model was right; None where the true class is not known."""
        return None if self.label is None else self.label == self.predicted

    def overlap(self, method: str | None) -> float | None:
        """The IoU of a method's box; None where it has none."""
        value = math.nan if method is None else float(self.iou.get(method, math.nan))
        return None if math.isnan(value) else value + 0.0  # which makes 0 of −0


@dataclass(frozen=True)
class Curves:
    """Lines of all methods in one chart.

    Attributes:
        title: of the chart.
        x, y: what the axes are.
        lines: by method, points (x, y), both in [0, 1] where nothing else is natural.
        lower: whether low lines are good; None where neither is.
        bands: by method, (x, low, high) along its line, such as the 95 % interval of a mean.
        marks: by method, a point (x, y) of its line that stands out, such as a chosen threshold.
        words: what bands and marks are, in a sentence.
    """

    title: str
    x: str
    y: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    lower: bool | None = None
    bands: Mapping[str, Sequence[tuple[float, float, float]]] = field(default_factory=dict)
    marks: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    words: str = ""


@dataclass(frozen=True, eq=False)
class Report:
    """Everything that stands in a report.

    Attributes:
        title: of the page.
        summary: the result in a sentence or two, with its numbers.
        table: a row for each method and each baseline.
        items: the images to show, 2 or 200; the best and the worst by `lead` come first.
        settings: what produced the numbers, in groups: ``{"configuration": {"seed": 0}, …}``.
        ious: by method or baseline, the IoU of every image scored, for the distribution; those of
            `items` where it is empty.
        lead: the method that ranks the items; the first of the table that they have IoU of.
        leaderboard: of a benchmark.
        curves: further charts.
        axes: by the name of a map, the method and the layer that it is of, where maps differ in
            both: methods then stand below each other, and layers beside each other.
    """

    title: str
    summary: str
    table: Sequence[Score]
    items: Sequence[Item]
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ious: Mapping[str, Sequence[float]] = field(default_factory=dict)
    lead: str | None = None
    leaderboard: Leaderboard | None = None
    curves: Sequence[Curves] = ()
    axes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def ranking(self) -> str | None:
        """The method that ranks the items; None where none of them has an IoU.

        Raises:
            RunError: no item has an IoU of the method named as `lead`.
        """
        scored = list(dict.fromkeys(name for item in self.items for name in item.iou))
        if self.lead is not None:
            if self.lead not in scored:
                near = did_you_mean(self.lead, scored)
                raise RunError(f"no item of the report has an IoU of {self.lead!r}{near}")
            return self.lead
        ordered = [score.name for score in self.table if score.name in scored] + scored
        return ordered[0] if ordered else None

    def ranked(self) -> tuple[list[Item], list[Item]]:
        """The items that have an IoU of the ranking method, best first, and the others."""
        lead = self.ranking()
        pairs = [(item, item.overlap(lead)) for item in self.items]
        scored = [(item, value) for item, value in pairs if value is not None]
        scored.sort(key=lambda pair: -pair[1])
        return [item for item, _ in scored], [item for item, value in pairs if value is None]

    def distribution(self) -> dict[str, list[float]]:
        """The IoUs to show, by method or baseline, without NaN; empty ones are left out."""
        source: Mapping[str, Sequence[float]] = self.ious
        if not source:
            names = dict.fromkeys(name for item in self.items for name in item.iou)
            source = {n: [item.iou[n] for item in self.items if n in item.iou] for n in names}
        finite = {
            name: [float(value) for value in values if not math.isnan(value)]
            for name, values in source.items()
        }
        return {name: values for name, values in finite.items() if values}
