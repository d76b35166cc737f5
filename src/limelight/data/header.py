"""The size of an image file, from its header."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from limelight.errors import ImageError
from limelight.frames import Frame, Size

_ORIENTATION = 0x0112  # the EXIF tag


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
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(source) as image:
            width, height = image.size
            orientation = image.getexif().get(_ORIENTATION, 1)
    except FileNotFoundError as error:
        raise ImageError(f"there is no file {source}") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        name = source if isinstance(source, Path) else "the image"
        raise ImageError(f"{name} cannot be read as an image: {error}") from error
    frame = Frame.identity((height, width))
    return frame.orient(orientation) if orientation in range(2, 9) else frame
