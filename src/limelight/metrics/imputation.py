"""Noisy linear imputation: unknown pixels as weighted means of their neighbours."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from limelight.arrays import like, namespace, on_host, to_numpy

if TYPE_CHECKING:
    import numpy as np

_COARSEST = 8  # pixels a side; below that the first guess is the mean of what is known
_CHECK = 8  # iterations between looks at how far it is


def impute(images: Any, unknown: Any, tolerance: float = 1e-4, iterations: int = 400) -> Any:
    """The images with each unknown pixel the weighted mean of its neighbours, known or not.

    Direct neighbours weigh 1/6, diagonal ones 1/12; at the border the weights of those that are
    there are scaled to sum to one. That is one linear equation for each unknown pixel, symmetric
    and positive definite; conjugate gradients solve them from the solution at half the resolution:
    on an accelerator for all images at once, on the host one by one in NumPy, for what one image
    takes stays in the processor's cache, and the steps are too small for JAX and TensorFlow.

    Args:
        images: (n, C, H, W); what stands in unknown pixels is not used.
        unknown: (n, 1, H, W) bool, at least one of each image false.
        tolerance: of the residual, as a part of the right-hand side.
        iterations: at most so many at each resolution.

    Source: Rong et al. 2022, ROAD, section 4.2.
    """
    xp = namespace(images)
    if on_host(images):
        import numpy as np

        given, mask = to_numpy(images).astype(np.float32), to_numpy(unknown).astype(np.float32)
        solved = np.empty_like(given)
        for i in range(len(given)):
            one = slice(i, i + 1)
            solved[one] = _impute(namespace(given), given[one], mask[one], tolerance, iterations)
        found = like(solved, images)
    else:
        given, mask = xp.astype(images, xp.float32), xp.astype(unknown, xp.float32)
        found = _impute(xp, given, mask, tolerance, iterations)
    return xp.astype(found, images.dtype)


def _impute(xp: Any, images: Any, unknown: Any, tolerance: float, iterations: int) -> Any:
    height, width = int(images.shape[2]), int(images.shape[3])
    known = 1 - unknown
    values = images * known
    if min(height, width) <= _COARSEST:
        count = xp.sum(known, axis=(2, 3), keepdims=True)
        guess = xp.sum(values, axis=(2, 3), keepdims=True) / count + xp.zeros_like(images)
    else:
        rows, columns = (
            xp.astype(like(_halving(side), images), images.dtype) for side in (height, width)
        )
        across = xp.permute_dims(columns, (1, 0))
        weight = xp.matmul(xp.matmul(rows, known), across)
        empty = xp.astype(weight <= 0, images.dtype)
        coarse = xp.matmul(xp.matmul(rows, values), across) / (weight + empty)
        coarse = _impute(xp, coarse, empty, tolerance, iterations)
        guess = xp.matmul(xp.matmul(xp.permute_dims(rows, (1, 0)), coarse), columns)
    return values + unknown * _solve(xp, values, unknown, guess * unknown, tolerance, iterations)


def _solve(xp: Any, values: Any, unknown: Any, x: Any, tolerance: float, iterations: int) -> Any:
    """Conjugate gradients from `x`, for each image and channel by itself."""

    def dot(a: Any, b: Any) -> Any:
        return xp.sum(a * b, axis=(2, 3), keepdims=True)

    # All equations times 12. With the spread S, which also counts the pixel itself four times, they
    # are S(1) x - S(x) = S(values) in unknown pixels, where `values` are 0.
    total = _spread(xp, xp.ones_like(values[:1, :1]))
    right = unknown * _spread(xp, values)
    residual = right - unknown * (total * x - _spread(xp, x))
    direction, square = residual, dot(residual, residual)
    limit = tolerance**2 * xp.max(dot(right, right))
    tiny = 1e-30
    for step in range(iterations):
        if step % _CHECK == 0 and not bool(xp.max(square) > limit):
            break
        image = unknown * (total * direction - _spread(xp, direction))
        length = square / (dot(direction, image) + tiny)
        x = x + length * direction
        residual = residual - length * image
        new = dot(residual, residual)
        direction = residual + new / (square + tiny) * direction
        square = new
    return x


def _spread(xp: Any, values: Any) -> Any:
    """Each pixel of (n, C, H, W) four times, its direct neighbours twice and diagonal ones once."""
    row = xp.zeros_like(values[:, :, :1])
    padded = xp.concat([row, values, row], axis=2)
    values = padded[:, :, :-2] + 2 * values + padded[:, :, 2:]
    column = xp.zeros_like(values[:, :, :, :1])
    padded = xp.concat([column, values, column], axis=3)
    return padded[:, :, :, :-2] + 2 * values + padded[:, :, :, 2:]


@cache
def _halving(side: int) -> np.ndarray:
    """(⌈side / 2⌉, side): sums of two neighbours; its transpose doubles each."""
    import numpy as np

    return np.kron(np.eye(-(-side // 2)), np.ones((1, 2)))[:, :side].astype(np.float32)
