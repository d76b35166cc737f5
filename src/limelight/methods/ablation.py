"""Maps from the scores without each channel."""

from __future__ import annotations

from functools import cache
from typing import Any

from limelight.arrays import like, to_numpy
from limelight.evidence import Evidence
from limelight.methods.declaration import method
from limelight.methods.reduce import over_positions, relu, weigh_channels_by_class


@method(
    "ablationcam",
    title="Ablation-CAM",
    paper="Desai & Ramaswamy 2020",
    needs={"activations", "rescoring"},
)
def ablationcam(e: Evidence) -> Any:
    """M = ReLU Σ_c w_c A_c, with w_c = (y - y_c) / y, y_c the score with channel c zeroed.

    A: activations (N, C, *spatial). y: the score with nothing zeroed, from the same runs. By this
    formula the signs of all weights turn where y < 0; where y = 0 the weights are y - y_c.

    Source: Desai and Ramaswamy, "Ablation-CAM: Visual Explanations for Deep Convolutional Network
    via Gradient-free Localization", WACV 2020.
    """
    import numpy as np

    assert e.rescoring is not None  # declared above
    xp, a = e.xp, e.activations
    n, c = int(a.shape[0]), int(a.shape[1])
    # Of each image first nothing is zeroed, then one channel after the other.
    image, channel = np.divmod(np.arange(n * (c + 1)), c + 1)
    channels = np.arange(1, c + 1)

    def edited(start: int, stop: int) -> Any:
        kept = (channel[start:stop, None] != channels).astype(np.float32)
        mask = like(kept, a)
        mask = xp.reshape(mask, (*mask.shape, *(1 for _ in a.shape[2:])))
        return xp.take(a, like(image[start:stop], a), axis=0) * mask

    @cache
    def means() -> Any:
        return to_numpy(xp.mean(over_positions(xp, a), axis=-1)).astype(np.float64)

    def pooled(start: int, stop: int) -> Any:
        rows, zeroed = means()[image[start:stop]], channel[start:stop]
        rows[np.flatnonzero(zeroed), zeroed[zeroed > 0] - 1] = 0
        return rows

    scores = e.rescoring.activations(edited, image, pooled)
    scores = scores.reshape(n, c + 1, -1)
    whole, without = scores[:, :1], scores[:, 1:]
    weights = (whole - without) / np.where(whole == 0, 1, whole)
    weights = weights.transpose(0, 2, 1).astype(np.float32)
    return relu(xp, weigh_channels_by_class(xp, like(weights, a), a))
