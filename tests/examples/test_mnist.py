"""Example 5: MNIST, on the real digits."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from examples.conftest import Run
from limelight.data.mnist import read_idx


@pytest.mark.soak
def test_97_percent_and_the_pictures(run_example: Run, data: Path, tmp_path: Path) -> None:
    printed = run_example("mnist_gradcam", MNIST=f"mnist:{data / 'mnist'}", TRAIN=8000, EPOCHS=4)
    (accuracy,) = re.findall(r"test accuracy ([\d.]+)% of 2000 digits", printed)
    assert float(accuracy) >= 97
    (digit,) = re.findall(r"predicted (\d) with .*; true \1\n", printed)
    assert digit == "4", "the digit 8,000"
    shares = dict(re.findall(r"(\w+) +(\d+)% of the map on the ink", printed))
    (chance,) = re.findall(r"chance +(\d+)%", printed)
    assert int(shares["hirescam"]) > int(chance), printed
    assert int(shares["layercam"]) > int(chance), printed
    assert "layercam  empty for 0 of 10" in printed
    the_pictures_show_a_place(tmp_path / "out")


def test_the_notebook_from_npz(run_example: Run, data: Path, tmp_path: Path) -> None:
    """With the splits that the file has: no digit of the test split is trained on."""
    images, labels = (
        read_idx(data / "mnist" / f"t10k-{name}-ubyte.gz", axes)
        for name, axes in (("images-idx3", 3), ("labels-idx1", 1))
    )
    file = tmp_path / "mnist.npz"
    train, test = slice(0, 2000), slice(2000, 2300)
    np.savez(
        file,
        x_train=images[train],
        y_train=labels[train],
        x_test=images[test],
        y_test=labels[test],
    )
    printed = run_example("mnist_gradcam", "notebook", MNIST=f"mnist:{file}", EPOCHS=3)
    (accuracy,) = re.findall(r"test accuracy ([\d.]+)% of 300 digits", printed)
    assert float(accuracy) >= 85
    (digit,) = re.findall(r"true (\d)\n", printed)
    assert int(digit) == labels[2000]
    the_pictures_show_a_place(tmp_path / "out")


def the_pictures_show_a_place(folder: Path) -> None:
    for name in ("as_a_three", "every_class"):
        pixels = np.asarray(Image.open(folder / f"{name}.png").convert("RGB")).astype(int)
        red = (pixels[..., 0] > 120) & (pixels[..., 1] < 40) & (pixels[..., 2] < 40)
        assert red.mean() > 0.001, f"{name} shows no place that the network looked at"
