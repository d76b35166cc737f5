"""Maps in a notebook, in a real browser: sliders, boxes, several on one page, no request."""

from __future__ import annotations

import gc
import html
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import limelight
from limelight import Classifier
from limelight.frames import Frame
from limelight.maps import Maps
from limelight.models.preprocess import Preprocess
from limelight.models.small_network import small_cnn

HOSTILE = "<script>alert(1)</script> \"quoted\" 'too' & </iframe>"


def make_maps(count: int, classes: int = 0) -> Maps:
    random = np.random.default_rng(0)
    shape = (count, classes, 5, 6) if classes else (count, 5, 6)
    target = np.zeros(shape[:-2], int)
    return Maps(
        np.rint(random.random(shape) * 65535).astype(np.float32) / 65535,
        None,
        target,
        None,
        method="gradcam",
        layer="layer4",
        frames=(Frame.identity((48, 60)),) * count,
        class_names=(HOSTILE,),
    )


def test_sliders_and_boxes_of_several_on_one_page(browser: Any) -> None:
    maps = make_maps(2)
    images = list(np.random.default_rng(1).integers(0, 255, (2, 48, 60, 3), np.uint8))
    page = browser.new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: told.append(dialog.message))
    page.on("request", lambda request: told.append(request.url))
    shown = maps.interactive(images)._repr_html_()
    page.set_content(shown + maps._repr_html_() + make_maps(1, 3)._repr_html_())
    first, second, third = page.frames[1:]
    first.locator("canvas").nth(1).wait_for()
    third.locator("canvas").nth(2).wait_for()
    for frame, count in ((first, 2), (second, 2), (third, 3)):
        assert frame.locator("canvas").count() == count
        assert HOSTILE in frame.locator("figcaption bdi").first.inner_text()
    assert "interactive(images)" in second.locator("p").inner_text()
    for threshold in (None, 0.0, 0.4, 0.9):
        if threshold is not None:
            first.locator("#threshold").fill(str(threshold))
        expected = maps.boxes(threshold)
        for i in range(2):
            figure = first.locator(".panels").nth(i).locator(".panel").nth(1)
            box = json.loads(figure.get_attribute("data-box") or "")
            np.testing.assert_allclose(box, expected[i], atol=1e-9)
    first.locator("#opacity").fill("80")
    opacity = "getComputedStyle(document.querySelector('canvas')).opacity"
    assert first.evaluate(opacity) == "0.8"
    assert second.evaluate(opacity) == "1"  # of its own
    assert [line for line in told if not line.startswith(("data:", "about:"))] == []
    page.close()


def test_no_more_than_sixteen_images_which_is_said() -> None:
    page = make_maps(20).interactive(np.zeros((20, 48, 60, 3), np.uint8)).page
    text = page.split('id="data">')[1].split("</script>")[0]
    assert len(json.loads(text)["items"]) == 16
    assert "the first 16 of 20 images" in page
    assert "16 of" not in make_maps(16).interactive(np.zeros((16, 48, 60, 3), np.uint8)).page


@pytest.mark.parametrize("system", ["light", "dark"])
@pytest.mark.parametrize(
    ("theme", "dark"),
    [
        ("", None),
        ('data-jp-theme-light="false"', True),
        ('data-jp-theme-light="true"', False),
        ('class="vscode-dark"', True),
        ('class="vscode-light"', False),
    ],
)
def test_the_theme_is_the_notebook_s(
    browser: Any, system: str, theme: str, dark: bool | None
) -> None:
    page = browser.new_page(color_scheme=system)
    page.set_content(f"<body {theme}>{make_maps(1)._repr_html_()}</body>")
    frame = page.frames[1]
    frame.locator("canvas").wait_for()
    paper = frame.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(20, 23, 26)") == (system == "dark" if dark is None else dark)
    page.close()


def explained(images: Any) -> Any:
    """Maps of photographs as `explain` makes them, of two methods."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    classifier = Classifier(small_cnn(4).eval(), Preprocess((48, 60), channels_first=True))
    return limelight.explain(classifier, images, ["gradcam", "affinitycam"])


def items_of(shown: str) -> list[dict[str, Any]]:
    page = html.unescape(shown)
    return json.loads(page.split('id="data">')[1].split("</script>")[0])["items"]


def test_the_images_are_shown_as_long_as_somebody_keeps_them() -> None:
    images = list(np.random.default_rng(1).integers(0, 255, (3, 48, 60, 3), np.uint8))
    found = explained(images)
    maps = found["gradcam"]
    over = [item["image"] for item in items_of(maps.interactive(images)._repr_html_())]
    assert len(set(over)) == 3
    assert [item["image"] for item in items_of(maps._repr_html_())] == over
    assert [item["image"] for item in items_of(maps[1:]._repr_html_())] == over[1:]
    assert [item["image"] for item in items_of(found._repr_html_())] == over
    (alone,) = {item["image"] for item in items_of(pickle.loads(pickle.dumps(maps))._repr_html_())}
    assert alone not in over
    del images  # nothing of the maps holds them
    gc.collect()
    assert {item["image"] for item in items_of(maps._repr_html_())} == {alone}


def test_paths_are_read_again_and_what_has_changed_is_not_shown(tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 255, (48, 60, 3), np.uint8)
    path = tmp_path / "image.png"
    Image.fromarray(pixels).save(path)
    maps = explained([str(path)])["gradcam"]
    over = items_of(maps.interactive([pixels])._repr_html_())
    assert items_of(maps._repr_html_()) == over
    Image.fromarray(pixels[:20]).save(path)
    assert items_of(maps._repr_html_()) != over
    path.unlink()
    assert len(items_of(maps._repr_html_())) == 1


def test_a_normalized_batch_is_shown_where_its_mean_is_given() -> None:
    torch = pytest.importorskip("torch")
    batch = torch.randn(2, 3, 48, 60, generator=torch.Generator().manual_seed(0)) * 0.2
    maps = limelight.explain(small_cnn(4).eval(), batch)
    assert "interactive(images)" in html.unescape(maps._repr_html_())  # as they are, no pictures
    shown = maps.interactive(batch.clip(-0.9, 0.9), mean=(0.5,), std=(0.5,))
    assert len({item["image"] for item in items_of(shown._repr_html_())}) == 2


def test_several_methods_stand_side_by_side(browser: Any) -> None:
    images = list(np.random.default_rng(1).integers(0, 255, (2, 48, 60, 3), np.uint8))
    found = explained(images)
    assert found == dict(found) and list(found) == ["gradcam", "affinitycam"]
    page = browser.new_page()
    page.set_content(found.interactive(images)._repr_html_())
    frame = page.frames[1]
    frame.locator("canvas").nth(3).wait_for()
    names = [f"{name}: {found[name].names()[i]}" for i in range(2) for name in found]
    assert frame.locator("figcaption bdi").all_inner_texts() == names
    for i in range(2):
        for j, maps in enumerate(found.values()):  # each where it is cut by itself
            figure = frame.locator(".panels").nth(i).locator(".panel").nth(j + 1)
            box = json.loads(figure.get_attribute("data-box") or "")
            np.testing.assert_allclose(box, maps.boxes()[i], atol=1e-6)
    page.close()
