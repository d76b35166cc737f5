"""How far a long command is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Report = Callable[[int, int], None]

SECONDS = 10.0
"""Between two plain lines."""


@contextmanager
def counted(what: str, unit: str = "images") -> Iterator[Report]:
    """A function that is told how many are done and how many there are, after each of them.

    Many at once are those that an earlier call has done: they do not count for the rate. What is
    shown goes to the standard error stream.
    """
    if sys.stderr.isatty():
        with _bar(what, unit) as report:
            yield report
    else:
        yield Lines(what, unit)


@contextmanager
def resumable(what: str) -> Iterator[Report]:
    """As `counted`, of a run that is kept: Ctrl-C says how it goes on, and exits with 130."""
    import typer

    try:
        with counted(what) as report:
            yield report
    except KeyboardInterrupt:
        typer.echo("limelight: interrupted; the same call goes on from here", err=True)
        raise typer.Exit(130) from None


class Lines:
    """A plain line now and then: how many, how fast, and how much longer."""

    def __init__(self, what: str, unit: str) -> None:
        self._what, self._unit = what, unit
        self._start = self._told = time.monotonic()
        self._before = self._done = 0

    def __call__(self, done: int, total: int) -> None:
        """Say so where the last line was some time ago, and at the end."""
        if done > self._done + 1:
            self._before += done - self._done
        self._done = done
        now = time.monotonic()
        if done < total and now - self._told < SECONDS:
            return
        self._told = now
        rate = (done - self._before) / max(now - self._start, 1e-9)
        if done == self._before + 1 and done < total:  # after the start-up, of which it is the end
            rate = 0
        words = f"{self._what}: {done:,} of {total:,} {self._unit}"
        if rate:
            words += f", {rate:.1f} a second"
        if rate and done < total:
            words += f", {clock((total - done) / rate)} left"
        print(words, file=sys.stderr, flush=True)


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any: 2:05, 1:02:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def _bar(what: str, unit: str) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit + " {task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None, rate="")

        def report(done: int, total: int) -> None:
            state = progress.tasks[0]
            if done > state.completed + 1:  # done earlier: the rate begins here
                progress.reset(task, total=total, completed=done)
            progress.update(task, total=total, completed=done)
            if state.speed:
                progress.update(task, rate=f"{state.speed:.1f}/s")

        yield report
