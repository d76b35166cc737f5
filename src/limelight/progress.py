"""How far long work is, told to whoever watches it, who may stop it.

What runs the model many times says after each run how many of its parts are done. Nobody listens
unless the call stands inside `watched`, and nothing is then passed through the layers between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: Told how many parts are done and how many there are.
Watcher = Callable[[int, int], None]

_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Let `watcher` be told of the long work inside, in this thread alone.

    An exception that it raises ends the work there, between two runs of the model, and comes out
    of the call that was watched. The model is left as it was found.
    """
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def tell(done: int, total: int) -> None:
    """Say that `done` of `total` parts are done."""
    watcher = _watcher.get()
    if watcher is not None:
        watcher(done, total)
