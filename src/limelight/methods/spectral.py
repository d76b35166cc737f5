"""Maps that are the first principal direction of a layer: one number for all channels of a place.

In every docstring: A are the activations (N, C, *spatial), G = ∂y/∂A, and X is a matrix with a row
for each of the Z positions and a column for each channel.
"""

from __future__ import annotations

from typing import Any

from limelight.evidence import Evidence
from limelight.methods.declaration import deviation, method
from limelight.methods.reduce import OF_COMPONENT, centred, first_component


@method(
    "eigencam",
    title="Eigen-CAM",
    paper="Muhammad & Yeasin 2020",
    needs={"activations"},
    class_blind=True,
    no_derivative=OF_COMPONENT,
)
def eigencam(e: Evidence) -> Any:
    """M = X v, with X = A not centred, and v its first right singular vector.

    The sign is chosen so that Σ M A̅ ≥ 0, with A̅ the mean over channels: v as it comes has none.
    Nothing in it depends on the class.

    Source: Muhammad and Yeasin, "Eigen-CAM: Class Activation Map using Principal Components",
    IJCNN 2020.
    """
    return first_component(e.xp, e.activations)


@method(
    "eigengradcam",
    title="Eigen-Grad-CAM",
    needs={"activations", "gradients"},
    no_derivative=OF_COMPONENT,
)
def eigengradcam(e: Evidence) -> Any:
    """M = X v, with X = G ⊙ A not centred, and v its first right singular vector.

    The sign is chosen so that Σ M X̅ ≥ 0, with X̅ the mean over channels.

    Source: no paper; Eigen-CAM of the elementwise Grad-CAM, in wide use.
    """
    return first_component(e.xp, e.gradients * e.activations)


@method(
    "segeigencam",
    title="Seg-Eigen-CAM",
    paper="Chung & Ying 2025",
    needs={"activations", "gradients"},
    no_derivative=OF_COMPONENT,
)
def segeigencam(e: Evidence) -> Any:
    """M = X v, with X = |G| ⊙ A not centred, and v its first right singular vector.

    The sign is chosen so that Σ M X̅ ≥ 0, with X̅ the mean over channels.

    Source: Chung and Ying, "Seg-Eigen-CAM", Applied Sciences 15(13), 7562, 2025; the paper centres
    X and turns the sign where the largest value of M is a negative one.
    """
    return first_component(e.xp, e.xp.abs(e.gradients) * e.activations)


@deviation("eigencam", "pytorch-grad-cam")
def _centred_eigencam(e: Evidence) -> Any:
    """Centred over the positions; its sign is arbitrary there."""
    return first_component(e.xp, centred(e.xp, e.activations))


@deviation("eigengradcam", "pytorch-grad-cam")
def _centred_eigengradcam(e: Evidence) -> Any:
    """Centred over the positions; its sign is arbitrary there."""
    return first_component(e.xp, centred(e.xp, e.gradients * e.activations))


@deviation("segeigencam", "pytorch-grad-cam")
def _centred_segeigencam(e: Evidence) -> Any:
    """Centred over the positions; with the sign that makes the largest value positive."""
    weighted = e.xp.abs(e.gradients) * e.activations
    found = first_component(e.xp, centred(e.xp, weighted))
    flat = e.xp.reshape(found, (found.shape[0], -1))
    turned = -e.xp.min(flat, axis=-1, keepdims=True) > e.xp.max(flat, axis=-1, keepdims=True)
    return e.xp.reshape(e.xp.where(turned, -flat, flat), found.shape)
