"""How long `import limelight` and `limelight --help` take.

The time of the bare interpreter, taken in turn with the others in the same run, is subtracted from
the import; `--help` counts as the user waits for it, interpreter and all.

    python benchmarks/startup.py [--render]

Writes benchmarks/results/startup.json; exit code 1 over a limit.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from in_parts import in_parts
from measuring import Claim, as_table, conditions

ROUNDS = 15
LIMITS = {"import limelight": 0.05, "limelight --help": 0.5}
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "import limelight": [sys.executable, "-c", "import limelight"],
    "limelight --help": [str(Path(sys.executable).parent / "limelight"), "--help"],
}


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def measure(_: str) -> dict[str, float]:
    """The median seconds of each command."""
    for command in COMMANDS.values():  # compiles what is not compiled yet
        seconds(command)
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    median = {name: statistics.median(values) for name, values in times.items()}
    median["import limelight"] -= median["python"]
    return {name: round(value, 4) for name, value in median.items()}


def claims(parts: dict[str, Any]) -> list[Claim]:
    figures = parts["startup"]["figures"]
    return [Claim(f"`{name}`, seconds", figures[name], limit) for name, limit in LIMITS.items()]


def render(parts: dict[str, Any]) -> str:
    return "\n".join([as_table(claims(parts)), "", conditions(parts)])


if __name__ == "__main__":
    packages = ("typer", "rich")
    sys.exit(in_parts("startup", __doc__, ["startup"], packages, measure, render, claims))
