"""Models in closed form for metrics that ask again, with images and maps to ask about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

SHAPE = (3, 12, 17)  # channels, height, width
COUNT = 5


def images(count: int = COUNT, seed: int = 0) -> np.ndarray:
    """Float32 images (N, 3, 12, 17)."""
    return np.random.default_rng(seed).normal(0, 1, (count, *SHAPE)).astype(np.float32)


def maps(count: int = COUNT, seed: int = 1) -> np.ndarray:
    """Maps (N, 12, 17) in [0, 1], many of whose values are exactly 0."""
    noise = np.random.default_rng(seed).normal(0, 1, (count, *SHAPE[1:]))
    return np.clip(noise, 0, 1)


WEIGHT = np.random.default_rng(2).normal(0, 0.1, SHAPE)


def linear(x: np.ndarray) -> np.ndarray:
    """w · x of (J, C, H, W)."""
    return (x.astype(float) * WEIGHT).sum(axis=(1, 2, 3))


def probability(x: np.ndarray) -> np.ndarray:
    """The sigmoid of w · x."""
    return 1 / (1 + np.exp(-linear(x)))


def attribution(x: np.ndarray, baseline: float = 0.0) -> np.ndarray:
    """Σ_c w_c (x_c - b), what each pixel adds to the linear model: (N, H, W)."""
    return (WEIGHT * (x.astype(float) - baseline)).sum(axis=1)


class Rescored:
    """`limelight.evidence.Rescoring` of a function of the edited inputs, in chunks of `size`.

    Attributes:
        seen: how many edits were scored.
    """

    def __init__(self, function: Callable[[np.ndarray], np.ndarray], size: int = 7) -> None:
        self._function, self._size = function, size
        self.seen = 0

    def inputs(self, edit: Callable[[int, int], Any], images: np.ndarray) -> Any:
        found = []
        for start in range(0, len(images), self._size):
            edited = np.asarray(edit(start, min(start + self._size, len(images))))
            assert edited.shape[1:] == SHAPE
            self.seen += len(edited)
            found.append(self._function(edited)[:, None])
        return np.concatenate(found)

    def activations(self, *_: Any) -> Any:
        raise AssertionError("no metric edits activations")
