"""Explanations wait their turn, can be stopped, and are refused where too many wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limelight import explain
from limelight.web.answering import Refusal
from limelight.web.jobs import Job, Worker
from web.conftest import Client, Site, picture, serving, values_of

LONG = {"methods": ["sscam"], "options": {"samples": 1000}, "wait": 0.0}


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """One run of the model for each edit, so that long work has many parts."""
    monkeypatch.setattr("limelight.explainer.rescoring.chunk_size", lambda *_: 1)


@pytest.fixture(scope="module")
def narrow(small_model: Path) -> Iterator[Site]:
    """A server with a queue of two."""
    with serving([small_model], queue=2) as site:
        yield site


def begin(client: Client, image: str, **more: Any) -> str:
    answer = client("POST", "/api/explain", {"image": image} | LONG | more)
    assert answer.status == 202, answer
    return answer.json["id"]


def state(client: Client, job: str) -> dict[str, Any]:
    return client.get(f"/api/jobs/{job}").json


def until(client: Client, job: str, wanted: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while (found := state(client, job))["state"] != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    return found


@pytest.mark.usefixtures("small_chunks")
def test_progress_and_cancel(narrow: Site) -> None:
    client = narrow.client
    job = begin(client, "example-0")
    seen = []
    while len(set(seen)) < 4:
        progress = state(client, job)["progress"]
        seen.append(progress["done"])
        time.sleep(0.01)
    assert seen == sorted(seen) and progress["total"] > 10_000
    answer = client("DELETE", f"/api/jobs/{job}")
    assert answer.status in (200, 202)
    start = time.monotonic()
    until(client, job, "cancelled")
    assert time.monotonic() - start < 2
    stopped = state(client, job)["progress"]["done"]
    time.sleep(0.2)
    assert state(client, job)["progress"]["done"] == stopped  # nothing goes on in the dark
    assert client.explain("example-0").json["state"] == "done"


@pytest.mark.usefixtures("small_chunks")
def test_the_quick_methods_are_there_before_the_slow_ones(narrow: Site) -> None:
    client = narrow.client
    job = begin(client, "example-1", methods=["sscam", "gradcam"])
    deadline = time.monotonic() + 30
    while not (found := state(client, job)).get("maps"):
        assert time.monotonic() < deadline
    assert found["state"] == "running" and found["maps"][0]["method"] == "gradcam"
    client("DELETE", f"/api/jobs/{job}")
    assert until(client, job, "cancelled")["maps"] == found["maps"]


@pytest.mark.usefixtures("small_chunks")
def test_beyond_the_queue_the_answer_is_later(narrow: Site) -> None:
    client = narrow.client
    jobs = [begin(client, "example-2", target=0)]
    until(client, jobs[0], "running")
    jobs += [begin(client, "example-2", target=target) for target in (1, 2)]
    assert [state(client, job)["state"] for job in jobs] == ["running", "waiting", "waiting"]
    refused = client("POST", "/api/explain", {"image": "example-2"} | LONG | {"target": 3})
    assert refused.status == 503 and int(refused.headers["retry-after"]) >= 1
    assert "waiting" in refused.json["error"]["message"]
    assert client.get("/api/models").status == 200  # all else is served meanwhile
    client("DELETE", f"/api/jobs/{jobs[1]}")
    assert state(client, jobs[1])["state"] == "cancelled"  # at once: it had not begun
    assert begin(client, "example-2", target=3) not in jobs
    for job in jobs:
        client("DELETE", f"/api/jobs/{job}")
    assert client("GET", "/api/jobs/nothing").status == 404


def test_one_at_a_time_and_two_models_beside_each_other() -> None:
    running, most = [], []
    lock = threading.Lock()

    def work(worker: str) -> Any:
        def run(job: Job) -> None:
            with lock:
                running.append(worker)
                most.append((running.count(worker), len(set(running))))
            time.sleep(0.02)
            with lock:
                running.remove(worker)

        return run

    workers = {name: Worker(name, 20) for name in ("one", "two")}
    jobs = []
    for _ in range(8):
        for name, worker in workers.items():
            jobs.append(Job(work(name)))
            worker.put(jobs[-1])
    for job in jobs:
        job.ended.result(10)
    for worker in workers.values():
        worker.close()
    assert {count for count, _ in most} == {1}
    assert max(beside for _, beside in most) == 2
    assert {job.state for job in jobs} == {"done"}


def test_what_a_model_raises_ends_the_job_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(job: Job) -> None:
        raise ZeroDivisionError("by zero")

    worker = Worker("failing", 2)
    first, second = Job(fail), Job(lambda job: None)
    worker.put(first)
    worker.put(second)
    second.ended.result(10)
    worker.close()
    assert (first.state, second.state) == ("failed", "done")
    assert first.error == "the model raised ZeroDivisionError: by zero"
    assert "an explanation failed" in caplog.text


def test_a_closed_worker_ends_what_waits() -> None:
    worker = Worker("closed", 5)
    release = threading.Event()
    first, second = Job(lambda job: (release.wait(10), job.report(1, 2))[0]), Job(lambda job: None)
    worker.put(first)
    while first.state == "waiting":
        time.sleep(0.001)
    worker.put(second)
    worker.close()
    second.ended.result(10)
    release.set()
    first.ended.result(10)
    assert (first.state, second.state) == ("cancelled", "cancelled")
    with pytest.raises(Refusal, match="ending"):
        worker.put(Job(lambda job: None))


def clients_at_once(small_model: Path, seconds: float) -> None:
    """20 clients: uploads and explanations of all kinds, each answer compared with the library's."""
    count, methods = 20, ["gradcam", "layercam", "ablationcam"]
    pictures = [picture(100 + i, (60 + 10 * (i % 3), 112)) for i in range(6)]
    with serving([small_model], queue=6, maps=4, image_bytes=2 * 112 * 112 * 3) as site:
        expected = {
            name: maps.numpy()
            for name, maps in explain(
                site.classifiers[0], pictures, methods, target=[list(range(10))] * len(pictures)
            ).items()
        }
        stop = time.monotonic() + seconds
        wrong: list[str] = []
        answers = [0] * count
        busy = [0] * count

        def run(number: int) -> None:
            client = Client(site.port, patient=True)
            random = np.random.default_rng(number)
            while time.monotonic() < stop:
                i, target = int(random.integers(len(pictures))), int(random.integers(10))
                chosen = [methods[int(random.integers(3))]]
                id = client.image(pictures[i])
                answer = client.explain(id, *chosen, target=target)
                while answer.status == 404:  # others have sent images since: ours is forgotten
                    answer = client.explain(client.image(pictures[i]), *chosen, target=target)
                told = answer.json["maps"]
                if answer.status != 200 or [each["method"] for each in told] != chosen:
                    wrong.append(f"{answer}")
                    continue
                raw = expected[chosen[0]][i, target]
                off = np.abs(values_of(told[0]) - raw).max()
                if off > 1e-5 * max(np.abs(raw).max(), 1e-6):
                    wrong.append(f"{chosen} of {i} for {target}: {off}")
                answers[number] += 1
            busy[number] = len(client.busy)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(seconds + 60)
    assert not any(thread.is_alive() for thread in threads), "an answer was lost"
    assert wrong == []
    assert min(answers) > 0
    assert sum(busy) > 0, "the queue was never full, so that this shows little"


def test_twenty_clients_at_once(small_model: Path) -> None:
    clients_at_once(small_model, 2.5)


@pytest.mark.soak
def test_twenty_clients_at_once_for_ten_seconds(small_model: Path) -> None:
    clients_at_once(small_model, 10)
