"""Temporary changes to objects: seen by one thread only, and undone afterwards.

A change is an entry in the instance's own dictionary, which hides the class's attribute and is
past any tracking. Two threads would undo each other's entries, so that one at a time may have
some; calls from other threads find the object as it was.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_ABSENT = object()

#: Held while objects are changed, and to be held while one looks at what may be changed.
one_thread = threading.RLock()


def here(function: Callable[..., Any], elsewhere: Callable[..., Any]) -> Callable[..., Any]:
    """`function` in the thread that is running now, `elsewhere` in all others."""
    owner = threading.get_ident()

    @functools.wraps(elsewhere)
    def either(*args: Any, **kwargs: Any) -> Any:
        return (function if threading.get_ident() == owner else elsewhere)(*args, **kwargs)

    return either


@contextmanager
def attribute(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Let ``owner.name`` be `value`, and then what it was before."""
    own = vars(owner)
    before = own.get(name, _ABSENT)
    own[name] = value
    try:
        yield
    finally:
        if before is _ABSENT:
            del own[name]
        else:
            own[name] = before
