"""What `make bench` runs, in this order: docs/benchmarks.md, and a little beside it.

    PYTHONPATH=tests python benchmarks/bench.py [NAME ...]

All of them together shall take less than half an hour on two cores. The other scripts of this
folder are studies, which take longer on photographs (leaderboard, pointing, similarity,
localization, recipes, trials), or need a browser, and are run by themselves. Each script runs, also
after one has missed a limit.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).parent
SCRIPTS = (
    "startup", "overhead", "methods", "rescoring", "formats", "keras_methods", "agreement",
    "growth", "evaluator", "readers",
)  # fmt: skip


def main(names: list[str]) -> int:
    if unknown := [name for name in names if name not in SCRIPTS]:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(SCRIPTS)}")
        return 2
    lines, failed = [], False
    for name in names or SCRIPTS:
        print(f"\n== {name}", flush=True)
        start = time.monotonic()
        code = subprocess.run([sys.executable, FOLDER / f"{name}.py"], check=False).returncode
        failed |= bool(code)
        lines.append(f"{name:16}{time.monotonic() - start:6.0f} s   {'failed' if code else 'kept'}")
    print("\n==", *lines, sep="\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
