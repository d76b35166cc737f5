"""One namespace for every framework: types survive the way to the host and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from limelight.arrays import in_one, like, namespace, to_numpy

VALUES = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
DTYPES = ["float16", "float32", "int32", "uint8", "bool"]


@pytest.mark.parametrize("dtype", [*DTYPES, "float64", "int64"])
def test_torch_tensors_keep_their_type_on_the_host(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    found = to_numpy(
        torch.as_tensor(VALUES).to(getattr(torch, dtype)).requires_grad_("float" in dtype)
    )
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, VALUES.astype(dtype))


def test_bfloat16_comes_as_float32() -> None:
    torch = pytest.importorskip("torch")
    found = to_numpy(torch.as_tensor(VALUES).bfloat16())
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, VALUES)


@pytest.mark.keras
@pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16"])
def test_tensors_of_the_backend_keep_their_type_on_the_host(dtype: str) -> None:
    keras = pytest.importorskip("keras")
    found = to_numpy(keras.ops.cast(keras.ops.convert_to_tensor(VALUES), dtype))
    expected = "float32" if dtype == "bfloat16" else dtype
    assert found.dtype == expected
    np.testing.assert_array_equal(found, VALUES.astype(expected))


def check_names(xp: Any, array: Any) -> None:
    """Each name that formulas use, against NumPy's."""
    other = VALUES[::-1].copy()
    given = like(other, array)
    assert type(given) is type(array)
    flat = VALUES.reshape(6, 4)
    expected = {
        "reshape": (xp.reshape(array, (6, 4)), flat),
        "permute_dims": (xp.permute_dims(array, (2, 0, 1)), VALUES.transpose(2, 0, 1)),
        "matmul": (
            xp.matmul(
                xp.reshape(array, (6, 4)), xp.permute_dims(xp.reshape(given, (6, 4)), (1, 0))
            ),
            flat @ other.reshape(6, 4).T,
        ),
        "concat": (xp.concat([array, given], axis=0), np.concatenate([VALUES, other])),
        "stack": (xp.stack([array, given], axis=1), np.stack([VALUES, other], 1)),
        "astype": (xp.astype(array > 3, xp.float32), (VALUES > 3).astype(np.float32)),
        "where": (
            xp.where(array > 3, array, xp.zeros_like(array)),
            np.where(VALUES > 3, VALUES, 0),
        ),
        "mean": (xp.mean(array, axis=(1, 2)), VALUES.mean((1, 2))),
        "sum": (xp.sum(array, axis=1, keepdims=True), VALUES.sum(1, keepdims=True)),
        "max": (xp.max(array, axis=-1), VALUES.max(-1)),
        "argmax": (xp.argmax(given, axis=-1), other.argmax(-1)),
        "argsort": (xp.argsort(-array, axis=-1), (-VALUES).argsort(-1)),
        "cumsum": (xp.cumsum(array, axis=-1), VALUES.cumsum(-1)),
        "tanh": (xp.tanh(array), np.tanh(VALUES)),
        "maximum": (xp.maximum(array, given), np.maximum(VALUES, other)),
    }
    for name, (found, wanted) in expected.items():
        np.testing.assert_allclose(to_numpy(found), wanted, rtol=1e-6, err_msg=name)
        assert to_numpy(found).dtype.kind == wanted.dtype.kind, name


def test_the_namespaces_of_numpy_and_torch() -> None:
    torch = pytest.importorskip("torch")
    for array in (VALUES, torch.as_tensor(VALUES)):
        check_names(namespace(array), array)


@pytest.mark.keras
def test_the_namespace_of_the_backend() -> None:
    keras = pytest.importorskip("keras")
    array = keras.ops.convert_to_tensor(VALUES)
    check_names(namespace(array), array)


@pytest.mark.keras
def test_what_is_done_in_one_depends_on_shapes_and_settings() -> None:
    keras = pytest.importorskip("keras")
    seen = []

    def function(a: Any, b: Any, *, factor: float, name: str) -> tuple[Any, Any]:
        seen.append((tuple(a.shape), factor, name))
        xp = namespace(a)
        return factor * a + b, xp.sum(a, axis=-1)

    for shape in ((2, 3, 4), (4, 6), (2, 3, 4)):
        for factor in (2.0, 3.0, 2.0):
            a = VALUES.reshape(shape)
            arrays = [keras.ops.convert_to_tensor(each) for each in (a, a[::-1].copy())]
            first, second = in_one(function, *arrays, factor=factor, name="x")
            np.testing.assert_allclose(to_numpy(first), factor * a + a[::-1], rtol=1e-6)
            np.testing.assert_allclose(to_numpy(second), a.sum(-1), rtol=1e-6)
    once = [(shape, factor, "x") for shape in ((2, 3, 4), (4, 6)) for factor in (2.0, 3.0)]
    if keras.backend.backend() == "tensorflow":
        assert seen == once  # written down once for each, and not run as Python again
    else:
        assert len(seen) == 9
