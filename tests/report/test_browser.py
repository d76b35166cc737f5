"""The page in a real browser: what it asks for, what it says, what it looks like."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from limelight import draw
from limelight.boxes import iou
from limelight.frames import Frame
from limelight.localization import locate
from limelight.report import write
from limelight.runs.scoring import resized
from report.examples import make_item, make_report

NAME = "<script>alert('1')</script> \"quoted\" & 개 中文"


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


def moved(page: Any, slider: str, value: str) -> None:
    """Move a slider as a person does, and wait until the page has followed."""
    page.locator(slider).fill(value)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def shown(page: Any) -> list[str]:
    """The ids of the cases in the order of the page."""
    return page.locator("#list .case .id").all_text_contents()


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
    page.evaluate("document.getElementById('list').scrollIntoView()")
    page.locator("#list canvas").nth(3).wait_for()
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
    from playwright.sync_api import expect

    case = page.locator("#item-20")
    case.scroll_into_view_if_needed()
    expect(case.locator("h3")).to_have_text(NAME)  # cases are made when they come near the view
    expect(case.locator(".id")).to_have_text(NAME)
    assert NAME in page.locator("#class").inner_text()
    page.select_option("#class", label=NAME)
    assert page.locator("#list .case").count() == 1
    assert NAME in case.locator(".stack").nth(1).get_attribute("aria-label")
    assert told == []
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
    moved(page, "#opacity", "50")
    live = shot(page.locator("#item-0 .stack").nth(1))
    for px, py in ((60, 100), (10, 10), (130, 100), (140, 40), (60, 120), (190, 140)):
        scale = live.shape[1] / 200
        at = live[int((py + 0.5) * scale), int((px + 0.5) * scale)]
        assert np.abs(at - draw.overlay(image, map)[py, px]).max() < 25, (px, py)
    page.context.close()
    page, _ = opened(
        browser, path, viewport={"width": 1200, "height": 900}, java_script_enabled=False
    )
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
        maps={"cam": np.zeros((5, 5))},
        frames={"cam": Frame.identity((100, 200)).crop(0, 50, (100, 100))},
        boxes={},
        true_boxes=[],
        seen=(50, 0, 150, 100),
    )
    path = write(make_report(0, items=[item]), tmp_path / "report.html", figures=False)
    page, _ = opened(browser, path)
    live = shot(page.locator("#item-0 .stack").nth(1))
    outside = live[live.shape[0] // 2, live.shape[1] // 10]
    assert np.abs(outside - image[0, 0] * 0.4).max() < 12
    inside = live[live.shape[0] // 2, live.shape[1] // 2]
    assert np.abs(inside - draw.overlay(image, np.zeros((100, 200)))[50, 100]).max() < 10
    page.context.close()
    page, _ = opened(browser, path, java_script_enabled=False)
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
    assert not page.locator("#list").is_visible()
    assert page.locator("#case-0").is_visible() and page.locator("#distribution").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("wide", [1200, 390])
def test_axe_finds_nothing_serious(browser: Any, report: Path, scheme: str, wide: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page, _ = opened(
        browser, report, color_scheme=scheme, viewport={"width": wide, "height": 900},
        bypass_csp=True,
    )  # fmt: skip
    page.evaluate("document.querySelector('.filters').open = true")
    found = axe.run(page).response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    assert [(each["id"], [n["html"] for n in each["nodes"]][:3]) for each in serious] == []
    page.context.close()


def test_the_threshold_moves_the_boxes_as_the_library_finds_them(
    browser: Any, tmp_path: Path
) -> None:
    random = np.random.default_rng(7)
    items, maps = [], []
    for n in range(6):
        size = (int(random.integers(40, 300)), int(random.integers(40, 300)))
        values = random.random((int(random.integers(3, 15)), int(random.integers(3, 15))))
        values = np.rint(values / values.max() * 65535) / 65535  # as it travels
        frame = Frame.identity(size).resize((64, 64))
        if n % 2:
            frame = Frame.identity(size).resize((70, 70)).crop(3, 3, (64, 64))
        changes: dict[str, Any] = {
            "image": random.integers(0, 255, (*size, 3), np.uint8),
            "true_boxes": [[5, 6, 30, 34], [1, 2, 25, 20]],
            "maps": {"cam": values},
            "frames": {"cam": frame},
            "boxes": {"cam": [1, 2, 3, 4]},
            "iou": {"cam": 0.5},
        }
        items.append(make_item(n, **changes))
        maps.append((values, frame))
    path = write(make_report(0, items=items), tmp_path / "report.html", figures=False)
    page, told = opened(browser, path, viewport={"width": 1200, "height": 6000})
    truth = np.array(items[0].true_boxes)
    figures = [page.locator(f"#item-{n} .panel").nth(1) for n in range(6)]
    assert page.locator("#own").is_disabled()
    for figure in figures:  # as scored, before a slider is moved
        assert json.loads(figure.get_attribute("data-box")) == [1, 2, 3, 4]
        assert figure.locator(".figures").inner_text() == "IoU 0.50"
    for threshold in (0.0, 0.13, 0.35, 0.6, 0.85, 0.99):
        moved(page, "#threshold", str(threshold))
        for figure, (values, frame) in zip(figures, maps, strict=True):
            expected = locate(resized(values.astype(np.float32), frame), threshold)
            box = json.loads(figure.get_attribute("data-box"))
            np.testing.assert_allclose(box, expected, atol=1e-9)
            overlap = iou(expected[None], truth).max() + 0.0  # which makes 0 of −0
            assert float(figure.get_attribute("data-iou")) == pytest.approx(overlap)
            assert figure.locator(".figures").inner_text() == f"IoU {overlap:.2f}"
            drawn = figure.locator(".predicted .line")
            assert float(drawn.get_attribute("x")) == box[0]
            assert float(drawn.get_attribute("height")) == box[3] - box[1]
    assert page.locator("output[for=threshold]").inner_text() == "0.99"
    page.click("#own")
    page.wait_for_timeout(100)
    assert json.loads(figures[0].get_attribute("data-box")) == [1, 2, 3, 4]
    assert told == []
    page.context.close()


def test_opacity_is_that_of_all_overlays(browser: Any, report: Path) -> None:
    page, _ = opened(browser, report)
    page.evaluate("document.getElementById('list').scrollIntoView()")
    page.locator("#list canvas").nth(3).wait_for()
    for value in ("0", "30", "100"):
        moved(page, "#opacity", value)
        found = page.evaluate(
            "[...document.querySelectorAll('#list canvas')].map(c => getComputedStyle(c).opacity)"
        )
        assert len(found) > 3 and {float(each) for each in found} == {int(value) / 100}
        assert page.locator("output[for=opacity]").inner_text() == f"{value} %"
    page.context.close()


def test_filters_and_order(browser: Any, tmp_path: Path) -> None:
    items = [make_item(n, label="square" if n % 2 else "ring") for n in range(20)]
    items[5] = make_item(5, iou={}, boxes={}, true_boxes=[])
    path = write(make_report(0, items=items), tmp_path / "report.html", figures=False)
    page, told = opened(browser, path)
    name = "image-{}.png".format
    order = [n for n in range(20) if n != 5]
    assert shown(page) == [name(n) for n in [*order, 5]]  # best first, without an IoU last
    page.select_option("#order", "worst")
    assert shown(page) == [name(n) for n in [*order[::-1], 5]]
    page.select_option("#method", "layercam")
    assert shown(page) == [name(n) for n in [*order, 5]]
    page.select_option("#order", "name")
    assert shown(page) == [name(n) for n in range(20)]
    page.select_option("#order", "apart")
    assert shown(page)[0] == name(0) and shown(page)[-1] == name(5)
    page.select_option("#order", "data")
    page.select_option("#class", label="ring")
    assert shown(page) == [name(n) for n in range(0, 20, 2)]
    assert page.locator("#count").inner_text() == "10 of 20 images"
    page.select_option("#verdict", "right")
    assert shown(page) == []
    page.select_option("#class", label="square")
    right = [n for n in range(1, 20, 2) if n % 3]
    assert shown(page) == [name(n) for n in right]
    page.select_option("#verdict", "wrong")
    assert shown(page) == [name(n) for n in range(3, 20, 6)]
    page.click("#reset")
    assert shown(page) == [name(n) for n in [*order, 5]]
    page.select_option("#method", "cam")
    page.fill("#least", "0.85")
    assert shown(page) == [name(n) for n in order if 0.9 - n / 250 >= 0.85]
    page.fill("#most", "0.88")
    assert shown(page) == [name(n) for n in order if 0.85 <= 0.9 - n / 250 <= 0.88]
    page.click("#reset")
    page.fill("#search", "E-17")
    assert shown(page) == [name(17)]
    assert told == []
    page.context.close()


def test_methods_side_by_side_and_colours(browser: Any, report: Path) -> None:
    page, _ = opened(browser, report)
    first = page.locator("#list .case").first

    def columns() -> list[str]:
        return first.locator("figcaption bdi").all_inner_texts()

    before = shot(first.locator(".stack").nth(1))
    assert columns() == ["cam", "layercam"]
    page.select_option("#colours", "gray")
    assert np.abs(shot(first.locator(".stack").nth(1)) - before).mean() > 5
    page.get_by_role("checkbox", name="cam", exact=True).uncheck()
    assert columns() == ["layercam"]
    page.get_by_role("checkbox", name="layercam").uncheck()
    assert columns() == []
    page.get_by_role("checkbox", name="cam", exact=True).check()
    assert columns() == ["cam"]
    page.context.close()


def test_methods_below_each_other_and_layers_beside_each_other(
    browser: Any, tmp_path: Path
) -> None:
    axes = {f"{m} · {layer}": (m, layer) for m in ("cam", "fem", "xcam") for layer in ("a", "b")}
    maps = {name: np.eye(3) for name in axes}
    item = make_item(
        1, maps=maps, boxes={}, iou={}, true_boxes=[], notes={"fem · a": "It is flat."}
    )
    path = write(
        make_report(0, items=[item], table=[], axes=axes), tmp_path / "report.html", figures=False
    )
    page, told = opened(browser, path, viewport={"width": 1200, "height": 1600})

    def places() -> dict[str, list[int]]:
        """The row and column of each map on the page."""
        panels = page.locator("#list .panel").all()
        boxes = [panel.bounding_box() for panel in panels[1:]]
        rows, columns = (sorted({round(box[side]) for box in boxes}) for side in ("y", "x"))
        image = panels[0].bounding_box()
        assert image["x"] < columns[0] and round(image["y"]) == rows[0]
        names = [panel.locator("bdi").inner_text() for panel in panels[1:]]
        return {
            name: [rows.index(round(box["y"])), columns.index(round(box["x"]))]
            for name, box in zip(names, boxes, strict=True)
        }

    page.locator("#list canvas").nth(5).wait_for()
    assert places() == {f"{m} · {x}": [r, c] for r, m in enumerate(("cam", "fem", "xcam"))
                        for c, x in enumerate("ab")}  # fmt: skip
    assert page.locator("#list .why").all_inner_texts() == ["It is flat."]
    page.get_by_role("checkbox", name="fem").uncheck()
    assert places() == {f"{m} · {x}": [r, c] for r, m in enumerate(("cam", "xcam"))
                        for c, x in enumerate("ab")}  # fmt: skip
    page.get_by_role("checkbox", name="a", exact=True).uncheck()
    assert places() == {"cam · b": [0, 0], "xcam · b": [1, 0]}
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert not page.get_by_text("true box").is_visible()
    assert told == []
    page.context.close()


def test_the_curves_of_an_image_stand_below_it(browser: Any, tmp_path: Path) -> None:
    falling, rising = [1, 0.5, 0], [0, 0.5, 1]
    curves = {"Deletion": {"cam": falling, "layercam": [1, 1, 1]}, "Insertion": {"cam": rising}}
    item = make_item(1, curves=curves)
    path = write(make_report(0, items=[item]), tmp_path / "report.html", figures=False)
    page, told = opened(browser, path, viewport={"width": 1200, "height": 1600})
    charts = page.locator("#list .curves figure")
    assert charts.locator("figcaption").all_inner_texts() == ["Deletion", "Insertion"]
    entries = charts.first.locator("li").all_inner_texts()
    assert entries == ["cam 0.50", "layercam 1.00"]  # with the areas below
    spoken = charts.first.locator("svg[role=img]").get_attribute("aria-label")
    assert spoken == "Deletion, areas: cam 0.50, layercam 1.00"

    def heights(chart: int) -> list[float]:
        points = charts.nth(chart).locator("polyline").first.get_attribute("points")
        return [float(point.split(",")[1]) for point in points.split()]

    assert heights(0) == heights(1)[::-1] == sorted(heights(0))  # y grows downwards
    page.get_by_role("checkbox", name="cam", exact=True).uncheck()
    assert charts.locator("figcaption").all_inner_texts() == ["Deletion"]
    assert charts.locator("li").all_inner_texts() == ["layercam 1.00"]
    assert told == []
    page.context.close()


def test_light_and_dark_can_be_chosen(browser: Any, report: Path) -> None:
    page, _ = opened(browser, report, color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    button = page.get_by_role("button", name="Dark")
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    assert page.evaluate(background) == dark
    page.context.close()


def test_everything_is_reached_and_used_from_the_keyboard(browser: Any, report: Path) -> None:
    page, _ = opened(browser, report)
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        here = "document.activeElement.id || document.activeElement.className"
        reached.append(page.evaluate(here))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none" or reached[-1] == ""  # the focus can be seen
        if reached[-1] == "threshold" and reached.count("threshold") == 1:
            page.keyboard.press("ArrowRight")
            assert page.locator("output[for=threshold]").inner_text() == "0.21"
            spoken = page.locator("#threshold").get_attribute("aria-valuetext")
            assert spoken == "0.21 of the maximum"
    wanted = ["theme", "scroll", "opacity", "threshold", "own", "search", "class", "verdict",
              "method", "least", "most", "order", "colours", "reset"]  # fmt: skip
    assert [each for each in dict.fromkeys(reached) if each in wanted] == wanted
    page.context.close()


def test_without_scripts_there_are_tables_charts_and_cases(browser: Any, report: Path) -> None:
    page, _ = opened(browser, report, java_script_enabled=False)
    assert page.locator("table.scores").is_visible()
    assert page.locator("#distribution svg").first.is_visible()
    assert page.locator("#case-0").is_visible()
    assert not page.locator("#theme").is_visible() and not page.locator("#opacity").is_visible()
    page.context.close()


def test_cases_far_from_the_view_hold_no_pictures(browser: Any, tmp_path: Path) -> None:
    items = [make_item(n, iou={"cam": n / 300}) for n in range(300)]
    path = write(make_report(0, items=items), tmp_path / "report.html", figures=False)
    page, told = opened(browser, path, viewport={"width": 1200, "height": 800})
    canvases = page.locator("#list canvas")
    assert 2 <= canvases.count() < 60
    for n in (0, 150, 299):
        page.locator(f"#item-{n}").scroll_into_view_if_needed()
        page.locator(f"#item-{n} canvas").first.wait_for()
        assert canvases.count() < 60
    assert told == []
    page.context.close()
