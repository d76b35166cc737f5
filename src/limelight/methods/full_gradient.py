"""Maps from the gradients at all layers at once."""

from __future__ import annotations

from typing import Any

from limelight.evidence import Evidence
from limelight.methods.declaration import method
from limelight.methods.reduce import resize


@method(
    "fullgrad",
    title="FullGrad",
    paper="Srinivas & Fleuret 2019",
    needs={"full_gradients"},
)
def fullgrad(e: Evidence) -> Any:
    """M = Σ_channels ψ(X ⊙ ∂y/∂X) + Σ_biases Σ_channels up(ψ(b ⊙ ∂y/∂z)), on the grid of the input.

    X: the input; b: a bias that is added in z, that of a batch normalization being what is left
    when its scale is taken out. ψ: the absolute value, brought to 0..1 over all channels and
    positions of an image. up: half-pixel bilinear. Biases of layers without a grid are left out.
    It is the same whatever layer is named.

    Source: Srinivas and Fleuret, "Full-Gradient Representation for Neural Network Visualization",
    NeurIPS 2019, eq. 7.
    """
    assert e.full_gradients is not None  # declared above
    first, *rest = e.full_gradients
    grid = (int(first.shape[-2]), int(first.shape[-1]))
    found = e.xp.sum(_scaled(e.xp, first), axis=1)
    for term in rest:
        if len(term.shape) == 4:
            # The resize is linear: the channels may be summed first.
            found = found + resize(e.xp, e.xp.sum(_scaled(e.xp, term), axis=1), grid)
    return found


def _scaled(xp: Any, term: Any) -> Any:
    """|term| (N, C, h, w), brought to 0..1 for each image; 0 where it is constant."""
    flat = xp.reshape(xp.abs(term), (term.shape[0], -1))
    low = xp.min(flat, axis=-1, keepdims=True)
    extent = xp.max(flat, axis=-1, keepdims=True) - low
    scaled = (flat - low) / xp.where(extent > 0, extent, xp.ones_like(extent))
    return xp.reshape(scaled, term.shape)
