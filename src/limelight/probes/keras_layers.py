"""What a Keras model is made of: the paths of its layers, its layout, and what makes its output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import keras

from limelight.probes.outputs import scores_or_none

_SOFTENING = {
    "softmax": "softmax",
    "log_softmax": "softmax",
    "LogSoftmax": "softmax",
    "Softmax": "softmax",
    "sigmoid": "sigmoid",
    "Sigmoid": "sigmoid",
}


def paths(layer: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every layer inside `layer` with its path, "outer/inner"; equal paths are numbered.

    In a functional model, so are the operations between layers, such as the sum of a residual.
    """
    taken: dict[str, int] = {}
    for sub in _operations(layer):
        times = taken[sub.name] = taken.get(sub.name, 0) + 1
        path = prefix + (sub.name if times == 1 else f"{sub.name}#{times}")
        yield path, sub
        yield from paths(sub, path + "/")


def is_channels_last(layers: Iterable[Any]) -> bool:
    """Whether `layers` take (N, H, W, C).

    The first layer with weights and a layout tells; a Flatten or a pooling that was left at the
    default says nothing about the arrays that the model takes.
    """
    kept = [layer for layer in layers if isinstance(layer, keras.Layer)]
    kept = [layer for layer in kept if hasattr(layer, "data_format")]
    first = next((layer for layer in kept if layer.weights), kept[0] if kept else None)
    layout = keras.config.image_data_format() if first is None else first.data_format
    return layout == "channels_last"


def input_channels(layers: Iterable[Any]) -> int | None:
    """The channels that the first convolution takes; None where there is none."""
    built = (layer for layer in layers if isinstance(layer, keras.Layer) and layer.built)
    kernels = (getattr(layer, "kernel", None) for layer in built)
    return next((k.shape[2] for k in kernels if k is not None and len(k.shape) == 4), None)


def final_operation(layer: Any) -> Any:
    """The layer or operation that makes a model's output; None where only a run can tell."""
    while True:
        outputs = getattr(layer, "outputs", None)
        if isinstance(outputs, list | tuple) and outputs and hasattr(outputs[0], "_keras_history"):
            scores = outputs[0] if len(outputs) == 1 else scores_or_none(layer.output)
            if scores is None:
                return None
            layer = scores._keras_history.operation
        elif isinstance(layer, keras.Layer) and _sublayers(layer):
            return None
        else:
            return layer


def softening(operation: Any) -> str | None:
    """What `operation` makes of scores at its end, "softmax" or "sigmoid"; None: nothing."""
    activation = getattr(operation, "activation", None)
    name = type(operation).__name__ if activation is None else getattr(activation, "__name__", "")
    return _SOFTENING.get(name)


def _operations(layer: Any) -> list[Any]:
    """The layers directly inside `layer`, and, where it is a graph of them, what is between."""
    if not isinstance(layer, keras.Layer):
        return []
    graph = layer if isinstance(layer, keras.Model) else None
    return list(getattr(graph, "operations", None) or _sublayers(layer))


def _sublayers(layer: Any) -> list[Any]:
    """The layers directly inside `layer`, in the order in which they were added."""
    if isinstance(layer, keras.Model):
        return list(layer.layers)
    return list(layer._flatten_layers(recursive=False, include_self=False))
