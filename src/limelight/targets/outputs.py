"""The tensor that a score is made of, in whatever a model returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from limelight.errors import TargetError


def tensor_of(output: Any, names: tuple[str, ...], ranks: tuple[int, ...], expected: str) -> Any:
    """`output` itself, or its entry of the first of `names`; a tensor with one of the `ranks`.

    Raises:
        TargetError: there is none, or it has another number of axes; `expected` says what was.
    """
    found = output
    if isinstance(output, Mapping):
        known = [name for name in names if name in output]
        if not known:
            raise TargetError(
                f"the model returned a dict of {', '.join(map(repr, output))}; {expected} was "
                f"expected, or a dict that has it as {' or '.join(map(repr, names))}"
            )
        found = output[known[0]]
    if not hasattr(found, "shape"):
        raise TargetError(f"the model returned a {type(found).__name__}; {expected} was expected")
    if len(found.shape) not in ranks:
        raise TargetError(
            f"the model returned the shape {tuple(found.shape)}; {expected} was expected"
        )
    return found


def check_index(what: str, index: int, count: int) -> None:
    """Raise `TargetError` where there is no `what` of that index among `count`."""
    if not 0 <= index < count:
        raise TargetError(
            f"{what} {index} was asked for, but the model has {count}, 0 to {count - 1}"
        )
