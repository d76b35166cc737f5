"""The docstrings: their examples run, and the arguments that they describe are those there are."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import limelight

ROOT = Path(__file__).parents[2]
REFERENCE = runpy.run_path(str(ROOT / "docs" / "reference.py"), run_name="reference")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def modules() -> list[str]:
    """The modules with an example, found in their text so that only they are imported."""
    found = []
    for info in pkgutil.walk_packages(limelight.__path__, "limelight."):
        folder = ROOT / "src" / info.name.replace(".", "/")
        file = folder / "__init__.py" if info.ispkg else folder.with_suffix(".py")
        if ">>> " in file.read_text("utf-8"):
            found.append(info.name)
    return found


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What examples may take for granted.

    A model of ten classes, bare and as a classifier, five images, a photograph and a data set.
    """
    torch = pytest.importorskip("torch")
    from limelight.data import from_arrays
    from limelight.models import Classifier
    from limelight.models.preprocess import Preprocess
    from limelight.training import small_cnn

    torch.manual_seed(0)
    photograph = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    model = small_cnn(10).eval()
    pictures = np.zeros((4, 32, 32, 3), np.uint8)
    pictures[:, 8:20, 8:20] = 255
    return {
        "model": model,
        "images": torch.rand(5, 3, 32, 32),
        "photograph": photograph,
        "classifier": Classifier(model, Preprocess((32, 32), channels_first=True)),
        "dataset": from_arrays(pictures, [0, 1, 0, 1], [[8, 8, 20, 20]] * 4),
    }


@pytest.mark.torch
@pytest.mark.parametrize("name", modules())
def test_the_examples_of_a_module_run(
    name: str, names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    said: list[str] = []
    count = 0
    for test in doctest.DocTestFinder().find(module, extraglobs=names):
        count += runner.run(test, out=said.append).attempted
    assert count
    assert runner.summarize(verbose=False).failed == 0, "".join(said)


def described() -> Iterator[tuple[str, Any]]:
    """Every public function, and every public class with its public methods."""
    for page in (limelight, *(getattr(limelight, name) for name in limelight._MODULES)):
        for name, value in of_page(page):
            if inspect.isclass(value):
                yield f"{page.__name__}.{name}", value
                for method, function in vars(value).items():
                    if not method.startswith("_") and inspect.isfunction(function):
                        yield f"{page.__name__}.{name}.{method}", function
            elif inspect.isfunction(value):
                yield f"{page.__name__}.{name}", value


def of_page(page: ModuleType) -> Iterator[tuple[str, Any]]:
    if page is limelight:
        return iter([(name, getattr(limelight, name)) for name in limelight._PUBLIC])
    return REFERENCE["members"](page)


def test_the_arguments_that_a_docstring_describes_exist() -> None:
    wrong = []
    for name, value in described():
        block = re.search(r"^Args:\n((?:    .*\n|\n)+)", f"{inspect.getdoc(value)}\n", re.MULTILINE)
        said = re.findall(r"^    (\w[\w, *]*):", block[1] if block else "", re.MULTILINE)
        words = {word.strip(" *") for line in said for word in line.split(",")}
        if words:
            known = inspect.signature(value).parameters
            wrong += [(name, word) for word in sorted(words - set(known))]
    assert wrong == []


def test_the_front_door_has_examples() -> None:
    for name in ("explain", "Explainer", "load", "Maps", "Frame", "Smooth"):
        assert ">>> " in (inspect.getdoc(getattr(limelight, name)) or ""), name
