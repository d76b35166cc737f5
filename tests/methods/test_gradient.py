"""Each formula of a gradient a second time: the original one, in loops, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from limelight.arrays import namespace
from limelight.methods import Method, list_methods

Plain = Callable[[np.ndarray, np.ndarray], np.ndarray]
METHODS = [m for m in list_methods() if m.formula.__module__ == "limelight.methods.gradient"]


def positions(map_: np.ndarray) -> Iterator[tuple[int, ...]]:
    return np.ndindex(*map_.shape[-2:])


def weighted(activations: np.ndarray, weights: list[float]) -> np.ndarray:
    """ReLU Σ_c w_c A_c of one image."""
    found = np.zeros(activations.shape[1:])
    for i, j in positions(found):
        total = 0.0
        for c, weight in enumerate(weights):
            total += weight * activations[c, i, j]
        found[i, j] = max(total, 0.0)
    return found


def gradcam(a: np.ndarray, g: np.ndarray) -> np.ndarray:
    count = a.shape[1] * a.shape[2]
    return weighted(a, [sum(g[c, i, j] for i, j in positions(a)) / count for c in range(len(a))])


def gradcam_plus_plus(a: np.ndarray, g: np.ndarray) -> np.ndarray:
    weights = []
    for c in range(len(a)):
        total = sum(a[c, i, j] for i, j in positions(a))
        weight = 0.0
        for i, j in positions(a):
            square, cube = g[c, i, j] ** 2, g[c, i, j] ** 3
            if square != 0:
                alpha = square / (2 * square + total * cube)
                weight += alpha * max(g[c, i, j], 0.0)
        weights.append(weight)
    return weighted(a, weights)


def xgradcam(a: np.ndarray, g: np.ndarray) -> np.ndarray:
    weights = []
    for c in range(len(a)):
        product = sum(g[c, i, j] * a[c, i, j] for i, j in positions(a))
        weights.append(product / (sum(a[c, i, j] for i, j in positions(a)) + 1e-7))
    return weighted(a, weights)


def by_position(term: Callable[[float, float], float], final: Callable[[float], float]) -> Plain:
    def formula(a: np.ndarray, g: np.ndarray) -> np.ndarray:
        found = np.zeros(a.shape[1:])
        for i, j in positions(a):
            found[i, j] = final(sum(term(a[c, i, j], g[c, i, j]) for c in range(len(a))))
        return found

    return formula


PLAIN: dict[str, Plain] = {
    "gradcam": gradcam,
    "gradcam++": gradcam_plus_plus,
    "xgradcam": xgradcam,
    "hirescam": by_position(lambda a, g: a * g, lambda total: total),
    "gradcam-elementwise": by_position(lambda a, g: max(a * g, 0.0), lambda total: total),
    "layercam": by_position(lambda a, g: a * max(g, 0.0), lambda total: max(total, 0.0)),
}


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_equals_the_plain_formula(
    method: Method,
    random_evidence: dict[str, np.ndarray],
    apply: Callable[..., np.ndarray],
) -> None:
    found = apply(method, random_evidence)
    a, g = (random_evidence[name].astype(np.float64) for name in ("activations", "gradients"))
    expected = np.stack([PLAIN[method.name](*each) for each in zip(a, g, strict=True)])
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5 * np.abs(expected).max())


def test_tiny_gradients_keep_their_map(apply: Callable[..., np.ndarray]) -> None:
    """G of 1e-18, as deep networks have it: G² and G³ are 0 in float32, the quotient is not."""
    random = np.random.default_rng(0)
    a = np.abs(random.normal(0, 1, (2, 3, 4, 5))).astype(np.float32)
    g = (1e-18 * random.normal(0, 1, a.shape)).astype(np.float32)
    for method in METHODS:
        found = apply(method, {"activations": a, "gradients": g}).astype(np.float64)
        expected = np.stack(
            [
                PLAIN[method.name](*each)
                for each in zip(a.astype(float), g.astype(float), strict=True)
            ]
        )
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_volume_is_the_same_formula(method: Method, apply: Callable[..., np.ndarray]) -> None:
    """Formulas reduce over all spatial axes: a volume equals the same positions as one row."""
    random = np.random.default_rng(1)
    a, g = random.normal(0, 1, (2, 2, 3, 2, 5, 3)).astype(np.float32)
    found = apply(method, {"activations": a, "gradients": g})
    flat = {"activations": a.reshape(2, 3, 1, 30), "gradients": g.reshape(2, 3, 1, 30)}
    assert found.shape == (2, 2, 5, 3)
    np.testing.assert_allclose(found.reshape(2, 1, 30), apply(method, flat), rtol=1e-5, atol=1e-6)


def test_early_layers_of_layercam_are_squashed(convert: Callable[[np.ndarray], object]) -> None:
    (layercam,) = (method for method in METHODS if method.name == "layercam")
    assert layercam.early is not None
    maps = np.maximum(np.random.default_rng(2).normal(0, 3, (3, 4, 5)), 0).astype(np.float32)
    maps[1] = 0
    given = convert(maps)
    found = np.asarray(layercam.early(namespace(given), given))
    for map_, scaled in zip(maps.astype(float), found, strict=True):
        top = map_.max()
        for i, j in positions(map_):
            expected = np.tanh(2 * map_[i, j] / top) if top else 0.0
            assert scaled[i, j] == pytest.approx(expected, abs=1e-6)
