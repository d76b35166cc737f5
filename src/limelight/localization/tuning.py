"""The best threshold on a validation split: it matters more than the choice of the method."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from limelight.boxes import convert, iou
from limelight.errors import BoxError, MethodError, did_you_mean
from limelight.frames import Frame
from limelight.localization.components import largest_at
from limelight.localization.foreground import RULES, find_rule
from limelight.localization.normalization import NORMALIZERS, normalize
from limelight.localization.threshold import Threshold

if TYPE_CHECKING:
    import numpy as np

GOALS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "accuracy": lambda overlap: overlap >= 0.5,
    "iou": lambda overlap: overlap,
}
"""What an image adds to the score: whether its IoU reaches 0.5, or its IoU."""


class Tuner:
    """Accumulates, batch by batch, how good each threshold is.

    The box is the one that `locate` gives: of the largest component, half-open, in pixels of the
    original image. Its IoU is the one with the closest ground-truth box; 0 where nothing is found.

    Args:
        normalizers: names from `NORMALIZERS`, to be compared.
        rule: a name from `RULES`.
        thresholds: ascending; None: 0, 0.01 … 0.99.
        goal: a name from `GOALS`.

    Raises:
        MethodError: an unknown name, or thresholds that do not ascend.
    """

    def __init__(
        self,
        normalizers: Sequence[str] = ("max",),
        rule: str = "max",
        thresholds: Sequence[float] | None = None,
        goal: str = "accuracy",
    ) -> None:
        import numpy as np

        names: list[tuple[str, Collection[str]]] = [(goal, GOALS)]
        names += [(normalizer, NORMALIZERS) for normalizer in normalizers]
        for name, known in names:
            if name not in known:
                hint = did_you_mean(str(name), known) or f"; there are {', '.join(known)}"
                raise MethodError(f"there is no {name!r} to tune{hint}")
        given = np.arange(100) / 100 if thresholds is None else np.asarray(thresholds, float)
        if given.ndim != 1 or given.size == 0 or (np.diff(given) <= 0).any():
            raise MethodError(f"thresholds {thresholds!r}, expected ascending numbers")
        for threshold in given:
            find_rule(rule, threshold)
        self._normalizers, self._rule, self._goal = tuple(normalizers), rule, goal
        self._thresholds = given
        self._sums = np.zeros((len(normalizers), len(given)))
        self._images = 0

    def update(self, maps: Any, boxes: Any, frames: Sequence[Frame] | None = None) -> None:
        """Score a batch.

        Args:
            maps: (N, h, w) raw maps, or N of them (h, w) of different sizes.
            boxes: N arrays (n, 4), the ground truth as x0, y0, x1, y1 in pixels of the original
                images. An image without any does not count.
            frames: where each map's input lies in its original image (`Maps.frames`); None: the
                boxes are in the maps' own pixels.

        Raises:
            BoxError: lengths differ.
        """
        import numpy as np

        if len(maps) != len(boxes) or (frames is not None and len(frames) != len(maps)):
            counts = f"{len(maps)} maps, {len(boxes)} arrays of boxes"
            also = "" if frames is None else f" and {len(frames)} frames"
            raise BoxError(f"{counts}{also}, expected one for each map")
        for i, (values, truth) in enumerate(zip(maps, boxes, strict=True)):
            truth = np.asarray(convert(truth, "xyxy", "xyxy")).reshape(-1, 4)
            if len(truth) == 0:
                continue
            for row, normalizer in enumerate(self._normalizers):
                normalized = normalize(np.asarray(values), normalizer)
                whole = normalized if frames is None else _resize(normalized, frames[i])
                overlap = iou(self._locate(whole), truth).max(axis=1)
                self._sums[row] += GOALS[self._goal](overlap)
            self._images += 1

    def _locate(self, values: np.ndarray) -> np.ndarray:
        """The box (t, 4) of the largest component at each threshold."""
        import numpy as np

        if values.max() <= 0:
            return np.full((len(self._thresholds), 4), np.nan)
        cuts = [RULES[self._rule].cut(values, float(t)) for t in self._thresholds]
        return largest_at(values, np.array(cuts, values.dtype))

    def result(self, data: str = "") -> Threshold:
        """The threshold of the best score; of equal ones the lowest, and the first normalizer.

        Args:
            data: the name of what it was tuned on, kept with it.

        Raises:
            MethodError: no image has been scored.
        """
        import numpy as np

        if self._images == 0:
            raise MethodError(
                "a threshold is tuned on images with ground truth, and there are none"
            )
        curves = self._sums / self._images
        row, best = np.unravel_index(curves.argmax(), curves.shape)
        return Threshold(
            value=float(self._thresholds[best]),
            rule=self._rule,
            normalizer=self._normalizers[row],
            goal=self._goal,
            score=float(curves[row, best]),
            images=self._images,
            data=data,
            thresholds=tuple(self._thresholds.tolist()),
            curves={
                name: tuple(curve.tolist())
                for name, curve in zip(self._normalizers, curves, strict=True)
            },
        )


def tune(
    maps: Any,
    boxes: Any,
    frames: Sequence[Frame] | None = None,
    normalizers: Sequence[str] = ("max",),
    rule: str = "max",
    thresholds: Sequence[float] | None = None,
    goal: str = "accuracy",
    data: str = "",
) -> Threshold:
    """The best threshold for maps with known boxes; the arguments are those of `Tuner`.

    Example:
        >>> import numpy as np
        >>> maps = np.zeros((2, 8, 8))
        >>> maps[:, 2:6, 2:6] = 0.4  # around the object
        >>> maps[:, 3:5, 3:5] = 1.0  # its brightest part
        >>> tune(maps, [[[2, 2, 6, 6]]] * 2, thresholds=[0.2, 0.5]).value
        0.2
    """
    tuner = Tuner(normalizers, rule, thresholds, goal)
    tuner.update(maps, boxes, frames)
    return tuner.result(data)


def _resize(values: np.ndarray, frame: Frame) -> np.ndarray:
    """A map (h, w) at the original image's size, as `Maps.resized` makes it."""
    rows, columns, swapped = frame.resampling((values.shape[0], values.shape[1]))
    upright = values.T if swapped else values
    return rows @ upright @ columns.T
