"""A run that is killed and called again: every row exactly once, as if it had never happened."""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import pytest

from limelight.models import Classifier
from limelight.runs import Run, evaluate_methods, open, run, status
from runs import examples, processes

pytest.importorskip("pyarrow")
IMAGES = 48


def same(found: Run, whole: Run) -> None:
    """Every row exactly once, and each of them and its maps as in `whole`."""
    assert [row.index for row in found] == list(range(len(whole)))
    assert [row.as_dict() for row in found] == [row.as_dict() for row in whole]
    for row in whole:
        for method in whole.methods if row.error is None else ():
            np.testing.assert_array_equal(
                found.maps(row.index, method).numpy(), whole.maps(row.index, method).numpy()
            )


def test_killed_twice_and_called_again(classifier: Classifier, tmp_path: Path) -> None:
    out = tmp_path / "run"
    for wanted in (2, 7):
        processes.killed_after(out, IMAGES, wanted)
        state = status(out)
        assert wanted <= len(state.parts) < IMAGES / processes.BATCH, "not killed in the middle"
    assert processes.start(out, IMAGES).wait() == 0
    dataset = examples.dataset(IMAGES)
    whole = run(
        classifier, dataset, processes.METHODS, out=tmp_path / "whole", batch_size=processes.BATCH
    )
    same(open(out), whole)
    memory = evaluate_methods(
        classifier, dataset, processes.METHODS, target="predicted", batch_size=processes.BATCH
    )
    for row, expected in zip(open(out), memory.rows, strict=True):
        for method in processes.METHODS if row.error is None else ():
            np.testing.assert_array_equal(row.found[method].box, expected.found[method].box)
    assert list(out.rglob("*.draft")) == []


@pytest.mark.soak
def test_killed_ten_times_at_random_moments(classifier: Classifier, tmp_path: Path) -> None:
    images, out, chance = 2000, tmp_path / "run", random.Random(2)
    start = time.monotonic()
    whole = run(
        classifier, examples.dataset(images), processes.METHODS, out=tmp_path / "whole",
        batch_size=processes.BATCH,
    )  # fmt: skip
    takes = time.monotonic() - start
    killed = 0
    while killed < 10:
        process = processes.start(out, images)
        before = processes.parts(out)
        limit = time.monotonic() + 120
        # It begins with what is there: the moment is a random one of the work itself.
        while processes.parts(out) == before and time.monotonic() < limit:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, takes / 12))
        assert process.poll() is None, "it was done before it could be killed"
        process.kill()
        process.wait()
        killed += 1
    assert status(out).done < images
    assert processes.start(out, images).wait() == 0
    same(open(out), whole)
    assert list(out.rglob("*.draft")) == []
