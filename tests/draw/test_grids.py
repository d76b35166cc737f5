"""The grid: every picture, box and title where it belongs."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from draw.test_fonts import make_font
from examples import miniatures
from limelight import draw
from limelight.draw import fonts
from limelight.errors import BoxError, ImageError

RANDOM = np.random.default_rng(0)
SIZES = [(20, 30), (30, 20), (16, 16)]
IMAGES = [RANDOM.integers(0, 256, (*size, 3), np.uint8) for size in SIZES]
MAPS = {name: [RANDOM.random(size) for size in SIZES] for name in ("cam", "layercam")}
BOXES = {"layercam": [[1, 2, 12, 14], None, [np.nan] * 4]}
TRUTH = [[[0, 0, 9, 9], [3, 3, 8, 8]], None, [2, 2, 5, 5]]


def cells(figure: Figure) -> dict[str, Axes]:
    return {axes.get_label(): axes for axes in figure.axes}


def place(figure: Figure, axes: Axes) -> tuple[int, int]:
    """The row and column of axes in their figure."""
    spec = axes.get_subplotspec()
    assert spec is not None
    return spec.rowspan.start, spec.colspan.start


def outlines(axes: Axes) -> list[tuple[str, list[float]]]:
    """The kind and the x0, y0, x1, y1 of each outline."""
    found: list[tuple[str, list[float]]] = []
    for patch in axes.patches:
        corners: Any = patch.get_xy()
        found.append((patch.get_label(), [*corners.min(0).tolist(), *corners.max(0).tolist()]))
    return found


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("named", [False, True])
def test_every_cell_shows_its_method_on_its_image(transpose: bool, named: bool) -> None:
    maps = MAPS if named else list(MAPS.values())
    figure = draw.grid(IMAGES, maps, None if named else list(MAPS), transpose=transpose, alpha=0.4)
    axes = cells(figure)
    assert len(axes) == 9
    for column, image in enumerate(IMAGES):
        for row, name in enumerate(["image", *MAPS]):
            cell = axes[f"{name}/{column}"]
            expected = image if row == 0 else draw.overlay(image, MAPS[name][column], 0.4)
            np.testing.assert_array_equal(cell.images[0].get_array(), expected)
            assert place(figure, cell) == ((column, row) if transpose else (row, column))


@pytest.mark.parametrize("transpose", [False, True])
def test_many_maps_of_a_single_image_wrap(transpose: bool) -> None:
    names = [f"method {i}" for i in range(10)]
    maps = {name: [RANDOM.random(SIZES[0])] for name in names}
    captions = {names[3]: ["IoU 0.81"]}
    figure = draw.grid(
        IMAGES[:1], maps, columns=["cat.jpg\nlynx"], captions=captions, transpose=transpose
    )
    axes = cells(figure)
    assert list(axes) == ["image/0", *(f"{name}/0" for name in names)]  # and no empty cell
    assert [place(figure, each) for each in axes.values()] == [divmod(i, 4) for i in range(11)]
    assert [each.get_title() for each in axes.values()] == ["cat.jpg\nlynx", *names]
    for name in names:
        expected = draw.overlay(IMAGES[0], maps[name][0])
        np.testing.assert_array_equal(axes[f"{name}/0"].images[0].get_array(), expected)
    figure.canvas.draw()
    words = [each.title for each in axes.values()] + [axes["method 3/0"].xaxis.label]
    for word in words:
        box = word.get_window_extent()
        assert not any(box.overlaps(each.get_window_extent()) for each in axes.values())
    five = cells(draw.grid(IMAGES[:1], dict(list(maps.items())[:5]), transpose=transpose))
    assert {place(figure, each)[not transpose] for each in five.values()} == {0}  # one line


def test_boxes_are_drawn_where_they_belong() -> None:
    axes = cells(draw.grid(IMAGES, MAPS, boxes=BOXES, true_boxes=TRUTH))
    both = [("true box", [0, 0, 9, 9]), ("true box", [3, 3, 8, 8])]
    assert outlines(axes["image/0"]) == both
    assert outlines(axes["cam/0"]) == both
    assert outlines(axes["layercam/0"]) == [*both, ("predicted box", [1, 2, 12, 14])]
    assert outlines(axes["layercam/1"]) == []
    assert outlines(axes["layercam/2"]) == [("true box", [2, 2, 5, 5])]


@pytest.mark.parametrize("transpose", [False, True])
def test_titles_stand_at_the_edges(transpose: bool) -> None:
    titles = ["first\nsecond line", "a name of a class that goes on and on and on", "개 <b> $x$"]
    figure = draw.grid(IMAGES, MAPS, columns=titles, transpose=transpose, title="all of it")
    axes = cells(figure)
    read = Axes.get_ylabel if transpose else Axes.get_title
    other = Axes.get_title if transpose else Axes.get_ylabel
    heads = [read(axes[f"image/{column}"]) for column in range(3)]
    assert heads[0] == "first\nsecond line"
    assert heads[1].endswith("…") and len(heads[1]) < 40
    assert heads[2].endswith(" <b> $x$")
    assert [other(axes[f"{name}/0"]) for name in ("image", *MAPS)] == ["image", *MAPS]
    assert all(not read(axes[f"cam/{column}"]) for column in range(3))
    assert figure.get_suptitle() == "all of it"


def test_captions_stand_under_their_overlays() -> None:
    captions = {"cam": ["IoU 0.81", "IoU 0.02", ""]}
    axes = cells(draw.grid(IMAGES, MAPS, captions=captions))
    assert [axes[f"cam/{i}"].get_xlabel() for i in range(3)] == ["IoU 0.81", "IoU 0.02", ""]
    assert not axes["layercam/0"].get_xlabel()


def test_coordinates_are_each_image_s_own() -> None:
    axes = cells(draw.grid(IMAGES, MAPS))
    for column, (high, wide) in enumerate(SIZES):
        assert axes[f"cam/{column}"].get_xlim() == (0, wide)
        assert axes[f"cam/{column}"].get_ylim() == (high, 0)


def test_what_was_not_seen_is_drawn_so() -> None:
    seen = [np.ones(size, bool) for size in SIZES]
    seen[0][:, :8] = False
    axes = cells(draw.grid(IMAGES, MAPS, seen=seen))
    expected = draw.overlay(IMAGES[0], MAPS["cam"][0], seen=seen[0])
    np.testing.assert_array_equal(axes["cam/0"].images[0].get_array(), expected)


def test_text_does_not_run_over_pictures() -> None:
    captions = {name: ["IoU 0.5"] * 3 for name in MAPS}
    figure = draw.grid(
        IMAGES, MAPS, columns=["a", "b\nc", "d"], captions=captions, true_boxes=TRUTH, boxes=BOXES
    )
    figure.draw_without_rendering()
    pictures = [axes.get_window_extent() for axes in figure.axes]
    for axes in figure.axes:
        for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
            if text.get_text():
                extent = text.get_window_extent()
                assert not any(extent.overlaps(picture) for picture in pictures), text.get_text()
                assert figure.bbox.contains(extent.x0, extent.y0)
                assert figure.bbox.contains(extent.x1, extent.y1)


NAMES = [
    *miniatures.CARS,
    "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
    "한국어로 쓴 아주 긴 자동차 이름 2010",
    "\U0010fffe" * 9,
    "iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii",
]


@pytest.mark.parametrize("has_glyphs", [True, False])
def test_headings_in_any_script_keep_to_their_own_picture(
    has_glyphs: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where no font has their characters, and each is written as its six-letter escape."""
    folders = [tmp_path]
    if has_glyphs:
        make_font(tmp_path / "All.ttf", "AllOfThem", "".join(sorted(set("".join(NAMES[:-2])))))
    monkeypatch.setattr(fonts, "_folders", lambda: folders)
    fonts._font_files.cache_clear()
    image, map = np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40))
    figure = draw.grid([image] * len(NAMES), {"cam": [map] * len(NAMES)}, columns=NAMES)
    figure.draw_without_rendering()  # a missing glyph warns here, and warnings are errors
    axes = cells(figure)
    extents = [axes[f"image/{i}"].title.get_window_extent() for i in range(len(NAMES))]
    for left, right in itertools.pairwise(extents):
        assert left.x1 < right.x0, "headings run into each other"
    written = [axes[f"image/{i}"].title.get_text() for i in range(len(NAMES))]
    assert written[0].startswith("현대" if has_glyphs else "\\ud604\\ub300")
    assert written[2].startswith('Acura "TL" <Sed')
    assert all(re.fullmatch(r"([^\\]|\\u[0-9a-f]{4}|\\U[0-9a-f]{8})*", text) for text in written)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"images": []}, "at least one image"),
        ({"maps": {}}, "at least one row"),
        ({"maps": {"cam": MAPS["cam"][:2]}}, "row 'cam' has 2 maps for 3 images"),
        ({"rows": ["one"]}, "1 names were given for 2 rows of maps"),
        ({"rows": ["one", "one"]}, "they must differ"),
        ({"columns": ["one"]}, "`columns` has 1 entries for 3 images"),
        ({"true_boxes": [None]}, "`true_boxes` has 1 entries for 3 images"),
        ({"boxes": [[None] * 3]}, "`boxes` has 1 rows and `maps` 2"),
        ({"boxes": {"layrcam": [None] * 3}}, "did you mean 'layercam'"),
        ({"boxes": {"cam": [None]}}, "1 entries in row 'cam' for 3 images"),
        ({"maps": {"cam": MAPS["cam"][::-1]}}, "the map is 16 × 16 and the image 20 × 30"),
    ],
)
def test_what_does_not_fit_together_is_named(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises((ImageError, BoxError)) as caught:
        draw.grid(**{"images": IMAGES, "maps": MAPS, **arguments})
    assert words in str(caught.value)
