"""Maps from the gradients at all layers at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from limelight.evidence import Evidence
from limelight.methods.declaration import deviation, method
from limelight.methods.reduce import resize


@method(
    "fullgrad",
    title="FullGrad",
    paper="Srinivas & Fleuret 2019",
    needs={"full_gradients"},
)
def fullgrad(e: Evidence) -> Any:
    """M = Σ_c ψ(X ⊙ ∂y/∂X) + Σ_b Σ_c up(ψ(b ⊙ ∂y/∂z)), on the grid of the input.

    X: the input; b: a bias that is added in z, that of a batch normalization being what is left
    when its scale is taken out; c: channels. ψ: the absolute value, brought to 0..1 over all of
    them and all positions of an image. up: half-pixel bilinear. Biases of layers without a grid
    are left out. It is the same whatever layer is named.

    Source: Srinivas and Fleuret, "Full-Gradient Representation for Neural Network Visualization",
    NeurIPS 2019.
    """
    return _sum_of_terms(e, _scaled)


@deviation("fullgrad", "pytorch-grad-cam")
def _fullgrad_by_channel(e: Evidence) -> Any:
    """ψ brings each channel to 0..1 by itself, however weak it is, and divides by 1e-7 more."""
    return _sum_of_terms(e, _scaled_by_channel)


def _sum_of_terms(e: Evidence, scaled: Callable[[Any, Any], Any]) -> Any:
    """Σ of all channels of all terms, each as ``scaled(xp, term)``, on the grid of the input."""
    assert e.full_gradients is not None  # declared with the method
    first, *rest = e.full_gradients
    grid = (int(first.shape[-2]), int(first.shape[-1]))
    found = e.xp.sum(scaled(e.xp, first), axis=1)
    for term in rest:
        if len(term.shape) == 4:
            # The resize is linear: the channels may be summed first.
            found = found + resize(e.xp, e.xp.sum(scaled(e.xp, term), axis=1), grid)
    return found


def _scaled_by_channel(xp: Any, term: Any) -> Any:
    """|term| (N, C, h, w), less each channel's minimum, over 1e-7 + what is then its maximum."""
    flat = xp.reshape(xp.abs(term), (*term.shape[:2], -1))
    above = flat - xp.min(flat, axis=-1, keepdims=True)
    return xp.reshape(above / (1e-7 + xp.max(above, axis=-1, keepdims=True)), term.shape)


def _scaled(xp: Any, term: Any) -> Any:
    """|term| (N, C, h, w), brought to 0..1 for each image; 0 where it is constant."""
    flat = xp.reshape(xp.abs(term), (term.shape[0], -1))
    low = xp.min(flat, axis=-1, keepdims=True)
    extent = xp.max(flat, axis=-1, keepdims=True) - low
    scaled = (flat - low) / xp.where(extent > 0, extent, xp.ones_like(extent))
    return xp.reshape(scaled, term.shape)
