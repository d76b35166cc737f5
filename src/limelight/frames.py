"""Where the model's input lies in the original image.

A photograph is rotated upright, resized, cropped or padded before a model sees it. A `Frame` keeps
that path as one affine map, so that maps and boxes come back in the pixels of the image that the
user has. Coordinates are continuous: pixel ``j`` covers ``[j, j + 1)`` and its centre is
``j + 0.5``; x runs to the right, y down; sizes are (height, width).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

Size = tuple[int, int]
Matrix = tuple[tuple[float, float, float], tuple[float, float, float]]

# EXIF orientation -> the matrix that takes a pixel of the UPRIGHT image (size H, W) to the stored
# file, as a function of the upright size. 1 is upright; 5 to 8 swap the axes.
_EXIF: dict[int, Callable[[int, int], Matrix]] = {
    1: lambda h, w: ((1, 0, 0), (0, 1, 0)),
    2: lambda h, w: ((-1, 0, w), (0, 1, 0)),
    3: lambda h, w: ((-1, 0, w), (0, -1, h)),
    4: lambda h, w: ((1, 0, 0), (0, -1, h)),
    5: lambda h, w: ((0, 1, 0), (1, 0, 0)),
    6: lambda h, w: ((0, 1, 0), (-1, 0, w)),
    7: lambda h, w: ((0, -1, h), (-1, 0, w)),
    8: lambda h, w: ((0, -1, h), (1, 0, 0)),
}


@dataclass(frozen=True)
class Frame:
    """The affine map from input pixels to original pixels.

    Attributes:
        matrix: 2 × 3; ``(x_original, y_original) = matrix @ (x_input, y_input, 1)``. Axes may be
            scaled, shifted, mirrored and swapped, but not turned by other than quarter turns.
        input_size: (height, width) of what the model sees.
        original_size: (height, width) of the image that the user has.

    Build one by following the preprocessing::

        Frame.identity((300, 600)).resize((256, 512)).crop(top=16, left=144, size=(224, 224))

    Example:
        >>> frame = Frame.identity((300, 600)).resize((256, 512)).crop(16, 144, (224, 224))
        >>> frame.input_size, frame.original_size
        ((224, 224), (300, 600))
    """

    matrix: Matrix
    input_size: Size
    original_size: Size

    @classmethod
    def identity(cls, size: Size) -> Frame:
        """The frame of an image that the model takes as it is; `size` is (height, width)."""
        return cls(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)), size, size)

    def resize(self, size: Size) -> Frame:
        """The frame after resizing the input to `size` (height, width)."""
        (h, w), (new_h, new_w) = self.input_size, size
        return self._then(((w / new_w, 0, 0), (0, h / new_h, 0)), size)

    def crop(self, top: float, left: float, size: Size) -> Frame:
        """The frame after cutting `size` at (`top`, `left`); negative offsets pad."""
        return self._then(((1, 0, left), (0, 1, top)), size)

    def orient(self, exif: int) -> Frame:
        """The frame after turning a stored image upright by its EXIF `exif` orientation (1 to 8).

        What follows is upright; what it maps back to is the stored file's own pixels.
        """
        h, w = self.input_size
        upright = (w, h) if exif >= 5 else (h, w)
        return self._then(_EXIF[exif](*upright), upright)

    def _then(self, step: Matrix, size: Size) -> Frame:
        (a, b, c), (d, e, f) = self.matrix
        (p, q, r), (s, t, u) = step
        matrix = (
            (a * p + b * s, a * q + b * t, a * r + b * u + c),
            (d * p + e * s, d * q + e * t, d * r + e * u + f),
        )
        return Frame(matrix, size, self.original_size)

    def to_original(self, boxes: Any) -> np.ndarray:
        """Boxes (…, 4) as x0, y0, x1, y1 in input pixels, in original pixels; NaN stays NaN."""
        return _apply(self.matrix, boxes)

    def to_input(self, boxes: Any) -> np.ndarray:
        """Boxes (…, 4) as x0, y0, x1, y1 in original pixels, in input pixels."""
        return _apply(self._inverse(), boxes)

    def _inverse(self) -> Matrix:
        (a, b, c), (d, e, f) = self.matrix
        det = a * e - b * d
        return (
            (e / det, -b / det, (b * f - e * c) / det),
            (-d / det, a / det, (d * c - a * f) / det),
        )

    def resampling(self, grid: Size) -> tuple[np.ndarray, np.ndarray, bool]:
        """The two matrices that carry a map on `grid` (h, w) to the original image.

        The grid is taken to cover the model's input evenly, and is read between its cells'
        centres by half-pixel bilinear interpolation (``align_corners=False``, no antialiasing);
        beyond the input, which the model has not seen, the result is zero.

        Returns:
            (rows, columns, swapped): the map in original pixels is ``rows @ a @ columns.T``, with
            ``a`` the map, transposed first where `swapped`. float32.
        """
        import numpy as np

        (a, b, c), (d, e, f) = self._inverse()
        (in_h, in_w), (out_h, out_w), (h, w) = self.input_size, self.original_size, grid
        ys, xs = np.arange(out_h) + 0.5, np.arange(out_w) + 0.5
        if a == 0 and e == 0:  # a quarter turn: input x runs along original y
            rows = bilinear((b * ys + c) / in_w, w)
            columns = bilinear((d * xs + f) / in_h, h)
            return rows, columns, True
        return bilinear((e * ys + f) / in_h, h), bilinear((a * xs + c) / in_w, w), False

    def seen(self) -> np.ndarray:
        """Which pixels (H, W) of the original image lie inside of the model's input; bool."""
        rows, columns, _ = self.resampling((1, 1))
        return (rows > 0) & (columns.T > 0)


def bilinear(positions: np.ndarray, cells: int) -> np.ndarray:
    """Interpolation weights (len(positions), cells) between the centres of `cells` equal cells.

    `positions` are fractions of the whole extent, 0 to 1; those outside get a row of zeros.
    """
    import numpy as np

    at = np.clip(positions * cells - 0.5, 0, cells - 1)
    low = np.minimum(np.floor(at).astype(int), max(cells - 2, 0))
    high = np.minimum(low + 1, cells - 1)
    weight = at - low
    matrix = np.zeros((len(at), cells), np.float32)
    index = np.arange(len(at))
    np.add.at(matrix, (index, low), 1 - weight)
    np.add.at(matrix, (index, high), weight)
    # A centre that lies exactly on the edge is inside, whichever way its position was rounded.
    matrix[(positions < -1e-9) | (positions > 1 + 1e-9)] = 0
    return matrix


def _apply(matrix: Matrix, boxes: Any) -> np.ndarray:
    import numpy as np

    boxes = np.asarray(boxes, np.float64)
    m = np.asarray(matrix)
    corners = boxes.reshape(*boxes.shape[:-1], 2, 2) @ m[:, :2].T + m[:, 2]
    low, high = corners.min(-2), corners.max(-2)
    return np.concatenate([low, high], -1)
