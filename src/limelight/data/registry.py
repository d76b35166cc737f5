"""The readers, as their files declare them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from limelight.data.dataset import Dataset
from limelight.errors import DatasetError, did_you_mean

_READERS: dict[str, Reader] = {}


@dataclass(frozen=True)
class Reader:
    """A reader of data sets: a function ``(path, split, problems, **options) -> Dataset``.

    Attributes:
        name: what stands before the colon in ``"cars196:/path"``.
        title: what it reads, in words.
        expects: where its files are, or what they look like; completes "expected …".
        function: called with the path (None where none was given), the split (None: all), a
            `Problems` and the reader's own options.
        recognizes: whether a folder or file has the reader's layout; None where a layout says
            nothing. Must be quick.
        takes: whether an object in memory is one that the reader reads; None where it reads files.
        needs_path: whether the path must be given and must exist.
        general: 0 for a layout of its own; where several layouts fit, the least general is meant.
        short: another name that may stand before the colon; empty where there is none.
    """

    name: str
    title: str
    expects: str
    function: Callable[..., Dataset]
    recognizes: Callable[[Path], bool] | None
    takes: Callable[[Any], bool] | None
    needs_path: bool
    general: int
    short: str = ""

    @property
    def options(self) -> dict[str, inspect.Parameter]:
        """The reader's own options: the keyword-only parameters of its function."""
        parameters = inspect.signature(self.function).parameters
        return {n: p for n, p in parameters.items() if p.kind is p.KEYWORD_ONLY}


def reader(
    name: str,
    *,
    title: str,
    expects: str,
    recognizes: Callable[[Path], bool] | None = None,
    takes: Callable[[Any], bool] | None = None,
    needs_path: bool = True,
    general: int = 0,
    short: str = "",
) -> Callable[[Callable[..., Dataset]], Callable[..., Dataset]]:
    """Declare the decorated function as the reader `name`; the rest is as in `Reader`."""

    def declare(function: Callable[..., Dataset]) -> Callable[..., Dataset]:
        _READERS[name] = Reader(
            name, title, expects, function, recognizes, takes, needs_path, general, short
        )
        return function

    return declare


@cache
def _discover() -> None:
    import limelight.data

    for module in pkgutil.iter_modules(limelight.data.__path__):
        importlib.import_module(f"limelight.data.{module.name}")


def list_readers() -> list[Reader]:
    """All readers, by name."""
    _discover()
    return [_READERS[name] for name in sorted(_READERS)]


def find_reader(name: str) -> Reader:
    """The reader `name`, which may be its short name.

    Raises:
        DatasetError: there is none of that name.
    """
    known = {r.name: r for r in list_readers()}
    found = known.get(name) or next((r for r in known.values() if name and r.short == name), None)
    if found is None:
        raise DatasetError(
            f"there is no reader {name!r} of data sets{did_you_mean(name, known) or ';'} "
            f"the readers are {', '.join(known)}"
        )
    return found


def choose_splits(split: str | None, available: Sequence[str], where: object) -> list[str]:
    """The splits to read: `split`, or all that are `available` where it is None.

    Raises:
        DatasetError: the data set has no such split.
    """
    if split is None:
        return list(available)
    if split in available:
        return [split]
    has = f"its splits are {', '.join(available)}" if available else "it has no splits"
    raise DatasetError(
        f"{where} has no split {split!r}{did_you_mean(split, available) or ';'} {has}"
    )
