"""What the options of methods may be: what is declared is taken, and anything else is refused."""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
import pytest

from limelight.errors import MethodError
from limelight.methods import find_method, list_methods
from limelight.methods.composition import bases
from limelight.methods.options import Count, OneOf, Option, options_of

DECLARED = [(method, option) for method in list_methods() for option in method.declared_options]
IDS = [f"{method.name}-{option.name}" for method, option in DECLARED]


@pytest.mark.parametrize(("method", "option"), DECLARED, ids=IDS)
def test_defaults_and_bounds_are_taken_and_what_is_beyond_is_not(
    method: Any, option: Option
) -> None:
    method.check_options({option.name: option.default})
    taken: dict[type, list[Any]] = {int: [1, np.int64(7)], float: [1, 0.5], str: ["gradcam"]}
    good = taken[option.kind]
    bad: list[Any] = [
        [1],
        {},
        True,
        *(["3", math.nan, math.inf] if option.kind is not str else [3]),
    ]
    bad += [] if option.choices is None else ["cam", ""]
    bad += [0.5] if option.kind is int else []
    bad += [] if option.least is None else [option.least - 1]
    (good if option.optional else bad).append(None)
    for value in good:
        method.check_options({option.name: value})
    for value in bad:
        with pytest.raises(MethodError) as raised:
            method.check_options({option.name: value})
        assert str(raised.value) == (
            f"{method.name} takes {option.expected} as {option.name}, but {value!r} was given"
        )


def test_what_is_expected_in_words() -> None:
    (channels,) = find_method("scorecam").declared_options
    assert channels.expected == "None or a whole number of 1 or more"
    assert [each.expected for each in find_method("finercam").declared_options] == [
        f"one of {', '.join(bases())}",
        "a number",
        "a whole number of 1 or more",
    ]


def test_kinds_come_from_the_annotations() -> None:
    def formula(e: Any, *, one: Count, two: float | None = None, three: str = "x") -> Any: ...

    one, two, three = options_of(formula)
    assert (one.kind, one.least, one.optional) == (int, 1, False)
    assert (two.kind, two.least, two.optional) == (float, None, True)
    assert (three.kind, three.default, three.choices) == (str, "x", None)

    def chosen(e: Any, *, one: Annotated[str, OneOf(lambda: ["x", "y"])] = "x") -> Any: ...

    assert options_of(chosen)[0].choices == ["x", "y"]

    def unknown(e: Any, *, one: list[int]) -> Any: ...

    with pytest.raises(MethodError, match=r"option one is annotated as list\[int\]"):
        options_of(unknown)
