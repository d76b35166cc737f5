"""Maps that another program made: one NumPy file for each image."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from limelight.errors import ImageError
from limelight.frames import Frame, Size

if TYPE_CHECKING:
    import numpy as np


def read_map(folder: Path, id: str, size: Size) -> tuple[np.ndarray, Frame]:
    """The map of an image, and the frame that stretches it over the whole image.

    Args:
        folder: holds ``<id>.npy``, or the same without the image's own ending; an id with slashes
            is a path.
        id: of the image in the data set.
        size: (height, width) of the image.

    Returns:
        (h, w) float32 of any resolution.

    Raises:
        ImageError: there is no such file, or it holds no map.
    """
    import numpy as np

    path = _find(folder, id)
    try:
        with path.open("rb") as stream:
            values = np.lib.format.read_array(stream, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ImageError(f"{path} cannot be read as a NumPy array: {error}") from error
    values = values[0] if values.ndim == 3 and len(values) == 1 else values
    if values.ndim != 2 or values.size == 0 or values.dtype.kind not in "fiub":
        raise ImageError(
            f"{path} holds {values.dtype} of shape {values.shape}, expected a map (h, w)"
        )
    grid = (int(values.shape[0]), int(values.shape[1]))
    return values.astype(np.float32), Frame.identity(size).resize(grid)


def _find(folder: Path, id: str) -> Path:
    parts = PurePosixPath(id)
    if parts.is_absolute() or ".." in parts.parts:
        raise ImageError(f"the image {id!r} has no map of its own: its id leads out of {folder}")
    exact, plain = folder / f"{id}.npy", folder / parts.with_suffix(".npy")
    for path in (exact, plain):
        if path.is_file():
            return path
    others = "" if exact == plain else f" and no {plain.name}"
    raise ImageError(f"there is no map {exact}{others}")
