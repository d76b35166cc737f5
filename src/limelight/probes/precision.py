"""Full precision inside of somebody's `torch.autocast`: only the model itself runs in theirs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

_DEVICES = ("cpu", "cuda", "mps", "xpu")

_around: ContextVar[tuple[tuple[str, Any], ...]] = ContextVar("autocast around", default=())


def autocast_of_the_model() -> tuple[tuple[str, Any], ...]:
    """The kinds of device, with their types of numbers, for which the model runs in autocast."""
    return _around.get() or _enabled()


@contextmanager
def full_precision() -> Iterator[None]:
    """Turn autocast off in here, but for what runs in `as_around`."""
    found = _enabled()
    if not found:
        yield
        return
    token = _around.set(found)
    try:
        with ExitStack() as stack:
            for device, _ in found:
                stack.enter_context(_torch().autocast(device, enabled=False))
            yield
    finally:
        _around.reset(token)


@contextmanager
def as_around() -> Iterator[None]:
    """Inside of `full_precision`, the autocast that is around it."""
    with ExitStack() as stack:
        for device, dtype in _around.get():
            stack.enter_context(_torch().autocast(device, dtype=dtype))
        yield


def _enabled() -> tuple[tuple[str, Any], ...]:
    torch = _torch()
    if torch is None:
        return ()
    return tuple(
        (device, torch.get_autocast_dtype(device))
        for device in _DEVICES
        if torch.is_autocast_enabled(device)
    )


def _torch() -> Any:
    return sys.modules.get("torch")  # whoever has not imported it has no autocast
