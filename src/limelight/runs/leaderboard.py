"""The methods of a benchmark, ranked by each figure and over all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limelight.runs.benching import MEMORY, SECONDS
from limelight.runs.evaluation import Evaluation
from limelight.runs.metric_rows import GROUPS, scorers, share_of
from limelight.runs.table import COLUMNS, RESAMPLES, Line

if TYPE_CHECKING:
    from limelight.metrics import Result

_COSTS = {SECONDS: "s / image", MEMORY: "MB more"}


@dataclass(frozen=True)
class Column:
    """One figure of every method.

    Attributes:
        key: the metric's name in the rows of the run.
        title: of the column.
        group: what it judges, a name from `limelight.runs.metric_rows.GROUPS`.
        lower: whether small values are good.
    """

    key: str
    title: str
    group: str
    lower: bool


@dataclass(frozen=True)
class Standing:
    """One method of a benchmark.

    Attributes:
        name: of the method.
        layer: that was explained.
        results: by column, with 95 % intervals over images.
        ranks: by column, 1 for the best; values equal to four digits share the mean of their
            places.
        by_group: by group, the mean of its columns' ranks.
        rank: the mean over the groups but that of cost; the table is in its order.
    """

    name: str
    layer: str | None
    results: Mapping[str, Result]
    ranks: Mapping[str, float]
    by_group: Mapping[str, float]
    rank: float


@dataclass(frozen=True, eq=False)
class Leaderboard:
    """Methods ranked by localization, pointing, faithfulness and sanity, with what they cost.

    Attributes:
        columns: the figures, those of a group beside one another.
        standings: the methods, best mean rank first.
        evaluation: whose rows the figures were made of; the first of several.
    """

    columns: tuple[Column, ...]
    standings: tuple[Standing, ...]
    evaluation: Evaluation

    def __repr__(self) -> str:
        return f"<Leaderboard of {len(self.standings)} methods on {self.evaluation.data}>"

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that have a column."""
        present = {column.group for column in self.columns}
        return tuple(group for group in GROUPS if group in present)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "columns": [
                {"key": c.key, "title": c.title, "group": c.group, "lower": c.lower}
                for c in self.columns
            ],
            "standings": [
                {
                    "name": each.name,
                    "layer": each.layer,
                    "rank": each.rank,
                    "groups": dict(each.by_group),
                    "ranks": dict(each.ranks),
                    "results": {
                        key: {
                            "value": result.value,
                            "interval": None if result.interval is None else list(result.interval),
                            "images": result.images,
                            "details": result.details,
                        }
                        for key, result in each.results.items()
                    },
                }
                for each in self.standings
            ],
        }


def leaderboard(evaluation: Evaluation, *others: Evaluation) -> Leaderboard:
    """The leaderboard of a benchmark's rows; of several benchmarks, their methods together.

    A sanity check is best at 0, on whichever side; all others at the end that is good. A method
    that several benchmarks have is taken from the first. Whether they saw the same model and the
    same images, or how many, is the caller's to say.
    """
    lines: dict[str, Line] = {}
    results: dict[str, dict[str, Result]] = {}
    for each in (evaluation, *others):
        for line in each.table():
            if not line.baseline and line.name not in lines:
                lines[line.name] = line
                results[line.name] = {**line.results, **_costs(each, line.name)}
    columns = tuple(
        column for column in _columns() if any(column.key in found for found in results.values())
    )
    ranks: dict[str, dict[str, float]] = {name: {} for name in lines}
    for column in columns:
        values = {n: f[column.key].value for n, f in results.items() if column.key in f}
        for name, rank in _ranked(values, column).items():
            ranks[name][column.key] = rank
    standings = []
    for name, line in lines.items():
        by_group = {}
        for group in GROUPS:
            own = [ranks[name][c.key] for c in columns if c.group == group and c.key in ranks[name]]
            if own:
                by_group[group] = sum(own) / len(own)
        judged = [value for group, value in by_group.items() if group != "cost"]
        mean = sum(judged) / len(judged) if judged else float(len(lines))
        standings.append(Standing(name, line.layer, results[name], ranks[name], by_group, mean))
    order = sorted(standings, key=lambda each: (each.rank, each.name))
    return Leaderboard(columns, tuple(order), evaluation)


def _columns() -> list[Column]:
    """All columns there can be, by group."""
    known = scorers()
    found = [Column(key, title, "localization", False) for key, title in COLUMNS.items()]
    found = [column for column in found if column.key not in known]
    found += [Column(s.name, s.title, s.group, s.lower) for s in known.values()]
    found += [Column(key, title, "cost", True) for key, title in _COSTS.items()]
    return sorted(found, key=lambda column: GROUPS.index(column.group))


def _costs(evaluation: Evaluation, name: str) -> dict[str, Result]:
    rows = evaluation.scored
    found = {}
    for key in _COSTS:
        scores = [row.found[name].scores.get(key) for row in rows]
        values = [None if each is None else float(each[0]) for each in scores]
        result = share_of(key, values, [row.label for row in rows], RESAMPLES, {})
        if result is not None:
            found[key] = result
    return found


def _ranked(values: Mapping[str, float], column: Column) -> dict[str, float]:
    from scipy.stats import rankdata

    names: Sequence[str] = list(values)
    # Two methods that are the same on a model differ in the last digits.
    rounded = [float(f"{values[name]:.4g}") for name in names]
    if column.group == "sanity":
        keys = [abs(value) for value in rounded]
    else:
        keys = [value if column.lower else -value for value in rounded]
    return {name: float(rank) for name, rank in zip(names, rankdata(keys), strict=True)}
