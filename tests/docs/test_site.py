"""The site: nothing is loaded from elsewhere, every public name has its entry, the search finds it."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import limelight

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
CHECK = runpy.run_path(str(ROOT / "docs" / "check.py"), run_name="check")
REFERENCE = runpy.run_path(str(ROOT / "docs" / "reference.py"), run_name="reference")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = ["-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True, env=ENVIRONMENT)
    return folder


ENVIRONMENT = os.environ | {"NO_MKDOCS_2_WARNING": "1"}


def test_nothing_is_loaded_from_elsewhere_and_every_link_leads_somewhere(site: Path) -> None:
    assert CHECK["problems"](site) == []


def test_every_public_name_has_its_entry(site: Path) -> None:
    anchors = set()
    for page in (site / "reference").glob("*.html"):
        anchors |= CHECK["Page"](page.read_text("utf-8")).anchors
    missing = []
    for name in limelight._PUBLIC:
        value = getattr(limelight, name)
        if f"{value.__module__}.{value.__qualname__}" not in anchors:
            missing.append(name)
    for name in limelight._MODULES:
        for member, value in REFERENCE["members"](getattr(limelight, name)):
            if hasattr(value, "__qualname__") and f"{value.__module__}.{value.__qualname__}" not in anchors:  # fmt: skip
                missing.append(f"{name}.{member}")
    assert missing == []


def test_every_option_of_the_command_line_has_its_place(site: Path) -> None:
    text = (site / "commands.html").read_text("utf-8")
    made = runpy.run_path(str(ROOT / "docs" / "commands.py"), run_name="commands")["page"]()
    places = set(re.findall(r"^`.*\{ #(\S+) \}$", made, re.MULTILINE))
    assert len(places) > 100
    assert places <= CHECK["Page"](text).anchors
    assert text.count("</dt>") == text.count("</dd>") == len(places)


def test_the_site_opens_from_disk_and_searches_there(site: Path, browser: Browser) -> None:
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("/")
    page.keyboard.type("bootstrap interval")
    page.wait_for_selector(".md-search-result__link", timeout=20_000)
    found = page.locator(".md-search-result__link").first.get_attribute("href")
    page.close()
    assert found is not None and (site / re.sub(r"[?#].*", "", found.removeprefix(f"{site.as_uri()}/"))).is_file()  # fmt: skip
    assert {url.partition(":")[0] for url in asked} <= {"file", "data", "blob"}


@pytest.mark.parametrize(
    ("html", "sentence"),
    [
        ('<script src="https://cdn.example/a.js"></script>', "loads https://cdn.example/a.js from"),
        ('<link rel="stylesheet" href="//cdn.example/a.css">', "loads //cdn.example/a.css from"),
        ('<a href="nowhere.html">x</a>', "refers to nowhere.html, which is not there"),
        ('<a href="#nowhere">x</a>', "but the page has no such place"),
    ],
)
def test_the_check_finds_what_is_wrong(tmp_path: Path, html: str, sentence: str) -> None:
    (tmp_path / "page.html").write_text(f'<p id="here"><a href="#here">y</a>{html}', "utf-8")
    (found,) = CHECK["problems"](tmp_path)
    assert sentence in found
