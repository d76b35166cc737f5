"""Maps from the activations and the gradient of the score with respect to them.

In every docstring: A are the activations (N, C, *spatial) with channel c and position ij, Z their
number of positions, y the explained score, G = ∂y/∂A.
"""

from __future__ import annotations

from typing import Any

from limelight.evidence import Evidence
from limelight.methods.declaration import deviation, method
from limelight.methods.reduce import divide, over_positions, relu, sum_channels, weighted_sum

_NEEDS = {"activations", "gradients"}


@method("gradcam", title="Grad-CAM", paper="Selvaraju et al. 2017", needs=_NEEDS)
def gradcam(e: Evidence) -> Any:
    """M = ReLU Σ_c w_c A_c, with w_c = mean_ij G_c.

    Source: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
    Localization", ICCV 2017, eq. 1 and 2.
    """
    weights = e.xp.mean(over_positions(e.xp, e.gradients), axis=-1)
    return relu(e.xp, weighted_sum(e, weights, e.activations))


@method("gradcam++", title="Grad-CAM++", paper="Chattopadhay et al. 2018", needs=_NEEDS)
def gradcam_plus_plus(e: Evidence) -> Any:
    """M = ReLU Σ_c w_c A_c, with w_c = Σ_ij α ReLU(G), α = G² / (2 G² + (Σ_ab A_ab) G³).

    α is 0 where G = 0. The factor exp(y) of the paper is positive and left out: it cancels in the
    normalized map.

    Source: Chattopadhay et al., "Grad-CAM++: Generalized Gradient-Based Visual Explanations for
    Deep Convolutional Networks", WACV 2018.
    """
    positive = relu(e.xp, over_positions(e.xp, e.gradients))
    total = e.xp.sum(over_positions(e.xp, e.activations), axis=-1, keepdims=True)
    # α with G² divided out: the same number, without the underflow of G² and G³. Where G ≤ 0,
    # ReLU(G) is 0 whatever α is; a denominator that is 0 takes its position out.
    denominator = total * positive
    denominator += 2  # in place where the framework can: new memory takes longer than the sum
    weights = e.xp.sum(divide(e.xp, positive, denominator), axis=-1)
    return relu(e.xp, weighted_sum(e, weights, e.activations))


@deviation("gradcam++", "pytorch-grad-cam")
def _gradcam_plus_plus_with_epsilon(e: Evidence) -> Any:
    """α = G² / (2 G² + (Σ_ab A_ab) G³ + 1e-6), which outweighs gradients under 1e-3."""
    xp, gradients = e.xp, over_positions(e.xp, e.gradients)
    total = xp.sum(over_positions(xp, e.activations), axis=-1, keepdims=True)
    alpha = gradients**2 / (2 * gradients**2 + total * gradients**3 + 1e-6)
    weights = xp.sum(alpha * relu(xp, gradients), axis=-1)
    return relu(xp, weighted_sum(e, weights, e.activations))


@deviation("gradcam++", "torchcam")
def _gradcam_plus_plus_without_denominator(e: Evidence) -> Any:
    """w_c = Σ_ij G² ReLU(G): the denominator of α is never applied."""
    gradients = over_positions(e.xp, e.gradients)
    weights = e.xp.sum(gradients**2 * relu(e.xp, gradients), axis=-1)
    return relu(e.xp, weighted_sum(e, weights, e.activations))


@method("xgradcam", title="XGrad-CAM", paper="Fu et al. 2020", needs=_NEEDS)
def xgradcam(e: Evidence) -> Any:
    """M = ReLU Σ_c w_c A_c, with w_c = Σ_ij G A / (Σ_ij A + 1e-7).

    Source: Fu et al., "Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of
    CNNs", BMVC 2020.
    """
    activations = over_positions(e.xp, e.activations)
    weighted = e.xp.sum(over_positions(e.xp, e.gradients) * activations, axis=-1)
    weights = weighted / (e.xp.sum(activations, axis=-1) + 1e-7)
    return relu(e.xp, weighted_sum(e, weights, e.activations))


@method("hirescam", title="HiResCAM", paper="Draelos & Carin 2020", needs=_NEEDS)
def hirescam(e: Evidence) -> Any:
    """M = Σ_c G ⊙ A; no ReLU.

    Source: Draelos and Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of
    convolutional neural networks", arXiv 2011.08891.
    """
    return sum_channels(e, e.gradients * e.activations)


@method("gradcam-elementwise", title="Grad-CAM, elementwise", needs=_NEEDS)
def gradcam_elementwise(e: Evidence) -> Any:
    """M = Σ_c ReLU(G ⊙ A).

    Source: no paper; the element-wise variant in wide use.
    """
    return sum_channels(e, relu(e.xp, e.gradients * e.activations))


def _scale_early_layer(xp: Any, map: Any) -> Any:
    """tanh(2 M / max M), with the maximum of each map (N, *spatial) for itself; 0 stays 0."""
    flat = xp.reshape(map, (map.shape[0], -1))
    top = xp.max(flat, axis=-1, keepdims=True)
    scaled = xp.tanh(2 * flat / xp.where(top > 0, top, xp.ones_like(top)))
    return xp.reshape(scaled, map.shape)


@method(
    "layercam",
    title="LayerCAM",
    paper="Jiang et al. 2021",
    needs=_NEEDS,
    early=_scale_early_layer,
)
def layercam(e: Evidence) -> Any:
    """M = ReLU Σ_c ReLU(G) ⊙ A.

    Where layers are fused, the maps of all but the deepest are first scaled by tanh(2 M / max M).

    Source: Jiang et al., "LayerCAM: Exploring Hierarchical Class Activation Maps for
    Localization", IEEE TIP 2021.
    """
    return relu(e.xp, sum_channels(e, relu(e.xp, e.gradients) * e.activations))
