"""The page in a real browser: what it asks for, what it says, what it looks like."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from limelight import draw
from limelight.report import write
from report.examples import make_item, make_report

sync_api = pytest.importorskip("playwright.sync_api")

CHROMIUM = os.environ.get("LIMELIGHT_CHROMIUM") or shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAME = "<script>alert('1')</script> \"quoted\" & 개 中文"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    items = [make_item(n) for n in range(20)]
    items.append(make_item(20, label=NAME, predicted=NAME, id=NAME))
    long = {"label": "a long name of a class, " * 6, "id": "folder/" * 9 + "x" * 60 + ".JPEG"}
    items.append(make_item(0, **long))
    made = make_report(0, items=items, settings={NAME: {"a_long_key_" * 6: "a-long-value-" * 9}})
    return write(made, tmp_path_factory.mktemp("report") / "report.html", figures=False)


def opened(browser: Any, path: Path, **options: Any) -> tuple[Any, list[str]]:
    """The page in a fresh context, and everything it asked for or complained about."""
    context = browser.new_context(**options)
    page = context.new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: told.append(dialog.message))
    page.on("request", lambda request: told.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_load_state("networkidle")
    return page, [line for line in told if not line.startswith(("data:", path.as_uri()))]


def shot(locator: Any) -> np.ndarray:
    with Image.open(io.BytesIO(locator.screenshot())) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("wide", [1200, 360])
def test_it_opens_quietly_and_fits(browser: Any, report: Path, scheme: str, wide: int) -> None:
    page, told = opened(
        browser, report, color_scheme=scheme, viewport={"width": wide, "height": 800}
    )
    assert told == []
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= wide
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_the_background(browser: Any, report: Path, scheme: str) -> None:
    page, _ = opened(browser, report, color_scheme=scheme)
    ratios = page.evaluate("""() => {
        const parse = color => color.match(/[\\d.]+/g).slice(0, 3).map(Number);
        const luminance = color => parse(color).map(v => v / 255)
            .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const ground = luminance(getComputedStyle(document.body).backgroundColor);
        return [...document.querySelectorAll('h1, p, a, th, td, h3, span, summary, figcaption, text')]
            .map(e => luminance(e.tagName === 'text' ? getComputedStyle(e).fill : getComputedStyle(e).color))
            .map(v => (Math.max(v, ground) + 0.05) / (Math.min(v, ground) + 0.05));
    }""")
    assert len(ratios) > 100
    assert min(ratios) >= 4.5
    page.context.close()


def test_names_are_shown_as_text(browser: Any, report: Path) -> None:
    page, told = opened(browser, report)
    assert told == []
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    case = page.locator("#case-20")
    assert case.locator("h3").inner_text() == NAME
    assert case.locator(".id").inner_text() == NAME
    page.context.close()


def test_the_overlay_looks_as_the_library_draws_it(browser: Any, tmp_path: Path) -> None:
    size = (150, 200)
    y, x = np.mgrid[: size[0], : size[1]]
    map = np.exp(-((x - 60) ** 2 + (y - 100) ** 2) / 2500)
    image = np.stack([x, y, 128 + 0 * x], -1).astype(np.uint8)
    item = make_item(
        1,
        image=image,
        maps={"cam": map},
        boxes={"cam": [20, 60, 100, 140]},
        true_boxes=[[110, 20, 180, 70]],
    )
    path = write(make_report(0, items=[item]), tmp_path / "report.html", figures=False)
    page, _ = opened(browser, path, viewport={"width": 1200, "height": 900})
    for selector, expected in (
        (".overlay", draw.overlay(image, map)),
        (".map", draw.colorize(map)),
    ):
        got = shot(page.locator(f"#case-0 {selector}"))
        assert got.shape[1] / got.shape[0] == pytest.approx(200 / 150, rel=0.02)
        scale = got.shape[1] / 200
        for px, py in ((60, 100), (10, 10), (130, 100), (140, 40), (60, 120), (190, 140)):
            at = got[int((py + 0.5) * scale), int((px + 0.5) * scale)]
            assert np.abs(at - expected[py, px]).max() < 25, (selector, px, py)
    overlay = shot(page.locator("#case-0 .overlay"))
    scale = overlay.shape[1] / 200
    right = overlay[int(45 * scale), int(180 * scale) - 2 : int(180 * scale) + 3]
    assert (np.abs(right - [0, 212, 90]).max(-1) < 40).any()  # the true box's right side, green
    lower = overlay[int(140 * scale) - 2 : int(140 * scale) + 3, int(30 * scale) : int(90 * scale)]
    orange = (np.abs(lower - [255, 106, 0]).max(-1) < 40).any(0)
    assert 0.4 < orange.mean() < 0.9  # the predicted box's lower side, orange dashes
    page.context.close()


def test_what_was_not_seen_is_grey_and_dark(browser: Any, tmp_path: Path) -> None:
    image = np.full((100, 200, 3), (200, 60, 60), np.uint8)
    item = make_item(
        1,
        image=image,
        maps={"cam": np.zeros((5, 10))},
        boxes={},
        true_boxes=[],
        seen=(50, 0, 150, 100),
    )
    path = write(make_report(0, items=[item]), tmp_path / "report.html", figures=False)
    page, _ = opened(browser, path)
    got = shot(page.locator("#case-0 .overlay"))
    outside = got[got.shape[0] // 2, got.shape[1] // 10]
    assert np.ptp(outside) <= 3 and outside.max() < 70
    inside = got[got.shape[0] // 2, got.shape[1] // 2]
    assert np.abs(inside - draw.overlay(image, np.zeros((100, 200)))[50, 100]).max() < 10
    page.context.close()


def test_on_paper_it_is_dark_on_white_and_complete(browser: Any, report: Path) -> None:
    page, _ = opened(browser, report, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert not page.locator("nav").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.context.close()


def test_the_keyboard_reaches_links_table_and_folded_cases(browser: Any, report: Path) -> None:
    page, _ = opened(browser, report)
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.tagName + ' ' + document.activeElement.className")
        )
    assert "A " in reached and "DIV scroll" in reached and "SUMMARY " in reached
    page.keyboard.press("Escape")
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#case-10").is_visible()
    page.context.close()
