"""Variants of images: noise from a seed, mirrored and scaled copies, and the way back."""

from __future__ import annotations

import numpy as np
import pytest

from limelight.errors import MethodError
from limelight.smoothing import Smooth

IMAGES = np.random.default_rng(0).normal(0, 1, (3, 2, 6, 5)).astype(np.float32)


def test_noise_has_its_size_and_is_the_same_for_every_image() -> None:
    large = np.zeros((2, 3, 60, 50), np.float32)
    drawn = np.stack([edited for edited, _ in Smooth("noise", 8, 0.3, 4).variants(np, large)])
    assert drawn.shape == (8, 2, 3, 60, 50)
    assert drawn.std() == pytest.approx(0.3, rel=0.01) and abs(drawn.mean()) < 0.005
    np.testing.assert_array_equal(drawn[:, 0], drawn[:, 1])
    assert np.abs(np.corrcoef(drawn[:, 0].reshape(8, -1)) - np.eye(8)).max() < 0.06
    again, other = (Smooth("noise", 8, 0.3, seed).variants(np, large) for seed in (4, 5))
    np.testing.assert_array_equal(drawn, np.stack([edited for edited, _ in again]))
    assert (drawn != np.stack([edited for edited, _ in other])).all()


@pytest.mark.parametrize(
    ("kind", "factors"),
    [("flips", [1]), ("flips+scales", [0.9, 1, 1.1])],
)
def test_mirrored_and_scaled_copies(kind: str, factors: list[float]) -> None:
    found = list(Smooth.of(kind).variants(np, IMAGES))
    assert len(found) == 2 * len(factors)
    for number, factor in enumerate(factors):
        (plain, as_it_is), (mirrored, back) = found[2 * number : 2 * number + 2]
        np.testing.assert_allclose(plain, factor * IMAGES, rtol=1e-6)
        np.testing.assert_allclose(mirrored, factor * IMAGES[:, :, :, ::-1], rtol=1e-6)
        maps = IMAGES[:, :1]
        np.testing.assert_array_equal(as_it_is(maps), maps)
        np.testing.assert_array_equal(back(maps), maps[..., ::-1])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "flip"}, "smooth='flip' is no smoothing; choose one of 'noise', 'flips'"),
        ({"samples": 0}, "samples=0 .* 1 or more"),
        ({"sigma": -1.0}, "sigma=-1.0 is not possible"),
    ],
)
def test_what_cannot_be_is_said(given: dict[str, object], said: str) -> None:
    with pytest.raises(MethodError, match=said):
        Smooth(**given)
