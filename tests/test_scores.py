"""Closed-form directions against autograd; probabilities and classes against plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from limelight.arrays import namespace, to_numpy
from limelight.errors import LimelightError
from limelight.scores import (
    KINDS,
    Score,
    both_classes,
    directions,
    one_hot,
    probabilities,
    top_classes,
    values,
)

LOGITS = np.random.default_rng(0).normal(0, 3, (3, 5)).astype(np.float32)
INDEX = np.array([[0, 4], [2, 2], [3, 1]])


@pytest.fixture(params=["numpy", "torch", pytest.param("keras", marks=pytest.mark.keras)])
def convert(request: pytest.FixtureRequest) -> Callable[[np.ndarray], Any]:
    if request.param == "numpy":
        return np.asarray
    if request.param == "torch":
        return pytest.importorskip("torch").as_tensor
    return pytest.importorskip("keras").ops.convert_to_tensor


def autograd(
    logits: np.ndarray, index: np.ndarray, kind: str, activation: str, sign: int
) -> np.ndarray:
    """The gradient of the score itself, in float64, one class of one image at a time."""
    return by_hand(logits, index, kind, activation, sign)[1]


def by_hand(
    logits: np.ndarray, index: np.ndarray, kind: str, activation: str, sign: int
) -> tuple[np.ndarray, np.ndarray]:
    """The score (N, K) and its gradient (N, K, classes)."""
    import torch

    single = logits.shape[1] == 1
    found = np.zeros((*index.shape, logits.shape[1]))
    scores = np.zeros(index.shape)
    for i, k in np.ndindex(*index.shape):
        row = torch.tensor(logits[i], dtype=torch.float64, requires_grad=True)
        both = torch.cat([-row, row]) if single else row
        soft = both.sigmoid() if single or activation == "sigmoid" else both.softmax(0)
        logit, probability = both[index[i, k]], soft[index[i, k]]
        score = {
            "logit": logit,
            "probability": probability,
            "rest": logit + probability.log(),
        }[kind]
        (sign * score).backward()
        assert row.grad is not None
        found[i, k] = row.grad.numpy()
        scores[i, k] = sign * score.item()
    return scores, found


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("single", [False, True], ids=["five classes", "one output"])
def test_values_are_the_scores(
    kind: str,
    activation: str,
    negative: bool,
    single: bool,
    convert: Callable[[np.ndarray], Any],
) -> None:
    logits = LOGITS[:, :1] if single else LOGITS
    index = INDEX % 2 if single else INDEX
    expected, _ = by_hand(logits, index, kind, activation, -1 if negative else 1)
    array = convert(logits)
    found = values(namespace(array), array, convert(index), Score(kind, negative, activation))
    np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("single", [False, True], ids=["five classes", "one output"])
def test_directions_are_the_gradients_of_the_score(
    kind: str,
    activation: str,
    negative: bool,
    single: bool,
    convert: Callable[[np.ndarray], Any],
) -> None:
    logits = LOGITS[:, :1] if single else LOGITS
    index = INDEX % 2 if single else INDEX
    given = convert(logits)
    found = directions(namespace(given), given, convert(index), Score(kind, negative, activation))
    expected = autograd(logits, index, kind, activation, -1 if negative else 1)
    np.testing.assert_allclose(to_numpy(found), expected, atol=1e-6)


def test_probabilities_do_not_overflow(convert: Callable[[np.ndarray], Any]) -> None:
    given = convert(np.array([[1000, 999, -1000], [-2000, -2001, -2000]], np.float32))
    e = np.exp(-1)
    expected = [[1 / (1 + e), e / (1 + e), 0], [1 / (2 + e), e / (2 + e), 1 / (2 + e)]]
    found = to_numpy(probabilities(namespace(given), given, "softmax"))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_a_single_output_is_a_sigmoid(
    activation: str, convert: Callable[[np.ndarray], Any]
) -> None:
    given = convert(np.array([[0.0], [2.0], [-50.0]], np.float32))
    xp = namespace(given)
    found = to_numpy(probabilities(xp, given, activation))
    positive = np.array([0.5, 1 / (1 + np.exp(-2)), np.exp(-50)])
    negative = np.array([0.5, 1 / (1 + np.exp(2)), 1])
    np.testing.assert_allclose(found, np.stack([negative, positive], 1), rtol=1e-5)
    np.testing.assert_array_equal(to_numpy(top_classes(xp, given, 1))[1:], [[1], [0]])
    np.testing.assert_array_equal(to_numpy(top_classes(xp, given, 2))[1:], [[1, 0], [0, 1]])
    np.testing.assert_array_equal(to_numpy(both_classes(xp, given))[1], [-2, 2])


@pytest.mark.parametrize("kind", KINDS)
def test_the_negative_class_of_a_probability_is_the_negated_positive_one(
    kind: str, convert: Callable[[np.ndarray], Any]
) -> None:
    given = convert(LOGITS[:, :1])
    zeros, ones = (convert(np.full((3, 1), c)) for c in (0, 1))
    xp = namespace(given)
    negative_class = to_numpy(directions(xp, given, zeros, Score(kind)))
    against = to_numpy(directions(xp, given, ones, Score(kind, negative=True)))
    if kind == "rest":  # 2 - p of either class: another length, the same direction
        np.testing.assert_array_equal(np.sign(negative_class), np.sign(against))
    else:
        np.testing.assert_allclose(negative_class, against, atol=1e-6)


def test_sigmoid_treats_each_class_by_itself(convert: Callable[[np.ndarray], Any]) -> None:
    given = convert(LOGITS)
    found = to_numpy(probabilities(namespace(given), given, "sigmoid"))
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-LOGITS.astype(float))), rtol=1e-5)


def test_top_classes_and_one_hot(convert: Callable[[np.ndarray], Any]) -> None:
    given = convert(LOGITS)
    xp = namespace(given)
    expected = [sorted(range(5), key=lambda c: -row[c]) for row in LOGITS]
    for count in (1, 2, 5):
        found = to_numpy(top_classes(xp, given, count))
        np.testing.assert_array_equal(found, [row[:count] for row in expected])
    found = to_numpy(one_hot(xp, convert(INDEX), given))
    np.testing.assert_array_equal(found, np.eye(5, dtype=np.float32)[INDEX])
    assert found.dtype == np.float32


def test_an_unknown_score_lists_the_known_ones() -> None:
    with pytest.raises(LimelightError, match=r"'logits' is not a score.*'logit', 'probability'"):
        Score("logits")
