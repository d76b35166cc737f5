"""Maps in colour."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from limelight.draw.pictures import as_map
from limelight.errors import ImageError, did_you_mean

if TYPE_CHECKING:
    import numpy as np


def colorize(map: Any, colormap: str = "jet") -> np.ndarray:
    """A map in colour.

    Args:
        map: (H, W), real numbers in [0, 1].
        colormap: a name known to `cmap`, which has those of matplotlib and more: "jet",
            "viridis", "gray", with "_r" at the end for the reverse.

    Returns:
        uint8 (H, W, 3): for a colormap of n colours, value v has colour ``min(int(n · v), n − 1)``,
        as in matplotlib.

    Raises:
        ImageError: the map has another shape or range, or there is no such colormap.
    """
    table = color_table(colormap)
    return table[color_index(as_map(map), len(table))]


@lru_cache(maxsize=32)
def color_table(colormap: str) -> np.ndarray:
    """The colours of a colormap from 0 to 1: uint8 (n, 3), n = 256 where they are continuous."""
    import cmap
    import numpy as np

    try:
        table = cmap.Colormap(colormap).lut(256)
    except (ValueError, TypeError) as error:
        known = cmap.Colormap.catalog().short_keys()
        raise ImageError(
            f"there is no colormap {colormap!r}{did_you_mean(str(colormap), known)}"
        ) from error
    colors = (table[:, :3] * 255).astype(np.uint8)
    colors.flags.writeable = False  # every caller is given the same array
    return colors


def color_index(values: np.ndarray, count: int) -> np.ndarray:
    """The index of each value in [0, 1] into a table of `count` colours."""
    import numpy as np

    return np.minimum((values * count).astype(np.intp), count - 1)
