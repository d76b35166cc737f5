"""What stands in the axes of a figure, in which coordinates, and in files."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from limelight import draw
from limelight.errors import ImageError, MissingExtra

IMAGE = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)
MAP = np.random.default_rng(1).random((30, 50), np.float32)


def axes_of(figure: Figure) -> dict[str, Axes]:
    """All axes of a figure by their labels, those within others too."""
    found = list(figure.axes)
    for axes in figure.axes:
        found += axes.child_axes
    return {axes.get_label(): axes for axes in found}


def picture_of(axes: Axes) -> np.ndarray:
    return np.asarray(axes.images[0].get_array())


def corners_of(axes: Axes) -> dict[str, list[list[list[float]]]]:
    """The outlines in axes by their labels, each as its four corners (x, y)."""
    outlines: dict[str, list[Any]] = {}
    for patch in axes.patches:
        outlines.setdefault(patch.get_label(), []).append(patch.get_xy()[:4].tolist())
    return outlines


def test_image_map_and_overlay_stand_side_by_side() -> None:
    axes = axes_of(draw.figure(IMAGE, MAP, alpha=0.3, colormap="viridis"))
    assert list(axes) == ["image", "map", "overlay", "colours"]
    np.testing.assert_array_equal(picture_of(axes["image"]), IMAGE)
    np.testing.assert_array_equal(picture_of(axes["map"]), MAP)
    expected = draw.overlay(IMAGE, MAP, 0.3, "viridis")
    np.testing.assert_array_equal(picture_of(axes["overlay"]), expected)


def test_axes_are_in_the_pixels_of_the_image_with_equal_sides_and_no_ticks() -> None:
    figure = draw.figure(IMAGE, MAP)
    figure.draw_without_rendering()
    for name, axes in axes_of(figure).items():
        if name == "colours":
            continue
        assert axes.get_xlim() == (0, 50)
        assert axes.get_ylim() == (30, 0)  # y runs down
        assert not axes.get_xticks().size and not axes.get_yticks().size
        box = axes.get_window_extent()
        assert box.width / box.height == pytest.approx(50 / 30, rel=0.01)


def test_the_bar_has_the_colours_of_the_overlay() -> None:
    axes = axes_of(draw.figure(IMAGE, MAP, colormap="magma"))
    shown = axes["map"].images[0].to_rgba(MAP, bytes=True)[..., :3]
    np.testing.assert_array_equal(shown, draw.colorize(MAP, "magma"))
    assert axes["colours"].get_ylim() == (0, 1)


def test_the_bar_is_as_high_as_the_image() -> None:
    figure = draw.figure(IMAGE, MAP, title="a title")
    figure.draw_without_rendering()
    axes = axes_of(figure)
    bar, image = axes["colours"].get_window_extent(), axes["overlay"].get_window_extent()
    assert (bar.y0, bar.y1) == pytest.approx((image.y0, image.y1), abs=1)
    assert bar.x0 > image.x1


def test_boxes_are_drawn_at_their_pixels_on_image_and_overlay() -> None:
    figure = draw.figure(
        IMAGE,
        MAP,
        boxes=[[5, 3, 40, 20], [np.nan] * 4],
        true_boxes=[[1, 1], [4, 1], [4, 9], [1, 9]],
    )
    axes = axes_of(figure)
    for name in ("image", "overlay"):
        assert corners_of(axes[name]) == {
            "true box": [[[1, 1], [4, 1], [4, 9], [1, 9]]],
            "predicted box": [[[5, 3], [40, 3], [40, 20], [5, 20]]],
        }
    assert not corners_of(axes["map"])
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["true box", "predicted box"]


def test_what_was_not_seen_is_left_out_of_the_map() -> None:
    seen = np.zeros((30, 50), bool)
    seen[:, 10:40] = True
    axes = axes_of(draw.figure(IMAGE, MAP, seen=seen))
    np.testing.assert_array_equal(np.ma.getmaskarray(axes["map"].images[0].get_array()), ~seen)
    expected = draw.overlay(IMAGE, MAP, seen=seen)
    np.testing.assert_array_equal(picture_of(axes["overlay"]), expected)


def test_an_overlay_made_before_is_shown_as_it_is() -> None:
    made = np.random.default_rng(2).integers(0, 256, (30, 50, 3), np.uint8)
    np.testing.assert_array_equal(
        picture_of(axes_of(draw.figure(IMAGE, MAP, made))["overlay"]), made
    )
    with pytest.raises(ImageError, match="the overlay is 10 × 50 and the image 30 × 50"):
        draw.figure(IMAGE, MAP, made[:10])


def test_a_large_photograph_is_shown_reduced_in_the_same_coordinates() -> None:
    image = np.zeros((1300, 2600, 3), np.uint8)
    image[:650] = 200
    axes = axes_of(draw.figure(image, np.zeros((1300, 2600)), boxes=[0, 0, 2600, 650]))
    shown = picture_of(axes["image"])
    assert max(shown.shape) <= 1200
    assert shown[: len(shown) // 2 - 1].min() == 200
    assert shown[len(shown) // 2 + 1 :].max() == 0
    assert axes["image"].get_xlim() == (0, 2600)


def test_files_are_pictures_of_the_whole(tmp_path: Path) -> None:
    figure = draw.figure(np.full((20, 40), 255, np.uint8), np.ones((20, 40)), boxes=[4, 4, 20, 16])
    path = draw.save(figure, tmp_path / "new" / "folder" / "a.png", dpi=50)
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    dark_red = (pixels == [127, 0, 0]).all(-1)  # the map panel: 1 in jet
    assert dark_red.mean() > 0.2
    assert "<svg" in draw.save(figure, str(tmp_path / "a.svg")).read_text()
    with pytest.raises(ImageError, match=r"written as 'a.pgn'.*did you mean 'png'"):
        draw.save(figure, tmp_path / "a.pgn")
    with pytest.raises(ImageError, match=r"expected an ending"):
        draw.save(figure, tmp_path / "a")


def test_a_notebook_shows_the_figure() -> None:
    figure = draw.figure(IMAGE, MAP)
    png = figure._repr_png_()  # type: ignore[attr-defined]
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        assert len(np.unique(np.asarray(image.convert("L")))) > 50


def test_there_is_no_window_and_no_pyplot_state() -> None:
    code = (
        "import sys, numpy as np\n"
        "from limelight import draw\n"
        "assert not {'matplotlib', 'PIL', 'cmap'} & set(sys.modules)\n"
        "figure = draw.figure(np.zeros((8, 9), np.uint8), np.ones((8, 9)), boxes=[1, 1, 5, 5])\n"
        "figure = draw.grid([np.zeros((8, 9), np.uint8)], {'cam': [np.ones((8, 9))]})\n"
        "figure._repr_png_()\n"
        "assert 'matplotlib.pyplot' not in sys.modules and 'tkinter' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"figures need matplotlib.*limelight\[plot\]"):
        draw.figure(IMAGE, MAP)
