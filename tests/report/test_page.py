"""The page, read by a parser: numbers, pictures, boxes, names, and nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limelight import draw
from limelight.errors import RunError
from limelight.frames import Frame
from limelight.report import Curves, Report, write
from limelight.report.pictures import resized
from report.examples import METHODS, make_item, make_report
from report.reading import Node, picture, read

HOSTILE = "<script>alert('1')</script> \"quoted\" & 개 中文 </style>{{ 7*7 }}"


def page_of(report: Report, folder: Path, **options: Any) -> Node:
    return read(write(report, folder / "report.html", figures=False, **options))


def cases(page: Node) -> list[Node]:
    return page.all("article", "case")


def names(nodes: list[Node]) -> list[str]:
    """The ids of items in the order they are shown."""
    return [node.all("span", "id")[0].text for node in nodes]


def data_of(page: Node) -> Any:
    """What the script is given, each item with its pictures."""
    texts = [script.children[0] for script in page.all("script")[:2]]
    for text in texts:
        assert isinstance(text, str) and not re.search("[<>&]", text)
    data = json.loads(texts[0])
    pictures = map(json.loads, texts[1].split("\n"))
    items = [item | more for item, more in zip(data["items"], pictures, strict=True)]
    return data | {"items": items}


def section(page: Node, name: str) -> Node:
    (found,) = [node for node in page.all("section") if node.attributes["id"] == name]
    return found


def test_the_headline_and_the_table_have_the_numbers(tmp_path: Path) -> None:
    page = page_of(make_report(2), tmp_path)
    assert page.all("title")[0].text == page.all("h1")[0].text == "Squares"
    assert page.all("p", "summary")[0].text.endswith("mean IoU of 0.61.")
    rows = [[cell.text for cell in row if cell.tag in ("th", "td")] for row in page.all("tr")]
    assert rows[:5] == [
        ["Method", "Accuracy", "Mean IoU", "GT-knownlocalization", "Pointinggame", "Threshold"],
        ["cam", "97.5 %", "0.612 [0.598, 0.626]", "71.0 %", "93.0 %", "0.200"],
        ["layercam", "97.5 %", "0.655 [0.640, 0.670]", "80.0 %", "91.0 %", "0.150"],
        ["centre box (baseline)", "–", "0.231", "4.0 %", "30.0 %", "–"],
        ["whole image (baseline)", "–", "0.174", "0.0 %", "–", "–"],
    ]
    table = page.all("table", "scores")[0]
    assert [node.text for node in table.all("strong")] == ["93.0 %", "0.655", "80.0 %"]
    assert rows[5:] == [["seed", "0"], ["layer", "features.3"], ["python", "3"]]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_few_items_are_each_shown_once_best_first(tmp_path: Path, count: int) -> None:
    page = page_of(make_report(count), tmp_path)
    assert names(cases(page)) == [f"image-{n}.png" for n in range(count)]
    assert [item["id"] for item in data_of(page)["items"]] == [
        f"image-{n}.png" for n in range(count)
    ]


def test_of_many_items_the_best_and_the_worst_are_on_paper_and_all_in_the_data(
    tmp_path: Path,
) -> None:
    page = page_of(make_report(40), tmp_path, best=4)
    assert names(cases(section(page, "best"))) == [f"image-{n}.png" for n in range(4)]
    assert names(cases(section(page, "worst"))) == [f"image-{n}.png" for n in (39, 38, 37, 36)]
    assert len(cases(page)) == 8
    assert page.all("p", "note")[-1].text.startswith("32 more images are shown on the page")
    assert [item["id"] for item in data_of(page)["items"]] == [f"image-{n}.png" for n in range(40)]
    links = [node.attributes["href"][1:] for node in page.all("a")]
    ids = [node.attributes["id"] for node in page if "id" in node.attributes]
    assert set(links) <= set(ids) and {"scores", "distribution", "cases"} <= set(links)
    assert len(set(ids)) == len(ids)


def test_items_without_boxes_are_shown_too(tmp_path: Path) -> None:
    plain = {
        "iou": {},
        "boxes": {},
        "true_boxes": np.zeros((0, 4)),
        "label": None,
        "probability": None,
    }
    page = page_of(
        make_report(0, items=[make_item(n, **plain) for n in range(3)], table=[]), tmp_path
    )
    assert names(cases(page)) == [f"image-{n}.png" for n in range(3)]
    assert not page.all("rect") and not page.all("table", "scores")
    assert "predicted circle" in cases(page)[0].text and "%" not in cases(page)[0].text


def test_pictures_are_the_image_and_its_maps_and_not_blank(tmp_path: Path) -> None:
    report = make_report(3)
    for item, case in zip(report.items, cases(page_of(report, tmp_path)), strict=True):
        original, *maps = (picture(node) for node in case.all("image"))
        np.testing.assert_array_equal(original, item.image)  # small ones are kept exactly
        assert len(maps) == len(METHODS)
        for method, shown in zip(METHODS, maps, strict=True):
            assert shown.std() > 20
            expected = draw.colorize(resized(item.maps[method], shown.shape[:2]))
            assert np.abs(shown.astype(int) - expected).mean() < 8


def test_an_overlay_is_the_map_at_one_half_over_the_image(tmp_path: Path) -> None:
    for case in cases(page_of(make_report(2), tmp_path)):
        image, *maps = case.all("image")
        for overlay, map in zip(case.all("svg", "overlay"), maps, strict=True):
            below, above = overlay.all("use")
            assert below.attributes == {"href": "#" + image.attributes["id"]}
            assert above.attributes == {"href": "#" + map.attributes["id"], "opacity": "0.5"}
        for svg in case.all("svg", "picture"):
            assert svg.attributes["viewbox"] == "0 0 72 48"  # the parser lowers names
        for shown in (image, *maps):
            assert (shown.attributes["width"], shown.attributes["height"]) == ("72", "48")


def test_boxes_are_where_they_should_be(tmp_path: Path) -> None:
    report = make_report(3)
    for item, case in zip(report.items, cases(page_of(report, tmp_path)), strict=True):
        truth = [tuple(box) for box in item.true_boxes]
        original, *rest = case.all("svg", "picture")
        assert original.boxes("true") == truth
        assert original.boxes("predicted") == [tuple(item.boxes["cam"])]  # of the leading method
        for method, overlay in zip(METHODS, rest[::2], strict=True):
            assert overlay.boxes("true") == truth
            assert overlay.boxes("predicted") == [tuple(item.boxes[method])]
        assert not any(shown.all("rect") for shown in rest[1::2])


def test_a_map_without_a_box_says_so(tmp_path: Path) -> None:
    item = make_item(1, boxes={"cam": [math.nan] * 4}, iou={"cam": 0.0})
    (case,) = cases(page_of(make_report(0, items=[item]), tmp_path))
    captions = [node.text for node in case.all("figcaption")]
    assert captions == ["✓ right at 87.5 % image-1.png", "cam IoU 0.00", "layercam no box"]
    assert not case.all("g", "predicted")


def test_wrong_predictions_name_both_classes(tmp_path: Path) -> None:
    (case,) = cases(page_of(make_report(0, items=[make_item(3)]), tmp_path))
    assert case.all("h4")[0].text == "square"
    assert case.all("span", "wrong")[0].text == "✗ taken for circle"
    assert case.all("span", "iou")[0].text == "cam: IoU 0.89"


def test_what_was_not_seen_is_grey_and_has_no_map(tmp_path: Path) -> None:
    item = make_item(1, seen=(12, 0, 60, 48))
    (case,) = cases(page_of(make_report(0, items=[item]), tmp_path))
    overlay = case.all("svg", "overlay")[0]
    grey, colored, map = overlay.all("use")
    assert grey.attributes["class"] == "unseen" and "class" not in colored.attributes
    window = overlay.all("svg")[1]
    assert [float(window.attributes[k]) for k in ("x", "y", "width", "height")] == [12, 0, 48, 48]
    assert [float(v) for v in window.attributes["viewbox"].split()] == [12, 0, 48, 48]
    shown = case.all("image")[1]
    assert [float(shown.attributes[k]) for k in ("x", "y", "width", "height")] == [12, 0, 48, 48]
    assert picture(shown).shape == (48, 48, 3)
    assert map.attributes["href"] == "#" + shown.attributes["id"]


def test_names_are_text_whatever_they_hold(tmp_path: Path) -> None:
    maps = {HOSTILE: np.eye(4)}
    item = make_item(1, id=HOSTILE, label=HOSTILE, predicted=HOSTILE, maps=maps, iou={HOSTILE: 0.5})
    page = page_of(
        make_report(
            0, items=[item], title=HOSTILE, summary=HOSTILE, settings={HOSTILE: {HOSTILE: HOSTILE}}
        ),
        tmp_path,
    )
    *_, script = page.all("script")
    assert "alert" not in script.text
    (item,) = data_of(page)["items"]
    assert item["id"] == item["label"] == item["predicted"] == item["panels"][0]["name"] == HOSTILE
    assert page.all("h1")[0].text == page.all("title")[0].text == HOSTILE
    (case,) = cases(page)
    assert case.all("h4")[0].text == HOSTILE
    assert names([case]) == [HOSTILE]
    assert (
        case.all("svg", "map")[0].attributes["aria-label"]
        == f"The {HOSTILE} map of {HOSTILE}: no box"
    )
    assert page.all("caption")[0].text == HOSTILE
    assert len(page.all("style")) == 1


def test_nothing_comes_from_elsewhere_and_only_our_script_runs(tmp_path: Path) -> None:
    path = write(make_report(14), tmp_path / "report.html", figures=False)
    text = path.read_text(encoding="utf-8")
    page = read(path)
    *data, script = page.all("script")
    markup = re.sub(r"<script.*?</script>|base64,[\w+/=]+", "", text, flags=re.DOTALL)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", markup, re.I)
    running = script.children[0]
    assert isinstance(running, str)
    addresses = re.findall(r"\w+://[^\s\"']+", running)
    assert set(addresses) == {"http://www.w3.org/2000/svg"}  # a name, which nobody asks for
    assert not re.search(r"fetch|XMLHttpRequest|import\(|innerHTML|eval|document\.write", running)
    types = [each.attributes["type"] for each in data]
    assert types == ["application/json", "application/jsonl"]  # which no browser runs
    for node in page:
        assert node.tag not in ("iframe", "object", "embed", "form", "base")
        for name, value in node.attributes.items():
            assert not name.startswith("on")
            if name in ("href", "src"):
                assert value.startswith(("#", "data:")), value
    policy = [n.attributes["content"] for n in page.all("meta") if "http-equiv" in n.attributes]
    digest = base64.b64encode(hashlib.sha256(running.encode()).digest()).decode()
    assert policy == [
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    ]


def test_maps_travel_as_two_bytes_a_cell(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((5, 7))
    frame = Frame.identity((48, 72)).resize((20, 30)).crop(2, 3, (14, 14))
    item = make_item(1, maps={"cam": values}, frames={"cam": frame}, boxes={}, iou={})
    (kept,) = data_of(page_of(make_report(0, items=[item]), tmp_path))["items"]
    (panel,) = kept["panels"]
    assert (panel["grid"], panel["box"], panel["iou"]) == ([5, 7], None, None)
    cells = np.frombuffer(base64.b64decode(panel["cells"]), "<u2").reshape(5, 7)
    np.testing.assert_allclose(cells / 65535, values, atol=0.5 / 65535)
    assert Frame(**{k: _tuples(v) for k, v in panel["frame"].items()}) == frame


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def test_fine_maps_are_averaged(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((128, 256))
    item = make_item(1, maps={"cam": values})
    (kept,) = data_of(page_of(make_report(0, items=[item]), tmp_path))["items"]
    cells = np.frombuffer(base64.b64decode(kept["panels"][0]["cells"]), "<u2").reshape(64, 64)
    mean = values.reshape(64, 2, 64, 4).mean((1, 3))
    np.testing.assert_allclose(cells / 65535, mean, atol=1e-4)


def test_curves_are_drawn_to_scale_and_told_in_words(tmp_path: Path) -> None:
    lines: dict[str, Any] = {"cam": [(0, 0.1), (0.5, 0.4), (1, 0.0)], "<b>": [(0, 0.0), (1, 0.5)]}
    curves = Curves("Deletion", "share of the pixels", "score", lines, lower=True)
    (chart,) = section(page_of(make_report(1, curves=[curves]), tmp_path), "curves").all("figure")
    assert chart.all("figcaption")[0].text == "Deletion (low is good)"
    points = [
        [tuple(map(float, point.split(","))) for point in line.attributes["points"].split()]
        for line in chart.all("polyline")
    ]
    top = min(y for _, y in points[1])
    bottom = max(y for _, y in points[1])
    assert points[0][0][0] == points[1][0][0] and points[0][2][0] == points[1][1][0]
    assert points[0][1][1] == pytest.approx(bottom + 0.8 * (top - bottom), abs=0.02)
    assert points[0][2][1] == pytest.approx(bottom)
    assert [line.text for line in chart.all("li")] == ["cam", "<b>"]
    words = chart.all("svg")[0].attributes["aria-label"]
    assert "cam highest 0.40 at 0.50, ends at 0.00" in words


def test_bands_and_marks_are_drawn_to_scale(tmp_path: Path) -> None:
    line: Any = {"cam": [(0, 0.2), (1, 0.4)]}
    bands: Any = {"cam": [(0, 0.1, 0.3), (1, 0.3, 0.5)]}
    curves = Curves("Deletion", "x", "y", line, bands=bands, marks={"cam": (0.5, 0.3)}, words="So.")
    (chart,) = section(page_of(make_report(1, curves=[curves]), tmp_path), "curves").all("figure")

    def points(tag: str) -> np.ndarray:
        (shape,) = chart.all(tag)
        return np.array(
            [[*map(float, each.split(","))] for each in shape.attributes["points"].split()]
        )

    mean, band = points("polyline"), points("polygon")
    np.testing.assert_allclose(band[[0, 1, 2, 3], 0], mean[[0, 1, 1, 0], 0])
    tenth = (band[0, 1] - band[3, 1]) / 2  # the band is 0.2 high
    np.testing.assert_allclose(
        band[:, 1], [*(mean[:, 1] + tenth), *(mean[::-1, 1] - tenth)], atol=0.02
    )
    (mark,) = chart.all("circle")
    middle = [float(mark.attributes["cx"]), float(mark.attributes["cy"])]
    np.testing.assert_allclose(middle, mean.mean(0), atol=0.02)
    assert chart.all("p")[-1].text == "So."


@pytest.mark.parametrize("lower", [True, False])
def test_of_many_lines_the_best_and_chance_have_colours(tmp_path: Path, lower: bool) -> None:
    chance = 0.9 if lower else 0.0
    lines: Any = {f"m{k}": [(0, k / 20), (1, k / 20)] for k in range(12)}
    lines["random"] = [(0, chance), (1, chance)]
    curves = Curves("Deletion", "x", "y", lines, lower=lower)
    (chart,) = section(page_of(make_report(1, curves=[curves]), tmp_path), "curves").all("figure")
    best = range(7) if lower else range(5, 12)
    expected = [*(f"m{k}" for k in best), "random"]
    drawn = [(line.text, line.attributes["class"]) for line in chart.all("polyline")]
    assert [name for name, kind in drawn if "back" not in kind] == expected
    assert len({kind for _, kind in drawn}) == 9 and "back" not in drawn[-1][1]  # on top
    assert [entry.text for entry in chart.all("li")] == [*expected, "5 others"]


def test_every_picture_has_words(tmp_path: Path) -> None:
    page = page_of(make_report(3), tmp_path)
    for svg in page.all("svg"):
        if "viewbox" in svg.attributes and svg.attributes.get("aria-hidden") != "true":
            assert svg.attributes["role"] == "img" and len(svg.attributes["aria-label"]) > 10
    labels = [svg.attributes["aria-label"] for svg in cases(page)[0].all("svg", "picture")]
    assert labels[:3] == [
        "image image-0.png, true class square, predicted circle, one true box",
        "Overlay of the cam map of image-0.png: box 32 × 23 pixels at x 11, y 7",
        "The cam map of image-0.png: box 32 × 23 pixels at x 11, y 7",
    ]
    assert page.all("html")[0].attributes["lang"] == "en"
    levels = [int(node.tag[1]) for node in page if re.fullmatch("h[1-6]", node.tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_the_distribution_is_drawn_to_scale(tmp_path: Path) -> None:
    page = page_of(make_report(2, ious={"cam": [0.01, 0.01, 0.01, 0.51], "<b>": [0.99]}), tmp_path)
    charts = section(page, "distribution").all("figure")
    assert [chart.all("figcaption")[0].text for chart in charts] == ["cam", "<b>"]
    bars = [[float(bar.attributes[k]) for k in ("x", "height")] for bar in charts[0].all("rect")]
    (first, tall), (second, low) = bars
    assert first == pytest.approx(0, abs=1) and second == pytest.approx(150, abs=1)
    assert tall == pytest.approx(3 * low, rel=0.01)
    assert float(charts[1].all("rect")[0].attributes["height"]) == pytest.approx(4 * low, rel=0.01)


def test_a_report_of_two_hundred_photographs_stays_small(tmp_path: Path) -> None:
    y, x = np.mgrid[:240, :320]
    image = np.stack([x % 256, y, (x + y) % 256], -1).astype(np.uint8)
    items = [make_item(n, image=image, true_boxes=[[0, 0, 9, 9]]) for n in range(200)]
    path = write(make_report(0, items=items), tmp_path / "report.html", figures=False)
    assert path.stat().st_size < 30_000_000 / 5
    assert len(data_of(read(path))["items"]) == 200


def test_an_item_that_cannot_be_drawn_is_named_and_the_old_page_stays(tmp_path: Path) -> None:
    path = write(make_report(2), tmp_path / "report.html", figures=False)
    before = path.read_bytes()
    for changes, words in (
        ({"maps": {"cam": np.full((3, 3), 2.0)}}, "reach from 2 to 2"),
        ({"image": np.zeros((3, 9, 9))}, "np.moveaxis"),
        ({"true_boxes": [[1, 2, 3]]}, "the boxes have shape"),
        ({"boxes": {"cam": np.zeros((4, 2))}}, "corner points"),
    ):
        with pytest.raises(
            RunError, match=r"item 'image-1\.png' of the report cannot be drawn"
        ) as caught:
            write(
                make_report(0, items=[make_item(0), make_item(1, **changes)]), path, figures=False
            )
        assert words in str(caught.value)
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="the report cannot be written to"):
        write(make_report(1), tmp_path / "file" / "report.html", figures=False)
