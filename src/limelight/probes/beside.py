"""What a model of several inputs is given beside the images.

Whoever explains opens `beside`; the probes ask for the rows that belong to the images of a run. It
holds for one thread, and for as long as it is open.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from limelight.errors import ImageError, MethodError


class Beside:
    """The inputs beside the images of a call, and which rows of them are due.

    Attributes:
        positional: those that follow the images.
        named: those given by name.
    """

    def __init__(self, inputs: Any, count: int) -> None:
        if isinstance(inputs, Mapping):
            self.positional: tuple[Any, ...] = ()
            self.named: dict[Any, Any] = dict(inputs)
        elif isinstance(inputs, tuple | list):
            self.positional, self.named = tuple(inputs), {}
        else:
            raise ImageError(
                f"inputs= takes a tuple or a dict of what the model is given beside the images, "
                f"but a {type(inputs).__name__} was given"
            )
        self.start, self.stop = 0, count
        self.whole = False
        for name, each in self.items():
            if _has_rows(each) and len(each) != count:
                raise ImageError(
                    f"inputs[{name!r}] has {len(each)} rows for {count} images; give one row per "
                    "image"
                )

    def items(self) -> list[tuple[Any, Any]]:
        """All of them, by position or name."""
        return [*enumerate(self.positional), *self.named.items()]

    def rows(self, count: int, convert: Callable[[Any], Any]) -> tuple[list[Any], dict[str, Any]]:
        """The positional and the named inputs for the first `count` images that are due."""
        if self.whole:
            return list(self.positional), self.named
        if count > self.stop - self.start:
            raise MethodError(
                "inputs= belong to the images; a method that runs the model on changed copies of "
                "them cannot be used with it"
            )

        def cut(each: Any) -> Any:
            return convert(each[self.start : self.start + count]) if _has_rows(each) else each

        named = {name: cut(each) for name, each in self.named.items()}
        return [cut(each) for each in self.positional], named

    def arrays(self, count: int, convert: Callable[[Any], Any]) -> list[Any]:
        """Those with a row for each image, for the first `count` images that are due."""
        positional, named = self.rows(count, convert)
        cut = [*positional, *named.values()]
        return [c for c, (_, each) in zip(cut, self.items(), strict=True) if _has_rows(each)]

    @property
    def form(self) -> Hashable:
        """What a compiled run depends on: the arrays' kind, and the others themselves."""
        return tuple(
            (name, tuple(each.shape[1:]), str(each.dtype)) if _has_rows(each) else (name, str(each))
            for name, each in self.items()
        )

    def of_arrays(self, arrays: Sequence[Any]) -> Beside:
        """The same inputs with `arrays`, taken as they are, for those with rows."""
        rest = iter(arrays)
        made = copy.copy(self)
        made.positional = tuple(next(rest) if _has_rows(e) else e for e in self.positional)
        made.named = {n: next(rest) if _has_rows(e) else e for n, e in self.named.items()}
        made.whole = True
        return made


_open: ContextVar[Beside | None] = ContextVar("beside", default=None)


@contextmanager
def beside(inputs: Any, count: int) -> Iterator[None]:
    """Give the model `inputs` beside its `count` images; None: nothing.

    Raises:
        ImageError: they are no tuple or dict, or one of them has not one row per image.
    """
    token = _open.set(None if inputs is None else Beside(inputs, count))
    try:
        yield
    finally:
        _open.reset(token)


def due(start: int, stop: int) -> None:
    """Say that the images `start` to `stop` are the next to be run."""
    found = _open.get()
    if found is not None:
        found.start, found.stop = start, stop


def given() -> Beside | None:
    """What is given beside the images now; None: nothing."""
    return _open.get()


@contextmanager
def traced(arrays: Sequence[Any]) -> Iterator[None]:
    """Give the model `arrays`, which stand for those with rows while a run is compiled."""
    found = _open.get()
    token = _open.set(None if found is None else found.of_arrays(arrays))
    try:
        yield
    finally:
        _open.reset(token)


def _has_rows(each: Any) -> bool:
    return bool(getattr(each, "shape", ()))
