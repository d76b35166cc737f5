"""The picture of a training: what its curves hold, and that it shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limelight.training.folder import Epoch, Folder

pytest.importorskip("matplotlib")
from limelight.training.curves import draw_curves, write_curves

HISTORY = [
    Epoch(1, 2.0, 0.3, 0.4, 1.0, 0.20),
    Epoch(2, 1.0, 0.6, 0.7, 1.0, 0.35),
    Epoch(3, 0.5, 0.9, 0.8, 1.0, 0.30),
]


def curves(history: list[Epoch]) -> dict[str, list[float]]:
    lines = [line for axes in draw_curves(history).axes for line in axes.get_lines()]
    return {str(line.get_label()): list(line.get_ydata()) for line in lines}


def test_the_curves_are_the_table() -> None:
    drawn = curves(HISTORY)
    assert drawn["training accuracy"] == [0.3, 0.6, 0.9]
    assert drawn["validation accuracy"] == [0.4, 0.7, 0.8]
    assert drawn["localization, mean IoU"] == [0.2, 0.35, 0.3]
    assert [2.0, 1.0, 0.5] in drawn.values()
    assert "kept: epoch 2" in drawn  # the best localization, not the best accuracy


def test_without_localization_the_most_accurate_epoch_is_marked() -> None:
    plain = [Epoch(r.epoch, r.loss, r.accuracy, r.validation_accuracy, 1.0) for r in HISTORY]
    drawn = curves(plain)
    assert "kept: epoch 3" in drawn
    assert "localization, mean IoU" not in drawn


def test_the_picture_is_not_blank(tmp_path: Path) -> None:
    path = write_curves(Folder(tmp_path, ".keras"), HISTORY)
    assert path == tmp_path / "metrics.png"
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.png"]
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(pixels, axis=0)) > 50
