"""Score maps that are hard in one way or another, for equality with the plain evaluator."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np


def _upsampled(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    coarse = rng.random(rng.integers(3, 16, 2)).astype(np.float32)
    return np.clip(cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC), 0, 1)


def _noise(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    return rng.random((h, w)).astype(np.float32)


def _constant(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    return np.full((h, w), rng.choice([0, 0.003, 0.5, 1]), np.float32)


def _single_pixels(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    found = np.zeros((h, w), np.float32)
    count = rng.integers(1, 6)
    found[rng.integers(0, h, count), rng.integers(0, w, count)] = rng.random(count)
    return found


def _plateaus(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    blocks = rng.integers(0, 5, rng.integers(4, 20, 2)).astype(np.float32) / 4
    return cv2.resize(blocks, (w, h), interpolation=cv2.INTER_NEAREST)


def _holes(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Rings within rings, thick and one pixel thin, some open, some touching diagonally."""
    found = np.zeros((h, w), np.float32)
    for _ in range(rng.integers(2, 9)):
        centre = int(rng.integers(0, w)), int(rng.integers(0, h))
        value = float(rng.choice([0.2, 0.4, 0.6, 0.8, 1]))
        radius, thick = int(rng.integers(1, h // 2)), int(rng.integers(1, 9))
        if rng.random() < 0.5:
            cv2.circle(found, centre, radius, value, thick)
        else:
            corner = centre[0] + radius, centre[1] + int(rng.integers(1, h // 2))
            cv2.rectangle(found, centre, corner, value, thick)
    return np.where(rng.random((h, w)) < 0.02, 0, found)


def _border(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    found = _upsampled(rng, h, w) * 0.6
    for side in rng.permutation(4)[: rng.integers(1, 5)]:
        edge = np.rot90(found, side)
        edge[0, rng.random(edge.shape[1]) < 0.8] = 1
    return found


def _few_values(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    return (rng.random((h, w)) < rng.random()).astype(np.float32) * rng.choice([0.01, 0.6, 1])


KINDS = (
    _upsampled,
    _noise,
    _constant,
    _single_pixels,
    _plateaus,
    _holes,
    _border,
    _few_values,
)


def score_maps(
    count: int, size: tuple[int, int], seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """`count` maps (H, W) in 0..1, of every kind in turn, each with ground truth (n, 4)."""
    rng = np.random.default_rng(seed)
    h, w = size
    for i in range(count):
        found = KINDS[i % len(KINDS)](rng, h, w)
        corners = np.sort(rng.integers(0, (w, h), (rng.integers(1, 4), 2, 2)), axis=1)
        yield found, corners.reshape(-1, 4)
