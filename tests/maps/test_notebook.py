"""Maps in a notebook, in a real browser: sliders, boxes, several on one page, no request."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from limelight.frames import Frame
from limelight.maps import Maps

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
