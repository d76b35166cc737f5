"""Every figure in the README and on the pages is that of a results file.

Tables of figures stand in sections that name the script that writes them. Here every section is
emptied in a copy, every script renders from its results, and the copy must be what is committed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [Path("README.md"), *(p.relative_to(ROOT) for p in sorted((ROOT / "docs").rglob("*.md")))]
SECTION = re.compile(r"<!-- begin: (\S+) -->\n(.*?)<!-- end: (\S+) -->", re.DOTALL)
# A table with a column that is aligned to the right holds figures.
OF_FIGURES = re.compile(r"^\|.*\|\n\|[ :|-]*-:[ :|-]*\|\n(?:\|.*\|\n)+", re.MULTILINE)

# One process for all scripts, which import the same frameworks.
RENDER = """
import runpy, sys
from pathlib import Path
from torchvision_registration import prepare_torchvision

prepare_torchvision()
sys.path.insert(0, "benchmarks")
for script in sys.argv[1:]:
    sys.argv = [script, "--render"]
    try:
        runpy.run_path(str(Path(script).resolve()), run_name="__main__")
    except SystemExit as end:
        assert not end.code, script
"""


def text(page: Path) -> str:
    return (ROOT / page).read_text("utf-8")


def sections() -> list[tuple[Path, str]]:
    """Every page with each script that writes a part of it."""
    return [(page, found[1]) for page in PAGES for found in SECTION.finditer(text(page))]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the pages, whose sections were emptied and written again."""
    folder = tmp_path_factory.mktemp("rendered")
    for name in ("docs", "benchmarks", "tests", "examples"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "README.md", folder)
    for page in PAGES:
        emptied = SECTION.sub(r"<!-- begin: \1 -->\n<!-- end: \3 -->", text(page))
        (folder / page).write_text(emptied, "utf-8")
    scripts = sorted({script for _, script in sections()})
    environment = os.environ | {"PYTHONPATH": "tests", "KERAS_BACKEND": "torch"}
    subprocess.run(
        [sys.executable, "-c", RENDER, *scripts], cwd=folder, env=environment, check=True
    )
    return folder


@pytest.mark.parametrize(("page", "script"), sections(), ids=str)
def test_a_section_is_what_its_script_makes_of_its_results(
    page: Path, script: str, rendered: Path
) -> None:
    committed, made = (
        {found[1]: found[2] for found in SECTION.finditer((folder / page).read_text("utf-8"))}
        for folder in (ROOT, rendered)
    )
    assert made[script].strip()
    assert made[script] == committed[script]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_rendering_changes_nothing_else(page: Path, rendered: Path) -> None:
    assert (rendered / page).read_text("utf-8") == text(page)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_sections_are_well_formed(page: Path) -> None:
    found = list(SECTION.finditer(text(page)))
    assert [section[1] for section in found] == [section[3] for section in found]
    assert len(found) == text(page).count("<!-- begin:") == text(page).count("<!-- end")
    for section in found:
        assert (ROOT / section[1]).is_file(), section[1]
        assert len(section[2].strip()) > 20


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_tables_of_figures_stand_in_sections(page: Path) -> None:
    """But for those that a test of their page's own code compares."""
    written_by_hand = SECTION.sub("", text(page))
    if page.name in computed_by_their_page():
        return
    assert OF_FIGURES.findall(written_by_hand) == []


def computed_by_their_page() -> set[str]:
    """Pages whose figures a test of their own computes from their code."""
    tests = "".join(test.read_text("utf-8") for test in (ROOT / "tests").glob("test_*.py"))
    return set(re.findall(r'"docs" / "([\w-]+\.md)"', tests))
