"""Maps from how a channel's activations are distributed over its positions."""

from __future__ import annotations

from typing import Any

from limelight.evidence import Evidence
from limelight.methods.declaration import deviation, method
from limelight.methods.reduce import over_positions, weigh_channels


@method(
    "fem",
    title="Feature Explanation Method",
    paper="Fuad et al. 2020",
    needs={"activations"},
    class_blind=True,
    no_derivative="picks the places above a threshold, and which they are changes in jumps",
)
def fem(e: Evidence, *, k: float = 2.0) -> Any:
    """M = Σ_c μ_c · 1[A_c > μ_c + k σ_c].

    A: activations (N, C, *spatial); μ_c and σ_c are the mean and the standard deviation of channel
    c over its positions. Nothing in it depends on the class.

    Source: Fuad et al., "Features Understanding in 3D CNNs for Actions Recognition in Video",
    IPTA 2020.
    """
    xp, a = e.xp, over_positions(e.xp, e.activations)
    mean = xp.mean(a, axis=-1, keepdims=True)
    deviation = xp.sqrt(xp.mean((a - mean) ** 2, axis=-1, keepdims=True))
    rare = xp.astype(a > mean + k * deviation, a.dtype)
    return xp.reshape(xp.sum(mean * rare, axis=1), (a.shape[0], *e.activations.shape[2:]))


@deviation("fem", "pytorch-grad-cam")
def _weighed_fem(e: Evidence, *, k: float = 2.0) -> Any:
    """Σ_c w_c A_c, with w_c the share of the positions above the threshold."""
    xp, a = e.xp, over_positions(e.xp, e.activations)
    mean = xp.mean(a, axis=-1, keepdims=True)
    deviation = xp.sqrt(xp.mean((a - mean) ** 2, axis=-1, keepdims=True))
    share = xp.mean(xp.astype(a > mean + k * deviation, a.dtype), axis=-1)
    return weigh_channels(xp, share, e.activations)
