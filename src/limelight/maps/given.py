"""The images that were explained, as long as somebody else keeps them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


class Given:
    """Weak references to what `explain` took, so that maps hold no image in memory.

    A path is kept itself. Nothing is copied: of an array that was changed since, it is what it has
    become. References are not pickled.

    Args:
        images: one image, several, or a batch.
        rows: which of them, in order.
    """

    def __init__(self, images: Any, rows: Sequence[int]) -> None:
        self._several = isinstance(images, Sequence) and not isinstance(images, str | bytes)
        self._rows = tuple(rows)
        self._held = [_hold(each) for each in (images if self._several else [images])]

    def __getitem__(self, which: slice) -> Given:
        made = Given([], self._rows[which])
        made._several, made._held = self._several, self._held
        return made

    def __getstate__(self) -> dict[str, Any]:
        return {"_several": self._several, "_rows": self._rows, "_held": []}

    def images(self) -> Any:
        """The images, as `Maps.pictures` takes them; None where one is there no longer."""
        if not self._held:
            return None
        if self._several:
            found = [self._held[row]() for row in self._rows]
            return None if any(each is None for each in found) else found
        whole = self._held[0]()
        if whole is None or getattr(whole, "ndim", 0) != 4:
            return whole
        return whole[self._rows[0] : self._rows[-1] + 1] if self._rows else None


def _hold(image: Any) -> Callable[[], Any]:
    if isinstance(image, str | Path):
        return lambda: image
    try:
        return weakref.ref(image)
    except TypeError:  # such as a list of numbers
        return lambda: None
