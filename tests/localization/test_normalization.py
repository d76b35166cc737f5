"""Normalizers against plain formulas, in every namespace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from limelight.errors import MethodError
from limelight.localization import NORMALIZERS, normalize


def plain_max(m: np.ndarray) -> np.ndarray:
    return np.maximum(m, 0) / m.max() if m.max() > 0 else np.zeros_like(m)


def plain_minmax(m: np.ndarray) -> np.ndarray:
    return (m - m.min()) / (m.max() - m.min()) if m.max() > m.min() else np.zeros_like(m)


def plain_percentile(m: np.ndarray) -> np.ndarray:
    high = np.quantile(np.maximum(m, 0), 0.9)
    return np.clip(m / high, 0, 1) if high > 0 else (m > 0).astype(m.dtype)


def plain_ivr(m: np.ndarray) -> np.ndarray:
    return plain_max(m - np.quantile(m, 0.3))


PLAIN: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "max": plain_max,
    "minmax": plain_minmax,
    "percentile": plain_percentile,
    "ivr": plain_ivr,
}


def some_maps(dtype: Any = np.float64) -> np.ndarray:
    rng = np.random.default_rng(1)
    maps = rng.normal(0.2, 1, (6, 5, 7))
    maps[1] = -np.abs(maps[1])  # nowhere positive
    maps[2] = 0.75  # constant
    maps[3] = 0
    maps[4] = np.where(maps[4] > 1.6, maps[4], 0)  # more than nine tenths are zero
    maps[5] *= 1e-6
    return maps.astype(dtype)


def test_every_normalizer_has_a_plain_twin() -> None:
    assert set(PLAIN) == set(NORMALIZERS)


@pytest.mark.parametrize("how", NORMALIZERS)
def test_against_the_plain_formula(how: str) -> None:
    maps = some_maps()
    assert 0 < (maps[4] > 0).mean() < 0.1
    expected = np.stack([PLAIN[how](m) for m in maps])
    got = normalize(maps, how)
    np.testing.assert_allclose(got, expected, atol=1e-14)
    np.testing.assert_array_equal(normalize(maps[0], how), got[0])
    np.testing.assert_array_equal(normalize(maps.reshape(2, 3, 5, 7), how).reshape(6, 5, 7), got)


def test_minmax_is_the_published_one_bit_for_bit() -> None:
    maps = np.random.default_rng(0).normal(size=(20, 15, 15)).astype(np.float32)
    published = np.stack([(m - m.min()) / (m.max() - m.min()) for m in maps])
    np.testing.assert_array_equal(normalize(maps, "minmax"), published)


def _torch(maps: np.ndarray) -> tuple[Any, Any]:
    import array_api_compat.torch
    import torch

    return torch.from_numpy(maps), array_api_compat.torch


def _jax(maps: np.ndarray) -> tuple[Any, Any]:
    import jax.numpy

    return jax.numpy.asarray(maps), jax.numpy


def _keras(maps: np.ndarray) -> tuple[Any, Any]:
    import keras

    return keras.ops.convert_to_tensor(maps), keras.ops


@pytest.mark.parametrize("how", NORMALIZERS)
@pytest.mark.parametrize(
    "framework",
    [
        pytest.param(_torch, marks=pytest.mark.torch),
        pytest.param(_jax, marks=pytest.mark.keras),
        pytest.param(_keras, marks=pytest.mark.keras),
    ],
)
def test_the_same_in_every_namespace(framework: Any, how: str) -> None:
    maps = some_maps(np.float32)
    maps[5, 0, 0] = np.nan
    array, xp = framework(maps)
    got = normalize(array, how, xp)
    assert type(got) is type(array)
    np.testing.assert_allclose(np.asarray(got), normalize(maps, how), atol=1e-6)


@pytest.mark.parametrize("how", NORMALIZERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_finite_map_gives_0_to_1_and_never_nan(
    how: str, dtype: type, data: st.DataObject
) -> None:
    width = np.dtype(dtype).itemsize * 8
    finite = st.floats(width=width, allow_nan=False, allow_infinity=False)  # huge and tiny too
    shape = array_shapes(min_dims=2, max_dims=3, max_side=6)
    maps = data.draw(arrays(dtype, shape, elements=finite))
    got = normalize(maps, how)
    assert got.dtype == dtype and got.shape == maps.shape
    assert np.isfinite(got).all() and (got >= 0).all() and (got <= 1).all()
    top = got.reshape(*maps.shape[:-2], -1).max(-1)
    assert np.isin(top, (0, 1)).all()  # a map that has anything has its maximum at 1


@pytest.mark.parametrize("how", NORMALIZERS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_map_that_is_not_finite_becomes_zeros_alone(how: str, bad: float) -> None:
    maps = some_maps()[:2]
    whole = normalize(maps, how)
    maps[0, 2, 3] = bad
    np.testing.assert_array_equal(normalize(maps, how), [np.zeros_like(whole[0]), whole[1]])


def test_bad_input_gets_one_sentence() -> None:
    with pytest.raises(MethodError, match="no normalizer 'minmx'; did you mean 'minmax'"):
        normalize(np.ones((2, 2)), "minmx")
    with pytest.raises(MethodError, match=r"shape \(3,\), expected \(…, h, w\)"):
        normalize(np.ones(3))
