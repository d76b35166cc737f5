"""Maps as users handle them: shown, indexed, normalized, kept in a folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import limelight
from limelight.errors import ImageError, RunError
from limelight.frames import Frame
from limelight.maps import Maps, concatenate

rng = np.random.default_rng(0)


def maps_of(values: Any, size: tuple[int, int] = (40, 60), **fields: Any) -> Maps:
    values = np.asarray(values, np.float32)
    lead = values.shape[:-2]
    scores = rng.normal(size=(len(values), 5)).astype(np.float32)
    target = np.zeros(lead, np.int64)
    probability = np.full(lead, 0.2, np.float32)
    frames = (Frame.identity(size),) * len(values)
    return Maps(values, scores, target, probability, "gradcam", "layer4", frames, **fields)


FIVE = rng.normal(size=(5, 4, 6))


def test_boxes_are_nan_and_the_diagnosis_says_why_where_a_map_is_empty() -> None:
    maps = maps_of([np.zeros((4, 6)), -np.ones((4, 6)), np.ones((4, 6)), np.eye(4, 6)])
    assert np.isnan(maps.boxes()[:2]).all()
    assert np.isfinite(maps.boxes()[2:]).all()
    said = maps.diagnosis
    assert "zero everywhere" in said[0]
    assert "nowhere positive" in said[1]
    assert "constant" in said[2]
    assert said[3] is None
    broken = maps_of([np.full((4, 6), np.nan)])
    assert "not numbers" in broken.diagnosis[0]
    assert np.isnan(broken.boxes()).all()  # and no warning, no crash


def test_normalized_by_its_maximum_never_divides_by_zero() -> None:
    maps = maps_of([np.zeros((4, 6)), -np.ones((4, 6))])
    np.testing.assert_array_equal(maps.normalized(), 0)
    one = maps_of([[[-1.0, 2.0], [4.0, 1.0]]], (2, 2))
    np.testing.assert_allclose(one.normalized(), [[[0, 0.5], [1, 0.25]]])
    np.testing.assert_allclose(one.normalized("minmax"), [[[0, 0.6], [1, 0.4]]])


def test_indexing_gives_maps_of_some_images() -> None:
    maps = maps_of(FIVE)
    assert len(maps) == 5
    np.testing.assert_array_equal(maps[3].values, maps.values[3:4])
    np.testing.assert_array_equal(maps[-1].scores, maps.scores[4:])
    assert len(maps[1:4]) == 3
    with pytest.raises(IndexError):
        maps[5]
    assert [each.values[0, 0, 0] for each in maps] == pytest.approx(FIVE[:, 0, 0])


def test_joined_again_the_parts_are_the_whole() -> None:
    maps = maps_of(FIVE)
    joined = concatenate([maps[:2], maps[2:]])
    for name in ("values", "scores", "target", "probability"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(maps, name))
    assert joined.frames == maps.frames


# -- what overlay takes ---------------------------------------------------------------------------


def pictures() -> np.ndarray:
    return rng.integers(0, 256, (5, 40, 60, 3)).astype(np.uint8)


def test_overlay_takes_paths_pil_images_and_arrays_alike(tmp_path: Path) -> None:
    maps, pixels = maps_of(FIVE, channels_last=True), pictures()
    paths = [tmp_path / f"{i}.png" for i in range(5)]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    expected = maps.overlay(pixels)
    assert expected.shape == (5, 40, 60, 3)
    assert expected.dtype == np.uint8
    for same in (paths, [Image.fromarray(p) for p in pixels], list(pixels), pixels / 255.0):
        np.testing.assert_array_equal(maps.overlay(same), expected)


def test_overlay_follows_the_models_layout() -> None:
    pixels = pictures()
    last = maps_of(FIVE, channels_last=True).overlay(pixels / 255.0)
    first = maps_of(FIVE, channels_last=False).overlay((pixels / 255.0).transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(first, last)


def test_normalized_arrays_need_mean_and_std() -> None:
    pixels = pictures()
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    normalized = (pixels / 255.0 - mean) / std
    maps = maps_of(FIVE, channels_last=True)
    with pytest.raises(ImageError, match=r"values from -2\.\d+ to 2\.\d+, but .* mean= and std="):
        maps.overlay(normalized)
    np.testing.assert_array_equal(
        maps.overlay(normalized, mean=mean, std=std), maps.overlay(pixels)
    )


def test_a_classifier_undoes_its_own_preprocessing() -> None:
    pixels = pictures()
    maps = maps_of(FIVE, channels_last=True, display=lambda batch: np.uint8(batch + 100))
    shown = maps.pictures(pixels.astype(np.float32) - 100)
    np.testing.assert_array_equal(shown, pixels)


def test_overlay_by_alpha_and_in_grey() -> None:
    maps, pixels = maps_of(FIVE, channels_last=True), pictures()
    np.testing.assert_array_equal(maps.overlay(pixels, alpha=0), pixels)
    grey = maps.overlay(pixels, alpha=1, colormap="gray")
    assert (grey.max(-1) == grey.min(-1)).all()
    resized = maps.resized("max")
    assert np.abs(grey[..., 0] / 255 - resized).max() < 0.01


def test_the_number_and_the_size_of_images_must_fit() -> None:
    maps, pixels = maps_of(FIVE, channels_last=True), pictures()
    with pytest.raises(ImageError, match="2 images were given for the maps of 5"):
        maps.overlay(pixels[:2])
    with pytest.raises(ImageError, match=r"image 0 is 60 × 40 .* made of one of 40 × 60"):
        maps.overlay(pixels.transpose(0, 2, 1, 3))
    with pytest.raises(ImageError, match="1 or 3 channels can be shown, but 4"):
        maps.overlay(np.zeros((5, 40, 60, 4), np.float32))


def test_names_are_those_of_the_classes() -> None:
    maps = maps_of(FIVE, class_names=("cat", "dog", "a", "b", "c"))
    assert maps.names() == ["cat"] * 5
    assert maps_of(FIVE).names() == ["0"] * 5
    assert replace(maps, target=np.array([[0, 1]] * 5)).names() == [["cat", "dog"]] * 5
    assert replace(maps, target=None).names() == ["the given score"] * 5


def test_show_draws_one_image_as_three_and_several_as_a_grid() -> None:
    pytest.importorskip("matplotlib")
    maps, pixels = maps_of(FIVE, channels_last=True), pictures()
    labels = {axes.get_label() for axes in maps[0].show(pixels[:1]).axes}
    assert {"image", "map", "overlay"} <= labels
    labels = {axes.get_label() for axes in maps.show(pixels).axes}
    assert {f"gradcam/{i}" for i in range(5)} <= labels
    two = replace(
        maps,
        values=np.stack([maps.values, maps.values], 1),
        target=np.array([[0, 1]] * 5),
        probability=np.zeros((5, 2), np.float32),
    )
    labels = {axes.get_label() for axes in two.show(pixels).axes}
    assert {"class 1/0", "class 2/4"} <= labels


# -- keeping ---------------------------------------------------------------------------------------


def test_what_was_saved_is_loaded_again(tmp_path: Path) -> None:
    maps = maps_of(FIVE, class_names=("a", "b", '<"ü">', "한국", "e"), score="rest")
    folder = maps.save(tmp_path / "kept")
    again = Maps.load(folder)
    for name in ("values", "scores", "target", "probability"):
        np.testing.assert_array_equal(getattr(again, name), getattr(maps, name))
    for name in ("frames", "class_names", "method", "layer", "score", "channels_last"):
        assert getattr(again, name) == getattr(maps, name)
    np.testing.assert_array_equal(again.boxes(), maps.boxes())
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for name in manifest["pictures"]:
        with Image.open(folder / name) as picture:
            assert picture.size == (60, 40)
    assert len(manifest["pictures"]) == 5


def test_saved_overlays_are_the_overlays(tmp_path: Path) -> None:
    maps, pixels = maps_of(FIVE, channels_last=True), pictures()
    folder = maps.save(tmp_path / "kept", images=pixels)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for name, overlay in zip(manifest["pictures"], maps.overlay(pixels), strict=True):
        with Image.open(folder / name) as picture:
            np.testing.assert_array_equal(np.asarray(picture), overlay)


def test_a_folder_in_use_is_not_overwritten(tmp_path: Path) -> None:
    maps = maps_of(FIVE)
    folder = maps.save(tmp_path / "kept")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(RunError, match="exists"):
        maps_of(FIVE + 1).save(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    maps_of(FIVE + 1).save(folder, overwrite=True)
    np.testing.assert_allclose(Maps.load(folder).values, (FIVE + 1).astype(np.float32))
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        maps_of(FIVE).save(tmp_path / "kept", images=pictures()[:2])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_manifest_is_not_whole(tmp_path: Path) -> None:
    folder = maps_of(FIVE).save(tmp_path / "kept")
    (folder / "manifest.json").unlink()
    with pytest.raises(RunError, match=r"no manifest\.json"):
        Maps.load(folder)


@pytest.mark.torch
def test_torch_maps_stay_torch_until_asked(tmp_path: Path) -> None:
    import torch

    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(), torch.nn.Linear(4, 3),
    ).eval()  # fmt: skip
    maps = limelight.explain(model, torch.rand(2, 3, 20, 30), target="top2")
    for each in (maps.values, maps.scores, maps.target, maps.probability, maps.normalized()):
        assert isinstance(each, torch.Tensor)
    assert maps.numpy().dtype == np.float32
    again = Maps.load(maps.save(tmp_path / "kept"))
    np.testing.assert_array_equal(again.values, maps.numpy())
