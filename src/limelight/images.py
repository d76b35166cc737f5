"""Reading an image: whatever a user has, as upright RGB.

Everything downstream (frames, boxes, overlays) speaks of "original pixels", and those are the
pixels of what `read` returns: the image as every viewer shows it, its EXIF orientation applied.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from limelight.errors import ImageError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

#: What Pillow's decoders raise on broken files, apart from its two decompression-bomb classes.
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    EOFError,
    struct.error,
    zlib.error,
)
_EXPECTED = (
    "an image is a path, the bytes of an image file, a PIL image or a uint8 array "
    "(H, W), (H, W, 1), (H, W, 3) or (H, W, 4)"
)


def read(source: Any) -> Image.Image:
    """The image as upright 8-bit RGB.

    `source` is a path, the bytes of an image file, a PIL image, or a uint8 NumPy array (H, W),
    (H, W, 1), (H, W, 3) or (H, W, 4). Transparency is composited on white, 16-bit grey is scaled
    to 8 bits, an animation gives its first frame, EXIF orientation is applied. What is given is
    never changed.

    Raises:
        ImageError: there is no such file, or it is no image, empty, truncated, larger than
            Pillow's decompression-bomb limit, or an array of another type or shape.
    """
    import numpy as np
    from PIL import Image

    if isinstance(source, Image.Image):
        with _explained("the PIL image"):
            return _upright_rgb(source, "the PIL image")
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, bytes | bytearray | memoryview):
        name = f"the image of {len(source)} bytes"
        if not len(source):
            raise ImageError("the image's bytes are empty")
        with io.BytesIO(source) as stream:
            return _decode(stream, name)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        _check_path(path)
        with _explained(f"{path}"), path.open("rb") as stream:
            return _decode(stream, f"{path}")
    raise ImageError(f"{_EXPECTED}; got {_describe(source)}")


def _describe(source: Any) -> str:
    shape = getattr(source, "shape", None)
    name = f"{type(source).__module__}.{type(source).__qualname__}".removeprefix("builtins.")
    return name if shape is None else f"{name} of shape {tuple(shape)}"


def _check_path(path: Path) -> None:
    text = os.fspath(path)
    if "://" in text or text.startswith(("http:/", "https:/")):
        raise ImageError(f"{text} is an address; download the image and give its path")
    try:
        if path.is_dir():
            raise ImageError(f"{path} is a folder, not an image: give the files in it")
        if not path.exists():
            raise ImageError(f"there is no file {path}")
        if not path.is_file():
            raise ImageError(f"{path} is not a regular file")
        if path.stat().st_size == 0:
            raise ImageError(f"{path} is empty (0 bytes)")
    except (OSError, ValueError) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"{text!r} cannot be read: {error}") from error


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn what Pillow raises into an `ImageError` that names the image."""
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _bomb(name) from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{name} is not an image in a format that Pillow reads") from error
    except PermissionError as error:
        raise ImageError(f"{name} cannot be read: permission denied") from error
    except BROKEN as error:
        raise ImageError(f"{name} is damaged or truncated: {error}") from error


def _bomb(name: str) -> ImageError:
    from PIL import Image

    return ImageError(
        f"{name} has more than {Image.MAX_IMAGE_PIXELS:,} pixels, Pillow's limit against "
        "decompression bombs; make it smaller, or raise PIL.Image.MAX_IMAGE_PIXELS for a file "
        "that you trust"
    )


def _decode(stream: BinaryIO, name: str) -> Image.Image:
    from PIL import Image

    with _explained(name):
        # verify() checks the file's structure without decoding it, and leaves its image unusable.
        with Image.open(stream) as probe:
            # Pillow only warns up to twice its limit; here the limit is the limit.
            limit = Image.MAX_IMAGE_PIXELS
            if limit is not None and probe.width * probe.height > limit:
                raise _bomb(name)
            probe.verify()
        stream.seek(0)
        with Image.open(stream) as image:
            return _upright_rgb(image, name)


def _upright_rgb(image: Image.Image, name: str) -> Image.Image:
    from PIL import Image

    if not image.width or not image.height:
        raise ImageError(f"{name} is empty: {image.width}×{image.height} pixels")
    image.load()
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(_orientation(image))
    upright = _to_rgb(image, name)
    if turn is not None:
        upright = upright.transpose(turn)
    upright.info.clear()  # the old orientation would turn it a second time
    return upright


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where the EXIF block is broken, as viewers have it."""
    from PIL.ExifTags import Base

    try:
        return int(image.getexif().get(Base.Orientation, 1))
    except BROKEN:
        return 1


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    if image.mode.startswith("I"):
        return _from_integers(image, name)
    if image.mode == "F":
        raise ImageError(
            f"{name} holds floating-point pixels, whose range is not known; convert it to 8-bit RGB"
        )
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"))
    return image.convert("RGB")


def _from_integers(image: Image.Image, name: str) -> Image.Image:
    """Grey of 16 bits (Pillow's modes I;16…, in older versions I): scaled, not clipped."""
    import numpy as np
    from PIL import Image

    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise ImageError(
            f"{name} holds 32-bit pixels from {values.min()} to {values.max()}; "
            "expected 8 or 16 bits"
        )
    return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8)).convert(
        "RGB"
    )


def _on_white(image: Image.Image) -> Image.Image:
    from PIL import Image

    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _from_array(array: np.ndarray) -> Image.Image:
    import numpy as np
    from PIL import Image

    given = f"got {array.dtype} of shape {array.shape}"
    if array.ndim == 4:
        raise ImageError(f"this is a batch, not an image; {_EXPECTED}; {given}")
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4):
        first = array.ndim == 3 and array.shape[0] in (1, 3, 4)
        hint = "; channels come last here: array.transpose(1, 2, 0)" if first else ""
        raise ImageError(f"{_EXPECTED}; {given}{hint}")
    if array.dtype != np.uint8:
        raise ImageError(
            f"{_EXPECTED}; {given}: scale to 0..255 and convert, "
            "or give arrays that are already preprocessed to the model itself"
        )
    if not array.size:
        raise ImageError(f"the image is empty: {given}")
    if channels == 4:
        return _on_white(Image.fromarray(np.ascontiguousarray(array)))
    squeezed = array[..., 0] if array.ndim == 3 and channels == 1 else array
    return Image.fromarray(np.ascontiguousarray(squeezed)).convert("RGB")
