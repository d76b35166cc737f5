"""Pictures of what `explain` took, overlays over them, and figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from limelight import Frame, Maps, draw
from limelight.errors import ImageError
from limelight.models import Classifier, Preprocess

Make = Callable[..., Maps]
RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (2, 40, 60, 3), np.uint8)
VALUES = RANDOM.normal(0, 1, (2, 4, 6)).astype(np.float32)
FLOATS = (PIXELS / 255).astype(np.float32)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def same(found: list[np.ndarray], expected: np.ndarray = PIXELS) -> None:
    assert all(each.dtype == np.uint8 for each in found)
    np.testing.assert_array_equal(np.stack(found), expected)


def channels_first(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2))


# -- pictures ---------------------------------------------------------------------------------


def test_photographs_of_every_kind(make: Make, tmp_path: Path) -> None:
    maps = make(VALUES)
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    images = [Image.fromarray(each) for each in PIXELS]
    for image, path in zip(images, paths, strict=True):
        image.save(path)
    mixed: list[Any] = [str(paths[0]), images[1]]
    for given in (paths, images, mixed, tuple(PIXELS), PIXELS, PIXELS.astype(int)):
        same(maps.pictures(given))
    for given in (paths[0], str(paths[0]), images[0], PIXELS[0], PIXELS[:1], paths[0].read_bytes()):
        same(maps[0].pictures(given), PIXELS[:1])


def test_arrays_as_models_take_them(make: Make) -> None:
    torch = pytest.importorskip("torch")
    first, last = make(VALUES), make(VALUES, channels_last=True)
    same(last.pictures(FLOATS))
    same(last.pictures(list(FLOATS)))
    same(first.pictures(channels_first(FLOATS)))
    same(first.pictures(torch.as_tensor(channels_first(FLOATS)).requires_grad_()))
    same(first.pictures(channels_first(PIXELS)))
    same(first.pictures(list(torch.as_tensor(channels_first(FLOATS)))))
    grey = np.repeat(PIXELS[..., :1], 3, -1)
    same(first.pictures(channels_first(FLOATS[..., :1])), grey)
    same(last.pictures(FLOATS[..., :1]), grey)
    same(last.pictures(list(PIXELS[..., 0])), grey)


def test_normalized_arrays_need_their_mean_and_std(make: Make) -> None:
    normalized = ((FLOATS - MEAN) / STD).astype(np.float32)
    first, last = make(VALUES), make(VALUES, channels_last=True)
    same(last.pictures(normalized, mean=MEAN, std=STD))
    same(first.pictures(channels_first(normalized), mean=MEAN, std=STD))
    for maps, given in ((last, normalized), (first, channels_first(normalized))):
        with pytest.raises(ImageError, match=r"values from -\d.* mean= and std="):
            maps.pictures(given)
        with pytest.raises(ImageError, match="mean= and std="):
            maps.overlay(given)
    with pytest.raises(ImageError, match=r"values from 0 to 255"):
        last.pictures(PIXELS.astype(np.float32))
    with pytest.raises(ImageError, match=r"values from nan"):
        last.pictures(np.full_like(FLOATS, np.nan))


def test_a_classifiers_own_arrays_are_undone(make: Make) -> None:
    preprocess = Preprocess((40, 60), MEAN, STD, channels="BGR", channels_first=True)
    classifier = Classifier(None, preprocess)
    prepared, _ = classifier.prepare(PIXELS)
    maps = make(VALUES, display=classifier.display)
    same(maps.pictures(prepared))
    same(maps.pictures(PIXELS))
    by_hand = Classifier(None, Preprocess((40, 60), function=lambda pixels: pixels / 255))
    maps = make(VALUES, display=by_hand.display, channels_last=True)
    with pytest.raises(ImageError, match="prepared by a function"):
        maps.pictures(FLOATS)
    same(maps.pictures(FLOATS, mean=(0,), std=(1,)))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (PIXELS[:1], "1 images were given for the maps of 2"),
        (PIXELS[:, :30], "image 0 is 30 × 60 .* its map was made of one of 40 × 60"),
        (PIXELS.transpose(0, 2, 1, 3), "image 0 is 60 × 40 .* 40 × 60"),
        (FLOATS[0], "batch of four axes"),
        (FLOATS[..., :2], "2 were given"),
        ([FLOATS[0], FLOATS[1, :5]], "arrays of one shape"),
        (300 * PIXELS.astype(int), "uint8"),
        ([], "0 images"),
        (["no such file.png"], "there is no file"),
        (None, "an image is a path"),
    ],
)
def test_what_cannot_be_shown_is_said_so(make: Make, given: Any, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        make(VALUES, channels_last=True).pictures(given)


# -- overlays ---------------------------------------------------------------------------------


def test_overlays_are_blended_in_original_pixels(make: Make) -> None:
    maps = make(VALUES, channels_last=True)
    found = maps.overlay(PIXELS, alpha=0.3, colormap="viridis")
    assert found.dtype == np.uint8 and found.shape == (2, 40, 60, 3)
    for i in range(2):
        colours = draw.colorize(maps.resized("max")[i], "viridis").astype(float)
        expected = 0.7 * PIXELS[i] + 0.3 * colours
        assert np.abs(found[i] - expected).max() <= 1
    np.testing.assert_array_equal(maps.overlay(PIXELS, alpha=0), PIXELS)
    np.testing.assert_array_equal(maps.overlay(FLOATS), maps.overlay(PIXELS))
    colours = np.stack([draw.colorize(map_) for map_ in maps.resized("ivr")])
    np.testing.assert_array_equal(maps.overlay(PIXELS, alpha=1, normalizer="ivr"), colours)


def test_what_the_model_has_not_seen_is_grey(make: Make) -> None:
    frame = Frame.identity((40, 60)).crop(top=5, left=20, size=(30, 40))
    (found,) = make(VALUES[:1], [frame]).overlay(PIXELS[:1])
    seen = frame.seen()
    assert seen.sum() == 30 * 40
    assert (found[~seen] == found[~seen][:, :1]).all()
    inside = found[seen]
    assert (inside != inside[:, :1]).any()


def test_overlays_of_several_classes_and_of_different_sizes(make: Make) -> None:
    several = make(np.stack([VALUES, -VALUES, VALUES], 1))
    found = several.overlay(PIXELS)
    assert found.shape == (2, 3, 40, 60, 3)
    np.testing.assert_array_equal(found[:, 0], make(VALUES).overlay(PIXELS))
    np.testing.assert_array_equal(found[:, 1], make(-VALUES).overlay(PIXELS))
    sizes = [(40, 60), (20, 90)]
    frames = [Frame.identity(size).resize((40, 60)) for size in sizes]
    images = [np.full((*size, 3), 77, np.uint8) for size in sizes]
    found = make(VALUES, frames).overlay(images)
    assert isinstance(found, list)
    assert [each.shape for each in found] == [(40, 60, 3), (20, 90, 3)]


def test_an_empty_map_lays_the_lowest_colour_over_everything(make: Make) -> None:
    (found,) = make(np.full((1, 4, 6), np.nan, np.float32)).overlay(PIXELS[:1], alpha=1)
    lowest = draw.colorize(np.zeros((1, 1)))[0, 0]
    assert (found == lowest).all()


# -- figures ----------------------------------------------------------------------------------


def pictures_of(figure: Any) -> dict[str, np.ndarray]:
    return {
        axes.get_label(): np.asarray(axes.images[0].get_array())
        for axes in figure.axes
        if axes.images
    }


def texts(figure: Any) -> str:
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))


def test_a_figure_of_one_image(make: Make) -> None:
    pytest.importorskip("matplotlib")
    names = ("ant", "bee", "cat", "dog", "eel")
    maps = make(VALUES[:1], class_names=names, target=np.array([3]))
    figure = maps.show(PIXELS[:1], alpha=0.4, colormap="magma")
    shown = pictures_of(figure)
    np.testing.assert_array_equal(shown["image"], PIXELS[0])
    np.testing.assert_allclose(shown["map"], maps.resized("max")[0], atol=1e-6)
    np.testing.assert_array_equal(
        shown["overlay"], maps.overlay(PIXELS[:1], alpha=0.4, colormap="magma")[0]
    )
    assert "dog" in texts(figure)
    x0, y0, x1, y1 = maps.boxes()[0]
    (overlay,) = (axes for axes in figure.axes if axes.get_label() == "overlay")
    edges = [
        patch.get_extents().transformed(overlay.transData.inverted()) for patch in overlay.patches
    ]
    assert any(
        np.allclose([edge.x0, edge.y0, edge.x1, edge.y1], [x0, y1, x1, y0], atol=0.6)
        or np.allclose([edge.x0, edge.y0, edge.x1, edge.y1], [x0, y0, x1, y1], atol=0.6)
        for edge in edges
    )
    without = maps.show(PIXELS[:1], boxes=False)
    (overlay,) = (axes for axes in without.axes if axes.get_label() == "overlay")
    assert not overlay.patches


def test_figures_of_several_images_and_classes(make: Make) -> None:
    pytest.importorskip("matplotlib")
    shown = pictures_of(make(VALUES).show(PIXELS))
    np.testing.assert_array_equal(shown["image/1"], PIXELS[1])
    expected = make(VALUES).overlay(PIXELS)
    for i in range(2):
        np.testing.assert_array_equal(shown[f"gradcam/{i}"], expected[i])
    several = make(np.stack([VALUES, -VALUES], 1), target=np.array([[0, 1], [3, 4]]))
    figure = several.show(PIXELS)
    shown = pictures_of(figure)
    expected = several.overlay(PIXELS)
    for i, k in np.ndindex(2, 2):
        np.testing.assert_array_equal(shown[f"class {k + 1}/{i}"], expected[i, k])
    assert {"0", "1", "3", "4"} <= set(texts(figure).split("\n"))


def test_a_figure_where_nothing_was_found(make: Make) -> None:
    pytest.importorskip("matplotlib")
    figure = make(-np.abs(VALUES[:1]), target=None).show(PIXELS[:1])
    assert "the given score" in texts(figure)
