"""`limelight compare`: a picture with a row for each method and layer, and a report of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import limelight
from cli.conftest import Call
from report.reading import read

Run = Callable[..., Call]


def drawn(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_a_row_more_makes_the_picture_higher(
    call: Run, weights: Path, photographs: list[Path], tmp_path: Path
) -> None:
    sizes = []
    for methods in ("cam", "cam,gradcam", "cam,gradcam,layercam"):
        out = tmp_path / "new" / f"{methods}.png"
        result = call("compare", *photographs, "-m", weights, "-x", methods, "-t", "7", "-o", out)
        assert result.code == 0, result.err
        assert result.out.splitlines()[-2:] == [str(out), str(out.with_suffix(".html"))]
        picture = drawn(out)
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 1000  # not blank
        sizes.append(picture.shape)
    assert sizes[0][0] < sizes[1][0] < sizes[2][0]
    assert sizes[0][1] == sizes[1][1] == sizes[2][1]


def test_what_was_assumed_of_the_model_is_said(
    call: Run, weights: Path, photographs: list[Path], tmp_path: Path
) -> None:
    result = call("compare", photographs[0], "-m", weights, "-x", "cam", "-o", tmp_path / "a.png")
    assert result.code == 0, result.err
    assert "squashed to 64×64, bilinear (no mode was given)" in result.err


def test_layers_are_rows_too(
    call: Run, weights: Path, photographs: list[Path], tmp_path: Path
) -> None:
    arguments = ["compare", photographs[0], "-m", weights, "-x", "gradcam", "-t", "7"]
    layers = ["-l", "features.12", "-l", "features.9"]
    assert call(*arguments, "-o", "one.png").code == 0
    assert call(*arguments, *layers, "-o", "two.png").code == 0
    assert drawn(tmp_path / "two.png").shape[0] > drawn(tmp_path / "one.png").shape[0]


def test_the_report_has_every_method_at_every_layer(
    call: Run, weights: Path, photographs: list[Path], tmp_path: Path
) -> None:
    layers = ["-l", "features.12", "-l", "features.9"]
    result = call(
        "compare", *photographs, "-m", weights, "-x", "gradcam,layercam", "-t", "7", *layers,
        "--threshold", "0.3", "-o", "both.html",
    )  # fmt: skip
    assert result.code == 0, result.err
    assert result.out.splitlines()[-1] == "both.html"
    assert not (tmp_path / "both.png").exists()
    page = read(tmp_path / "both.html")
    axes = {
        f"{method} · {layer}": [method, layer]
        for method in ("gradcam", "layercam")
        for layer in ("features.12", "features.9")
    }
    data, pictures = (script.children[0] for script in page.all("script")[:2])
    assert isinstance(data, str) and isinstance(pictures, str)
    assert json.loads(data)["axes"] == axes
    found = limelight.explain(
        limelight.load(weights), photographs, ["gradcam", "layercam"], target=7,
        layer=["features.12", "features.9"],
    )  # fmt: skip
    lines = [json.loads(line) for line in pictures.split("\n")]
    for n, photograph in enumerate(photographs):
        assert json.loads(data)["items"][n]["id"] == photograph.name
        for panel in lines[n]["panels"]:
            method, layer = axes[panel["name"]]
            maps = found[method][layer]
            cells = np.frombuffer(base64.b64decode(panel["cells"]), "<u2") / 65535
            np.testing.assert_allclose(
                cells.reshape(panel["grid"]), maps.normalized()[n].numpy(), atol=1e-5
            )
            box = maps.boxes(0.3)[n]
            assert (panel["box"] is None) == bool(np.isnan(box).any())
            if panel["box"] is not None:
                np.testing.assert_allclose(panel["box"], box, atol=0.01)
            assert panel["note"] == (maps.diagnosis[n] or "")
    settings = {table.all("caption")[0].text for table in page.all("table")}
    assert settings == {"model", "comparison", "versions"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-t", "1,2"], "compare draws one class per image"),
        (["-t", "top5"], "compare draws one class per image"),
        (["-x", "gradcam,kam"], "there is no method 'kam'"),
        (["-t", "1000"], "class 1000 was asked for"),
        (["-o", "compare.docx"], "compare.docx"),
        (["-o", "/dev/null/compare.png"], "/dev/null/compare.png cannot be written"),
        (["-o", "/dev/null/compare.html"], "cannot be written to /dev/null/compare.html"),
    ],
)
def test_a_bad_call_is_one_sentence(
    call: Run, weights: Path, photographs: list[Path], arguments: list[str], sentence: str
) -> None:
    result = call("compare", photographs[0], "-m", weights, "-x", "cam", *arguments)
    assert result.code == 2
    assert result.err.splitlines()[-1].startswith("limelight: ")
    assert sentence in result.err


def test_bad_photographs_are_left_out_and_listed(
    call: Run,
    weights: Path,
    photographs: list[Path],
    bad_photographs: dict[Path, str],
    tmp_path: Path,
) -> None:
    arguments = ["-m", weights, "-x", "cam", "-t", "7", "-o"]
    assert call("compare", *photographs, *arguments, "good.png").code == 0
    result = call("compare", *bad_photographs, *photographs, *arguments, "mixed.png")
    assert result.code == 1
    np.testing.assert_array_equal(drawn(tmp_path / "mixed.png"), drawn(tmp_path / "good.png"))
    for path, reason in bad_photographs.items():
        assert any(str(path) in line and reason in line for line in result.err.splitlines())
    alone = call("compare", *list(bad_photographs)[:1], *arguments, "none.png")
    assert alone.code == 2
    assert not (tmp_path / "none.png").exists()
