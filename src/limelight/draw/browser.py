"""Images and raw maps as the scripts in `limelight.viewer` take them."""

from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

SMALL = 128  # images up to here are kept exactly, and shown with their pixels as squares
COLORMAPS = ("jet", "viridis", "turbo", "inferno", "gray")
_MOST_CELLS = 64  # along a side of a map; finer ones are averaged
_STEPS = 65535


def image_uri(pixels: np.ndarray, longest: int, quality: int = 85) -> str:
    """An image, uint8 (H, W, 3), as a data URI, its longer side reduced to `longest` pixels."""
    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return uri(image, quality, lossless=max(image.size) <= SMALL)


def uri(image: Image.Image, quality: int = 85, lossless: bool = False) -> str:
    """A picture as a data URI."""
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=quality, lossless=lossless, method=2)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def packed_map(values: Any) -> dict[str, Any]:
    """A map (h, w) in [0, 1] as its grid, (h, w), and two bytes a cell, base64.

    A box that is cut out of them is that of the map to 1/65535 of its range. Maps finer than 64
    cells a side, such as refined ones, are averaged to that many.

    Raises:
        ImageError: another shape, NaN, or values outside [0, 1].
    """
    import numpy as np
    from PIL import Image

    from limelight.draw.pictures import as_map

    cells = as_map(values)
    high, wide = (min(side, _MOST_CELLS) for side in cells.shape)
    if cells.shape != (high, wide):
        small = Image.fromarray(cells).resize((wide, high), Image.Resampling.BOX)
        cells = np.asarray(small)
    steps = np.rint(np.clip(cells, 0, 1).astype(np.float64) * _STEPS).astype("<u2")
    return {"grid": [high, wide], "cells": base64.b64encode(steps.tobytes()).decode("ascii")}


def color_tables(first: str) -> dict[str, str]:
    """By name of a colormap, `first` first: 256 times red, green and blue, as base64.

    Raises:
        ImageError: there is no colormap `first`.
    """
    from limelight.draw.colors import color_table

    names = dict.fromkeys([first, *COLORMAPS])
    return {name: base64.b64encode(color_table(name).tobytes()).decode("ascii") for name in names}


def data_script(data: Any) -> str:
    """Plain values as JSON that may stand in a script element, whatever texts are in them."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
