"""The formulas of attention a second time: whole matrices, in loops, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from limelight.arrays import namespace, to_numpy
from limelight.evidence import Evidence, Tokens
from limelight.methods import Method, list_methods

Matrices = list[np.ndarray]
METHODS = [m for m in list_methods() if m.formula.__module__ == "limelight.methods.attention"]
IDS = [method.name for method in METHODS]
BLOCKS, IMAGES, HEADS = 3, 2, 4
# A class token; class and distillation token; registers that nothing reads before and behind.
LAYOUTS = [
    Tokens((2, 3), 1, (0,)),
    Tokens((3, 2), 2, (0, 1)),
    Tokens((2, 2), 0, ()),
    Tokens((2, 3), 3, ()),
    Tokens((1, 4), 0, (4,)),
]


def size_of(tokens: Tokens) -> int:
    return tokens.stop + (2 if tokens.start == 0 and tokens.read else 0)


def random_attention(tokens: Tokens, seed: int = 0) -> dict[str, Matrices]:
    """float32, by the names of `Evidence`."""
    random = np.random.default_rng(seed)
    shape = (BLOCKS, IMAGES, HEADS, size_of(tokens), size_of(tokens))
    raw = np.exp(2 * random.normal(0, 1, shape))
    found = {
        "attention": raw / raw.sum(-1, keepdims=True),
        "attention_gradients": random.normal(0, 0.3, shape),
        "block_gradients": random.normal(0, 0.1, shape),
    }
    return {name: list(array.astype(np.float32)) for name, array in found.items()}


def head_rows(tokens: Tokens) -> list[int]:
    return list(tokens.read) or list(range(tokens.start, tokens.stop))


def on_grid(matrix: np.ndarray, tokens: Tokens) -> np.ndarray:
    """The mean of the rows that the head reads, at the patches."""
    height, width = tokens.grid
    found = np.zeros(tokens.grid)
    for i in range(height):
        for j in range(width):
            column = tokens.start + i * width + j
            found[i, j] = np.mean([matrix[row, column] for row in head_rows(tokens)])
    return found


def mean_of_heads(attention: np.ndarray) -> np.ndarray:
    return sum(attention[head] for head in range(len(attention))) / len(attention)


def rollout(a: Matrices, g: Matrices, b: Matrices, tokens: Tokens) -> np.ndarray:
    eye = np.eye(a[0].shape[-1])
    product = eye
    for each in a:
        product = (mean_of_heads(each) + eye) / 2 @ product
    return on_grid(product, tokens)


def transformer_attribution(a: Matrices, g: Matrices, b: Matrices, tokens: Tokens) -> np.ndarray:
    eye = np.eye(a[0].shape[-1])
    relevance = eye
    for attention, gradient in zip(a, g, strict=True):
        relevance = relevance + mean_of_heads(np.maximum(attention * gradient, 0)) @ relevance
    return on_grid(relevance - (0 if tokens.read else eye), tokens)


def legrad(a: Matrices, g: Matrices, b: Matrices, tokens: Tokens) -> np.ndarray:
    height, width = tokens.grid
    found = np.zeros(tokens.grid)
    for gradient in b:
        heads, rows, _ = gradient.shape
        for i in range(height):
            for j in range(width):
                column = tokens.start + i * width + j
                total = sum(
                    max(gradient[head, row, column], 0.0)
                    for head in range(heads)
                    for row in range(rows)
                )
                found[i, j] += total / (heads * rows)
    return found


PLAIN: dict[str, Callable[..., np.ndarray]] = {
    "rollout": rollout,
    "transformer-attribution": transformer_attribution,
    "legrad": legrad,
}


def apply(
    method: Method, found: dict[str, Matrices], tokens: Tokens, convert: Callable[..., Any]
) -> np.ndarray:
    arrays = {name: [convert(each) for each in matrices] for name, matrices in found.items()}
    first = arrays["attention"][0]
    return to_numpy(method(Evidence(namespace(first), None, tokens=tokens, **arrays)))


def plain(method: Method, found: dict[str, Matrices], tokens: Tokens) -> np.ndarray:
    names = ("attention", "attention_gradients", "block_gradients")
    of_image = (
        [[each[n].astype(np.float64) for each in found[name]] for name in names]
        for n in range(IMAGES)
    )
    return np.stack([PLAIN[method.name](*each, tokens) for each in of_image])


@pytest.mark.parametrize("tokens", LAYOUTS, ids=str)
@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_equals_the_plain_formula(
    method: Method, tokens: Tokens, convert: Callable[[np.ndarray], Any]
) -> None:
    found = random_attention(tokens)
    expected = plain(method, found, tokens)
    assert expected.shape == (IMAGES, *tokens.grid) and np.ptp(expected) > 0
    np.testing.assert_allclose(
        apply(method, found, tokens, convert), expected, rtol=1e-4, atol=1e-5 * expected.max()
    )


def test_every_published_formula_is_here() -> None:
    assert set(IDS) == PLAIN.keys()


def test_rollout_of_uniform_attention_is_uniform() -> None:
    """Rows of a product of stochastic matrices sum to one, whatever the tokens."""
    (method,) = (each for each in METHODS if each.name == "rollout")
    tokens = Tokens((2, 2), 1, (0,))
    uniform = [np.full((1, 2, 5, 5), 0.2, np.float32)] * 2
    found = apply(method, {"attention": uniform}, tokens, np.asarray)
    # (I + U)²/4 = (I + 3 U)/4 for U with equal entries 1/5.
    np.testing.assert_allclose(found, np.full((1, 2, 2), 0.15), rtol=1e-6)


def test_what_nobody_attends_to_is_zero() -> None:
    """A column of zeros in every block leaves its patch out."""
    tokens = Tokens((2, 3), 1, (0,))
    found = random_attention(tokens)
    for matrices in found.values():
        for each in matrices:
            each[..., 4] = 0
    for method in METHODS:
        maps = apply(method, found, tokens, np.asarray)
        assert (maps[:, 1, 0] == 0).all() and (np.delete(maps.reshape(2, 6), 3, 1) > 0).all()


def test_gradients_against_the_class_leave_nothing() -> None:
    tokens = Tokens((2, 3), 1, (0,))
    found = random_attention(tokens)
    for name in ("attention_gradients", "block_gradients"):
        found[name] = [-np.abs(each) for each in found[name]]
    for method in METHODS:
        maps = apply(method, found, tokens, np.asarray)
        assert (maps > 0).all() if method.class_blind else (maps == 0).all()


def test_each_class_has_its_own_gradients() -> None:
    """`Evidence.of_class` cuts the axis of classes off the gradients, and leaves attention."""
    tokens = Tokens((2, 3), 1, (0,))
    classes = [random_attention(tokens, seed) for seed in range(3)]
    both = {
        name: [np.stack(each, 1) for each in zip(*(one[name] for one in classes), strict=True)]
        for name in ("attention_gradients", "block_gradients")
    }
    together = Evidence(
        namespace(np.zeros(1)), None, attention=classes[0]["attention"], tokens=tokens, **both
    )
    for method in METHODS:
        for k, each in enumerate(classes):
            alone = {**each, "attention": classes[0]["attention"]}
            np.testing.assert_array_equal(
                method(together.of_class(k)), apply(method, alone, tokens, np.asarray)
            )
