"""From one map to its boxes: which pixels are foreground, and which box stands for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limelight.errors import BoxError, MethodError, did_you_mean
from limelight.localization.components import component_boxes, largest_box
from limelight.localization.foreground import foreground
from limelight.localization.peaks import peak_boxes
from limelight.localization.rotated import rotated_box

if TYPE_CHECKING:
    import numpy as np

BOXES = {
    "largest": "the box of the component of the most pixels",
    "all": "a box for each component, the one of the most pixels first",
    "peaks": "a box for each peak, the highest first",
}
"""What `locate` can be asked for as `which`."""


def locate(
    map: Any,
    threshold: float = 0.2,
    rule: str = "max",
    which: str = "largest",
    rotated: bool = False,
) -> np.ndarray:
    """The boxes of one map, half-open, in its own pixels.

    Args:
        map: (H, W), already normalized and resized to the original image.
        threshold: what the foreground exceeds, as `rule` reads it.
        rule: a name from `RULES`: "max" (a fraction of the map's maximum), "absolute",
            "quantile" or "otsu".
        which: a name from `BOXES`: "largest", "all" or "peaks". Components are 8-connected.
        rotated: the largest contour's rectangle of the smallest area, at any angle (OpenCV).

    Returns:
        "largest": (4,) as x0, y0, x1, y1, NaN where nothing is positive or nothing is foreground.
        "all" and "peaks": (n, 5), the same and a score: the map's maximum inside the component,
        or at the peak. `rotated`: (4, 2) corners (x, y), NaN as for "largest".

    Raises:
        BoxError: the map is not (H, W), or not finite.
        MethodError: an unknown rule or `which`, or a threshold that does not fit the rule.
        MissingExtra: `rotated` without OpenCV.

    Example:
        >>> import numpy as np
        >>> map = np.zeros((6, 8))
        >>> map[2:4, 3:7] = 1
        >>> locate(map).tolist()
        [3.0, 2.0, 7.0, 4.0]
        >>> locate(map, which="all").tolist()
        [[3.0, 2.0, 7.0, 4.0, 1.0]]
    """
    import numpy as np

    values = np.asarray(map)
    if which not in BOXES:
        hint = did_you_mean(str(which), BOXES) or f"; there are {', '.join(BOXES)}"
        raise MethodError(f"there are no boxes {which!r}{hint}")
    if rotated and which != "largest":
        raise MethodError(f"a rotated box is that of the largest contour; which={which!r} is not")
    if values.ndim != 2 or values.size == 0:
        raise BoxError(f"a map of shape {values.shape}, expected (H, W)")
    if not np.isfinite(values).all():
        raise BoxError("a map with values that are not finite; localization.normalize makes it 0")
    inside = foreground(values, threshold, rule) & (values.max() > 0)
    if rotated:
        return rotated_box(inside)
    if which == "peaks":
        return peak_boxes(values, inside)
    return largest_box(inside) if which == "largest" else component_boxes(values, inside)
