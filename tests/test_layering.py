"""Imports inside the package run one way, down the layers, also those inside functions."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import limelight

PACKAGE = Path(limelight.__file__).parent

# From the top down; a module imports only from layers below its own.
LAYERS = (
    {"cli", "web", "report"},
    {"runs", "training"},
    {"explainer"},
    {"maps"},
    {"methods", "localization", "metrics", "draw", "probes", "models", "data"},
    {
        "evidence",
        "frames",
        "boxes",
        "arrays",
        "blurring",
        "images",
        "progress",
        "scores",
        "smoothing",
        "specs",
        "targets",
    },
    {"errors", "_version", "viewer"},
)
# What may import a neighbour of its own layer, because it is made of it.
NEIGHBOURS = {
    ("cli", "report"),
    ("cli", "web"),
    ("metrics", "localization"),
    ("evidence", "smoothing"),
    ("smoothing", "arrays"),
    ("blurring", "arrays"),
    ("targets", "arrays"),
}
FRAMEWORKS = {"torch", "torchvision", "keras", "tensorflow", "jax"}
# What the command line may import before it knows the command.
LIGHT = {*sys.stdlib_module_names, "limelight", "typer", "rich", "click"}


def imported(source: str, module: str, is_package: bool) -> Iterator[tuple[str, bool]]:
    """The full names that `source` imports, and whether it does so when it is imported itself.

    ``import_module("name")`` counts too; ``from package import name`` counts as package.name.
    """
    tree = ast.parse(source)
    later = {
        child
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        or (isinstance(function, ast.If) and ast.unparse(function.test) == "TYPE_CHECKING")
        for child in ast.walk(function)
    }
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".")
            base = parents[: len(parents) - node.level + is_package] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{start}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("import_module", "require")
        ):
            names = [
                argument.value
                for argument in node.args[:1]
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
            ]
        for name in names:
            yield name, node not in later


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(("limelight", *parts)).removesuffix(".__init__"), path


def imports_of_package() -> Iterator[tuple[str, str, bool]]:
    for module, path in modules():
        for name, at_once in imported(path.read_text(), module, path.stem == "__init__"):
            yield module, name, at_once


DEPTH = {part: depth for depth, parts in enumerate(LAYERS) for part in parts}


def complaint(module: str, name: str) -> str | None:
    """What is wrong with `module` importing `name`; None where nothing is."""
    if name.partition(".")[0] != "limelight":
        return None
    if "." not in name:
        return f"{module} imports {name}: import the module that is meant"
    importer, target = module.split(".")[1], name.split(".")[1]
    if importer not in DEPTH or target not in DEPTH:
        return f"{module} imports {name}: one of them is not in LAYERS, or not a module at all"
    allowed = (
        importer == target or DEPTH[importer] < DEPTH[target] or (importer, target) in NEIGHBOURS
    )
    return None if allowed else f"{module} imports {name}: against the layers"


def test_every_part_has_its_layer() -> None:
    parts = {module.split(".")[1] for module, _ in modules() if "." in module}
    assert parts - DEPTH.keys() == set(), "say in LAYERS where it belongs"


def test_imports_follow_the_layers() -> None:
    found = (
        complaint(module, name) for module, name, _ in imports_of_package() if module != "limelight"
    )
    assert [text for text in found if text] == []


def test_methods_import_no_framework() -> None:
    found = [
        (module, name)
        for module, name, _ in imports_of_package()
        if module.startswith("limelight.methods") and name.partition(".")[0] in FRAMEWORKS
    ]
    assert found == []


def test_the_front_and_the_commands_import_nothing_heavy_at_once() -> None:
    found = [
        (module, name)
        for module, name, at_once in imports_of_package()
        if at_once
        and (module == "limelight" or module.startswith("limelight.cli"))
        and name.partition(".")[0] not in LIGHT
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b, c", [("a.b", True), ("c", True)]),
        ("def f():\n    from limelight import cli", [("limelight.cli", False)]),
        ("if TYPE_CHECKING:\n    import torch", [("torch", False)]),
        ("try:\n    import torch\nfinally:\n    pass", [("torch", True)]),
        ("from . import x", [("limelight.methods.x", True)]),
        ("from .x import y", [("limelight.methods.x.y", True)]),
        ("from ..runs.store import y", [("limelight.runs.store.y", True)]),
        ("f = lambda: importlib.import_module('torch')", [("torch", False)]),
        ("cv2 = require('cv2', 'opencv', 'contours')", [("cv2", True)]),
    ],
)
def test_every_kind_of_import_is_seen(source: str, expected: list[tuple[str, bool]]) -> None:
    assert list(imported(source, "limelight.methods.cam", is_package=False)) == expected


@pytest.mark.parametrize(
    ("module", "name", "right"),
    [
        ("limelight.explainer", "limelight.maps.Maps", True),
        ("limelight.maps", "limelight.explainer.explain", False),
        ("limelight.methods.cam", "limelight.maps.Maps", False),
        ("limelight.methods.cam", "limelight.methods.declaration", True),
        ("limelight.metrics.iou", "limelight.localization.components", True),
        ("limelight.localization.components", "limelight.metrics.iou", False),
        ("limelight.draw.overlays", "limelight.data.open", False),
        ("limelight.errors", "limelight.boxes", False),
        ("limelight.runs.store", "limelight", False),
        ("limelight.runs.store", "limelight.explain", False),
        ("limelight.methods.cam", "limelighter.cli", True),
    ],
)
def test_the_direction_is_judged_right(module: str, name: str, right: bool) -> None:
    assert (complaint(module, name) is None) is right
