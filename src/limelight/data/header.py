"""The size of an image file, from its header."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from limelight.errors import ImageError
from limelight.frames import Frame, Size

if TYPE_CHECKING:
    from PIL import Image

_ORIENTATION = 0x0112  # the EXIF tag
# What Pillow raises on broken headers, apart from its two decompression-bomb classes.
_BROKEN = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, struct.error)


def upright_size(source: Path | BinaryIO) -> Size:
    """(height, width) of the image as displayed upright, without decoding it.

    Raises:
        ImageError: there is no such file, or it is no image.
    """
    return upright_frame(source).input_size


def upright_frame(source: Path | BinaryIO) -> Frame:
    """The frame of the upright image (its input) in the stored file (its original).

    Raises:
        ImageError: there is no such file, or it is no image.
    """
    from PIL import Image

    name = source if isinstance(source, Path) else "the image"
    broken = (*_BROKEN, Image.DecompressionBombError, Image.DecompressionBombWarning)
    try:
        with Image.open(source) as image:
            width, height = image.size
            orientation = _orientation(image)
    except FileNotFoundError as error:
        raise ImageError(f"there is no file {name}") from error
    except broken as error:
        raise ImageError(f"{name} cannot be read as an image: {error}") from error
    frame = Frame.identity((height, width))
    return frame.orient(orientation) if orientation in range(2, 9) else frame


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation; 1 where the EXIF block is broken, as `limelight.images.read` has it."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except _BROKEN:
        return 1
