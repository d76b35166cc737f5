"""Images and maps as small pictures inside the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limelight.draw import colorize
from limelight.draw.browser import uri
from limelight.draw.pictures import as_map

if TYPE_CHECKING:
    import numpy as np

    Part = tuple[float, float, float, float]

LONGEST_IMAGE = 480  # pixels of the longer side, about twice what a page shows: sharp on phones
LONGEST_MAP = 240  # maps are smooth


def map_uri(values: Any, size: tuple[int, int], colormap: str, seen: Part | None = None) -> str:
    """A map in colour as a data URI.

    Args:
        values: (h, w) in [0, 1].
        size: (height, width) of its image, which it covers.
        colormap: as in `limelight.draw.colorize`.
        seen: x0, y0, x1, y1 in pixels of the image, to which the picture is cut; None for all.
    """
    from PIL import Image

    high, wide = size
    x0, y0, x1, y1 = seen or (0, 0, wide, high)
    scale = min(1.0, LONGEST_MAP / max(size))
    shown = max(1, round((y1 - y0) * scale)), max(1, round((x1 - x0) * scale))
    part = (x0 / wide, y0 / high, x1 / wide, y1 / high)
    return uri(Image.fromarray(colorize(resized(values, shown, part), colormap)))


def resized(values: Any, size: tuple[int, int], part: Part = (0, 0, 1, 1)) -> np.ndarray:
    """A map in [0, 1] at `size` (height, width), bilinear between the centres of its cells.

    `part` is what of it is shown, x0, y0, x1, y1 as shares of its extent. Where it becomes smaller
    it is averaged.
    """
    import numpy as np
    from PIL import Image

    whole = Image.fromarray(as_map(values))
    x0, y0, x1, y1 = part
    box = (x0 * whole.width, y0 * whole.height, x1 * whole.width, y1 * whole.height)
    small = whole.resize((size[1], size[0]), Image.Resampling.BILINEAR, box=box)
    return np.clip(np.asarray(small), 0, 1)
