"""What the model has seen of an image, in the pixels in which a map is refined."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from limelight.frames import Frame

_SIDE = 256
"""Pixels along the longer side in which maps are refined: what models see, seldom more."""


def guide_of(picture: np.ndarray, frame: Frame) -> np.ndarray:
    """The part of an image that lies in the model's input, at its size, or smaller.

    Args:
        picture: (H, W, 3) uint8, in original pixels.
        frame: where the model's input lies in it.

    Returns:
        (h, w, 3) uint8, h and w those of the input, or in proportion to it where that is longer
        than 256 pixels. Where the input is padded, the image's edge goes on.
    """
    import numpy as np
    from PIL import Image

    (a, b, _), (d, e, _) = frame.matrix
    swapped = a == 0 and e == 0
    height, width = _bounded(*frame.input_size)
    across, down = (height, width) if swapped else (width, height)
    x0, y0, x1, y1 = frame.to_original([0, 0, *frame.input_size[::-1]]).tolist()
    left, before_x, after_x, right = _inside(x0, x1, picture.shape[1], across)
    top, before_y, after_y, bottom = _inside(y0, y1, picture.shape[0], down)
    part = Image.fromarray(picture).resize(
        (across - before_x - after_x, down - before_y - after_y),
        Image.Resampling.BILINEAR,
        box=(left, top, right, bottom),
        reducing_gap=3.0,
    )
    whole = np.pad(
        np.asarray(part), ((before_y, after_y), (before_x, after_x), (0, 0)), mode="edge"
    )
    if swapped:
        whole, a, e = whole.transpose(1, 0, 2), d, b
    return np.ascontiguousarray(whole[:: -1 if e < 0 else 1, :: -1 if a < 0 else 1])


def _bounded(height: int, width: int) -> tuple[int, int]:
    scale = min(1.0, _SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _inside(low: float, high: float, length: int, cells: int) -> tuple[float, int, int, float]:
    """Of the extent `low` to `high`, cut into `cells`, the part in an image of `length` pixels.

    Returns:
        (start, cells before it, cells after it, end).
    """
    start, end = min(max(low, 0.0), length - 1.0), max(min(high, float(length)), 1.0)
    step = (high - low) / cells
    before = min(round((start - low) / step), cells - 1)
    after = min(round((high - end) / step), cells - 1 - before)
    return start, before, after, end
