"""The boxes of the baselines that look at no image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from limelight.frames import Size
from limelight.runs.cuts import Cut, cut_of
from limelight.runs.scoring import baseline_map

if TYPE_CHECKING:
    import numpy as np

    from limelight.localization import Threshold

CENTRE, WHOLE = "centre-box", "whole-image"
_STEPS = 100  # thresholds that are tried


@lru_cache(maxsize=1024)
def centred_boxes(size: Size) -> np.ndarray:
    """The box (100, 4) of the centred Gaussian above each of 0, 0.01 … 0.99 of its maximum.

    The foreground is convex and centred, so that the middle row and the middle column show how
    far it reaches.
    """
    import numpy as np

    bump = baseline_map(CENTRE, size)
    cuts = np.arange(_STEPS) / _STEPS * bump.max()
    middle_row, middle_column = bump[(size[0] - 1) // 2], bump[:, (size[1] - 1) // 2]
    corners = []
    for profile in (middle_row, middle_column):
        inside = profile > cuts.astype(profile.dtype)[:, None]
        corners.append((inside.argmax(axis=1), len(profile) - inside[:, ::-1].argmax(axis=1)))
    (x0, x1), (y0, y1) = corners
    return np.stack([x0, y0, x1, y1], axis=1).astype(float)


def tune_centre(
    sizes: Sequence[Size], boxes: Sequence[np.ndarray], goal: str, data: str
) -> Threshold | None:
    """The threshold at which the centred box scores best on images of these sizes and boxes.

    Args:
        sizes: (height, width) of each image.
        boxes: its true boxes (n, 4); an image without any does not count.
        goal: a name from `limelight.localization.GOALS`.
        data: the name of what it is tuned on.

    Returns:
        None where no image has a box.
    """
    import numpy as np

    from limelight.boxes import iou
    from limelight.localization import GOALS, Threshold

    total, images = np.zeros(_STEPS), 0
    for size, truth in zip(sizes, boxes, strict=True):
        if len(truth):
            total += GOALS[goal](iou(centred_boxes(size), truth).max(axis=1))
            images += 1
    if not images:
        return None
    curve = total / images
    best = int(curve.argmax())
    thresholds = tuple((np.arange(_STEPS) / _STEPS).tolist())
    return Threshold(
        value=thresholds[best],
        rule="max",
        normalizer="max",
        goal=goal,
        score=float(curve[best]),
        images=images,
        data=data,
        thresholds=thresholds,
        curves={"max": tuple(curve.tolist())},
    )


def baseline_cuts(
    given: dict[str, Cut], sizes: Sequence[Size], boxes: Sequence[np.ndarray]
) -> dict[str, Cut]:
    """Each baseline's cut: the one that was tuned for it; otherwise the best on these images.

    A baseline that is handicapped would flatter the methods beside it.
    """
    cuts = {WHOLE: Cut(0.0, origin="every threshold gives the whole image")}
    if CENTRE in given:
        cuts[CENTRE] = given[CENTRE]
    else:
        best = tune_centre(sizes, boxes, "iou", "")
        if best is not None:
            cut = cut_of(best)
            cuts[CENTRE] = Cut(cut.threshold, origin="the best mean IoU on these very images")
    return cuts


def baseline_boxes(name: str, cut: Cut, sizes: Iterable[Size]) -> list[np.ndarray]:
    """A baseline's box (4,) in images of `sizes` (height, width)."""
    import numpy as np

    from limelight.localization import locate

    if name == WHOLE:
        return [np.array([0, 0, width, height], float) for height, width in sizes]
    step = round(cut.threshold * _STEPS)
    if cut.rule == "max" and abs(step / _STEPS - cut.threshold) < 1e-9:
        return [centred_boxes(size)[step] for size in sizes]
    return [locate(baseline_map(name, size), cut.threshold, cut.rule) for size in sizes]
