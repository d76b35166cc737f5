"""The input gradient: its formula a second time, and the gradient itself by differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import limelight
from limelight.arrays import namespace
from limelight.evidence import Evidence
from limelight.methods import find_method
from oracles import networks

SALIENCY = find_method("saliency")
CLASSES = [[0, 1], [1, 3], [2, 0]]
_STEP = 1e-3


def test_is_the_largest_absolute_value_of_the_channels() -> None:
    given = np.random.default_rng(0).normal(0, 1, (2, 3, 5, 7)).astype(np.float32)
    found = SALIENCY(Evidence(namespace(given), None, input_gradients=given))
    for i, y, x in np.ndindex(2, 5, 7):
        assert found[i, y, x] == max(abs(given[i, c, y, x]) for c in range(3))


def by_differences(score: Any, images: np.ndarray, places: np.ndarray) -> np.ndarray:
    """max_c |∂score/∂x| of images (N, C, H, W) at places (P, 2), by central differences."""
    found = np.zeros((len(images), len(places)))
    for p, (y, x) in enumerate(places):
        for c in range(images.shape[1]):
            ends = []
            for sign in (1, -1):
                moved = images.copy()
                moved[:, c, y, x] += sign * _STEP
                ends.append(score(moved))
            slope = np.abs(ends[0] - ends[1]) / (2 * _STEP)
            found[:, p] = np.maximum(found[:, p], slope)
    return found


@pytest.mark.parametrize("score", ["logit", "probability"])
def test_is_the_slope_of_the_score(score: str) -> None:
    """In float64, at random places, for two classes of each image."""
    import torch

    model = networks.torch_model().double()
    images = networks.images(3).astype(np.float64)
    maps = limelight.explain(model, images, "saliency", target=CLASSES, score=score)
    assert maps.layer == "the input"
    places = np.random.default_rng(1).integers(0, images.shape[2:], (6, 2))

    def score_of(k: int, inputs: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            logits = model(torch.as_tensor(inputs)).numpy()
        if score == "probability":
            logits = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return np.array([logits[i, CLASSES[i][k]] for i in range(len(inputs))])

    for k in range(2):
        expected = by_differences(lambda x, k=k: score_of(k, x), images, places)
        found = maps.numpy()[:, k, places[:, 0], places[:, 1]]
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * expected.max())


@pytest.mark.keras
@pytest.mark.parametrize("target", [CLASSES, [2, 0, 1], None])
@pytest.mark.parametrize("score", ["logit", "probability"])
def test_keras_and_torch_agree(target: Any, score: str) -> None:
    images = networks.images(3)
    expected = limelight.explain(
        networks.torch_model(), images, "saliency", target=target, score=score
    )
    model = networks.keras_model()
    found = limelight.explain(
        model, np.moveaxis(images, 1, -1), "saliency", target=target, score=score
    )
    largest = expected.numpy().max()
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-5 * largest)


@pytest.mark.keras
def test_callable_target_in_keras() -> None:
    images = np.moveaxis(networks.images(3), 1, -1)
    model = networks.keras_model()
    by_name = limelight.explain(model, images, "saliency", target=[1, 1, 1], score="logit")
    found = limelight.explain(model, images, "saliency", target=lambda output: output[:, 1])
    np.testing.assert_allclose(found.numpy(), by_name.numpy(), atol=1e-6)
