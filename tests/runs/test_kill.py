"""A run that is killed and called again: every row exactly once, as if it had never happened."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from limelight.data import Dataset
from limelight.models import Classifier
from limelight.runs import evaluate_methods, open_run, status
from runs import examples

pytest.importorskip("pyarrow")
TESTS = Path(__file__).parents[1]
IMAGES = 48
METHODS = ("cam", "gradcam")

# In a process of its own, so that it can be killed; a shard is one batch.
SCRIPT = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from limelight.runs import evaluate_in_folder, job
from runs import examples

job.shard_size = lambda batch, seconds: batch
evaluate_in_folder(
    examples.classifier(), examples.dataset({IMAGES}), {METHODS}, sys.argv[1],
    batch_size=4, max_box_acc=False,
)
"""


def start(out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(out)])


def parts(out: Path) -> int:
    return len(list((out / "rows").glob("part-*.parquet")))


def killed_after(out: Path, wanted: int) -> None:
    """Start the run and kill it as soon as so many parts are there."""
    process = start(out)
    limit = time.monotonic() + 120
    while parts(out) < wanted and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.005)
    process.kill()
    process.wait()


def test_killed_twice_and_called_again(classifier: Classifier, tmp_path: Path) -> None:
    out = tmp_path / "run"
    for wanted in (2, 7):
        killed_after(out, wanted)
        state = status(out)
        assert wanted <= len(state.parts) < IMAGES / 4, "it was not killed in the middle"
    assert start(out).wait() == 0
    dataset: Dataset = examples.dataset(IMAGES)
    whole = evaluate_methods(
        classifier, dataset, METHODS, batch_size=4, max_box_acc=False
    ).as_dict()
    found = open_run(out, dataset).as_dict()
    assert [row["index"] for row in found["rows"]] == list(range(IMAGES))
    del whole["settings"], found["settings"]
    assert found == whole
    assert list(out.rglob("*.draft")) == []
