"""Temporary changes to Keras layers: seen by one thread only, and undone afterwards.

A change is an entry in the instance's own dictionary, which hides the class's attribute and is
past any tracking. Two threads would undo each other's entries, so that one at a time may have
some; calls from other threads find the layer as it was.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

_ABSENT = object()

#: Held while layers are changed, and to be held while one looks at what may be changed.
one_thread = threading.RLock()


@contextmanager
def patched(
    layers: Mapping[str, Any],
    wrap: Callable[[str, Callable[..., Any]], Callable[..., Any]],
) -> Iterator[None]:
    """Put ``wrap(name, call)`` in the place of the `call` of each of `layers`."""
    with one_thread, ExitStack() as stack:
        for name, layer in layers.items():
            call = layer.call
            stack.enter_context(_attribute(layer, "call", _here(wrap(name, call), call)))
        yield


@contextmanager
def without_activation(layer: Any) -> Iterator[None]:
    """Let `layer` give what its activation would be given; a `Softmax`, what it is given."""
    if not hasattr(layer, "activation"):
        with patched({"": layer}, lambda name, call: lambda inputs, *args, **kwargs: inputs):
            yield
        return
    with one_thread, _attribute(layer, "activation", _here(lambda x: x, layer.activation)):
        yield


def _here(function: Callable[..., Any], elsewhere: Callable[..., Any]) -> Callable[..., Any]:
    """`function` in the thread that is running now, `elsewhere` in all others."""
    owner = threading.get_ident()

    @functools.wraps(elsewhere)
    def either(*args: Any, **kwargs: Any) -> Any:
        return (function if threading.get_ident() == owner else elsewhere)(*args, **kwargs)

    return either


@contextmanager
def _attribute(layer: Any, name: str, value: Any) -> Iterator[None]:
    own = vars(layer)
    before = own.get(name, _ABSENT)
    own[name] = value
    try:
        yield
    finally:
        if before is _ABSENT:
            del own[name]
        else:
            own[name] = before
