"""The Python of the README and of the pages runs, from the top of a page to its end.

Each page finds the files and names that it speaks of, small ones (`stage.py`). A block below
`<!-- not run: … -->` is read, and its calls of `limelight.load` are checked against the signature.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import limelight
from docs import stage

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"(?:<!-- not run: (.+?) -->\s*)?^```python\n(.*?)^```", re.MULTILINE | re.DOTALL
)
# Pages whose blocks a test of their own runs.
ELSEWHERE = {"map-in-a-loss.md", "moving.md"}


def blocks(page: Path) -> list[tuple[str, str]]:
    """Why a block is not run, or "", and its code."""
    return [(found[1] or "", found[2]) for found in BLOCK.finditer(page.read_text("utf-8"))]


def pages() -> list[Any]:
    """The pages with Python, marked with the frameworks that they use."""
    found = []
    for page in PAGES:
        code = "".join(code for _, code in blocks(page))
        if code and page.name not in ELSEWHERE:
            marks = [pytest.mark.keras] if "keras" in code else [pytest.mark.torch]
            name = page.relative_to(ROOT).with_suffix("").as_posix()
            found.append(pytest.param(page, id=name, marks=marks))
    return found


@pytest.fixture
def methods_of_pages_are_forgotten() -> Iterator[None]:
    """A page that declares a method does so in its own test only."""
    from limelight.methods import declaration, list_methods

    own = {method.name for method in list_methods()}
    yield
    for name in set(declaration._registry) - own:
        del declaration._registry[name]


@pytest.mark.usefixtures("methods_of_pages_are_forgotten")
@pytest.mark.parametrize("page", pages())
def test_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = stage.of(page.stem)
    for number, (reason, code) in enumerate(blocks(page)):
        compiled = compile(stage.smaller(page.stem, code), f"{page.name}, block {number}", "exec")
        if not reason:
            exec(compiled, names)
            continue
        with monkeypatch.context() as patch:
            patch.setattr(limelight, "load", inspect.signature(limelight.load).bind)
            exec(compiled, dict(names))
    stage.check(page.stem, names)


def test_pages_with_tests_of_their_own_have_them() -> None:
    tests = "".join(test.read_text("utf-8") for test in (ROOT / "tests").rglob("test_*.py"))
    for name in ELSEWHERE:
        assert f'"docs" / "{name}"' in tests


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_is_in_the_navigation(page: Path) -> None:
    if page.parent != ROOT:
        path = page.relative_to(ROOT / "docs").as_posix()
        assert f": {path}\n" in (ROOT / "mkdocs.yml").read_text("utf-8"), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_first_page_leads_to_every_other(page: Path) -> None:
    if page.parent != ROOT and page.stem != "index":
        path = page.relative_to(ROOT / "docs").as_posix()
        assert f"]({path}" in (ROOT / "docs" / "index.md").read_text("utf-8"), path
