"""Deep Feature Factorization, against scikit-learn's factorization."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from limelight.arrays import namespace
from limelight.methods import find_method
from limelight.methods.factorization import factorize

DFF = find_method("dff")


def made_of_parts(count: int, z: int, c: int, parts: int) -> np.ndarray:
    random = np.random.default_rng(z)
    maps = random.gamma(0.4, 1, (count, z, parts))
    vectors = random.gamma(0.4, 1, (count, parts, c))
    noise = 0.05 * random.random((count, z, c))
    return (maps @ vectors + noise).astype(np.float32)


@pytest.mark.parametrize(("z", "c"), [(15, 40), (49, 12), (20, 20)])
def test_fits_as_well_as_scikit_learn(z: int, c: int, convert: Callable[..., Any]) -> None:
    from sklearn.decomposition import NMF

    x = made_of_parts(3, z, c, 4)
    given = convert(x)
    maps, vectors = (np.asarray(each, np.float64) for each in factorize(namespace(given), given, 4))
    assert (maps >= 0).all() and (vectors >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), 1, rtol=1e-4)
    for image, h, w in zip(x.astype(np.float64), maps, vectors, strict=True):
        reference = NMF(4, init="nndsvd", max_iter=60, tol=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it has not converged, as ours has not
            expected = reference.fit_transform(image) @ reference.components_
        found = np.linalg.norm(image - h @ w)
        assert found <= 1.05 * np.linalg.norm(image - expected)
        assert found < 0.1 * np.linalg.norm(image)


def test_exact_parts_are_found_again(apply: Callable[..., np.ndarray]) -> None:
    """Parts that share no channel have one factorization only; the map is the heaviest part."""
    random = np.random.default_rng(0)
    maps = random.gamma(0.5, 1, (2, 3, 5, 4))
    maps[:, 1] *= 5
    a = np.zeros((2, 9, 5, 4))
    for part in range(3):
        rows = random.uniform(0.5, 1, (2, 3))
        a[:, 3 * part : 3 * part + 3] = rows[:, :, None, None] * maps[:, part][:, None]
    found = apply(DFF, {"activations": a.astype(np.float32)}, k=3)
    for map_, expected in zip(found, maps[:, 1], strict=True):
        assert np.corrcoef(map_.ravel(), expected.ravel())[0, 1] > 0.9999


def test_negative_activations_count_as_zero(
    random_evidence: dict[str, np.ndarray], apply: Callable[..., np.ndarray]
) -> None:
    a = random_evidence["activations"]
    found = apply(DFF, {"activations": a})
    assert (found >= 0).all() and found.any() == (a > 0).any()
    np.testing.assert_allclose(found, apply(DFF, {"activations": np.maximum(a, 0)}), rtol=1e-6)
