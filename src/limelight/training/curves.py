"""The epochs of a training as a picture."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from limelight.training.folder import Epoch, Folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURE = "metrics.png"


def draw_curves(history: Sequence[Epoch]) -> Figure:
    """Loss on the left; accuracies, and localization where it was measured, on the right."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    epochs = [row.epoch for row in history]
    best = max(history, key=lambda row: (row.goodness, row.epoch))
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(epochs, [row.loss for row in history], marker=".", color="C3")
    left.set(title="Loss in training", xlabel="epoch", ylim=(0, None))
    curves: dict[str, list[float | None]] = {
        "training accuracy": [row.accuracy for row in history],
        "validation accuracy": [row.validation_accuracy for row in history],
    }
    if best.localization is not None:
        curves["localization, mean IoU"] = [row.localization for row in history]
    for name, values in curves.items():
        right.plot(epochs, values, marker=".", label=name)
    right.axvline(best.epoch, color="0.6", linestyle=":", label=f"kept: epoch {best.epoch}")
    right.set(title="Accuracy", xlabel="epoch", ylim=(0, 1.02))
    right.legend(loc="lower right", fontsize="small")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def write_curves(folder: Folder, history: Sequence[Epoch]) -> Path | None:
    """The picture in the folder; None where matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        return None
    path = folder.path / PICTURE
    folder.write(path, draw_curves(history).savefig)
    return path
