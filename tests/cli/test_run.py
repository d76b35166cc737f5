"""`limelight run`, `status` and `export`: a folder of photographs as people have them."""

from __future__ import annotations

import csv
import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.conftest import Call
from limelight.data import open as open_dataset
from limelight.explainer import explain
from limelight.models import load
from limelight.runs import open

Run = Callable[..., Call]
pytest.importorskip("pyarrow")


def _pixels(seed: int, *shape: int, kind: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(kind).max, shape).astype(kind)


def _good_files(folder: Path) -> list[str]:
    """Everything that can be read rightly, under names that are hard to handle."""
    folder.mkdir()
    rgb = Image.fromarray(_pixels(0, 50, 80, 3))
    rgb.save(folder / "plain.jpg")
    rgb.save(folder / "with space.png")
    rgb.save(folder / "quotes \"'`.png")
    rgb.save(folder / "two\nlines, and a comma.png")
    rgb.save(folder / "ひかり-φῶς-свет.png")
    rgb.save(folder / "JPEG.JPG", "JPEG")
    (folder / "deep" / "er").mkdir(parents=True)
    rgb.save(folder / "deep" / "er" / "inner.webp")
    with Path(os.fsdecode(os.fsencode(folder) + b"/not-utf8-\xff.png")).open("wb") as stream:
        rgb.save(stream, "PNG")
    Image.fromarray(_pixels(1, 40, 30, kind=np.uint16)).save(folder / "sixteen.png")
    rgb.convert("CMYK").save(folder / "cmyk.jpg")
    palette = rgb.quantize(16)
    palette.save(folder / "palette.png", transparency=3)
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb.save(folder / "turned.jpg", exif=exif)
    frames = [Image.fromarray(_pixels(i, 30, 40, 3)) for i in range(3)]
    frames[0].save(folder / "animated.gif", save_all=True, append_images=frames[1:])
    rgb.convert("L").save(folder / "grey.bmp")
    rgb.convert("LA").save(folder / "grey-alpha.png")
    return [example.id for example in open_dataset(f"images:{folder}")]


def _bomb() -> bytes:
    """A PNG of 20,000 × 20,000 pixels in 100 bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _bad_files(folder: Path) -> dict[str, str]:
    """By name, what is said of each."""
    whole = (folder / "plain.jpg").read_bytes()
    (folder / "empty.jpg").touch()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "text.jpg").write_text("This is no image.")
    (folder / "bomb.png").write_bytes(_bomb())
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    os.mkfifo(folder / "pipe.jpg")
    return {
        "empty.jpg": "is empty (0 bytes)",
        "cut.jpg": "damaged or truncated",
        "text.jpg": "not an image",
        "bomb.png": "decompression bombs",
        "gone.jpg": "there is no file",
        "loop.jpg": "loop.jpg",
        "pipe.jpg": "not a regular file",
    }


def test_bad_files_among_good_ones(call: Run, weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    good = _good_files(folder)
    bad = _bad_files(folder)
    arguments = ["run", folder, "-m", weights, "--methods", "gradcam,layercam", "--out", "RUN"]
    result = call(*arguments, "--layer", "features.12", "--batch-size", "4")
    assert result.code == 1, result.err
    count = len(good) + len(bad)
    assert f"explaining: {count} of {count} images" in result.err
    assert f"{len(bad)} of {count} images failed" in result.err

    found = open("RUN")
    assert len(found) == count == len(list(found))
    with Path("RUN/errors.csv").open(newline="", encoding="utf-8") as stream:
        listed = {line["id"]: line["error"] for line in csv.DictReader(stream)}
    assert set(listed) == set(bad)
    for name, words in bad.items():
        row = found.row(name)
        assert words in str(row.error) and listed[name] == row.error
        assert row.found == {} or row.frame is None
    classifier = load(weights)
    for name in good:
        shown = os.fsencode(name).decode("utf-8", "backslashreplace")
        row, maps = found.row(shown), found.maps(shown, "gradcam")
        assert row.error is None
        alone = explain(classifier, [str(folder / name)], layer="features.12")
        np.testing.assert_allclose(maps.numpy(), alone.numpy(), rtol=2e-3, atol=1e-3)
        assert maps.frames == alone.frames
        assert row.predicted == int(alone.target[0])
        assert row.target_score == pytest.approx(float(alone.scores[0, row.target]), rel=1e-4)
        assert maps.probability[0] == pytest.approx(float(alone.probability[0]), rel=1e-4)
        np.testing.assert_allclose(row.found["gradcam"].box, alone.boxes()[0], atol=1.01)
    assert found.row("turned.jpg").frame.original_size == (80, 50)

    state = call("status", "RUN")
    assert state.code == 0 and f"{count} of {count} images (100%)" in state.out
    again = call(*arguments, "--layer", "features.12", "--json")
    assert again.code == 1
    assert again.json["errors"] == len(bad)
    refused = call(*arguments, "--layer", "features.11")
    assert refused.code == 2
    assert 'layer was "features.12", and is now "features.11"' in refused.err

    wanted = call("export", "RUN", "boxes.json", "--method", "layercam")
    assert wanted.code == 0 and wanted.out.strip() == "boxes.json"
    content = json.loads(Path("boxes.json").read_text("utf-8"))
    assert {image["file_name"] for image in content["images"]} == {
        os.fsencode(name).decode("utf-8", "backslashreplace") for name in good
    }
    assert "which method's? RUN has gradcam, layercam" in call("export", "RUN", "x.json").err


def test_a_changed_model_and_changed_versions_are_refused(
    call: Run, weights: Path, photographs: list[Path], tmp_path: Path
) -> None:
    model = tmp_path / "mine.safetensors"
    model.write_bytes(weights.read_bytes())
    side = weights.with_name(f"{weights.name}.limelight.json")
    model.with_name(f"{model.name}.limelight.json").write_bytes(side.read_bytes())
    images = photographs[0].parent
    arguments = ["run", f"images:{images}", "-m", model, "--methods", "cam", "--out", "RUN"]
    assert call(*arguments).code == 0
    assert call(*arguments).code == 0

    content = json.loads(Path("RUN/config.json").read_text())
    kept = content["versions"]["torch"]
    content["versions"]["torch"] = "1.0"
    Path("RUN/config.json").write_text(json.dumps(content))
    refused = call(*arguments)
    assert refused.code == 2
    assert f"torch was 1.0, and is now {kept}" in refused.err
    content["versions"] |= {"torch": kept, "python": "3.0", "pyarrow": "1"}
    Path("RUN/config.json").write_text(json.dumps(content))
    assert call(*arguments).code == 0  # what carries numbers makes none

    changed = bytearray(model.read_bytes())
    changed[-1] ^= 1
    model.write_bytes(changed)
    refused = call(*arguments)
    assert refused.code == 2
    assert "model.sha256 was" in refused.err


def test_a_run_is_evaluated_from_the_command_line_alike(
    call: Run, weights: Path, photographs: list[Path], tmp_path: Path
) -> None:
    """`evaluate` is the same run: rows, boxes and maps are those of `run`."""
    folder = photographs[0].parent
    lines = [f"{path.name},tabby,0 0 20 20" for path in photographs]
    (folder / "manifest.csv").write_text("\n".join(["file,class,boxes", *lines]) + "\n")
    (tmp_path / "classes.csv").write_text("tabby,tabby\n")
    arguments = [folder / "manifest.csv", "-m", weights, "--class-map", "classes.csv", "-t", "true"]
    assert call("run", *arguments, "--methods", "cam", "--out", "A").code == 0
    assert call("evaluate", *arguments, "--methods", "cam", "--out", "B").code == 0
    for one, other in zip(open("A"), open("B"), strict=True):
        a, b = one.as_dict(), other.as_dict()
        assert {**b["cam"], **a["cam"]} == b["cam"]
        del a["cam"], b["cam"]
        assert a == b
        np.testing.assert_array_equal(
            open("A").maps(one.index).numpy(), open("B").maps(one.index).numpy()
        )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--engine", "rey"], "there is no engine 'rey'; did you mean 'ray'"),
        (["--workers", "2"], "those of Ray; give engine='ray' (--engine ray) with them"),
        (["--address", "auto"], "those of Ray; give engine='ray' (--engine ray) with them"),
        (["--methods", "kam"], "there is no method 'kam'"),
        (["--target", "truth"], "did you mean 'true'"),
    ],
)
def test_a_bad_call_is_one_sentence(
    call: Run, weights: Path, photographs: list[Path], arguments: list[str], sentence: str
) -> None:
    result = call("run", photographs[0].parent, "-m", weights, "--out", "RUN", *arguments)
    assert result.code == 2
    assert sentence in result.err
    assert not Path("RUN").exists()
