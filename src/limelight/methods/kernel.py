"""The first component of a layer behind a kernel, where Eigen-CAM has the layer itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from limelight.evidence import Evidence
from limelight.methods.declaration import deviation, method
from limelight.methods.reduce import (
    OF_COMPONENT,
    centred,
    over_positions,
    top_eigenvector,
    toward_mean,
)


@method(
    "kpcacam",
    title="KPCA-CAM",
    paper="Karmani et al. 2024",
    needs={"activations"},
    class_blind=True,
    no_derivative=OF_COMPONENT,
)
def kpcacam(e: Evidence, *, gamma: float | None = None, coef0: float = 1.0) -> Any:
    """M = √λ u, of the first eigenvalue λ and eigenvector u of the centred kernel matrix.

    The kernel of the positions i and j is tanh(gamma a_i · a_j + coef0), with a_i the activations
    (C,) there; `gamma` None stands for 1 / C. The sign is chosen so that Σ M A̅ ≥ 0, with A̅ the
    mean over channels. Nothing in it depends on the class.

    Source: Karmani et al., "KPCA-CAM: Visual Explainability of Deep Computer Vision Models Using
    Kernel PCA", MMSP 2024.
    """
    xp, x = e.xp, over_positions(e.xp, e.activations)
    scale = 1 / int(x.shape[1]) if gamma is None else gamma
    products = scale * xp.matmul(xp.permute_dims(x, (0, 2, 1)), x) + coef0
    # Where the kernel saturates, 1 - tanh(z) = 2 / (e^2z + 1) keeps the digits that tanh(z) loses;
    # centred, the two differ in sign only.
    kernel = -2 / (xp.exp(2 * products) + 1)
    kernel = kernel - kernel[:, :1, :1]  # places that are all the same centre to 0 exactly
    rows = xp.mean(kernel, axis=-1, keepdims=True)
    kernel = kernel - rows - xp.permute_dims(rows, (0, 2, 1)) + xp.mean(rows, axis=1, keepdims=True)
    value, vector = top_eigenvector(xp, kernel)
    length = xp.sqrt(xp.maximum(value, xp.zeros_like(value)))
    return toward_mean(xp, length[:, None] * vector, e.activations)


@deviation("kpcacam", "pytorch-grad-cam")
def _centred_kpcacam(e: Evidence, *, gamma: float | None = None, coef0: float = 1.0) -> Any:
    """The activations centred over the positions, before the kernel."""
    return kpcacam(replace(e, activations=centred(e.xp, e.activations)), gamma=gamma, coef0=coef0)
