"""A map and its image made smaller, for what costs more than it is worth at full size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limelight.frames import Frame

if TYPE_CHECKING:
    import numpy as np


def shrunk(values: np.ndarray, image: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """A map (h, w) float32 and an image (h, w, 3), at most `side` pixels along the longer side."""
    import numpy as np
    from PIL import Image

    height, width = values.shape
    scale = min(1.0, side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = Image.Resampling.BILINEAR
    small = np.asarray(Image.fromarray(values).resize(size, how))
    return small, np.asarray(Image.fromarray(image).resize(size, how))


def stretched(values: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """A map (h, w) at `size` (height, width), half-pixel bilinear."""
    rows, columns, _ = Frame.identity((size[0], size[1])).resampling(
        (values.shape[0], values.shape[1])
    )
    return rows @ values @ columns.T
