"""Examples 1 and 2: the courses on Cars196 and Stanford Dogs, from both forms of the files.

One form through the script, the other through the notebook: of all four ways, each once, two are
long proofs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from examples import miniatures
from examples.conftest import EXAMPLES, Run

SMALL = {"WEIGHTS": "none", "SIDE": 64, "EPOCHS": 1, "BATCH": 8}
SCRIPT, NOTEBOOK = ("folder", "script"), ("tfds", "notebook")


def long(way: tuple[str, str]) -> Any:
    return pytest.param(*way, marks=pytest.mark.soak)


def files(kind: str, form: str, folder: Path) -> str:
    """The option that names a data set of `kind`, made in `folder`."""
    if form == "tfds":
        pytest.importorskip("tensorflow_datasets")
        return f"tfds:{miniatures.prepared_by_tfds(kind, folder, train=8, test=4)}"
    return f"{kind}:{getattr(miniatures, kind)(folder, train=8, test=4)}"


@pytest.mark.parametrize(("form", "kind"), [long(SCRIPT), NOTEBOOK])
def test_cars196(form: str, kind: str, run_example: Run, tmp_path: Path) -> None:
    source = files("cars196", form, tmp_path / "data")
    printed = run_example("cars196_keras", kind, "torch", CARS196=source, ITEM=1, **SMALL)
    assert "<Dataset cars196 (train): 8 examples, 4 classes>" in printed
    assert "val_accuracy" in printed, "validated each epoch"
    assert "the .h5 file gives the same map: True" in printed
    assert re.search(r"true class '.+', probability", printed)
    assert "CAM (1, 2, 2) at conv5_block3_out" in printed
    assert "same boxes: True" in printed
    # The formats of one box agree: TFDS's fractions are those of the pixels.
    (size,) = re.findall(r": \((\d+), (\d+)\) \(height, width\)", printed)
    height, width = map(int, size)
    x0, y0, x1, y1 = numbers(printed, "xyxy")
    expected = [y0 / height, x0 / width, y1 / height, x1 / width]
    np.testing.assert_allclose(numbers(printed, "tfds"), expected, atol=1e-3)
    # Every method and both baselines, over all images.
    table = dict(re.findall(r"^(\S+) +\{'mean-iou': ([\d.]+)", printed, re.MULTILINE))
    assert set(table) == {"cam", "gradcam", "layercam", "centre-box", "whole-image"}
    assert 0 < float(table["centre-box"]) < 1
    for name in ("examples.png", "depths.png", "boxes.png", "overlay_gray_0.6.png"):
        assert (tmp_path / "out" / name).is_file(), name
    # The photograph's own size, and the true box drawn in it.
    drawn = np.asarray(Image.open(tmp_path / "out" / "boxes.png"))
    plain = np.asarray(Image.open(tmp_path / "out" / "overlay_gray_0.6.png"))
    assert drawn.shape == plain.shape
    assert (drawn == (0, 255, 0)).all(-1).sum() > 50


def numbers(printed: str, name: str) -> list[float]:
    (found,) = re.findall(rf"^{name} +\[(.*)\]$", printed, re.MULTILINE)
    return [float(number) for number in found.split(", ")]


@pytest.mark.parametrize(("form", "kind"), [SCRIPT, long(NOTEBOOK)])
def test_stanford_dogs(form: str, kind: str, run_example: Run, tmp_path: Path) -> None:
    source = files("stanford_dogs", form, tmp_path / "data")
    printed = run_example("stanford_dogs_keras", kind, "torch", DOGS=source, **SMALL)
    assert "<Dataset stanford_dogs (train): 8 examples, 3 classes>" in printed
    assert "boxes an image: 1 to 2" in printed
    assert "smallest value 0.0" in printed
    counts = [int(n) for n in re.findall(r": (\d) boxes, IoU with each", printed)]
    assert sorted(counts) == [1, 1, 2, 2] or form == "tfds"
    assert (tmp_path / "out" / "blocks.png").stat().st_size > 20_000
    table = dict(re.findall(r"^(\S+) +\{'mean-iou': ([\d.]+)", printed, re.MULTILINE))
    assert set(table) == {"gradcam", "layercam", "centre-box", "whole-image"}


@pytest.mark.soak
@pytest.mark.parametrize(("name", "kind"), [("CARS196", "cars196"), ("DOGS", "stanford_dogs")])
def test_as_it_stands(name: str, kind: str, run_example: Run, tmp_path: Path) -> None:
    """At 224 × 224 in batches of 16, as the example says; one epoch instead of fifteen."""
    folder = getattr(miniatures, kind)(tmp_path / "data", train=32, test=16)
    settings = {name: f"{kind}:{folder}", "WEIGHTS": "none", "EPOCHS": 1}
    printed = run_example(f"{kind}_keras", **settings)
    assert printed.count("val_accuracy") == 1
    assert "2/2" in printed, "batches of 16"
    table = dict(re.findall(r"^(\S+) +\{'mean-iou': ([\d.]+)", printed, re.MULTILINE))
    assert {"gradcam", "layercam", "centre-box", "whole-image"} <= set(table)
    if kind == "cars196":
        assert "CAM (1, 7, 7) at conv5_block3_out" in printed
        assert "same boxes: True" in printed


@pytest.mark.parametrize("script", ["cars196_keras", "stanford_dogs_keras"])
def test_the_settings_of_the_course(script: str) -> None:
    """What is left as it is without variables: 224 × 224, batches of 16, 15 epochs, SGD 0.01."""
    code = (EXAMPLES / f"{script}.py").read_text("utf-8")
    found = dict(re.findall(r'environ\.get\("(\w+)", "([\w.:]+)"\)', code))
    assert (found["SIDE"], found["BATCH"], found["EPOCHS"]) == ("224", "16", "15")
    assert found["WEIGHTS"] == "imagenet"
    assert "keras.optimizers.SGD(0.01)" in code
    assert "/ np.float32(255)" in code
    assert 'preprocess="0-1"' in code
