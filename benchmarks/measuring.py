"""How time and memory are measured: in turns, in processes of their own, on a known machine.

Every figure of time is a median over rounds; in a round each piece of work runs once, the plain
forward pass with the others, and its ratio is to the plain pass of the same round. Every figure of
memory is that of a process which runs nothing else.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

THREADS = 2
LONG = 3.0  # seconds after which what is measured for its memory need not run twice
ENOUGH, FEW = 3.0, 2  # seconds of rounds, and rounds, of what takes far longer than the plain pass
PLAIN = "forward"  # the name of the plain forward pass among pieces of work
FOLDER = Path(__file__).parent / "results"
Work = Callable[[], Any]


def take_turns(work: dict[str, Work], rounds: int) -> dict[str, dict[str, float]]:
    """By name: the median of its seconds, and of its ratios to the plain pass of each round.

    All of it runs once before, unmeasured. What takes more than twice as long as the plain pass is
    measured in the first rounds only: until it has taken `ENOUGH` seconds, and in `FEW` at least.
    The rounds begin with another piece each, so that none always comes after the same neighbour.
    """
    for run in work.values():
        run()
    gc.collect()
    gc.freeze()
    seconds: dict[str, list[float]] = {name: [] for name in work}
    names = list(work)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            if _enough(seconds[name], seconds[PLAIN]):
                continue
            gc.collect()
            start = time.perf_counter()
            work[name]()
            seconds[name].append(time.perf_counter() - start)
    return {
        name: {
            "seconds": round(statistics.median(each), 5),
            "ratio": round(
                statistics.median(
                    mine / plain for mine, plain in zip(each, seconds[PLAIN], strict=False)
                ),
                3,
            ),
        }
        for name, each in seconds.items()
    }


def _enough(seconds: list[float], plain: list[float]) -> bool:
    long = len(seconds) >= FEW and min(seconds) > 2 * min(plain)
    return long and sum(seconds) > ENOUGH


def peak(run: Work, whole: bool = False) -> float:
    """Megabytes of resident memory that a run takes at its peak.

    The second run, for the first imports and compiles; of what takes longer than `LONG` seconds the
    first. `whole`: the second run, beyond what was held before the first, where allocators keep
    what they once took, as TensorFlow's does.
    """
    before, start = _settled(), time.perf_counter()
    found = _highest(run) - before
    if whole:
        found = _highest(run) - before
    elif time.perf_counter() - start <= LONG:
        before = _settled()
        found = _highest(run) - before
    return round(found / 2**20, 1)


def _settled() -> int:
    """Bytes that the process holds once what it can give back is given back."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return _resident("VmRSS")


def _highest(run: Work) -> int:
    """Bytes that the process holds at the peak of `run`."""
    _settled()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from now
    run()
    return _resident("VmHWM")


def _resident(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def fresh(function: Callable[..., Any], *arguments: Any, **variables: str) -> Any:
    """What `function`, of the top of a module, returns in a process of its own.

    It has `THREADS` processors and threads. With `variables` of its environment, which libraries
    read when they are imported, it begins with nothing imported.
    """
    server = get_context("spawn") if variables else _server()
    with ProcessPoolExecutor(1, mp_context=server, max_tasks_per_child=1) as workers:
        found, spent = workers.submit(_called, variables, function, arguments).result()
    _spent.append(spent)
    return found


def time_and_memory(
    times: Callable[..., Any], memory: Callable[..., float], *part: Any, **variables: str
) -> dict[str, Any]:
    """What `take_turns` found in `times(*part)`, with the "peak MB" of `memory(*part, name)`.

    Each in a process of its own, with the `variables` of `fresh`.
    """
    found: dict[str, Any] = fresh(times, *part, **variables)
    for name in found:
        found[name]["peak MB"] = fresh(memory, *part, name, **variables)
    return found


# Seconds of processor time of each process that `fresh` has started.
_spent: list[float] = []


def _called(
    variables: dict[str, str], function: Callable[..., Any], arguments: Any
) -> tuple[Any, float]:
    os.environ.update(variables, OMP_NUM_THREADS=str(THREADS), TF_CPP_MIN_LOG_LEVEL="3")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    found = function(*arguments)
    return found, sum(os.times()[:4])


@cache
def _server() -> Any:
    """Starts processes: copies of one that has imported what takes long, and has run nothing."""
    os.environ.update(OMP_NUM_THREADS=str(THREADS), TF_CPP_MIN_LOG_LEVEL="3")
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, sys.path))
    context = get_context("forkserver")
    context.set_forkserver_preload(["torch_libraries"])
    return context


def machine(threads: int = THREADS) -> dict[str, Any]:
    """What the figures depend on beside the code."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    memory = Path("/proc/meminfo").read_text().split()[1]
    names = (line.partition(":")[2].strip() for line in info if line.startswith("model name"))
    return {
        "processor": next(names, platform.machine()),
        "cores": os.cpu_count(),
        "threads": threads,
        "memory GB": round(int(memory) / 2**20),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def conditions_now(*packages: str) -> dict[str, Any]:
    """Machine and versions, to be kept beside figures that this process measures itself."""
    threads = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
    return {"machine": machine(threads), "versions": {name: version(name) for name in packages}}


@contextmanager
def load_of_others() -> Iterator[dict[str, float]]:
    """The share of all processors' time that other processes took meanwhile, in percent."""

    def times() -> tuple[float, float, float]:
        ticks = [int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        own = sum(os.times()[:4]) + sum(_spent)
        rate = os.sysconf("SC_CLK_TCK")
        busy = (sum(ticks) - ticks[3] - ticks[4]) / rate
        return busy, own, sum(ticks) / rate

    found: dict[str, float] = {}
    before = times()
    yield found
    busy, own, whole = (after - start for after, start in zip(times(), before, strict=True))
    found["percent"] = round(100 * max(busy - own, 0) / max(whole, 1e-9), 1)


def keep(
    results: Path, part: str, measure: Callable[[], Any], packages: tuple[str, ...]
) -> dict[str, Any]:
    """Measure a part and put it, with versions and machine, beside what `results` has already."""
    known = json.loads(results.read_text("utf-8")) if results.is_file() else {"parts": {}}
    start = time.monotonic()
    with load_of_others() as load:
        figures = measure()
    known["parts"][part] = {
        "machine": machine(),
        "versions": {name: version(name) for name in packages},
        "load of others %": load["percent"],
        "took seconds": round(time.monotonic() - start),
        "figures": figures,
    }
    results.parent.mkdir(exist_ok=True)
    text = json.dumps(known, ensure_ascii=False, indent=1)
    results.write_text(text + "\n", encoding="utf-8")
    print(part, json.dumps(known["parts"][part], ensure_ascii=False), file=sys.stderr, flush=True)
    return known


def conditions(parts: dict[str, Any]) -> str:
    """A sentence on the machine and the versions that the parts were measured with."""
    kept = list(parts.values())
    machines = {
        "{processor}, {cores} cores, {memory GB} GB, {system}, Python {python}".format(
            **each["machine"]
        )
        for each in kept
    }
    versions = {f"{name} {number}" for each in kept for name, number in each["versions"].items()}
    load = max(each["load of others %"] for each in kept)
    return (
        f"{'; '.join(sorted(machines))}; {', '.join(sorted(versions))}. Other processes took at "
        f"most {load:.0f} % of the processors' time meanwhile."
    )


@dataclass(frozen=True)
class Claim:
    """A sentence with a limit, and what was measured: at most the limit, or at least it."""

    text: str
    measured: float
    limit: float
    at_least: bool = False

    @property
    def kept(self) -> bool:
        """Whether the limit is kept."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    @property
    def bound(self) -> str:
        """The limit with its sign."""
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


def as_table(claims: list[Claim]) -> str:
    """The claims as a table in Markdown."""
    lines = ["| | limit | measured | |", "| --- | ---: | ---: | --- |"]
    lines += [
        f"| {c.text} | {c.bound} | {c.measured:.2f} | {'kept' if c.kept else '**missed**'} |"
        for c in claims
    ]
    return "\n".join(lines)


def cells(figures: dict[str, Any], libraries: Collection[str], absent: str = "") -> str:
    """Ratio and peak of each library, then milliseconds and peak of the plain pass, of a table.

    `absent` where a library has none; no peak where it was not measured.
    """

    def cell(name: str, time: str) -> str:
        peak = figures[name].get("peak MB")
        return time if peak is None else f"{time} · {peak:.0f}"

    found = [
        cell(each, f"{figures[each]['ratio']:.2f}") if each in figures else absent
        for each in libraries
    ]
    return " | ".join([*found, cell(PLAIN, f"{1000 * figures[PLAIN]['seconds']:.0f} ms")])


def ahead(rows: dict[str, dict[str, Any]], ours: str) -> str:
    """A sentence, or a list: where a library is quicker, or leaner, by more than a twentieth.

    Args:
        rows: by what is compared, the figures of each library, of `ours` and of the plain pass.
    """
    found = []
    for what, figures in rows.items():
        mine = figures[ours]
        for library in figures.keys() - {ours, PLAIN}:
            theirs = figures[library]
            for key, unit in (("ratio", "×"), ("peak MB", " MB")):
                if key in theirs and theirs[key] < 0.95 * mine[key]:
                    said = f"{theirs[key]:g}{unit} against {mine[key]:g}{unit}"
                    found.append(f"- {what}: {library}, {said}")
    if not found:
        return "No other library is ahead by more than a twentieth, in time or in memory."
    return "\n".join(["Ahead of us by more than a twentieth:", "", *sorted(found)])


def report(claims: list[Claim]) -> int:
    """Print limit, figure and verdict of each; 1 where one is missed."""
    for claim in claims:
        verdict = "kept" if claim.kept else "MISSED"
        print(f"{verdict:7}{claim.bound:>8}  {claim.measured:8.3f}  {claim.text}")
    return int(not all(claim.kept for claim in claims))
