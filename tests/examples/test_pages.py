"""The pages: their pictures are there, their numbers are the benchmark's."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest

from examples.conftest import EXAMPLES

ROOT = EXAMPLES.parent
PAGES = sorted((ROOT / "docs" / "tutorials").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    for picture in re.findall(r"!\[.+\]\((\S+)\)", text):
        assert (page.parent / picture).is_file(), picture
    for file in re.findall(r"`((?:examples|benchmarks|tests)/\S+\.py)`", text):
        assert (ROOT / file).is_file(), file


def test_every_example_has_a_page() -> None:
    texts = "".join(page.read_text("utf-8") for page in PAGES)
    for script in EXAMPLES.glob("*.py"):
        assert f"`examples/{script.name}`" in texts


def test_the_figures_of_the_transfer_run_are_the_benchmarks() -> None:
    benchmark = runpy.run_path(str(ROOT / "benchmarks" / "transfer.py"), run_name="benchmark")
    results = json.loads(benchmark["RESULTS"].read_text("utf-8"))
    assert benchmark["table"](results) in benchmark["PAGE"].read_text("utf-8")
