"""Noisy linear imputation: the equations themselves, solved directly, and pytorch-grad-cam's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limelight.arrays import on_host, to_numpy
from limelight.metrics.imputation import impute


def solved(image: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """The equations of (C, H, W), written down one by one and solved densely."""
    places = list(zip(*np.nonzero(unknown), strict=True))
    number = {place: i for i, place in enumerate(places)}
    matrix, right = np.zeros((len(places),) * 2), np.zeros((len(places), len(image)))
    for i, (y, x) in enumerate(places):
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                other = y + dy, x + dx
                inside = 0 <= other[0] < unknown.shape[0] and 0 <= other[1] < unknown.shape[1]
                if (dy, dx) == (0, 0) or not inside:
                    continue
                weight = 1 / 6 if dy == 0 or dx == 0 else 1 / 12
                matrix[i, i] += weight
                if other in number:
                    matrix[i, number[other]] -= weight
                else:
                    right[i] += weight * image[:, other[0], other[1]]
    found = image.astype(float)
    found[:, unknown] = np.linalg.solve(matrix, right).T
    return found


def masks(size: tuple[int, int]) -> np.ndarray:
    """Scattered pixels, nearly all, a hole, and all but one corner."""
    random = np.random.default_rng(0)
    made = np.zeros((4, *size), bool)
    made[0] = random.random(size) < 0.5
    made[1] = random.random(size) < 0.95
    made[2, 3:-2, 2:-1] = True
    made[3] = True
    made[3, 0, 0] = False
    return made


@pytest.mark.parametrize("size", [(12, 17), (9, 8), (23, 30)])
def test_solves_the_equations(size: tuple[int, int]) -> None:
    unknown = masks(size)
    images = np.random.default_rng(1).normal(0, 1, (4, 3, *size)).astype(np.float32)
    found = impute(images, unknown[:, None], tolerance=1e-6)
    for image, mask, mine in zip(images, unknown, found, strict=True):
        np.testing.assert_allclose(mine, solved(image, mask), atol=1e-3)


@pytest.mark.keras
def test_each_backend_gets_its_own_arrays_back() -> None:
    import keras

    unknown = masks((12, 17))[:, None]
    images = np.random.default_rng(1).normal(0, 1, (4, 3, 12, 17)).astype(np.float32)
    given, mask = (keras.ops.convert_to_tensor(each) for each in (images, unknown))
    found = impute(given, mask, tolerance=1e-6)
    assert type(found) is type(given) and on_host(found)
    np.testing.assert_allclose(to_numpy(found), impute(images, unknown, 1e-6), atol=1e-5)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 1000), st.floats(0.05, 0.95))
def test_known_pixels_stay_and_others_lie_between(seed: int, share: float) -> None:
    random = np.random.default_rng(seed)
    image = random.uniform(-2, 3, (1, 2, 11, 14)).astype(np.float32)
    unknown = random.random((1, 1, 11, 14)) < share
    unknown[0, 0, 5, 5] = False
    found = impute(image, unknown)
    known = np.broadcast_to(~unknown, image.shape)
    np.testing.assert_array_equal(found[known], image[known])
    for channel, mine, mask in zip(image[0], found[0], known[0], strict=True):
        assert channel[mask].min() - 1e-2 <= mine.min()
        assert mine.max() <= channel[mask].max() + 1e-2


def test_a_plane_is_restored() -> None:
    """Away from the border the weighted mean of a plane is the plane."""
    y, x = np.mgrid[:40, :40].astype(np.float32)
    plane = (0.1 * y - 0.05 * x)[None, None]
    unknown = np.zeros((1, 1, 40, 40), bool)
    unknown[:, :, 8:31, 6:33] = True
    found = impute(np.where(unknown, 99, plane).astype(np.float32), unknown, tolerance=1e-6)
    np.testing.assert_allclose(found, plane, atol=2e-3)


@pytest.mark.filterwarnings("ignore:__array_wrap__")  # of NumPy, about their code
def test_equals_pytorch_grad_cam() -> None:
    torch = pytest.importorskip("torch")
    road = pytest.importorskip("pytorch_grad_cam.metrics.road")
    image = np.random.default_rng(2).normal(0, 1, (3, 25, 31)).astype(np.float32)
    unknown = np.random.default_rng(3).random((25, 31)) < 0.8
    theirs = road.NoisyLinearImputer(noise=0)(
        torch.as_tensor(image), torch.as_tensor((~unknown).astype(np.float32))
    )
    mine = impute(image[None], unknown[None, None], tolerance=1e-6)[0]
    np.testing.assert_allclose(mine, theirs.numpy(), atol=1e-3)
