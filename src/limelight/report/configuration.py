"""What produced the numbers, as a report shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def in_groups(settings: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The settings in groups: those that have settings of their own, and the rest as one."""
    groups: dict[str, Mapping[str, Any]] = {}
    rest: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            groups[name] = {key: _in_words(each) for key, each in value.items()}
        else:
            rest[name] = _in_words(value)
    return {"evaluation": rest, **groups} if rest else groups


def _in_words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_in_words(each)}" for key, each in value.items()) or "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(_in_words, value)) or "–"
    return "–" if value is None else str(value)
