"""One array namespace for every framework.

Formulas are written once, against a namespace ``xp`` with the names of the array API standard.
NumPy, torch and JAX get theirs from `array_api_compat`; TensorFlow has none, so that its tensors
are served by `keras.ops` behind the few names that it spells differently.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def namespace(array: Any) -> Any:
    """The array namespace of `array`: a NumPy array, torch tensor, JAX array or TF tensor."""
    if _package(array) == "tensorflow":
        return keras_ops()
    from array_api_compat import array_namespace

    return array_namespace(array)


def to_numpy(array: Any) -> np.ndarray:
    """`array` on the host, with NumPy's type; bfloat16 comes as float32."""
    import numpy as np

    if _package(array) == "torch":
        array = array.detach().cpu()
        return (array.float() if str(array.dtype) == "torch.bfloat16" else array).numpy()
    array = np.asarray(array)
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def like(values: np.ndarray, array: Any) -> Any:
    """The host array `values` as an array of the type, and on the device, of `array`.

    Its numbers keep their own type, but that floats become float64 where `array` is float64:
    PyTorch multiplies no two types.
    """
    if _package(array) == "torch":
        import torch

        found = torch.as_tensor(values, device=array.device)
        both = found.is_floating_point() and array.dtype == torch.float64
        return found.double() if both else found
    if _package(array) == "tensorflow":
        import tensorflow as tf

        return tf.convert_to_tensor(values)
    if _package(array) in ("jax", "jaxlib"):
        import jax.numpy

        return jax.numpy.asarray(values)
    return values


def on_host(array: Any) -> bool:
    """Whether `array` lies in the memory of the host."""
    package = _package(array)
    if package == "torch":
        return bool(array.device.type == "cpu")
    if package == "tensorflow":
        return "CPU" in array.device
    if package in ("jax", "jaxlib"):
        return all(device.platform == "cpu" for device in array.devices())
    return True


def host_view(array: Any) -> Any:
    """`array` as NumPy's where it lies on the host, for what NumPy does quicker; else itself."""
    view = on_host(array) and "bfloat16" not in str(array.dtype)  # which NumPy has not
    return to_numpy(array) if view else array


def in_one(function: Callable[..., Any], *given: Any, **settings: Any) -> Any:
    """``function(*given, **settings)``; on TensorFlow in one step.

    There each operation by itself takes about a tenth of a millisecond, however small it is.

    Args:
        function: of arrays, by operations of their namespace; what it does with each shape of
            `given` is written down once.
        given: arrays.
        settings: anything that is hashable, by which the function differs.
    """
    if _package(given[0]) != "tensorflow":
        return function(*given, **settings)
    forms = tuple((tuple(each.shape), each.dtype) for each in given)
    return _graph(function, forms, tuple(sorted(settings.items())))(*given)


@lru_cache(maxsize=128)
def _graph(function: Callable[..., Any], forms: Any, settings: Any) -> Any:
    """The TensorFlow graph of `function` for arrays of these shapes and types."""
    import tensorflow as tf

    signature = [tf.TensorSpec(shape, dtype) for shape, dtype in forms]
    traced = tf.function(
        lambda *given: function(*given, **dict(settings)),
        input_signature=signature,
        autograph=False,
    )
    return traced.get_concrete_function()


@cache
def keras_ops() -> Any:
    """`keras.ops` on TensorFlow, with the array API's spelling of what it names otherwise."""
    import keras
    import tensorflow as tf

    class KerasOps:
        float32 = "float32"
        astype = staticmethod(keras.ops.cast)
        concat = staticmethod(keras.ops.concatenate)
        permute_dims = staticmethod(keras.ops.transpose)
        # Without the check that something is there, which takes longer than most maxima.
        max = staticmethod(tf.reduce_max)
        min = staticmethod(tf.reduce_min)

        def __getattr__(self, name: str) -> Any:
            return getattr(keras.ops, name)

    return KerasOps()


def _package(array: Any) -> str:
    return type(array).__module__.partition(".")[0]
