"""What the options of a method may be, read off the annotations of its formula."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from numbers import Integral, Real
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from limelight.errors import MethodError


@dataclass(frozen=True)
class Least:
    """Annotates the smallest number that an option may be."""

    value: int


@dataclass(frozen=True)
class OneOf:
    """Annotates the names of which an option must be one; found when they are asked for."""

    names: Callable[[], Sequence[str]]


#: How many of something.
Count = Annotated[int, Least(1)]
#: Where random numbers begin.
Seed = Annotated[int, Least(0)]
#: How far something is scattered.
Spread = Annotated[float, Least(0)]

#: In words, what an option of a kind is.
_KINDS = {int: "a whole number", float: "a number", str: "a text"}


@dataclass(frozen=True)
class Option:
    """One keyword argument of a formula.

    Attributes:
        name: of the argument.
        default: what it is where nobody says.
        kind: int, float or str.
        least: the smallest number that it may be; None: any finite one.
        optional: whether it may be None.
        names: of which it must be one; None: any.
    """

    name: str
    default: Any
    kind: type
    least: int | None = None
    optional: bool = False
    names: Callable[[], Sequence[str]] | None = None

    @property
    def choices(self) -> list[str] | None:
        """All that it may be; None where that is no list."""
        return None if self.names is None else list(self.names())

    @property
    def expected(self) -> str:
        """What it may be, in words."""
        least = "" if self.least is None else f" of {self.least} or more"
        what = _KINDS[self.kind] + least
        if self.choices is not None:
            what = f"one of {', '.join(self.choices)}"
        return ("None or " if self.optional else "") + what

    def check(self, method: str, value: Any) -> None:
        """Raise `MethodError` where `value` is not what this option of `method` may be."""
        if not self._takes(value):
            raise MethodError(
                f"{method} takes {self.expected} as {self.name}, but {value!r} was given"
            )

    def _takes(self, value: Any) -> bool:
        if value is None:
            return self.optional
        if self.kind is str:
            return isinstance(value, str) and (self.choices is None or value in self.choices)
        number = Integral if self.kind is int else Real
        if isinstance(value, bool) or not isinstance(value, number):
            return False
        return math.isfinite(value) and (self.least is None or float(value) >= self.least)


def options_of(formula: Callable[..., Any]) -> tuple[Option, ...]:
    """The keyword-only arguments of `formula`.

    Raises:
        MethodError: one is annotated as something else than int, float or str, None, `Least` or
            `OneOf`.
    """
    hints = get_type_hints(formula, include_extras=True)
    return tuple(
        _option(argument.name, argument.default, hints.get(argument.name))
        for argument in signature(formula).parameters.values()
        if argument.kind is Parameter.KEYWORD_ONLY
    )


def _option(name: str, default: Any, hint: Any) -> Option:
    parts = [part for part in get_args(hint) if part is not NoneType]
    optional = NoneType in get_args(hint)
    inner = parts[0] if optional else hint
    bounds: list[Any] = []
    if get_origin(inner) is Annotated:
        inner, *bounds = get_args(inner)
    least = next((bound.value for bound in bounds if isinstance(bound, Least)), None)
    names = next((bound.names for bound in bounds if isinstance(bound, OneOf)), None)
    if inner not in _KINDS:
        raise MethodError(f"the option {name} is annotated as {hint}, not as int, float or str")
    return Option(name, default, inner, least, optional, names)
