"""Maps as fine as the input, by guided backpropagation."""

from __future__ import annotations

from typing import Any

from limelight.evidence import Evidence
from limelight.methods.declaration import method
from limelight.methods.gradient import gradcam
from limelight.methods.reduce import resize


@method(
    "guidedgradcam",
    title="Guided Grad-CAM",
    paper="Selvaraju et al. 2017",
    needs={"activations", "gradients", "guided"},
)
def guidedgradcam(e: Evidence) -> Any:
    """M = up(gradcam) ⊙ Σ_c of guided backpropagation, on the grid of the input.

    Guided backpropagation is the gradient of the score with respect to the input, of channels c,
    where every ReLU passes positive gradients only, and at positive inputs only. up: half-pixel
    bilinear.

    Source: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
    Localization", ICCV 2017, Guided Grad-CAM.
    """
    grid = (int(e.guided.shape[-2]), int(e.guided.shape[-1]))
    return resize(e.xp, gradcam(e), grid) * e.xp.sum(e.guided, axis=1)
