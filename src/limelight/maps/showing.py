"""Whatever images a user has given, as pictures in original pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from limelight.arrays import to_numpy
from limelight.errors import ImageError

if TYPE_CHECKING:
    import numpy as np


def as_pictures(
    images: Any,
    channels_last: bool,
    display: Callable[[Any], np.ndarray] | None,
    mean: Any,
    std: Any,
) -> list[np.ndarray]:
    """N uint8 pictures (H, W, 3) of what `explain` takes.

    Args:
        images: paths, PIL images and uint8 arrays, one or several, or one float array of the
            model's own layout (`channels_last` or not).
        display: undoes the model's preprocessing on such an array; may be None.
        mean, std: undo it instead, per channel, in units of [0, 1]; either may be None.

    Raises:
        ImageError: float values outside [0, 1] with nothing that undoes their preprocessing.
    """
    import numpy as np

    from limelight.images import read

    several = isinstance(images, Sequence) and not isinstance(images, str | bytes)
    if several and len(images) and _is_array(images[0]) and _floating(images[0]):
        shapes = {tuple(getattr(image, "shape", ())) for image in images}
        if len(shapes) > 1:
            raise ImageError(f"a batch has arrays of one shape, but {sorted(shapes)} were given")
        images = np.stack([to_numpy(image) for image in images])
    if _is_array(images):
        array = to_numpy(images)
        if _floating(array) or (array.ndim == 4 and not channels_last and array.shape[-1] != 3):
            return _float_pictures(array, channels_last, display, mean, std)
        images, several = (array, True) if array.ndim == 4 else (array, False)
    return [np.asarray(read(_as_bytes(each))) for each in (images if several else [images])]


def _as_bytes(image: Any) -> Any:
    """An array of whole numbers 0 to 255 as uint8; what is anything else as it is."""
    import numpy as np

    if not _is_array(image):
        return image
    array = to_numpy(image)
    if array.dtype.kind in "iu" and array.size and array.min() >= 0 and array.max() <= 255:
        return array.astype(np.uint8)
    return array


def _float_pictures(
    array: np.ndarray,
    channels_last: bool,
    display: Callable[[Any], np.ndarray] | None,
    mean: Any,
    std: Any,
) -> list[np.ndarray]:
    import numpy as np

    if array.ndim != 4:
        raise ImageError(
            f"a batch of four axes was expected, but the shape {array.shape} was given"
        )
    if display is not None:
        return list(display(array))
    if not channels_last:
        array = array.transpose(0, 2, 3, 1)
    if array.shape[-1] not in (1, 3):
        raise ImageError(
            f"images of 1 or 3 channels can be shown, but {array.shape[-1]} were given"
        )
    if not _floating(array):
        array = array / 255
    if std is not None:
        array = array * np.asarray(std, np.float32)
    if mean is not None:
        array = array + np.asarray(mean, np.float32)
    low, high = float(array.min()), float(array.max())
    slack = 1e-3 if mean is None and std is None else 0.02  # rounding of a normalization
    if not (low >= -slack and high <= 1 + slack):
        raise ImageError(
            f"the images have values from {low:.3g} to {high:.3g}, but a picture has values in "
            "[0, 1]; give mean= and std= of their normalization, the Classifier's own images, or "
            "uint8 pictures"
        )
    pixels = np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8)
    return [np.repeat(each, 3, -1) if each.shape[-1] == 1 else each for each in pixels]


def _is_array(image: Any) -> bool:
    return hasattr(image, "dtype") and hasattr(image, "shape")


def _floating(array: Any) -> bool:
    return "float" in str(array.dtype)
