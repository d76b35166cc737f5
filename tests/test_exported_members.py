"""The public names are there, are the same in every list of them, and stay what they are."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import limelight

ROOT = Path(__file__).parents[1]

# In a process of its own, where no public name has been resolved yet. Importing a submodule sets
# its name in its package, which would hide a public name that is called the same.
EVERY_SUBMODULE = """
import importlib, inspect, pkgutil, sys
import limelight

def public(package):
    names = getattr(package, "__all__", None) or [n for n in vars(package) if n[0] != "_"]
    return {name: getattr(package, name) for name in names}

def packages(prefix):
    for info in pkgutil.iter_modules(importlib.import_module(prefix).__path__, prefix + "."):
        if info.ispkg:
            yield info.name
            yield from packages(info.name)

lazy = sys.argv[1] == "names last"
before = {} if lazy else {"limelight": public(limelight)}
for name in packages("limelight"):
    before[name] = public(importlib.import_module(name))
count = 0
for info in pkgutil.walk_packages(limelight.__path__, "limelight."):
    importlib.import_module(info.name)
    count += 1
for package, names in before.items():
    for name, value in names.items():
        if getattr(sys.modules[package], name) is not value:
            print(package, name, "has become", getattr(sys.modules[package], name))
for name, home in limelight._PUBLIC.items():
    if getattr(limelight, name) is not getattr(sys.modules[home], name):
        print("limelight", name, "is not that of", home)
for name in limelight._MODULES:
    if not inspect.ismodule(getattr(limelight, name)):
        print("limelight", name, "is not a module")
print(count, "submodules")
"""


@pytest.mark.parametrize("order", ["names first", "names last"])
def test_importing_every_submodule_changes_no_public_name(order: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", EVERY_SUBMODULE, order],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    expected = len(list(Path(limelight.__file__).parent.rglob("*.py"))) - 1
    assert result.stdout.splitlines() == [f"{expected} submodules"]


@pytest.mark.parametrize("name", limelight.__all__)
def test_every_exported_name_resolves(name: str) -> None:
    assert getattr(limelight, name) is not None
    assert name in dir(limelight)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'explian'"):
        _ = limelight.explian


def test_no_public_name_is_also_a_module() -> None:
    root = Path(limelight.__file__).parent
    modules = {path.stem for path in root.iterdir()}
    assert modules & set(limelight._PUBLIC) == set()
    assert set(limelight._MODULES) <= modules


def test_type_checkers_are_told_the_same_names() -> None:
    tree = ast.parse(Path(limelight.__file__).read_text())
    (block,) = (
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    told: dict[str | None, str | None] = {
        alias.asname: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert {name: home for name, home in told.items() if home != "limelight"} == limelight._PUBLIC


def test_what_the_documents_name_exists() -> None:
    """Every ``limelight.name`` and ``limelight.name.name`` in the README, docs and examples."""
    files = [
        ROOT / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").rglob("*.py"),
    ]
    unknown = []
    for file in files:
        for path in re.findall(r"(?<![\w./-])limelight((?:\.[A-Za-z_]\w*){1,2})", file.read_text()):
            first, *rest = path[1:].split(".")
            if first not in limelight.__all__:
                unknown.append((file.name, path))
            elif first in limelight._MODULES and rest:
                module = importlib.import_module(f"limelight.{first}")
                if not hasattr(module, rest[0]):
                    unknown.append((file.name, path))
    assert unknown == []
