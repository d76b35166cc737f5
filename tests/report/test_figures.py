"""The PNG files beside the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limelight import draw
from limelight.report import write
from limelight.report.charts import histograms
from limelight.report.figures import case_grid, histogram_figure
from limelight.report.pictures import resized
from report.examples import METHODS, make_item, make_report


def test_files_are_written_and_not_blank(tmp_path: Path) -> None:
    path = write(make_report(8), tmp_path / "new" / "report.html")
    files = sorted((path.parent / "figures").iterdir())
    assert [file.name for file in files] == ["best.png", "iou.png", "worst.png"]
    for file in files:
        with Image.open(file) as image:
            assert len(np.unique(np.asarray(image.convert("L")))) > 40
            assert min(image.size) > 300


def test_without_an_iou_there_is_one_figure_of_cases(tmp_path: Path) -> None:
    path = write(make_report(0, items=[make_item(0, iou={})]), tmp_path / "report.html")
    assert [file.name for file in (path.parent / "figures").iterdir()] == ["cases.png"]
    with Image.open(tmp_path / "figures" / "cases.png") as image:
        assert image.width > 300


def test_the_grid_shows_methods_on_images_with_their_boxes() -> None:
    items = [make_item(1), make_item(3, seen=(12, 0, 60, 48))]
    axes = {axes.get_label(): axes for axes in case_grid(items, "jet").axes}
    assert set(axes) == {f"{name}/{n}" for name in ("image", *METHODS) for n in range(2)}
    assert axes["image/0"].get_title() == "square"
    assert axes["image/1"].get_title() == "square\ntaken for circle"
    assert axes["cam/0"].get_xlabel() == "IoU 0.90"
    seen = np.zeros((48, 72), bool)
    seen[:, 12:60] = True
    for n, item in enumerate(items):
        for method in METHODS:
            cell = axes[f"{method}/{n}"]
            map = resized(item.maps[method], (48, 72))
            expected = draw.overlay(item.image, map, seen=seen if n else None)
            np.testing.assert_array_equal(cell.images[0].get_array(), expected)
            drawn = {patch.get_label(): patch.get_xy() for patch in cell.patches}
            for label, box in (
                ("true box", item.true_boxes[0]),
                ("predicted box", item.boxes[method]),
            ):
                corners = drawn[label]
                assert [*corners.min(0), *corners.max(0)] == pytest.approx(list(box))


def test_bars_have_the_shares_and_a_line_at_the_mean() -> None:
    figure = histogram_figure(histograms({"cam": [0.1, 0.1, 0.9], "whole image": [0.5]}))
    cam, whole = figure.axes
    heights = [bar.get_height() for bar in cam.patches]
    assert heights[2] == pytest.approx(2 / 3) and heights[18] == pytest.approx(1 / 3)
    assert sum(heights) == pytest.approx(1)
    assert cam.lines[0].get_xdata()[0] == pytest.approx(1.1 / 3)
    assert cam.get_title(loc="left") == "cam: mean 0.37, ≥ 0.5 in 33%"
    assert cam.get_ylim() == whole.get_ylim()


def test_methods_that_not_all_images_have_are_left_out_of_the_grid(tmp_path: Path) -> None:
    items = [make_item(1), make_item(2, maps={"cam": np.eye(3)})]
    names = {axes.get_label() for axes in case_grid(items, "jet").axes}
    assert names == {"image/0", "image/1", "cam/0", "cam/1"}
    path = write(make_report(0, items=[make_item(1, maps={})]), tmp_path / "report.html")
    assert [file.name for file in (path.parent / "figures").iterdir()] == ["iou.png"]


def test_an_empty_report_has_no_figures(tmp_path: Path) -> None:
    write(make_report(0), tmp_path / "report.html")
    assert not (tmp_path / "figures").exists()
