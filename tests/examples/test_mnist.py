"""Example 5: MNIST, on the real digits."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image


def test_97_percent_and_the_pictures(
    run_example: Callable[..., str], data: Path, tmp_path: Path
) -> None:
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
    for name in ("as_a_three", "every_class"):
        pixels = np.asarray(Image.open(tmp_path / "out" / f"{name}.png").convert("RGB")).astype(int)
        red = (pixels[..., 0] > 120) & (pixels[..., 1] < 40) & (pixels[..., 2] < 40)
        assert red.mean() > 0.001, f"{name} shows no place that the network looked at"
