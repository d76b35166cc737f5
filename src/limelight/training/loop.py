"""Epoch after epoch, whatever trains them: keep the best, keep the last, stop early, go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from limelight.training.curves import write_curves
from limelight.training.folder import Epoch, Folder
from limelight.training.progress import Progress

OnStep = Callable[[int, int, float], None]


class Trainer(Protocol):
    """A model in training; one for each framework."""

    @property
    def model(self) -> Any:
        """What is trained."""

    @property
    def steps(self) -> int:
        """Batches in an epoch."""

    def train(self, epoch: int, on_step: OnStep) -> tuple[float, float]:
        """Train one epoch; mean loss and accuracy over its batches."""

    def validate(self) -> float:
        """Accuracy over the held-out images."""

    def save_model(self, path: Path) -> None:
        """Write the model alone."""

    def save_state(self, path: Path, history: Sequence[Epoch]) -> None:
        """Write model, optimizer and history."""

    def load_state(self, path: Path) -> list[Epoch]:
        """Take up what `save_state` wrote; the history."""


def run(
    trainer: Trainer,
    folder: Folder,
    epochs: int,
    patience: int | None,
    shown: bool,
    localization: Callable[[Any], float] | None = None,
) -> list[Epoch]:
    """Train until `epochs` are done, or `patience` epochs brought nothing better.

    What the folder holds of an earlier call is taken up. With `localization`, the best epoch is
    the one whose model it finds best, not the one with the highest validation accuracy. Returns
    the history.

    Raises:
        KeyboardInterrupt: with what was kept, in words.
    """
    history: list[Epoch] = []
    with Progress(epochs, trainer.steps, shown) as progress:
        if folder.state.is_file():
            history = trainer.load_state(folder.state)
            progress.say(f"going on after epoch {len(history)}, from {folder.path}")
        try:
            while len(history) < epochs and not _stale(history, patience):
                row = _epoch(trainer, len(history), progress.step, localization)
                best = all(row.goodness >= earlier.goodness for earlier in history)
                history.append(row)
                if best:
                    folder.write(folder.model, trainer.save_model)
                folder.write(folder.state, lambda path: trainer.save_state(path, history))
                folder.write_metrics(history)
                progress.epoch(row, best)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"stopped in epoch {len(history) + 1} of {epochs}; {len(history)} finished epochs "
                f"are kept in {folder.path}, and the same call goes on from there"
            ) from None
    write_curves(folder, history)
    folder.finish(history)
    return history


def _epoch(
    trainer: Trainer,
    number: int,
    on_step: OnStep,
    localization: Callable[[Any], float] | None,
) -> Epoch:
    start = time.perf_counter()
    loss, accuracy = trainer.train(number, on_step)
    validation = trainer.validate()
    found = None if localization is None else localization(trainer.model)
    return Epoch(number + 1, loss, accuracy, validation, time.perf_counter() - start, found)


def _stale(history: Sequence[Epoch], patience: int | None) -> bool:
    """Whether the last `patience` epochs were all worse than the best before them."""
    if patience is None or len(history) <= patience:
        return False
    best = max(row.goodness for row in history[:-patience])
    return all(row.goodness < best for row in history[-patience:])
