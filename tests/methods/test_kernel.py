"""Kernel PCA a second time, through scikit-learn in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from limelight.methods import find_method

KPCACAM = find_method("kpcacam")


def plain(a: np.ndarray, gamma: float | None, coef0: float) -> np.ndarray:
    """One image (C, h, w): the samples are positions."""
    from sklearn.decomposition import KernelPCA

    kernel = KernelPCA(1, kernel="sigmoid", gamma=gamma, coef0=coef0, eigen_solver="dense")
    rows = a.reshape(len(a), -1).T
    found = kernel.fit_transform(rows).reshape(-1) if a.any() else np.zeros(len(rows))
    found = found.reshape(a.shape[1:])
    return -found if (found * a.mean(axis=0)).sum() < 0 else found


@pytest.mark.parametrize("options", [{}, {"gamma": 0.02, "coef0": 0.5}], ids=["defaults", "others"])
def test_equals_scikit_learn(
    options: dict[str, float],
    random_evidence: dict[str, np.ndarray],
    apply: Callable[..., np.ndarray],
) -> None:
    # The sigmoid kernel is not positive definite on far points; scikit-learn refuses those.
    evidence = {name: 0.2 * array for name, array in random_evidence.items()}
    found = apply(KPCACAM, evidence, **options)
    gamma, coef0 = options.get("gamma"), options.get("coef0", 1.0)
    expected = np.stack(
        [plain(each.astype(np.float64), gamma, coef0) for each in evidence["activations"]]
    )
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())


def test_a_saturated_kernel_keeps_its_digits(apply: Callable[..., np.ndarray]) -> None:
    """tanh of 5 and more is 1 to four digits; what is left tells the positions apart."""
    a = np.random.default_rng(1).uniform(2, 3, (2, 8, 5, 3)).astype(np.float32)
    found = apply(KPCACAM, {"activations": a})
    exact = np.stack([plain(each.astype(np.float64), None, 1.0) for each in a])
    assert np.abs(exact).max() > 0
    np.testing.assert_allclose(found, exact, atol=1e-4 * np.abs(exact).max())
