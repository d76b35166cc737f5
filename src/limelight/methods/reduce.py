"""The few reductions that the formulas share, over any number of spatial axes."""

from __future__ import annotations

from typing import Any


def relu(xp: Any, values: Any) -> Any:
    """max(values, 0), elementwise."""
    return xp.maximum(values, xp.zeros_like(values))


def over_positions(xp: Any, values: Any) -> Any:
    """(N, C, *spatial) → (N, C, Z): all positions on one axis."""
    return xp.reshape(values, (values.shape[0], values.shape[1], -1))


def weigh_channels(xp: Any, weights: Any, activations: Any) -> Any:
    """Σ_c w_c A_c: weights (N, C), activations (N, C, *spatial) → (N, *spatial)."""
    flat = xp.matmul(weights[:, None, :], over_positions(xp, activations))
    return xp.reshape(flat, (activations.shape[0], *activations.shape[2:]))
