"""The gradient of the score at the input itself: a control for all maps of activations."""

from __future__ import annotations

from typing import Any

from limelight.evidence import Evidence
from limelight.methods.declaration import method


@method(
    "saliency",
    title="Saliency map (input gradient)",
    paper="Simonyan et al. 2014",
    needs={"input_gradients"},
)
def saliency(e: Evidence) -> Any:
    """M = max_channels |∂y/∂X|, on the grid of the input, X the input.

    It is the same whatever layer is named.

    Source: Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks: Visualising Image
    Classification Models and Saliency Maps", ICLR Workshops 2014, section 3.1.
    """
    return e.xp.max(e.xp.abs(e.input_gradients), axis=1)
