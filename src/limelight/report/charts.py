"""Charts: what the bars of the distribution of IoU say, and where the lines of curves lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from limelight.report.contents import Curves

BINS = 20


@dataclass(frozen=True)
class Histogram:
    """The IoUs of one method.

    Attributes:
        name: of the method or baseline.
        shares: of the images in each of `BINS` equal parts of [0, 1]; 1 belongs to the last.
        count, mean, median: of the IoUs.
        hits: the share that is at least 0.5.
        highest: the largest share of all histograms shown together, so that they compare.
    """

    name: str
    shares: tuple[float, ...]
    count: int
    mean: float
    median: float
    hits: float
    highest: float

    @property
    def words(self) -> str:
        """What the bars show, for those who do not see them."""
        return (
            f"IoU of {self.name} over {self.count} images: mean {self.mean:.2f}, median "
            f"{self.median:.2f}, at least 0.5 in {self.hits:.0%}"
        )


def histograms(ious: dict[str, list[float]]) -> list[Histogram]:
    """A histogram for each method, none of whose lists is empty."""
    import numpy as np

    shares = {
        name: np.histogram(values, bins=np.arange(BINS + 1) / BINS)[0] / len(values)
        for name, values in ious.items()
    }
    highest = max((float(share.max()) for share in shares.values()), default=1.0)
    return [
        Histogram(
            name,
            tuple(float(share) for share in shares[name]),
            len(values),
            float(np.mean(values)),
            float(np.median(values)),
            float(np.mean(np.asarray(values) >= 0.5)),
            highest or 1.0,
        )
        for name, values in ious.items()
    ]


@dataclass(frozen=True)
class Tick:
    """A mark of an axis: where it lies between 0 and 1, and its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Line:
    """A method's curve: its points between 0 and 1 of both axes."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Chart:
    """Curves in their places."""

    title: str
    x: str
    y: str
    better: str
    ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]
    words: str


def chart_of(curves: Curves) -> Chart:
    """The lines of one chart on axes of 0 to 1, or further where a line reaches beyond."""
    values = [y for points in curves.lines.values() for _, y in points]
    low, high = min(0.0, *values), _rounded_up(max(values))
    span = (high - low) or 1.0
    lines = tuple(
        Line(name, tuple((x, (y - low) / span) for x, y in points))
        for name, points in curves.lines.items()
    )
    ticks = tuple(Tick(k / 4, f"{low + span * k / 4:.2g}") for k in range(5))
    better = {None: "", True: "low is good", False: "high is good"}[curves.lower]
    ends = ", ".join(f"{name} {_of(points)}" for name, points in curves.lines.items())
    words = f"{curves.title}, {curves.y} over {curves.x}: {ends}"
    return Chart(curves.title, curves.x, curves.y, better, ticks, lines, words)


def _of(points: Sequence[tuple[float, float]]) -> str:
    best = max(points, key=lambda point: point[1])
    return f"highest {best[1]:.2f} at {best[0]:.2f}, ends at {points[-1][1]:.2f}"


def _rounded_up(value: float) -> float:
    """The next of 0.1, 0.2, 0.5, 1, 2, 5 … that is not smaller."""
    import math

    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))
