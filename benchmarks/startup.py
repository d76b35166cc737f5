"""How long `import limelight` and `limelight --help` take, as JSON; exit code 1 over the limit.

The time of the bare interpreter, taken in turn with the others in the same run, is subtracted from
the import; `--help` counts as the user waits for it, interpreter and all.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 15
LIMITS = {"import_limelight": 0.05, "limelight_help": 0.5}
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "import": [sys.executable, "-c", "import limelight"],
    "help": [str(Path(sys.executable).parent / "limelight"), "--help"],
}


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main() -> int:
    for command in COMMANDS.values():  # compiles what is not compiled yet
        seconds(command)
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    median = {name: statistics.median(values) for name, values in times.items()}
    measured = {
        "import_limelight": median["import"] - median["python"],
        "limelight_help": median["help"],
    }
    result = {
        "benchmark": "startup",
        "unit": "s",
        "rounds": ROUNDS,
        "python": round(median["python"], 4),
        **{
            name: {"median": round(value, 4), "limit": LIMITS[name]}
            for name, value in measured.items()
        },
    }
    print(json.dumps(result, indent=2))
    return int(any(measured[name] > limit for name, limit in LIMITS.items()))


if __name__ == "__main__":
    sys.exit(main())
