"""Lint, types and the tests on every backend, each in a process of its own.

    python tests/run.py                all of them, what `make test` does
    python tests/run.py lint types     some of them
    python tests/run.py soak           the long proofs, on every backend

Every stage runs, also after one has failed. The last line counts them all: a stage that is not a
test run counts as one test.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORKERS = min(4, os.cpu_count() or 1)
BACKENDS = ("tensorflow", "jax", "torch")
NO_TESTS_COLLECTED = 5


@dataclass(frozen=True)
class Check:
    """Commands that must all succeed; counts as one test."""

    commands: tuple[tuple[str, ...], ...]

    def run(self) -> Counter[str]:
        failed = [run_module(*command) for command in self.commands]
        return Counter(failed=1) if any(failed) else Counter(passed=1)


@dataclass(frozen=True)
class Tests:
    """The tests that a marker expression selects, with Keras on `backend`."""

    marker: str
    backend: str = "torch"
    soak: bool = False

    def run(self) -> Counter[str]:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            options = ["--soak"] if self.soak else []
            parallel = ["--numprocesses", str(WORKERS), "--dist", "worksteal"]
            command = ["pytest", "--quiet", *parallel, *options, "-m", self.marker]
            variables = {"KERAS_BACKEND": self.backend, "JAX_COMPILATION_CACHE_DIR": folder}
            code = run_module(*command, f"--junitxml={report}", **variables)
            counts = read_report(report) if report.exists() else Counter()
        nothing_to_do = self.soak and code == NO_TESTS_COLLECTED
        if code and not counts["failed"] and not nothing_to_do:
            counts["failed"] = 1  # it stopped without a failing test: a crash, an interrupt
        return counts


STAGES: dict[str, Check | Tests] = {
    "lint": Check((("ruff", "check", "."), ("ruff", "format", "--check", "."))),
    "types": Check((("mypy",),)),
    "tests": Tests("not keras"),
    **{f"keras-{backend}": Tests("keras", backend) for backend in BACKENDS},
}
SOAK: dict[str, Check | Tests] = {
    "soak-tests": Tests("soak and not keras", soak=True),
    **{f"soak-{backend}": Tests("soak and keras", backend, soak=True) for backend in BACKENDS},
}


def read_report(path: Path) -> Counter[str]:
    (suite,) = ET.parse(path).getroot().iter("testsuite")
    total, failures, errors, skipped = (
        int(suite.attrib[key]) for key in ("tests", "failures", "errors", "skipped")
    )
    failed = failures + errors
    return Counter(passed=total - failed - skipped, failed=failed, skipped=skipped)


def run_module(*command: str, **variables: str) -> int:
    words = [sys.executable, "-m", *command]
    return subprocess.run(words, cwd=ROOT, env=os.environ | variables, check=False).returncode


def in_words(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("passed", "failed", "skipped"))


def main(names: list[str]) -> int:
    known = STAGES | SOAK
    chosen = list(SOAK) if names == ["soak"] else names or list(STAGES)
    if unknown := [name for name in chosen if name not in known]:
        print(f"no stage {', '.join(unknown)}; there are {', '.join(known)}, and soak")
        return 2
    total: Counter[str] = Counter()
    lines = []
    for name in chosen:
        print(f"\n== {name}", flush=True)
        start = time.monotonic()
        counts = known[name].run()
        total.update(counts)
        lines.append(f"{name:18}{time.monotonic() - start:6.0f} s   {in_words(counts)}")
    print("\n==", *lines, in_words(total), sep="\n")
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
