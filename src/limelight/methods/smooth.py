"""Maps from gradients that are averaged over noisy inputs."""

from __future__ import annotations

from typing import Any

from limelight.evidence import Evidence
from limelight.methods.declaration import deviation, method
from limelight.methods.options import Count, Seed, Spread
from limelight.methods.reduce import divide, over_positions, relu, weighted_sum
from limelight.smoothing import Smooth


@method(
    "smoothgradcam++",
    title="Smooth Grad-CAM++",
    paper="Omeiza et al. 2019",
    needs={"activations", "again"},
)
def smooth_gradcam_plus_plus(
    e: Evidence, *, samples: Count = 4, sigma: Spread = 0.3, seed: Seed = 0
) -> Any:
    """M = ReLU Σ_c w_c A_c, w_c = Σ_ij α ReLU(G1), α = G2 / (2 G2 + (Σ_ab A_ab) G3).

    G1, G2 and G3 are G, G² and G³, each averaged over `samples` copies of the input with Gaussian
    noise of `sigma` in the units of the model's input, drawn from `seed`; A is that of the input
    without noise. α is 0 where its denominator is.

    Source: Omeiza et al., "Smooth Grad-CAM++: An Enhanced Inference Level Visualization Technique
    for Deep Convolutional Neural Network Models", arXiv 1908.01224.
    """
    assert e.again is not None  # declared above
    xp = e.xp
    noisy = e.again(Smooth("noise", samples, sigma, seed))
    gradients = [over_positions(xp, each.gradients) for each in noisy]
    # α with the gradients' size s divided out of G2 and G3, so that neither underflows.
    size = xp.max(xp.stack([xp.abs(each) for each in gradients]), axis=(0, 2, 3))[:, None, None]
    unit = xp.where(size > 0, size, xp.ones_like(size))
    total = xp.sum(over_positions(xp, e.activations), axis=-1, keepdims=True)
    first, second, third = (
        sum((each / unit) ** power for each in gradients) / len(gradients) for power in (1, 2, 3)
    )
    denominator = 2 * second + total * unit * third
    weights = xp.sum(divide(xp, second, denominator) * relu(xp, first * unit), axis=-1)
    return relu(xp, weighted_sum(e, weights, e.activations))


@deviation("smoothgradcam++", "torchcam")
def _of_the_last_noisy_input(
    e: Evidence, *, samples: Count = 4, sigma: Spread = 0.3, seed: Seed = 0
) -> Any:
    """α = G2 / (2 G2 + Σ_ab G3 A + 1e-8); the gradient and A are those of the last noisy copy."""
    assert e.again is not None  # declared with the method
    xp = e.xp
    noisy = e.again(Smooth("noise", samples, sigma, seed))
    second, third = (sum(each.gradients**power for each in noisy) / samples for power in (2, 3))
    total = xp.sum(over_positions(xp, third * e.activations), axis=-1, keepdims=True)
    alpha = over_positions(xp, second) / (2 * over_positions(xp, second) + total + 1e-8)
    weights = xp.sum(alpha * relu(xp, over_positions(xp, noisy[-1].gradients)), axis=-1)
    return relu(xp, weighted_sum(e, weights, noisy[-1].activations))
