"""The Eigen methods a second time, through NumPy's singular value decomposition in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from limelight.arrays import namespace
from limelight.evidence import Evidence
from limelight.methods import Method, find_method, list_methods

METHODS = [m for m in list_methods() if m.formula.__module__ == "limelight.methods.spectral"]
MATRIX = {
    "eigencam": lambda a, g: a,
    "eigengradcam": lambda a, g: g * a,
    "segeigencam": lambda a, g: abs(g) * a,
}


def plain(x: np.ndarray) -> np.ndarray:
    """One image (C, h, w): rows are positions."""
    rows = np.stack([x[:, i, j] for i, j in np.ndindex(*x.shape[1:])])
    _, _, right = np.linalg.svd(rows, full_matrices=False)
    found = np.array([row @ right[0] for row in rows]).reshape(x.shape[1:])
    return -found if (found * x.mean(axis=0)).sum() < 0 else found


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_equals_the_plain_formula(
    method: Method,
    random_evidence: dict[str, np.ndarray],
    apply: Callable[..., np.ndarray],
) -> None:
    found = apply(method, random_evidence)
    a, g = (random_evidence[name].astype(np.float64) for name in ("activations", "gradients"))
    expected = np.stack([plain(MATRIX[method.name](*each)) for each in zip(a, g, strict=True)])
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("channels", [3, 15, 40], ids=lambda n: f"{n} channels")
def test_the_smaller_gram_matrix_gives_the_same_map(
    channels: int, apply: Callable[..., np.ndarray]
) -> None:
    """15 positions: fewer channels, as many, and more."""
    a = np.random.default_rng(channels).normal(0.3, 1, (2, channels, 5, 3)).astype(np.float32)
    found = apply(find_method("eigencam"), {"activations": a})
    expected = np.stack([plain(each.astype(np.float64)) for each in a])
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_tiny_values_keep_their_map(method: Method, apply: Callable[..., np.ndarray]) -> None:
    """Squares of 1e-21 are 0 in float32; the map is not."""
    random = np.random.default_rng(0)
    a, g = np.abs(random.normal(0, 1, (2, 2, 3, 4, 5))).astype(np.float32)
    small = {"activations": 1e-21 * a, "gradients": g}
    found = apply(method, {name: array.astype(np.float32) for name, array in small.items()})
    expected = apply(method, {"activations": a, "gradients": g})
    np.testing.assert_allclose(found * np.float32(1e21), expected, rtol=1e-3)


def test_the_sign_follows_the_mean_activation(apply: Callable[..., np.ndarray]) -> None:
    """A class's evidence turned round turns Eigen-Grad-CAM round, and Eigen-CAM not at all."""
    random = np.random.default_rng(4)
    a = np.abs(random.normal(0, 1, (2, 6, 5, 3))).astype(np.float32)
    g = random.normal(0.5, 1, a.shape).astype(np.float32)
    for name, sign in (("eigencam", 1), ("eigengradcam", -1), ("segeigencam", 1)):
        method = find_method(name)
        found = apply(method, {"activations": a, "gradients": g})
        turned = apply(method, {"activations": a, "gradients": -g})
        np.testing.assert_allclose(turned, sign * found, atol=1e-5 * np.abs(found).max())
    assert (apply(find_method("eigencam"), {"activations": a}) > 0).all()


def of_a_photograph(seed: int) -> np.ndarray:
    """A (512, 14, 14): most places dead, and channels over twelve orders of magnitude.

    As behind the last ReLU of a network with real weights; the Gram matrix of the positions has few
    values that are not all but 0.
    """
    random = np.random.default_rng(seed)
    a = np.maximum(random.normal(-random.uniform(0, 2), 1, (512, 196)), 0)
    a *= 10.0 ** random.uniform(-12, 0, (512, 1))
    a[:, random.random(196) < 0.5] = 0
    return (a / a.max()).astype(np.float32).reshape(512, 14, 14)


def test_torch_finds_the_component_where_its_float32_routine_does_not() -> None:
    """Of LAPACK's routines the one for float32 does not converge, on one thread, on 4 of these."""
    torch = pytest.importorskip("torch")
    a = np.stack([of_a_photograph(seed) for seed in range(96)])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = find_method("eigencam")(Evidence(namespace(torch.as_tensor(a)), torch.as_tensor(a)))
    finally:
        torch.set_num_threads(threads)
    assert found.dtype == torch.float32
    for image, map_ in zip(a, found.numpy(), strict=True):
        expected = plain(image.astype(np.float64))
        np.testing.assert_allclose(map_, expected, atol=1e-5 * np.abs(expected).max())
