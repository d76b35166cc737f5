"""What of an image a model has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limelight.frames import Frame


def seen_part(frame: Frame) -> tuple[float, ...] | None:
    """x0, y0, x1, y1 of what the model has seen of the image; None for all of it."""
    high, wide = frame.input_size
    height, width = frame.original_size
    x0, y0, x1, y1 = frame.to_original([0, 0, wide, high]).tolist()
    if x0 <= 0.5 and y0 <= 0.5 and x1 >= width - 0.5 and y1 >= height - 0.5:
        return None
    return max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
