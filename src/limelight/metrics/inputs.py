"""What a metric is given, checked and taken apart image by image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from limelight.boxes import convert
from limelight.errors import MetricError

if TYPE_CHECKING:
    import numpy as np


def each_image(name: str, maps: Any, **inputs: Any) -> Iterator[tuple[Any, ...]]:
    """The map of each image and what belongs to it, in the order of `inputs`.

    Args:
        name: of the metric, for its errors.
        maps: (N, H, W), or N maps (H, W) of different sizes; where classes have maps of their own,
            each is (k, H, W).
        inputs: N of each; None gives None for each image.

    Raises:
        MetricError: an input has another length, or a map is empty or not finite.
    """
    import numpy as np

    count = len(maps)
    for key, values in inputs.items():
        if values is not None and len(values) != count:
            raise MetricError(
                f"{name} was given {count} maps and {len(values)} {key}, expected one for each map"
            )
    columns = [[None] * count if values is None else values for values in inputs.values()]
    arrays = [np.asarray(m) for m in maps]
    for i, array in enumerate(arrays):
        if array.ndim < 2 or array.size == 0:
            raise MetricError(f"{name}: map {i} has shape {array.shape}, expected (H, W)")
        if not np.isfinite(array).all():
            raise MetricError(f"{name}: map {i} has values that are not finite")
    return zip(arrays, *columns, strict=True)


def truth_boxes(boxes: Any) -> np.ndarray:
    """Ground-truth boxes (n, 4) as x0, y0, x1, y1, without rows of NaN; n may be 0."""
    import numpy as np

    found = np.asarray(convert(boxes, "xyxy", "xyxy")).reshape(-1, 4)
    return found[~np.isnan(found).any(axis=1)]


def pixels_inside(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The pixels (H, W) that boxes (n, 4), half-open, touch."""
    import numpy as np

    inside = np.zeros(size, bool)
    for x0, y0, x1, y1 in boxes:
        left, top = max(int(np.floor(x0)), 0), max(int(np.floor(y0)), 0)
        inside[top : max(int(np.ceil(y1)), 0), left : max(int(np.ceil(x1)), 0)] = True
    return inside
