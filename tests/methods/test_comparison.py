"""Finer-CAM: which classes are compared, and that only the score is another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from limelight.arrays import namespace
from limelight.errors import MethodError
from limelight.methods import find_method
from limelight.scores import Score, directions, similar_classes, values

FINERCAM = find_method("finercam")


@pytest.mark.parametrize("base", ["gradcam", "gradcam++", "layercam"])
def test_is_its_base_on_the_gradient_of_another_score(
    base: str, random_evidence: dict[str, np.ndarray], apply: Callable[..., np.ndarray]
) -> None:
    found = apply(FINERCAM, random_evidence, base=base)
    np.testing.assert_array_equal(found, apply(find_method(base), random_evidence))


@pytest.mark.parametrize("base", ["finercam", "refinecam", "eigencam", "cam", "zzz"])
def test_a_base_needs_activations_and_gradients(base: str) -> None:
    with pytest.raises(MethodError, match=f"finercam takes one of .*gradcam.* as base, .*'{base}'"):
        FINERCAM.check_options({"base": base})


def test_explains_the_class_less_the_mean_of_its_nearest() -> None:
    score = FINERCAM.explained(None, True, "sigmoid", {"gamma": 0.25})
    assert score == Score("logit", True, "sigmoid", against=3, gamma=0.25)


def plain_similar(row: np.ndarray, own: int, count: int) -> list[int]:
    others = [c for c in range(len(row)) if c != own]
    return sorted(others, key=lambda c: abs(row[c] - row[own]))[:count]


@pytest.mark.parametrize("count", [1, 3, 9])
def test_similar_classes_are_the_nearest_logits(
    count: int, convert: Callable[[np.ndarray], Any]
) -> None:
    logits = np.random.default_rng(0).normal(0, 3, (4, 6)).astype(np.float32)
    logits[1, 2] = logits[1, 0]  # a tie with the class itself
    index = np.array([[0, 3], [0, 5], [1, 2], [4, 4]])
    given, classes = convert(logits), convert(index)
    found = np.asarray(similar_classes(namespace(given), given, classes, count))
    for row, chosen, similar in zip(logits, index, found, strict=True):
        for own, others in zip(chosen, similar, strict=True):
            assert others.tolist() == plain_similar(row, own, count)


@pytest.mark.parametrize("kind", ["logit", "probability", "rest"])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("classes", [1, 2, 6])
def test_the_directions_are_the_gradient_of_the_values(
    kind: str, activation: str, classes: int
) -> None:
    """By central differences in float64."""
    logits = np.random.default_rng(1).normal(0, 2, (3, classes))
    index = np.array([[0], [max(classes, 2) - 1], [1]])
    score = Score(kind, True, activation, against=3, gamma=0.6)
    xp = namespace(logits)
    found = directions(xp, logits, index, score)
    for c in range(classes):
        step = np.zeros(classes)
        step[c] = 1e-6
        higher, lower = (values(xp, logits + sign * step, index, score) for sign in (1, -1))
        np.testing.assert_allclose(found[:, :, c], (higher - lower) / 2e-6, atol=1e-7)


def test_the_value_by_hand() -> None:
    logits = np.array([[4.0, 1.0, 3.5, -2.0, 3.0]])
    score = Score(against=3, gamma=0.6)
    found = values(namespace(logits), logits, np.array([[0]]), score)
    assert found[0, 0] == pytest.approx(4.0 - 0.6 * (3.5 + 3.0 + 1.0) / 3)
