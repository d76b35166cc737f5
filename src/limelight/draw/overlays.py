"""Maps laid over their images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limelight.draw.colors import color_index, color_table
from limelight.draw.pictures import as_map, as_rgb
from limelight.errors import ImageError

if TYPE_CHECKING:
    import numpy as np

_DIMMED = 0.5  # brightness of what the model has not seen


def overlay(
    image: Any,
    map: Any,
    alpha: float = 0.5,
    colormap: str = "jet",
    seen: Any = None,
) -> np.ndarray:
    """A map in colour over its image: ``(1 − alpha) · image + alpha · colour``.

    Args:
        image: a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), whose
            transparency is shown on white; integers 0 to 255 or real numbers 0 to 1.
        map: (H, W), real numbers in [0, 1].
        alpha: the share of the map, 0 (the image alone) to 1 (the map alone).
        colormap: as in `colorize`.
        seen: bool (H, W), False where the model has not seen the image, such as beyond a centre
            crop: there the image is shown grey and dimmed, without the map.

    Returns:
        uint8 (H, W, 3).

    Raises:
        ImageError: sizes that disagree, values out of range, NaN, an unknown colormap.
    """
    import numpy as np

    pixels = as_rgb(image)
    values = as_map(map, pixels.shape[:2])
    if not 0 <= alpha <= 1:
        raise ImageError(f"alpha is {alpha}; expected a share between 0 and 1")
    # Only 256 colours and 256 grey levels are met: weigh those once, not every pixel.
    colors = color_table(colormap).astype(np.float32) * np.float32(alpha)
    levels = np.arange(256, dtype=np.float32) * np.float32(1 - alpha)
    blended = np.rint(levels[pixels] + colors[color_index(values, len(colors))]).astype(np.uint8)
    if seen is None:
        return blended
    visible = np.asarray(seen)
    if visible.shape != values.shape or visible.dtype != bool:
        raise ImageError(
            f"`seen` has shape {visible.shape} and holds {visible.dtype}; expected bool "
            f"{values.shape}, the size of the image"
        )
    return np.where(visible[..., None], blended, dimmed(pixels))


def dimmed(pixels: np.ndarray) -> np.ndarray:
    """An image in grey (the luma of ITU-R BT.601) at half its brightness; uint8 (H, W, 3)."""
    import numpy as np

    luma = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.repeat(np.rint(luma * _DIMMED).astype(np.uint8)[..., None], 3, axis=-1)
