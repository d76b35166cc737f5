"""The guided filter against a least-squares problem solved in each window."""

from __future__ import annotations

import numpy as np
import pytest

from limelight.localization.refinement.guided_filter import guided_filter


def plain(values: np.ndarray, image: np.ndarray, r: int, eps: float) -> np.ndarray:
    h, w = values.shape
    colours = image / 255

    def window(y: int, x: int) -> tuple[slice, slice]:
        return slice(max(0, y - r), y + r + 1), slice(max(0, x - r), x + r + 1)

    a, b = np.zeros((h, w, 3)), np.zeros((h, w))
    for y, x in np.ndindex(h, w):
        part = colours[window(y, x)].reshape(-1, 3)
        ridge = np.sqrt(len(part) * eps) * np.eye(3)
        left = np.block([[part, np.ones((len(part), 1))], [ridge, np.zeros((3, 1))]])
        right = np.append(values[window(y, x)].ravel(), np.zeros(3))
        *a[y, x], b[y, x] = np.linalg.lstsq(left, right, rcond=None)[0]
    found = np.zeros((h, w))
    for y, x in np.ndindex(h, w):
        mean_a = a[window(y, x)].reshape(-1, 3).mean(0)
        found[y, x] = mean_a @ colours[y, x] + b[window(y, x)].mean()
    return found


@pytest.mark.parametrize("radius", [0.0, 0.15, 0.6])
def test_against_least_squares_in_each_window(radius: float) -> None:
    rng = np.random.default_rng(3)
    values, image = rng.random((11, 17)), rng.integers(0, 256, (11, 17, 3)).astype(np.uint8)
    got = guided_filter(values.astype(np.float32), image, radius=radius, eps=0.02)
    expected = plain(values.astype(np.float32), image, round(radius * 17), 0.02)
    np.testing.assert_allclose(got, expected, atol=1e-9)
