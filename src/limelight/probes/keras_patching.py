"""Temporary changes to Keras layers; see `limelight.probes.patching`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from limelight.probes.patching import attribute, here, one_thread

__all__ = ["one_thread", "patched", "without_activation"]


@contextmanager
def patched(
    layers: Mapping[str, Any],
    wrap: Callable[[str, Callable[..., Any]], Callable[..., Any]],
) -> Iterator[None]:
    """Put ``wrap(name, call)`` in the place of the `call` of each of `layers`."""
    with one_thread, ExitStack() as stack:
        for name, layer in layers.items():
            call = layer.call
            stack.enter_context(attribute(layer, "call", here(wrap(name, call), call)))
        yield


@contextmanager
def without_activation(layer: Any) -> Iterator[None]:
    """Let `layer` give what its activation would be given; a `Softmax`, what it is given."""
    if not hasattr(layer, "activation"):
        with patched({"": layer}, lambda name, call: lambda inputs, *args, **kwargs: inputs):
            yield
        return
    with one_thread, attribute(layer, "activation", here(lambda x: x, layer.activation)):
        yield
