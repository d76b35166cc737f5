"""Smooth Grad-CAM++ a second time, in loops and float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from limelight.arrays import namespace
from limelight.evidence import Evidence
from limelight.methods import find_method
from limelight.smoothing import Smooth

SMOOTH = find_method("smoothgradcam++")


def plain(a: np.ndarray, noisy: list[np.ndarray]) -> np.ndarray:
    """One image: A (C, h, w) and the gradients at each noisy copy."""
    found = np.zeros(a.shape[1:])
    for c, channel in enumerate(a):
        weight = 0.0
        for i, j in np.ndindex(*channel.shape):
            g1, g2, g3 = (
                sum(g[c, i, j] ** power for g in noisy) / len(noisy) for power in (1, 2, 3)
            )
            if 2 * g2 + channel.sum() * g3 != 0:
                weight += g2 / (2 * g2 + channel.sum() * g3) * max(g1, 0.0)
        found += weight * channel
    return np.maximum(found, 0)


@pytest.mark.parametrize("size", [1.0, 1e-16], ids=["", "tiny gradients"])
def test_equals_the_plain_formula(
    size: float,
    random_evidence: dict[str, np.ndarray],
    convert: Callable[[np.ndarray], Any],
) -> None:
    a = np.abs(random_evidence["activations"])
    random = np.random.default_rng(8)
    noisy = [
        np.float32(size) * (random_evidence["gradients"] + random.normal(0, 0.3, a.shape))
        for _ in range(3)
    ]
    noisy = [each.astype(np.float32) for each in noisy]
    asked: list[Smooth] = []
    given = convert(a)
    evidence = Evidence(namespace(given), given)

    def again(smooth: Smooth) -> list[Evidence]:
        asked.append(smooth)
        return [replace(evidence, gradients=convert(each)) for each in noisy]

    found = np.asarray(SMOOTH(replace(evidence, again=again), samples=3, sigma=0.5, seed=9))
    assert asked == [Smooth("noise", 3, 0.5, 9)]
    expected = np.stack(
        [plain(each.astype(float), [g[i].astype(float) for g in noisy]) for i, each in enumerate(a)]
    )
    assert expected.any() == a.any()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_one_sample_without_noise_is_gradcam_plus_plus(
    random_evidence: dict[str, np.ndarray], apply: Callable[..., np.ndarray]
) -> None:
    from limelight.arrays import to_numpy

    arrays = {n: random_evidence[n] for n in ("activations", "gradients")}
    evidence = Evidence(namespace(arrays["activations"]), **arrays)
    found = SMOOTH(replace(evidence, again=lambda smooth: [evidence]))
    expected = apply(find_method("gradcam++"), arrays)
    size = np.abs(expected).max()
    np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-3, atol=1e-4 * size)
