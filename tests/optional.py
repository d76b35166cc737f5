"""What the package imports only where it is installed, read from its source and its metadata."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SOURCE = Path(__file__).parents[1] / "src" / "limelight"
PACKAGE = "limelight"


@cache
def _calls_and_imports() -> tuple[tuple[str, ast.AST], ...]:
    """Each call and each import in the package, with its file."""
    kinds = (ast.Call, ast.Import, ast.ImportFrom)
    return tuple(
        (file.name, node)
        for file in sorted(SOURCE.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, kinds)
    )


def required_modules() -> Iterator[tuple[str, str, str]]:
    """Module, extra and file of each `require(module, extra, purpose)` with plain arguments."""
    for file, call in _calls_and_imports():
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            given = [a.value for a in call.args[:2] if isinstance(a, ast.Constant)]
            if call.func.id in ("require", "importing") and len(given) == 2:
                yield given[0], given[1], file


def imported_modules() -> set[str]:
    """Every module that an import statement of the package names, wherever it stands."""
    found = set()
    for _, node in _calls_and_imports():
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def named_by(extra: str, requirements: Sequence[str]) -> set[tuple[str, str]]:
    """The distributions that an extra names, with an extra of theirs or "".

    Those of the package's other extras too, where it is made of them; not what these bring.
    """
    found, open_ = set(), [extra]
    while open_:
        for name, asked in _asked_for(requirements, open_.pop()):
            if name != PACKAGE:
                found.add((name, asked))
            elif asked:
                open_.append(asked)
    return found


def brought_by(extra: str, requirements: Sequence[str]) -> dict[str, Distribution]:
    """What pip installs for ``limelight[extra]``, by name, beside the package itself.

    All that is asked for, by what is asked for too, in the versions of this environment, which
    constraints.txt names.
    """
    found: dict[str, Distribution] = {}
    open_, seen = [*named_by(extra, requirements), *named_by("", requirements)], set()
    while open_:
        name, asked = open_.pop()
        if (name, asked) not in seen:
            seen.add((name, asked))
            found[name] = as_installed(name)
            open_ += _asked_for(found[name].requires or (), asked)
    return found


@cache
def as_installed(name: str) -> Distribution:
    """The distribution as this environment has it: of TensorFlow, the one without a GPU's code."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return distribution(f"{name}-cpu")


@cache
def top_level(distribution: Distribution) -> frozenset[str]:
    """The files and folders of a distribution that lie in the library's own folder."""
    record = (distribution.read_text("RECORD") or "").splitlines()
    return frozenset(line.partition(",")[0].partition("/")[0] for line in record) - {".."}


def modules_of(extra: str, requirements: Sequence[str]) -> list[str]:
    """All modules that the package imports of what an extra names, or asks it for by name."""
    named = {module for module, name, _ in required_modules() if name == extra}
    every = imported_modules() | {module for module, _, _ in required_modules()}
    core = {name for name, _ in named_by("", requirements)}
    for name in {name for name, _ in named_by(extra, requirements)} - core:
        tops = top_level(as_installed(name))
        named |= {module for module in every if module.partition(".")[0] in tops}
    return sorted(named)


def _asked_for(requirements: Sequence[str], extra: str) -> set[tuple[str, str]]:
    """The distributions of these requirements that hold here with this extra."""
    found = set()
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            name = canonicalize_name(requirement.name)
            found |= {(name, asked) for asked in ("", *requirement.extras)}
    return found
