"""What is known of one image after it was evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from limelight.frames import Frame

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class Found:
    """What one method, or one baseline, found in one image.

    Attributes:
        box: (4,) x0, y0, x1, y1 in pixels of the original image; NaN where there is none.
        iou: of the box with the closest true box; None where the image has no true box.
        scores: by metric, the row that the metric keeps of the image; those of localization are
            not there where the image has no true box.
        diagnosis: why the map is empty or means nothing, in words; None where nothing is wrong.
        values: (h, w) float16, the map divided by `scale`; None where it is not kept.
        scale: the largest absolute value of the map.
    """

    box: np.ndarray
    iou: float | None
    scores: Mapping[str, np.ndarray] = field(default_factory=dict)
    diagnosis: str | None = None
    values: np.ndarray | None = None
    scale: float = 1.0

    def map(self) -> np.ndarray | None:
        """The map (h, w) as float32, raw; None where it was not kept."""
        import numpy as np

        return None if self.values is None else self.values.astype(np.float32) * self.scale


@dataclass(frozen=True, eq=False)
class Row:
    """One image.

    Attributes:
        index: its position in the data set.
        id: its name in the data set; its position where even that cannot be read.
        error: why it could not be evaluated; then nothing below is known but the label.
        label: its class as the data set numbers it; None where it is not known.
        truth: the same class as the model numbers it.
        target: the class that was explained.
        predicted: the model's best class; None where there is no model.
        top: the model's five best classes, best first.
        top_scores: what the model gives each of them, before the last activation.
        target_score: the same of the target.
        probability: of `predicted`, 0 to 1.
        boxes: (n, 4) the true boxes of the class, in pixels of the original image.
        frame: where the maps' input lies in the original image.
        found: by method and by baseline.
    """

    index: int
    id: str
    error: str | None = None
    label: int | None = None
    truth: int | None = None
    target: int | None = None
    predicted: int | None = None
    top: tuple[int, ...] = ()
    top_scores: tuple[float, ...] = ()
    target_score: float | None = None
    probability: float | None = None
    boxes: Any = ()
    frame: Frame | None = None
    found: Mapping[str, Found] = field(default_factory=dict)

    @property
    def correct(self) -> bool | None:
        """Whether the model was right; None where its or the true class is not known."""
        if self.truth is None or self.predicted is None:
            return None
        return self.truth == self.predicted

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; maps are left out."""
        import numpy as np

        plain: dict[str, Any] = {
            name: getattr(self, name)
            for name in (
                "index", "id", "error", "label", "truth", "target", "target_score", "predicted",
                "probability",
            )
        }  # fmt: skip
        plain |= {
            "top": list(self.top),
            "top_scores": list(self.top_scores),
            "correct": self.correct,
            "size": None if self.frame is None else list(self.frame.original_size),
            "boxes": np.asarray(self.boxes, float).reshape(-1, 4).tolist(),
        }
        for name, found in self.found.items():
            plain[name] = {
                "box": None if np.isnan(found.box).any() else found.box.tolist(),
                "iou": found.iou,
                **{m: float(row[0]) for m, row in found.scores.items() if row.shape == (1,)},
                "diagnosis": found.diagnosis,
            }
        return plain
