"""Ground truth as the published protocol takes it: on a square of 224 × 224 pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limelight.errors import MetricError
from limelight.metrics.inputs import truth_boxes

if TYPE_CHECKING:
    import numpy as np

__all__ = ["SIDE", "protocol_boxes", "protocol_masks"]

SIDE = 224


def protocol_boxes(boxes: Any, size: tuple[int, int], side: int = SIDE) -> np.ndarray:
    """Boxes of an image of `size` (height, width) on the square, truncated to whole pixels.

    ``x' = int(x · side / W)``, ``y' = int(y · side / H)`` (Choe et al. 2020).

    Args:
        boxes: (n, 4) as x0, y0, x1, y1 in the image's pixels.
        size: (height, width).
        side: of the square.

    Returns:
        (n, 4) integers.
    """
    import numpy as np

    height, width = size
    scaled = truth_boxes(boxes) * float(side) / np.array([width, height, width, height], float)
    return np.trunc(scaled).astype(int)


def protocol_masks(
    instances: Any, ignore: Any = None, side: int = SIDE
) -> tuple[np.ndarray, np.ndarray]:
    """The foreground and what is ignored, on the square.

    Masks are resized to the nearest pixel, as OpenCV does; > 0.5 is inside; the instances are
    joined; what is ignored is never foreground (Choe et al. 2020).

    Args:
        instances: masks (H, W) in 0..1, one per object, of any sizes.
        ignore: mask (H, W) in 0..1 of what does not count, or None.
        side: of the square.

    Returns:
        Two (side, side) arrays of bool.

    Raises:
        MetricError: there is no instance.
    """
    import numpy as np

    masks = [_nearest(np.asarray(mask), side) > 0.5 for mask in instances]
    if not masks:
        raise MetricError("an image without a mask has no foreground to score")
    foreground = np.logical_or.reduce(masks)
    if ignore is None:
        return foreground, np.zeros_like(foreground)
    return foreground, (_nearest(np.asarray(ignore), side) > 0.5) & ~foreground


def _nearest(mask: np.ndarray, side: int) -> np.ndarray:
    import numpy as np

    rows, columns = (
        np.minimum(np.floor(np.arange(side) * (1 / (side / extent))), extent - 1).astype(int)
        for extent in mask.shape
    )
    return mask[rows[:, None], columns[None, :]]
