"""Group-CAM a second time: group by group, blurred and resized by OpenCV, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from limelight.arrays import to_numpy
from limelight.methods import find_method
from oracles.rescored import PlainRescoring, evidence

METHOD = find_method("groupcam")
SIZE = (61, 58)
IMAGES = np.random.default_rng(1).normal(0, 1, (3, 2, *SIZE)).astype(np.float32)
MIXING = np.random.default_rng(2).normal(0, 0.02, (2, 2, *SIZE))


def scores(image: np.ndarray, number: int) -> np.ndarray:
    return (1 + number) * np.tanh((MIXING * image).sum((1, 2, 3))) + image.mean()


def plain(activations: np.ndarray, gradients: np.ndarray, groups: int) -> np.ndarray:
    """A (N, C, h, w) and G (N, K, C, h, w) → (N, K, h, w)."""
    import cv2

    n, k, channels, h, w = gradients.shape
    found = np.zeros((n, k, h, w))
    for image in range(n):
        x = IMAGES[image].astype(np.float64)
        blurred = np.stack(
            [cv2.GaussianBlur(c, (51, 51), 50, borderType=cv2.BORDER_REFLECT_101) for c in x]
        )
        for of_class in range(k):
            weights = gradients[image, of_class].mean((1, 2))
            for members in np.array_split(np.arange(channels), min(groups, channels)):
                mask = np.zeros((h, w))
                for c in members:
                    mask += weights[c] * activations[image, c]
                mask = np.maximum(mask, 0)
                if mask.max() == mask.min():
                    continue
                mask = (mask - mask.min()) / (mask.max() - mask.min())
                mask[mask < np.percentile(mask, 70)] = 0
                up = cv2.resize(mask, SIZE[::-1], interpolation=cv2.INTER_LINEAR)
                gain = scores(x * up + blurred * (1 - up), image) - scores(blurred, image)
                found[image, of_class] += gain[of_class] * mask
    return np.maximum(found, 0)


@pytest.mark.parametrize("groups", [3, 2, 32])
def test_equals_the_plain_formula(
    groups: int, random_evidence: dict[str, np.ndarray], convert: Callable[[np.ndarray], Any]
) -> None:
    a, first = random_evidence["activations"], random_evidence["gradients"]
    g = np.stack([first, -first[:, ::-1]], axis=1)
    given = convert(a)
    found = METHOD(
        evidence(
            given,
            PlainRescoring(inputs=scores),
            images=convert(IMAGES),
            gradients=convert(g),
        ),
        groups=groups,
    )
    expected = plain(a.astype(np.float64), g.astype(np.float64), groups)
    assert found.shape == expected.shape
    np.testing.assert_allclose(
        to_numpy(found), expected, atol=1e-4 * np.abs(expected).max() + 1e-30
    )
