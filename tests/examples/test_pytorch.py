"""Example 3: a torchvision or timm ResNet with a new head."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from examples import miniatures
from examples.conftest import Run
from limelight.data import open


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("torchvision:resnet18", "script"),
        pytest.param("timm:resnet18", "notebook", marks=pytest.mark.soak),
    ],
)
def test_the_batch_of_test_images(model: str, kind: str, run_example: Run, tmp_path: Path) -> None:
    pytest.importorskip(model.partition(":")[0])
    folder = miniatures.cars196(tmp_path / "cars", train=16, test=8)
    settings = {"CARS196": folder, "MODEL": model, "WEIGHTS": "none", "SIDE": 64}
    printed = run_example("pytorch_transfer", kind, **settings, EPOCHS=1, BATCH=8)
    assert re.search(r"layer4\S*, maps \(8, 2, 2\)", printed)
    assert "overlay (8, 64, 64, 3) uint8" in printed
    assert printed.count("IoU") == 4
    assert (tmp_path / "out" / "batch.png").stat().st_size > 10_000
    # De-normalized, the pictures are the photographs again.
    kept = np.load(tmp_path / "out" / "batch.npz")
    assert kept["images"].min() < -0.5, "the batch was normalized"
    for example, picture in zip(open(folder, split="test"), kept["pictures"], strict=True):
        expected = np.asarray(example.read().resize((64, 64), 2)).astype(int)
        assert abs(picture - expected).max() <= 1
