"""Maps in a folder: whole, or not there; what was saved comes back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import limelight
from limelight import Frame, Maps
from limelight.errors import ImageError, RunError
from limelight.maps import keeping

Make = Callable[..., Maps]
VALUES = np.random.default_rng(0).normal(0, 1, (2, 4, 6)).astype(np.float32)
FRAMES = [
    Frame.identity((30, 50)).resize((48, 80)).crop(4, 16, (40, 60)),
    Frame.identity((20, 90)).orient(6).resize((40, 60)),
]
PICTURES = [np.full((*frame.original_size, 3), 90, np.uint8) for frame in FRAMES]


def equal(found: Maps, expected: Maps) -> None:
    for name in ("values", "scores", "target", "probability"):
        a, b = getattr(found, name), getattr(expected, name)
        if b is None:
            assert a is None
        else:
            np.testing.assert_array_equal(a, np.asarray(b))
            assert a.dtype == np.asarray(b).dtype
    for name in ("method", "layer", "frames", "class_names", "channels_last", "score"):
        assert getattr(found, name) == getattr(expected, name), name


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"target": None, "probability": None, "scores": None},
        {"class_names": ("猫", "b", "c", 'd"', "e"), "channels_last": True, "score": "rest"},
    ],
)
def test_what_was_saved_comes_back(make: Make, tmp_path: Path, fields: dict[str, Any]) -> None:
    maps = make(VALUES, FRAMES, **fields)
    folder = maps.save(tmp_path / "new" / "maps")
    assert folder == tmp_path / "new" / "maps"
    found = limelight.Maps.load(folder)
    equal(found, maps)
    np.testing.assert_array_equal(found.boxes(), maps.boxes())
    assert found.diagnosis == maps.diagnosis


def test_maps_of_a_framework_come_back_as_numpy(make: Make, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    given = {"target": torch.tensor([1, 2]), "probability": torch.tensor([0.5, 0.25])}
    maps = make(torch.as_tensor(VALUES).requires_grad_(), FRAMES, **given)
    found = Maps.load(maps.save(str(tmp_path / "maps")))
    assert isinstance(found.values, np.ndarray)
    np.testing.assert_array_equal(found.values, VALUES)
    np.testing.assert_array_equal(found.target, [1, 2])


def test_a_picture_for_each_map(make: Make, tmp_path: Path) -> None:
    maps = make(VALUES, FRAMES)
    folder = maps.save(tmp_path / "maps")
    assert sorted(os.listdir(folder)) == ["0000.png", "0001.png", "manifest.json", "maps.npz"]
    for i, resized in enumerate(maps.resized("max")):
        picture = np.asarray(Image.open(folder / f"000{i}.png"))
        np.testing.assert_array_equal(picture, limelight.draw.colorize(resized))
    folder = maps.save(tmp_path / "overlays", PICTURES)
    for i, expected in enumerate(maps.overlay(PICTURES)):
        picture = np.asarray(Image.open(folder / f"000{i}.png"))
        np.testing.assert_array_equal(picture, expected)
    several = make(np.stack([VALUES] * 3, 1), FRAMES)
    folder = several.save(tmp_path / "several")
    names = {f"000{i}-0{k}.png" for i in range(2) for k in range(3)}
    assert set(os.listdir(folder)) == names | {"manifest.json", "maps.npz"}
    equal(Maps.load(folder), several)


def test_the_manifest_is_for_others_to_read(make: Make, tmp_path: Path) -> None:
    values = np.stack([VALUES[0], -np.abs(VALUES[1])])
    folder = make(values, FRAMES, class_names=("a", "b", "猫", "d", "e"), target=[2, 0]).save(
        tmp_path / "maps"
    )
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["limelight"] == limelight.__version__
    assert manifest["classes"] == ["猫", "a"] and manifest["method"] == "gradcam"
    assert manifest["diagnosis"][0] is None and "nowhere positive" in manifest["diagnosis"][1]
    assert manifest["pictures"] == ["0000.png", "0001.png"]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_it_refuses_to_overwrite(make: Make, tmp_path: Path) -> None:
    first, second = make(VALUES, FRAMES), make(2 * VALUES, FRAMES, method="layercam")
    folder = first.save(tmp_path / "maps")
    before = contents(tmp_path)
    with pytest.raises(RunError, match=r"exists already.*overwrite=True"):
        second.save(folder)
    assert contents(tmp_path) == before
    (folder / "0007.png").write_bytes(b"of an earlier, larger set")
    second.save(folder, overwrite=True)
    equal(Maps.load(folder), second)
    assert sorted(os.listdir(folder)) == ["0000.png", "0001.png", "manifest.json", "maps.npz"]
    assert os.listdir(tmp_path) == ["maps"]


def test_it_replaces_nothing_but_maps(make: Make, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("precious")
    before = contents(tmp_path)
    for name in ("home", "file"):
        for overwrite in (False, True):
            with pytest.raises(RunError, match=r"something else than maps.*another folder"):
                make(VALUES, FRAMES).save(tmp_path / name, overwrite=overwrite)
    assert contents(tmp_path) == before
    (tmp_path / "empty").mkdir()
    equal(Maps.load(make(VALUES, FRAMES).save(tmp_path / "empty")), make(VALUES, FRAMES))


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("failing", ["pictures", "writing", "replacing"])
def test_a_failure_leaves_nothing_behind(
    make: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
    existing: bool,
) -> None:
    folder = tmp_path / "maps"
    if existing:
        make(VALUES, FRAMES).save(folder)
    before = contents(tmp_path)
    images: Any = None
    error: type[Exception] = RunError
    if failing == "pictures":
        images, error = PICTURES[:1], ImageError
    elif failing == "writing":
        real, count = Image.Image.save, iter(range(9))

        def save(image: Image.Image, *args: Any, **options: Any) -> None:
            if next(count):
                raise OSError("No space left on device")
            real(image, *args, **options)

        monkeypatch.setattr(Image.Image, "save", save)
    else:
        real_rename = Path.rename

        def rename(path: Path, target: Path) -> Path:
            if path.name == "new":
                raise OSError("No space left on device")
            return real_rename(path, target)

        monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(error, match=r"No space left|1 images were given"):
        make(2 * VALUES, FRAMES).save(folder, images, overwrite=True)
    assert contents(tmp_path) == before
    assert os.listdir(tmp_path) == (["maps"] if existing else [])
    assert keeping.load_maps(folder).method == "gradcam" if existing else not folder.exists()


def test_a_folder_without_maps_is_said_so(make: Make, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"holds no maps: it has no manifest\.json"):
        Maps.load(tmp_path)
    with pytest.raises(RunError, match="holds no maps"):
        Maps.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("manifest.json", b"{"),
        ("manifest.json", b"[]"),
        ("manifest.json", b"{}"),
        ("manifest.json", b"\xff\xfe"),
        ("maps.npz", b"PK\x03\x04"),
        ("maps.npz", b"nothing"),
        ("maps.npz", None),
    ],
)
def test_a_damaged_folder_is_said_so(
    make: Make, tmp_path: Path, file: str, content: bytes | None
) -> None:
    folder = make(VALUES, FRAMES).save(tmp_path / "maps")
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content)
    with pytest.raises(RunError, match="maps holds no complete set of maps"):
        Maps.load(folder)


def test_no_pickle_is_opened(make: Make, tmp_path: Path) -> None:
    folder = make(VALUES, FRAMES).save(tmp_path / "maps")
    np.savez(folder / "maps.npz", values=np.array([print], object))
    with pytest.raises(RunError, match="no complete set of maps"):
        Maps.load(folder)
