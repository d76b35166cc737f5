"""Long work says how far it is, and stops between two runs where its watcher raises."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from limelight import explain
from limelight.progress import tell, watched
from oracles.subjects import Subject


class Enough(Exception):
    """What a watcher raises to stop the work."""


def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """One edit at a time, whatever memory there is."""
    monkeypatch.setattr("limelight.explainer.rescoring.chunk_size", lambda *_: 1)


@pytest.mark.parametrize("method", ["scorecam", "ablationcam", "groupcam", "smoothgradcam++"])
def test_work_is_told_in_order_and_to_its_end(
    small: Subject, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_chunks(monkeypatch)
    told: list[tuple[int, int]] = []
    with watched(lambda done, total: told.append((done, total))):
        maps = explain(small.model, small.images(1), method, batch_size=2)
    assert len(told) > 1
    done, totals = zip(*told, strict=True)
    assert len(set(totals)) == 1 and done[-1] == totals[0]
    assert list(done) == sorted(set(done))
    unwatched = explain(small.model, small.images(1), method, batch_size=2)
    assert len(told) == len(done), "nobody listens after the watch"
    np.testing.assert_array_equal(maps.numpy(), unwatched.numpy())


@pytest.mark.parametrize("method", ["scorecam", "ablationcam", "smoothgradcam++"])
def test_a_watcher_stops_the_work_at_the_next_chunk(
    small: Subject, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_chunks(monkeypatch)
    before = explain(small.model, small.images(1)).numpy()
    told = []

    def stop(done: int, total: int) -> None:
        told.append(done)
        if len(told) == 2:
            raise Enough

    with pytest.raises(Enough), watched(stop):
        explain(small.model, small.images(1), method, batch_size=2)
    assert len(told) == 2
    np.testing.assert_array_equal(explain(small.model, small.images(1)).numpy(), before)


def test_other_threads_are_not_heard() -> None:
    told: list[int] = []
    with watched(lambda done, total: told.append(done)):
        other = threading.Thread(target=tell, args=(1, 2))
        other.start()
        other.join()
        tell(2, 2)
    assert told == [2]
