"""One map against the true boxes of its image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from limelight.frames import Frame, Size
from limelight.runs.cuts import Cut
from limelight.runs.metric_rows import scorers, with_rows
from limelight.runs.rows import Found

if TYPE_CHECKING:
    import numpy as np

_KEPT_SIDE = 64  # cells; a map made elsewhere may be as large as its image, and is not kept


class MapScorer:
    """Scores one map after another.

    Args:
        names: of the `scorers` that are wanted.
    """

    def __init__(self, names: Sequence[str]) -> None:
        from limelight.metrics import BASELINES

        self._names = [
            name for name, scorer in scorers().items() if name in names and not scorer.measured
        ]
        self._metrics = self._made()
        # A metric remembers the map before, and each baseline is the same map again and again.
        self._of_baseline = {name: self._made() for name in BASELINES}

    def _made(self) -> dict[str, Any]:
        return {name: with_rows(scorers()[name].make()) for name in self._names}

    def method(
        self,
        values: np.ndarray,
        frame: Frame,
        truth: np.ndarray,
        cut: Cut,
        diagnosis: str | None,
        keep: bool,
        guide: np.ndarray | None = None,
    ) -> Found:
        """What a map found.

        Args:
            values: (h, w) raw map over the model's input.
            frame: where that lies in the image.
            truth: (n, 4) true boxes in pixels of the original image; n may be 0.
            cut: how the map is refined and thresholded.
            diagnosis: why the map is empty or means nothing.
            keep: whether the map itself is kept, as it was before it was refined.
            guide: what lies in `frame` of the image, where the map is refined.
        """
        import numpy as np

        from limelight.localization import locate, normalize

        raw, values = values, refined(values, cut.refine, guide)
        whole = resized(normalize(values, cut.normalizer), frame)
        box = locate(whole, cut.threshold, cut.rule)
        square: np.ndarray | None = None
        if self._uses_protocol and len(truth):
            square = np.clip(resized(normalize(values, "minmax"), _squashed(frame)), 0, 1)
        scores = self._scores(self._metrics, whole, square, truth, frame.original_size)
        scale, kept = _compressed(raw) if keep else (1.0, None)
        return Found(box, best_iou(box, truth), scores, diagnosis, kept, scale)

    def baselines(self, size: Size, truth: np.ndarray) -> dict[str, Found]:
        """What the baselines score on an image of `size`; their boxes are found when cut."""
        import numpy as np

        from limelight.metrics.protocol import SIDE

        found = {}
        for name, metrics in self._of_baseline.items():
            whole = baseline_map(name, size)
            square = baseline_map(name, (SIDE, SIDE))
            scores = self._scores(metrics, whole, square, truth, size)
            found[name] = Found(np.full(4, np.nan), None, scores)
        return found

    @property
    def _uses_protocol(self) -> bool:
        return any(scorers()[name].protocol for name in self._names)

    @staticmethod
    def _scores(
        metrics: Mapping[str, Any],
        whole: np.ndarray,
        square: np.ndarray | None,
        truth: np.ndarray,
        size: Size,
    ) -> Mapping[str, np.ndarray]:
        """By metric, the row of a map in original pixels, and of the same on the square."""
        if not len(truth):
            return {}
        from limelight.metrics.protocol import protocol_boxes

        rows = {}
        for name, metric in metrics.items():
            if scorers()[name].protocol:
                rows[name] = metric.row(square, protocol_boxes(truth, size))
            else:
                rows[name] = metric.row(whole, truth)
        return rows


def refined(values: np.ndarray, refine: str | None, guide: np.ndarray | None) -> np.ndarray:
    """A raw map (h, w) refined with `guide`, what lies in its frame of the image; or as it is."""
    from limelight.localization import find_refinement

    if refine is None:
        return values
    assert guide is not None  # it is read wherever a cut asks for it
    return find_refinement(refine)(values, guide)


def resized(values: np.ndarray, frame: Frame) -> np.ndarray:
    """A map (h, w) at the original image's size, as `Maps.resized` makes it."""
    rows, columns, swapped = frame.resampling((values.shape[0], values.shape[1]))
    return rows @ (values.T if swapped else values) @ columns.T


def _squashed(frame: Frame) -> Frame:
    """The frame in the original image squashed to the protocol's square."""
    from limelight.metrics.protocol import SIDE

    height, width = frame.original_size
    (a, b, c), (d, e, f) = frame.matrix
    x, y = SIDE / width, SIDE / height
    return Frame(((a * x, b * x, c * x), (d * y, e * y, f * y)), frame.input_size, (SIDE, SIDE))


def best_iou(box: np.ndarray, truth: np.ndarray) -> float | None:
    """The IoU of a box with the closest true one; 0 where there is no box, None without truth."""
    from limelight.boxes import iou

    return float(iou(box[None], truth).max()) if len(truth) else None


def diagnose(values: np.ndarray) -> str | None:
    """Why a map of which nothing else is known is empty, in the words of `Maps.diagnosis`."""
    from limelight.maps import Maps

    one = Maps(values[None], None, None, None, "", "", (Frame.identity((1, 1)),))
    return one.diagnosis[0]


def _compressed(values: np.ndarray) -> tuple[float, np.ndarray | None]:
    """The largest absolute value, and the map divided by it as float16."""
    import numpy as np

    if max(values.shape) > _KEPT_SIDE:
        return 1.0, None
    largest = float(np.abs(values).max()) if np.isfinite(values).all() else 0.0
    if largest == 0:
        return 1.0, np.zeros(values.shape, np.float16)
    return largest, (values / largest).astype(np.float16)


@lru_cache(maxsize=4)  # two baselines, each in the image and on the square
def baseline_map(name: str, size: Size) -> np.ndarray:
    """A baseline's map (H, W), read-only."""
    from limelight.metrics import BASELINES

    made = BASELINES[name](size)
    made.flags.writeable = False
    return made
