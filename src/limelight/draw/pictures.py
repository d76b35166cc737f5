"""What may be drawn on, and what may be drawn: images and maps, checked once for every picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limelight.errors import ImageError

if TYPE_CHECKING:
    import numpy as np

# Bilinear weights in float32 can carry the maximum of a map this far beyond 1.
_ROUNDING = 1e-4


def as_rgb(image: Any) -> np.ndarray:
    """An image as uint8 (H, W, 3), a copy only where one is needed.

    Args:
        image: a PIL image, which is shown as `limelight.images.read` has it (upright); or an array
            (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), whose transparency is shown on white;
            integers 0 to 255 or real numbers 0 to 1.

    Raises:
        ImageError: another shape or another range.
    """
    import numpy as np

    from limelight import images

    if hasattr(image, "getexif"):  # a PIL image; Pillow need not be imported to know it
        return np.asarray(images.read(image))
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[-1] not in (1, 3, 4) or 0 in pixels.shape:
        turned = pixels.ndim == 3 and pixels.shape[0] in (1, 3, 4)
        raise ImageError(
            f"the image has shape {np.shape(image)}; expected (height, width), or that with 1, 3 "
            "or 4 channels last" + ("; np.moveaxis(image, 0, -1) puts them there" * turned)
        )
    if pixels.dtype != np.uint8:
        pixels = _to_bytes(pixels)
    if pixels.shape[-1] == 4:
        return np.asarray(images.read(pixels))
    return np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels


def _to_bytes(pixels: np.ndarray) -> np.ndarray:
    """Integers 0 to 255, or real numbers 0 to 1, as uint8."""
    import numpy as np

    if pixels.dtype.kind not in "iuf":
        raise ImageError(
            f"the image holds {pixels.dtype}; expected integers 0 to 255 or real numbers 0 to 1"
        )
    real = pixels.dtype.kind == "f"
    low, high = pixels.min(), pixels.max()
    if not (low >= 0 and high <= (1 if real else 255)):  # NaN fails here too
        raise ImageError(
            f"the image's values reach from {low:.4g} to {high:.4g} in {pixels.dtype}; expected "
            "integers 0 to 255 or real numbers 0 to 1: a normalized image must first be multiplied "
            "by its standard deviation and given its mean back"
        )
    return np.rint(pixels * 255.0).astype(np.uint8) if real else pixels.astype(np.uint8)


def as_map(values: Any, size: tuple[int, int] | None = None) -> np.ndarray:
    """A map as float32 (H, W) in [0, 1], of `size` (height, width) where that is given.

    Raises:
        ImageError: another shape, NaN, or values outside [0, 1].
    """
    import numpy as np

    values = np.asarray(values)
    if values.dtype.kind not in "fiub" or values.ndim != 2 or 0 in values.shape:
        raise ImageError(
            f"the map has shape {values.shape} and holds {values.dtype}; "
            "expected real numbers, (height, width)"
        )
    if size is not None and values.shape != tuple(size):
        raise ImageError(
            f"the map is {_by(values.shape)} and the image {_by(size)} (height × width); they must "
            "agree: maps.resized() brings maps to the size of their images"
        )
    values = values.astype(np.float32)
    missing = int(np.isnan(values).sum())
    if missing:
        raise ImageError(
            f"{missing} of the map's {values.size} values are NaN; expected numbers in [0, 1]"
        )
    low, high = values.min(), values.max()
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise ImageError(
            f"the map's values reach from {low:.4g} to {high:.4g}; expected [0, 1]: "
            "maps.normalized() brings them there"
        )
    return np.clip(values, 0, 1)


def _by(size: tuple[int, ...]) -> str:
    return " × ".join(str(side) for side in size)
