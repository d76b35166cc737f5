"""The few reductions that the formulas share, over any number of spatial axes."""

from __future__ import annotations

from typing import Any

from limelight.arrays import like
from limelight.evidence import Evidence
from limelight.frames import Frame

#: Why what is made of `first_component` or `top_eigenvector` cannot stand in a training loss.
OF_COMPONENT = "is a principal component, which has no derivative where two are equally strong"


def relu(xp: Any, values: Any) -> Any:
    """max(values, 0), elementwise."""
    # One zero: as many as there are values take ten times the time, most of it for their memory.
    return xp.maximum(values, xp.zeros_like(values[(0,) * len(values.shape)]))


def divide(xp: Any, values: Any, divisors: Any) -> Any:
    """`values` / `divisors`, both (…, Z); 0 where a divisor is 0."""
    if hasattr(xp, "divide_no_nan"):  # TensorFlow, in one step
        return xp.divide_no_nan(values, divisors)
    infinite = float("inf") * xp.ones_like(divisors[..., :1])
    return values / xp.where(divisors == 0, infinite, divisors)


def square_root(xp: Any, values: Any) -> Any:
    """√values, elementwise, with the derivative 0 where `values` are 0, and not an infinite one."""
    positive = values > 0
    return xp.where(
        positive, xp.sqrt(xp.where(positive, values, xp.ones_like(values))), xp.zeros_like(values)
    )


def weigh_channels_by_class(xp: Any, weights: Any, activations: Any) -> Any:
    """Σ_c w_c A_c: weights (N, K, C), activations (N, C, *spatial) → (N, K, *spatial)."""
    flat = xp.matmul(weights, over_positions(xp, activations))
    return xp.reshape(flat, (*weights.shape[:2], *activations.shape[2:]))


def over_positions(xp: Any, values: Any) -> Any:
    """(N, C, *spatial) → (N, C, Z): all positions on one axis."""
    return xp.reshape(values, (values.shape[0], values.shape[1], -1))


def weigh_channels(xp: Any, weights: Any, activations: Any) -> Any:
    """Σ_c w_c A_c: weights (N, C), activations (N, C, *spatial) → (N, *spatial)."""
    flat = xp.matmul(xp.expand_dims(weights, axis=1), over_positions(xp, activations))
    return xp.reshape(flat, (activations.shape[0], *activations.shape[2:]))


def eigh(xp: Any, symmetric: Any) -> tuple[Any, Any]:
    """Eigenvalues (N, Z), ascending, and unit eigenvectors (N, Z, Z) of matrices (N, Z, Z)."""
    given = symmetric
    if type(given).__module__ == "torch" and given.device.type == "cpu":
        # LAPACK's float32 routine does not converge on some matrices of real photographs.
        symmetric = xp.astype(given, xp.float64)
    values, vectors = xp.linalg.eigh(symmetric)
    return xp.astype(values, given.dtype), xp.astype(vectors, given.dtype)


def top_eigenvector(xp: Any, symmetric: Any) -> tuple[Any, Any]:
    """The largest eigenvalue (N,) and its unit eigenvector (N, Z) of matrices (N, Z, Z)."""
    values, vectors = eigh(xp, symmetric)
    return values[:, -1], vectors[:, :, -1]


def first_component(xp: Any, values: Any) -> Any:
    """(N, C, *spatial) → (N, *spatial): positions projected on their first singular vector.

    Not centred (see `centred`); through the Gram matrix of the positions or of the channels,
    whichever is smaller. The sign is that of `toward_mean`.
    """
    x = over_positions(xp, values)
    # Squares of very small values would vanish; the largest value of each image is made 1.
    size = xp.max(xp.abs(x), axis=(1, 2), keepdims=True)
    unit = x / xp.where(size > 0, size, xp.ones_like(size))
    transposed = xp.permute_dims(unit, (0, 2, 1))
    if unit.shape[1] < unit.shape[2]:
        _, vector = top_eigenvector(xp, xp.matmul(unit, transposed))
    else:
        _, left = top_eigenvector(xp, xp.matmul(transposed, unit))
        vector = xp.matmul(unit, left[:, :, None])[:, :, 0]
        length = xp.sqrt(xp.sum(vector**2, axis=-1, keepdims=True))
        vector = vector / xp.where(length > 0, length, xp.ones_like(length))
    projected = xp.matmul(vector[:, None, :], x)[:, 0, :]
    return toward_mean(xp, projected, values)


def toward_mean(xp: Any, map: Any, values: Any) -> Any:
    """`map` (N, Z) as (N, *spatial), with the sign that makes Σ M X̅ ≥ 0.

    X̅: the mean over the channels of `values` (N, C, *spatial).
    """
    mean = xp.mean(over_positions(xp, values), axis=1)
    # Products of very small values would vanish; only the sign of their sum is wanted.
    agreement = xp.sum(_unit(xp, map) * _unit(xp, mean), axis=-1, keepdims=True)
    signed = xp.where(agreement < 0, -map, map)
    return xp.reshape(signed, (values.shape[0], *values.shape[2:]))


def _unit(xp: Any, rows: Any) -> Any:
    """`rows` (N, Z), each divided by its largest absolute value; 0 stays 0."""
    size = xp.max(xp.abs(rows), axis=-1, keepdims=True)
    return rows / xp.where(size > 0, size, xp.ones_like(size))


def divide_by_maximum(xp: Any, map: Any) -> Any:
    """ReLU of `map` (N, *spatial), divided by each one's maximum; 0 where nothing is positive."""
    flat = relu(xp, xp.reshape(map, (map.shape[0], -1)))
    top = xp.max(flat, axis=-1, keepdims=True)
    return xp.reshape(flat / xp.where(top > 0, top, xp.ones_like(top)), map.shape)


def resize(xp: Any, map: Any, grid: tuple[int, int]) -> Any:
    """`map` (…, h, w) on the `grid` (h, w), by half-pixel bilinear interpolation."""
    rows, columns, _ = Frame.identity(grid).resampling((int(map.shape[-2]), int(map.shape[-1])))
    return xp.matmul(xp.matmul(like(rows, map), map), like(columns.T.copy(), map))


def centred(xp: Any, values: Any) -> Any:
    """`values` (N, C, *spatial) less each channel's mean over its positions."""
    flat = over_positions(xp, values)
    return xp.reshape(flat - xp.mean(flat, axis=-1, keepdims=True), values.shape)


def sum_channels(e: Evidence, values: Any) -> Any:
    """Σ_c of `values` (N, C, *spatial); their first component where `e.eigen_smooth` is set."""
    return first_component(e.xp, values) if e.eigen_smooth else e.xp.sum(values, axis=1)


def weighted_sum(e: Evidence, weights: Any, activations: Any) -> Any:
    """Σ_c w_c A_c; the first component of w_c A_c where `e.eigen_smooth` is set."""
    if not e.eigen_smooth:
        return weigh_channels(e.xp, weights, activations)
    shape = (*weights.shape, *(1 for _ in activations.shape[2:]))
    return first_component(e.xp, e.xp.reshape(weights, shape) * activations)
