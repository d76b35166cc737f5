"""A thing and its options in one text: ``scorecam:channels=64``, ``grabcut:iterations=3``."""

from __future__ import annotations

import json
from typing import Any

from limelight.errors import MethodError


def parse_spec(text: str, kind: str = "method") -> tuple[str, dict[str, Any]]:
    """The name before the first colon, and the options after it.

    Values are read as JSON where they are JSON ("64", "0.5", "true"), as text otherwise.

    Args:
        text: ``name``, ``name:option=value`` or ``name:option=value:option=value``.
        kind: what has the options, in words.

    Raises:
        MethodError: an option is not written name=value.
    """
    name, _, said = text.strip().partition(":")
    options = {}
    for option in filter(None, said.split(":")):
        key, equals, value = option.partition("=")
        if not equals:
            raise MethodError(f"{text!r}: an option of a {kind} is written name=value")
        options[key] = _value(value)
    return name, options


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
