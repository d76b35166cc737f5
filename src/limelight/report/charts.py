"""Charts: what the bars of the distribution of IoU say, and where the lines of curves lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from limelight.report.contents import Curves

if TYPE_CHECKING:
    Point = tuple[float, float]

BINS = 20
COLORS = 8  # of lines, in report.css
_CHANCE = "random"  # the method that is the floor of every comparison


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
    """A method's curve, in places between 0 and 1 of both axes.

    Attributes:
        points: (x, y) of the line.
        band: of the area around it, once around; empty where there is none.
        mark: a point that stands out, or None.
        color: which one of `COLORS` it has; None: it stands back.
    """

    name: str
    points: tuple[Point, ...]
    band: tuple[Point, ...]
    mark: Point | None
    color: int | None


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
    note: str


def chart_of(curves: Curves) -> Chart:
    """The lines of one chart on axes of 0 to 1, or further where a line reaches beyond.

    Of more lines than there are colours the best ones have one, and that of chance.
    """
    values = [y for points in curves.lines.values() for _, y in points]
    values += [y for band in curves.bands.values() for _, *ends in band for y in ends]
    low, high = min(0.0, *values), _rounded_up(max(values))
    span = (high - low) or 1.0

    def placed(points: Iterable[Point]) -> tuple[Point, ...]:
        return tuple((x, (y - low) / span) for x, y in points)

    colors = _colors(curves)
    lines = []
    for name, points in sorted(curves.lines.items(), key=lambda line: line[0] in colors):
        band = curves.bands.get(name, ())
        around = [(x, y) for x, y, _ in band] + [(x, y) for x, _, y in reversed(band)]
        mark = [curves.marks[name]] if name in curves.marks else []
        color = colors.get(name)
        around = around if color is not None else []
        lines.append(
            Line(name, placed(points), placed(around), next(iter(placed(mark)), None), color)
        )
    ticks = tuple(Tick(k / 4, f"{low + span * k / 4:.2g}") for k in range(5))
    better = {None: "", True: "low is good", False: "high is good"}[curves.lower]
    ends = ", ".join(f"{name} {_of(points)}" for name, points in curves.lines.items())
    words = f"{curves.title}, {curves.y} over {curves.x}: {ends}"
    return Chart(curves.title, curves.x, curves.y, better, ticks, tuple(lines), words, curves.words)


def _colors(curves: Curves) -> dict[str, int]:
    """The colour of each line that has one."""
    names = list(curves.lines)
    if len(names) > COLORS:
        sign = 1 if curves.lower else -1
        best = sorted(names, key=lambda name: sign * _area(curves.lines[name]))
        taken = {*best[: COLORS - 1], _CHANCE}
        names = [name for name in names if name in taken]
    return {name: color for color, name in enumerate(names)}


def _area(points: Sequence[Point]) -> float:
    return sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairwise(points))


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
