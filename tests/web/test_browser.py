"""The page in a real browser: every choice, every slider, and what it says."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from limelight import boxes, cli, data, draw, explain, progress
from limelight.methods import find_method
from web.conftest import NAMES, Site, picture, png, serving

NAME = "<img src=x onerror=alert(1)> \"a\" & 'b' $(id).png"


class Page:
    """A page of the site, and all that it asked for or complained about."""

    def __init__(self, browser: Any, site: Site, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.told: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.told.append(message.text))
        self.page.on("pageerror", lambda error: self.told.append(str(error)))
        self.page.on("dialog", lambda dialog: self.told.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(site.url)
        self.page.wait_for_selector("#methods label")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.page, name)

    def upload(self, content: bytes, name: str = "photo.png") -> None:
        self.page.set_input_files(
            "#file", {"name": name, "mimeType": "image/png", "buffer": content}
        )
        self.shown(1)

    def example(self, number: int) -> None:
        self.page.locator("#examples button").nth(number).click()
        self.shown(1)

    def shown(self, count: int) -> None:
        """Wait until so many maps of the newest question are shown."""
        self.page.wait_for_function(
            """(count) => document.querySelectorAll(".card.map").length === count
                && document.querySelector("#status").textContent.includes(`${count} of ${count}`)""",
            arg=count,
        )

    def fact(self, what: str, card: int = 0) -> str:
        return self.page.locator(".card.map").nth(card).locator(f".{what}").inner_text()

    def box(self, card: int = 0) -> list[float]:
        return [float(side) for side in self.fact("box", card).split(", ")]

    def slide(self, id: str, value: float) -> None:
        self.page.evaluate(
            """([id, value]) => {
                const slider = document.getElementById(id);
                slider.value = value;
                slider.dispatchEvent(new Event("input", {bubbles: true}));
            }""",
            [id, value],
        )


@pytest.fixture
def open_page(browser: Any, site: Site) -> Iterator[Callable[..., Page]]:
    """Opens pages; at the end none has said a word, nor asked another machine for anything."""
    opened: list[Page] = []

    def open(at: Site = site, **options: Any) -> Page:
        opened.append(Page(browser, at, **options))
        opened[-1].site = at
        return opened[-1]

    yield open
    for page in opened:
        page.context.close()
        assert page.told == []
        assert [url for url in page.asked if not url.startswith(page.site.url)] == []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    return open_page()


def rounded(box: np.ndarray) -> list[float]:
    return (np.round(10 * box) / 10).tolist()


# -- images ---------------------------------------------------------------------------------------


def test_an_uploaded_image_is_explained_at_once(page: Page, site: Site) -> None:
    image = picture(21, (90, 130))
    page.upload(png(image), NAME)
    maps = explain(site.classifiers[0], [image])
    assert page.box() == pytest.approx(rounded(maps.boxes(threshold=0.2)[0]), abs=0.11)
    name = maps.names()[0]
    assert f"{name} ({int(maps.target[0])})" in page.locator(".facts dd").first.inner_text()
    assert page.inner_text("#image-name") == f"{NAME}, 130 × 90"
    assert page.locator(".card.map .badge").inner_text() == maps.layer
    shown = np.asarray(
        Image.open(io.BytesIO(page.locator(".card.map .picture").first.screenshot()))
    )[..., :3].astype(int)
    overlay = maps.overlay([image])[0].astype(int)
    scale = shown.shape[1] / 130
    x0, y0, x1, y1 = maps.boxes(threshold=0.2)[0]
    compared = 0
    for y in range(8, 65, 6):  # above the word in the corner
        for x in range(5, 125, 6):
            if min(abs(x - x0), abs(x - x1), abs(y - y0), abs(y - y1)) > 4:
                at = shown[int((y + 0.5) * scale), int((x + 0.5) * scale)]
                assert np.abs(at - overlay[y, x]).max() < 25, (x, y)
                compared += 1
    assert compared > 50


def test_names_are_shown_as_text(page: Page) -> None:
    page.upload(png(picture(22)), NAME)
    listed = page.locator("#classes .what").all_inner_texts()
    assert sorted(listed[1:]) == sorted(NAMES)
    assert page.locator("#image-name img, #classes script, #stage script").count() == 0
    assert json.dumps(NAME)[1:-1] in page.inner_text("#python")


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_images_are_dropped_and_pasted(page: Page, way: str) -> None:
    page.evaluate(
        """([way, content]) => {
            const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
            const carried = new DataTransfer();
            carried.items.add(new File([bytes], "carried.png", {type: "image/png"}));
            const event = way === "paste"
                ? new ClipboardEvent("paste", {clipboardData: carried, bubbles: true})
                : new DragEvent("drop", {dataTransfer: carried, bubbles: true, cancelable: true});
            document.body.dispatchEvent(event);
        }""",
        [way, base64.b64encode(png(picture(23))).decode()],
    )
    page.shown(1)
    assert "carried.png" in page.inner_text("#image-name")


def test_what_is_no_image_gets_a_sentence(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.set_input_files("#file", {"name": "x.png", "mimeType": "image/png", "buffer": b"<html>"})
    page.wait_for_selector("#message:visible")
    assert "no image by its content" in page.inner_text("#message")
    page.told = [line for line in page.told if "415" not in line]  # the browser notes the status
    page.upload(png(picture(24)))
    assert not page.is_visible("#message")


def test_an_image_that_the_server_has_forgotten_is_sent_again(
    open_page: Callable[..., Page], small_model: Path
) -> None:
    with serving([small_model], image_bytes=1, maps=1) as site:
        page = open_page(site)
        page.upload(png(picture(25)))
        site.client.image(picture(26))
        page.locator("#classes input").nth(3).check()
        page.shown(1)
        page.told = [line for line in page.told if "404" not in line]
        page.goto("about:blank")


# -- choices --------------------------------------------------------------------------------------


def test_class_method_and_layer(page: Page, site: Site) -> None:
    page.example(2)
    image = data.open("digits", "test", count=6, cache=False)[2].read()
    classifier = site.classifiers[0]
    target = page.locator("#classes input").nth(4).get_attribute("value")
    page.locator("#classes input").nth(4).check()
    page.wait_for_function(
        "(t) => document.querySelector('.facts dd').textContent.includes(`(${t})`)", arg=target
    )
    for name in ("layercam", "eigencam", "hirescam"):
        page.check(f'#methods input[value="{name}"]')
    page.shown(4)
    assert page.locator("#methods input:not(:checked):not(:disabled)").count() == 0
    page.uncheck('#methods input[value="eigencam"]')
    page.shown(3)
    page.check('#layers input[value="block4.relu"]')
    page.wait_for_function(
        "() => document.querySelector('.card.map .badge').textContent === 'block4.relu'"
    )
    page.shown(3)
    names = ["gradcam", "layercam", "hirescam"]
    expected = explain(classifier, [image], names, target=int(target), layer="block4.relu")
    assert page.locator(".card.map h3").all_inner_texts() == [find_method(n).title for n in names]
    for card, maps in enumerate(expected.values()):
        known = maps.boxes(threshold=0.2)[0]
        if np.isnan(known).any():
            assert page.fact("box", card).startswith("none")
        else:
            assert page.box(card) == pytest.approx(rounded(known), abs=0.11)


def test_methods_are_found_by_name_and_paper(page: Page) -> None:
    page.fill("#method-search", "wang 2020 score")
    assert set(page.locator("#methods .what").all_inner_texts()) >= {"Score-CAM"}
    page.fill("#method-search", "no such thing")
    assert page.locator("#methods label").count() == 0


def test_formula_and_paper(page: Page) -> None:
    page.example(0)
    page.locator(".card.map summary").click()
    method = find_method("gradcam")
    assert method.paper in page.locator(".card.map summary").inner_text()
    shown = " ".join(page.locator(".card.map details").inner_text().split())
    assert " ".join(method.description.split()) in shown


def test_the_diagnosis_is_the_library_s(page: Page, site: Site) -> None:
    black = np.zeros((112, 112, 3), np.uint8)
    maps = explain(site.classifiers[0], [black], target=[[*range(10)]])
    told = maps.diagnosis[0]
    target = next(index for index, words in enumerate(told) if words)
    page.upload(png(black))
    page.check(f'#classes input[value="{target}"]')
    page.wait_for_function(
        "(t) => document.querySelector('.facts dd').textContent.includes(`(${t})`)", arg=target
    )
    assert page.fact("diagnosis") == told[target]


def test_what_the_model_does_not_allow_is_not_offered(page: Page, site: Site) -> None:
    told = site.client.get("/api/models/model-0/methods").json
    offered = page.locator("#methods input").evaluate_all("all => all.map((each) => each.value)")
    assert offered == told["methods"]
    page.locator("#refused summary").click()
    shown = page.inner_text("#refused")
    assert f"{len(told['refused'])} more" in shown
    for name, reason in told["refused"].items():
        assert find_method(name).title in shown and reason in shown


def test_a_method_that_cannot_run_says_why(page: Page) -> None:
    page.example(1)
    page.check('#methods input[value="refinecam"]')
    page.shown(2)
    page.check('#layers input[value="block4.relu"]')
    page.wait_for_selector("#message:visible")
    assert "refinecam: refinecam makes one map of several layers" in page.inner_text("#message")
    assert page.locator(".card.map").count() == 1


def test_options(page: Page, site: Site) -> None:
    image = picture(33, (90, 90))
    page.upload(png(image))
    assert not page.is_visible("#options-field")
    for name in ("finercam", "fem"):
        page.check(f'#methods input[value="{name}"]')
    page.shown(3)
    page.uncheck('#methods input[value="gradcam"]')
    page.shown(2)
    fields = page.locator("#options input, #options select")
    assert fields.evaluate_all("all => all.map((each) => each.name)") == [
        f"{name}.{option}" for name in ("finercam", "fem") for option in find_method(name).options
    ]
    for name, value in (("fem.k", "1"), ("finercam.gamma", "0.25")):
        page.fill(f'[name="{name}"]', value)
        page.press(f'[name="{name}"]', "Tab")
    page.select_option('[name="finercam.base"]', "layercam")
    page.wait_for_function(
        "() => document.querySelector('#command').textContent.includes('base=layercam')"
    )
    page.shown(2)
    options = {"fem": {"k": 1.0}, "finercam": {"gamma": 0.25, "base": "layercam"}}
    expected = explain(site.classifiers[0], [image], ["finercam", "fem"], options=options)
    for card, name in enumerate(("finercam", "fem")):
        box = expected[name].boxes()[0]
        assert page.box(card) == pytest.approx(rounded(box), abs=0.11)
    before = len(page.asked)
    page.fill('[name="finercam.similar"]', "0")
    page.press('[name="finercam.similar"]', "Tab")  # the browser says that it is 1 or more
    assert len(page.asked) == before
    page.fill('[name="finercam.similar"]', "")
    page.press('[name="finercam.similar"]', "Tab")
    assert page.input_value('[name="finercam.similar"]') == "3"
    page.fill('[name="finercam.gamma"]', "5000")
    page.press('[name="finercam.gamma"]', "Tab")
    page.wait_for_selector("#message:visible")
    assert page.inner_text("#message") == "gamma is at most 4096 here"
    assert "0.25" in page.inner_text("#python")  # the code is that of what is shown
    page.told = [line for line in page.told if "422" not in line]


# -- sliders and boxes ----------------------------------------------------------------------------


def test_sliders_need_no_round_trip(page: Page, site: Site) -> None:
    image = picture(31, (120, 100))
    page.upload(png(image))
    page.wait_for_load_state("networkidle")
    before = len(page.asked)
    maps = explain(site.classifiers[0], [image])
    for threshold in (0.0, 0.1, 0.35, 0.6, 0.9):
        page.slide("threshold", threshold)
        assert page.box() == pytest.approx(rounded(maps.boxes(threshold=threshold)[0]), abs=0.11)
    for opacity in (0, 0.25, 1):
        page.slide("opacity", opacity)
        canvas = page.locator(".card.map .picture").first.locator("canvas")
        assert float(canvas.evaluate("c => getComputedStyle(c).opacity")) == opacity
    pixel = """() => {
        const copy = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
        copy.drawImage(document.querySelector(".card.map canvas"), 0, 0);
        return [...copy.getImageData(9, 9, 1, 1).data];
    }"""
    jet = page.evaluate(pixel)
    page.select_option("#colormap", "gray")
    red, green, blue, _ = page.evaluate(pixel)
    assert red == green == blue and jet != [red, green, blue, 255]
    assert len(page.asked) == before


def test_each_method_s_own_threshold_until_it_is_moved(page: Page, site: Site) -> None:
    image = picture(34, (100, 120))
    page.upload(png(image))
    assert page.inner_text("#threshold-value") == "0.20 (own)"
    page.check('#methods input[value="affinitycam"]')
    page.shown(2)
    assert page.inner_text("#threshold-value") == "0.20 / 0.50 (own)"
    maps = list(explain(site.classifiers[0], [image], ["gradcam", "affinitycam"]).values())

    def check(threshold: float | None) -> None:
        for card, each in enumerate(maps):
            box = each.boxes(threshold=threshold)[0]
            assert page.box(card) == pytest.approx(rounded(box), abs=0.11)

    check(None)
    assert page.locator(".facts dt", has_text="Box").all_inner_texts() == [
        "Box at 0.20",
        "Box at 0.50",
    ]
    page.slide("threshold", 0.35)
    check(0.35)
    page.uncheck('#methods input[value="gradcam"]')
    page.shown(1)
    assert page.input_value("#threshold") == "0.35"
    page.click("#own-threshold")
    assert page.input_value("#threshold") == "0.5" and not page.is_visible("#own-threshold")
    assert page.box() == pytest.approx(rounded(maps[1].boxes()[0]), abs=0.11)


def test_the_true_box_with_the_mouse_and_with_the_keyboard(page: Page, site: Site) -> None:
    image = picture(32, (100, 100))
    page.upload(png(image))
    assert not page.locator(".iou").is_visible()
    found = explain(site.classifiers[0], [image]).boxes(threshold=0.2)[0]
    area = page.locator(".card.map .picture").first.bounding_box()
    scale = area["width"] / 100
    page.mouse.move(area["x"] + 80 * scale, area["y"] + 70 * scale)
    page.mouse.down()
    page.mouse.move(area["x"] + 40 * scale, area["y"] + 30 * scale, steps=4)
    page.mouse.move(area["x"] + 20 * scale, area["y"] + 10 * scale)
    page.mouse.up()
    typed = [
        float(page.locator(f"#truth input[name={n}]").input_value())
        for n in ("x0", "y0", "x1", "y1")
    ]
    assert typed == [20, 10, 80, 70]
    iou = lambda box: float(boxes.iou(np.asarray([box]), found[None])[0, 0])  # noqa: E731
    assert float(page.fact("iou")) == pytest.approx(iou(typed), abs=6e-4)
    rects = page.locator("rect.true")
    assert rects.count() == 3  # on the image too
    assert [rects.nth(1).get_attribute(n) for n in ("x", "y", "width", "height")] == [
        "20",
        "10",
        "60",
        "60",
    ]
    page.focus("#truth input[name=x1]")
    page.keyboard.press("Control+a")
    page.keyboard.type("95")
    assert float(page.fact("iou")) == pytest.approx(iou([20, 10, 95, 70]), abs=6e-4)
    page.click("#clear")
    assert not page.locator(".iou").is_visible()


def test_an_example_brings_its_true_box(page: Page, site: Site) -> None:
    page.example(3)
    example = data.open("digits", "test", count=6, cache=False)[3]
    found = explain(site.classifiers[0], [example.read()]).boxes(threshold=0.2)
    expected = float(boxes.iou(example.boxes, found)[0, 0])
    assert float(page.fact("iou")) == pytest.approx(expected, abs=6e-4)
    assert f"true class: {example.label}" in page.inner_text("#image-name")
    page.click("#clear")
    page.click("#known")
    assert float(page.fact("iou")) == pytest.approx(expected, abs=6e-4)


# -- taking it away -------------------------------------------------------------------------------


def test_downloads(page: Page, site: Site) -> None:
    image = picture(41, (70, 90))
    page.upload(png(image))
    page.slide("threshold", 0.4)
    page.slide("opacity", 0.7)
    page.select_option("#colormap", "viridis")
    maps = explain(site.classifiers[0], [image])
    got = {}
    for kind in ("PNG", "NPZ", "JSON"):
        with page.expect_download() as download:
            page.click(f".downloads >> text={kind}")
        assert download.value.suggested_filename == f"gradcam.{kind.lower()}"
        got[kind] = Path(download.value.path()).read_bytes()
    with np.load(io.BytesIO(got["NPZ"])) as stored:
        np.testing.assert_allclose(stored["values"], maps.numpy()[0], rtol=1e-5, atol=1e-9)
    expected = draw.boxes(maps.overlay([image], 0.7, "viridis")[0], maps.boxes(threshold=0.4))
    shown = np.asarray(Image.open(io.BytesIO(got["PNG"]))).astype(int)
    assert (np.abs(shown - expected) > 1).mean() < 0.001
    assert json.loads(got["JSON"])["box"] == pytest.approx(
        maps.boxes(threshold=0.4)[0].tolist(), abs=1e-3
    )


@pytest.mark.parametrize("case", ["file", "example", "several", "own score", "options"])
def test_the_copied_code_makes_what_is_shown(
    open_page: Callable[..., Page],
    site: Site,
    case: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    if case == "example":
        page.example(4)
    else:
        name = NAME if case == "file" else "photo.png"
        (tmp_path / name).write_bytes(png(picture(51, (80, 100))))
        page.upload((tmp_path / name).read_bytes(), name)
    count = 1
    if case == "several":
        page.check('#methods input[value="layercam"]')
        page.shown(2)
        page.locator("#classes input").nth(5).check()
        page.wait_for_function(
            "() => document.querySelector('#python').textContent.includes('target=')"
        )
        page.check('#layers input[value="block4.relu"]')
        page.wait_for_function(
            "() => document.querySelector('#command').textContent.includes('--layer')"
        )
        page.shown(2)
        count = 2
    if case == "own score":
        page.check('#methods input[value="reciprocam"]')
        page.shown(2)
        page.uncheck('#methods input[value="gradcam"]')
        page.shown(1)
    if case == "options":
        page.check('#methods input[value="affinitycam"]')
        page.shown(2)
        page.select_option('[name="affinitycam.base"]', "gradcam++")
        page.wait_for_function(
            "() => document.querySelector('#command').textContent.includes('base=')"
        )
        page.shown(2)
        count = 2  # each with its own threshold
    else:
        page.slide("threshold", 0.3)
    shown = []
    for card in range(count):
        link = page.locator(".downloads a", has_text="JSON").nth(card).get_attribute("href")
        shown.append(site.client.get(link).json)

    page.click("#copy-python")
    page.wait_for_function("() => document.querySelector('#status').textContent === 'Copied.'")
    scope: dict[str, Any] = {}
    exec(page.evaluate("navigator.clipboard.readText()"), scope)
    maps = scope["maps"] if count > 1 else {shown[0]["method"]: scope["maps"]}
    found = scope["boxes"] if count > 1 else {shown[0]["method"]: scope["boxes"]}
    for told in shown:
        values = np.frombuffer(base64.b64decode(told["values"]), "<f4").reshape(told["shape"])
        again = maps[told["method"]]
        np.testing.assert_allclose(
            again.numpy()[0], values, rtol=1e-5, atol=1e-5 * np.abs(values).max()
        )
        assert (again.layer, int(again.target[0])) == (told["layer"], told["target"])
        assert found[told["method"]][0].tolist() == pytest.approx(told["box"], abs=1e-3)

    page.click("#copy-command")
    command = page.evaluate("navigator.clipboard.readText()")
    assert "\n" not in command.strip()
    for told, row in zip(shown, run(command, monkeypatch), strict=True):
        values = np.frombuffer(base64.b64decode(told["values"]), "<f4").reshape(told["shape"])
        with np.load(row["map"]) as stored:
            np.testing.assert_allclose(
                stored["values"], values, rtol=1e-5, atol=1e-5 * np.abs(values).max()
            )
        assert (row["method"], row["layer"], row["class"]) == (
            told["method"],
            told["layer"],
            told["target"],
        )
        assert row["box"] == pytest.approx(told["box"], abs=0.01)


def run(command: str, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a shell would run, by the command line in this process; the results in its JSON."""
    words = subprocess.run(
        ["sh", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True
    ).stdout
    arguments = words.decode().split("\0")[:-1]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    (written,) = Path(arguments[arguments.index("--out") + 1]).glob("*.json")
    return json.loads(written.read_text(encoding="utf-8"))["results"]


# -- long work ------------------------------------------------------------------------------------


def test_progress_and_cancel(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []

    def slow(done: int, total: int) -> None:
        told.append(done)
        time.sleep(0.05)
        progress.tell(done, total)

    monkeypatch.setattr("limelight.explainer.rescoring.chunk_size", lambda *_: 1)
    monkeypatch.setattr("limelight.explainer.rescoring.tell", slow)
    page.example(5)
    page.check('#methods input[value="scorecam"]')
    page.wait_for_selector("#working:visible")
    page.wait_for_function("() => document.querySelector('#progress').value > 1")
    assert re.fullmatch(r"\d+ of \d+ runs of the model", page.inner_text("#progress-text"))
    assert page.locator(".card.map").count() == 1  # what is quick stays in view
    page.click("#cancel")
    page.wait_for_selector("#working", state="hidden")
    time.sleep(0.3)
    stopped = len(told)
    time.sleep(0.3)
    assert len(told) == stopped < 60
    page.uncheck('#methods input[value="scorecam"]')
    page.shown(1)


def test_without_a_server_there_is_a_sentence(
    open_page: Callable[..., Page], small_model: Path
) -> None:
    with serving([small_model]) as site:
        page = open_page(site)
        page.example(0)
    page.check('#methods input[value="layercam"]')
    page.wait_for_selector("#message:visible")
    assert "limelight serve" in page.inner_text("#message")
    page.told = [line for line in page.told if "ERR_CONNECTION" not in line]


# -- looks and access -----------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("wide", [1400, 360])
def test_it_fits_and_follows_the_scheme(
    open_page: Callable[..., Page], scheme: str, wide: int
) -> None:
    page = open_page(color_scheme=scheme, viewport={"width": wide, "height": 800})
    page.example(0)
    page.check('#methods input[value="layercam"]')
    page.shown(2)
    page.locator(".card.map summary").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= wide
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", ground)[:3])) > 128) == (scheme == "light")


def test_the_keyboard_reaches_everything(page: Page) -> None:
    page.example(0)
    page.evaluate("document.body.focus(); getSelection().removeAllRanges()")
    page.evaluate("document.activeElement.blur()")
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.name"))
    wanted = [
        "model",
        "file",
        "opacity",
        "threshold",
        "colormap",
        "x0",
        "copy-python",
        "class",
        "method",
        "layer",
    ]
    assert [name for name in wanted if name not in reached] == []
    page.focus("#threshold")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#threshold-value") == "0.21"
    page.locator("#classes input").first.focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_function(
        "() => document.querySelector('#python').textContent.includes('target=')"
    )
    assert page.evaluate("document.activeElement.name") == "class"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(open_page: Callable[..., Page], scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = open_page(color_scheme=scheme, bypass_csp=True)
    page.example(0)
    page.check('#methods input[value="layercam"]')
    page.shown(2)
    page.locator(".card.map summary").first.click()
    found = axe.Axe().run(page.page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == []
