"""What a person sees during training: a bar on a terminal, a line an epoch elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from limelight.training.folder import Epoch


class Progress:
    """Shows the training of `epochs` epochs of `steps` batches on the error stream.

    A context manager; with ``shown=False`` it says nothing.
    """

    def __init__(self, epochs: int, steps: int, shown: bool = True) -> None:
        self._epochs = epochs
        self._steps = steps
        self._shown = shown
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if self._shown and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("training", total=self._epochs * self._steps, note="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, epoch: int, step: int, loss: float) -> None:
        """Batch `step` of `epoch` (both from 0) is done."""
        if self._bar is not None:
            done = epoch * self._steps + step + 1
            name = f"epoch {epoch + 1}/{self._epochs}"
            self._bar.update(self._task, completed=done, description=name, note=f"loss {loss:.3f}")

    def epoch(self, row: Epoch, best: bool) -> None:
        """An epoch is finished."""
        if not self._shown:
            return
        line = (
            f"epoch {row.epoch:>{len(str(self._epochs))}}/{self._epochs}  loss {row.loss:.3f}  "
            f"accuracy {row.accuracy:.1%}  validation {row.validation_accuracy:.1%}"
            f"{'' if row.localization is None else f'  mean IoU {row.localization:.3f}'}"
            f"{' (best)' if best else ''}  {row.seconds:.1f} s"
        )
        self.say(line)

    def say(self, line: str) -> None:
        """A line above the bar, or on the error stream."""
        if not self._shown:
            return
        if self._bar is not None:
            self._bar.console.print(line, highlight=False, markup=False)
        else:
            print(line, file=sys.stderr, flush=True)
