"""Maps that look at how the gradient itself changes."""

from __future__ import annotations

from typing import Any

from limelight.evidence import Evidence
from limelight.methods.declaration import method
from limelight.methods.reduce import over_positions, relu, weighted_sum


@method(
    "shapleycam",
    title="ShapleyCAM",
    paper="Cai 2025",
    needs={"activations", "gradients", "curvature"},
    default_score="rest",
)
def shapleycam(e: Evidence) -> Any:
    """M = ReLU Σ_c w_c A_c, with w_c = mean_ij(G - ½ H A).

    H A: the Hessian of the score with respect to A, times A. On the plain logit of a model whose
    tail is piecewise linear H A = 0, and M is Grad-CAM; the score is therefore "rest", the logit
    plus its log-probability, where none is named.

    Source: Cai, "CAMs as Shapley Value-based Explainers", arXiv 2501.06261.
    """
    change = e.gradients - 0.5 * e.curvature
    weights = e.xp.mean(over_positions(e.xp, change), axis=-1)
    return relu(e.xp, weighted_sum(e, weights, e.activations))
