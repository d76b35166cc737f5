"""Images and colours as the page shows them."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

#: What the page offers; the library knows many more.
COLORMAPS = ("jet", "viridis", "turbo", "inferno", "gray")
_LARGEST = 2000
_EXACT = 256 * 256  # up to so many pixels nothing is lost, and PNG is small


def preview(image: Image.Image, side: int) -> tuple[bytes, str]:
    """An image no larger than `side`, and its type: PNG where it is small, otherwise JPEG."""
    from PIL import Image as pillow

    bound = min(max(side, 16), _LARGEST)
    if max(image.size) > bound:
        scale = bound / max(image.size)
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        image = image.resize(size, pillow.Resampling.BILINEAR, reducing_gap=2.0)
    with io.BytesIO() as stream:
        if image.width * image.height <= _EXACT:
            image.save(stream, "PNG")
            return stream.getvalue(), "image/png"
        image.save(stream, "JPEG", quality=90)
        return stream.getvalue(), "image/jpeg"


def as_png(image: Image.Image) -> bytes:
    """The image without loss."""
    with io.BytesIO() as stream:
        image.save(stream, "PNG", compress_level=1)
        return stream.getvalue()


def color_tables() -> dict[str, str]:
    """By name of `COLORMAPS`, 256 times red, green and blue, as base64."""
    from limelight.draw.colors import color_table

    return {name: base64.b64encode(color_table(name).tobytes()).decode() for name in COLORMAPS}
