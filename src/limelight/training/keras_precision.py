"""bfloat16 where a GPU computes, for the steps of a Keras training and for nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from limelight.training.keras_head import HEAD

_MIXED = "mixed_bfloat16"


def has_gpu() -> bool:
    """Whether the backend of Keras computes on a GPU."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow

        return bool(tensorflow.config.list_physical_devices("GPU"))
    if backend == "jax":
        import jax

        return bool(jax.default_backend() == "gpu")
    import torch

    return bool(torch.cuda.is_available())


@contextmanager
def mixed(model: Any, wanted: bool) -> Iterator[None]:
    """Layers compute in bfloat16 inside, where `wanted`; their weights stay float32.

    The head stays float32, whose scores the loss takes. Afterwards every layer is as it was, so
    that a file of the model does not ask for bfloat16 where it is loaded, and validation and maps
    are those of the model that is kept.
    """
    changed = []
    try:
        for layer in _layers(model) if wanted else ():
            if layer.name != HEAD and layer.dtype_policy.name == "float32":
                changed.append((layer, layer.dtype_policy))
                layer.dtype_policy = _MIXED
        yield
    finally:
        for layer, policy in changed:
            layer.dtype_policy = policy


def _layers(model: Any) -> Iterator[Any]:
    """Every layer that is not a model itself, through all nesting."""
    for layer in model.layers:
        if getattr(layer, "layers", None):
            yield from _layers(layer)
        else:
            yield layer
