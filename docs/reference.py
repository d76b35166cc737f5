"""The reference: a page for the package and one for each of its public modules, from docstrings.

The names are those that `limelight` itself declares; mkdocstrings renders them.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import limelight

FOLDER = "reference"


def pages() -> dict[str, str]:
    """The Markdown of each page, by its path; a name is described once, where its module has it."""
    modules = {name: dict(members(getattr(limelight, name))) for name in sorted(limelight._MODULES)}
    homes = {id(value): home for home, names in modules.items() for value in names.values()}
    own, elsewhere = {}, []
    for name in sorted(limelight._PUBLIC):
        value = getattr(limelight, name)
        if home := homes.get(id(value)):
            elsewhere.append(f"- [`{name}`][{path(value)}], in [`limelight.{home}`]({home}.md)")
        else:
            own[name] = value
    result = {f"{FOLDER}/limelight.md": page(limelight, own) + "\n" + "\n".join(elsewhere) + "\n"}
    return result | {f"{FOLDER}/{n}.md": page(getattr(limelight, n), modules[n]) for n in modules}


def members(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The public names of a module, with what they are.

    Those of `__all__` or, where a module has a `__dir__` of its own, of that; without `__all__`
    what is defined in the module itself.
    """
    listed = getattr(module, "__all__", None)
    whole = listed is None or "__dir__" in vars(module)
    names = dir(module) if whole else sorted(listed)
    for name in names:
        value = getattr(module, name)
        here = listed is not None or getattr(value, "__module__", None) == module.__name__
        if not name.startswith("_") and here:
            yield name, value


def page(module: ModuleType, names: Mapping[str, Any]) -> str:
    """The Markdown of one page: the module's docstring, then each function and class."""
    parts = [f"# `{module.__name__}`", inspect.getdoc(module) or ""]
    for name, value in names.items():
        if hasattr(value, "__qualname__"):
            options = f"    options:\n      heading: {name}\n      toc_label: {name}"
            parts.append(f"::: {path(value)}\n{options}")
    return "\n\n".join(parts) + "\n"


def path(value: Any) -> str:
    """Where a function or class is defined."""
    return f"{value.__module__}.{value.__qualname__}"
