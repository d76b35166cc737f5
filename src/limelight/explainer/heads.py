"""The linear head that turns a layer's pooled activations into the scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from limelight.errors import MethodError

# Reduced precision in the model moves its scores; another head moves them far more.
_TOLERANCE = 1e-2


def find_head(xp: Any, candidates: Sequence[Any], activations: Any, scores: Any, layer: str) -> Any:
    """The head that follows global average pooling of `activations`; None for the identity.

    A head is believed only where it gives back the scores: weight @ mean_ij A + bias, or, where
    the layer's channels are the classes, mean_ij A or mean_ij ReLU(A).

    Shapes: activations (N, C, h, w), scores (N, classes).

    Raises:
        MethodError: none does.
    """
    pooled = xp.mean(activations, axis=(2, 3))
    if pooled.shape == scores.shape:
        positive = xp.where(activations > 0, activations, xp.zeros_like(activations))
        if _equal(xp, pooled, scores) or _equal(xp, xp.mean(positive, axis=(2, 3)), scores):
            return None
    for head in candidates:
        found = xp.matmul(pooled, xp.permute_dims(head.weight, (1, 0)))
        if _equal(xp, found if head.bias is None else found + head.bias, scores):
            return head
    raise MethodError(
        f"cam needs global average pooling and one linear layer between {layer!r} and the output, "
        "and this model has something else there; 'gradcam' needs no such head and is the same "
        "where there is one"
    )


def _equal(xp: Any, found: Any, scores: Any) -> bool:
    worst = xp.max(xp.abs(found - scores))
    return bool(worst <= _TOLERANCE * xp.max(xp.abs(scores)))
