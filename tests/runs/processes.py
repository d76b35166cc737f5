"""A run in a process of its own, which can be killed, limited, or put on a small disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
METHODS = ("cam", "gradcam")
BATCH = 4

# A shard is one batch, as if that took a minute.
_SCRIPT = f"""
import resource, sys
sys.path.insert(0, {str(TESTS)!r})
from limelight.errors import LimelightError
from limelight.runs import job, run
from runs import examples

out, images, largest = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
job.shard_size = lambda batch, seconds: batch
classifier, dataset = examples.classifier(), examples.dataset(images)
if largest:
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
try:
    run(classifier, dataset, {METHODS}, out=out, batch_size={BATCH})
except LimelightError as error:
    print(type(error).__name__, error)
    sys.exit(2)
"""


def command(out: Path, images: int, largest: int = 0) -> list[str]:
    """The command of a run; `largest` is the most bytes that a file may have, 0 for no limit."""
    return [sys.executable, "-c", _SCRIPT, str(out), str(images), str(largest)]


def start(out: Path, images: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command(out, images))


def finish(words: list[str]) -> tuple[int, str]:
    """The exit code of a command and what it printed."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=170, check=False)
    return done.returncode, done.stdout + done.stderr


def parts(out: Path) -> int:
    return len(list((out / "rows").glob("part-*.parquet")))


def killed_after(out: Path, images: int, wanted: int) -> None:
    """Start the run and kill it as soon as so many parts are there."""
    process = start(out, images)
    limit = time.monotonic() + 120
    while parts(out) < wanted and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.005)
    process.kill()
    process.wait()


def bound(words: list[str]) -> list[str]:
    """The command bound by the permissions of files, which root is not otherwise."""
    if os.geteuid() != 0:
        return words
    powers = "-dac_override,-dac_read_search"
    drop = ["setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}", "--"]
    if shutil.which("setpriv") is None or subprocess.run([*drop, "true"], check=False).returncode:
        pytest.skip("root cannot be bound by permissions here: no setpriv")
    return [*drop, *words]


def on_small_disk(words: list[str], disk: Path, size: str, keep: Path) -> list[str]:
    """The command with a disk of `size` mounted at `disk`, whose files are at `keep` afterwards."""
    mount = f'mount -t tmpfs -o size={size} tmpfs "{disk}"'
    apart = ["unshare", "--mount", "sh", "-c"]
    known = shutil.which("unshare") is not None
    if not known or subprocess.run([*apart, mount], capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    inner = f'{mount} && "$@"; code=$?; cp -a "{disk}/." "{keep}"; exit $code'
    return [*apart, inner, "sh", *words]
