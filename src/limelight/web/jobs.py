"""Explanations in the order in which they were asked for: one at a time, and not too many."""

from __future__ import annotations

import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from limelight.errors import LimelightError
from limelight.progress import watched
from limelight.web.answering import Refusal

_log = logging.getLogger(__name__)

#: In order; the last three are final.
STATES = ("waiting", "running", "done", "failed", "cancelled")


class Cancelled(Exception):
    """Ends the work of a job that nobody wants any more."""


class Job:
    """One piece of work for a model.

    Attributes:
        id: a random name.
        state: one of `STATES`.
        progress: parts done and parts in all of what is running; (0, 0) where that is not known.
        results: what the work has put there so far.
        error: why it failed, in one sentence.
        ended: done when the state is final.
    """

    def __init__(self, work: Callable[[Job], None]) -> None:
        self.id = secrets.token_hex(8)
        self.state = "waiting"
        self.progress = (0, 0)
        self.results: dict[str, Any] = {}
        self.error: str | None = None
        self.ended: Future[None] = Future()
        self.ended.set_running_or_notify_cancel()  # who waits for it cannot cancel it
        self._work = work
        self._stop = threading.Event()

    def cancel(self) -> None:
        """Stop the work before its next run of the model, or before it begins."""
        self._stop.set()

    def report(self, done: int, total: int) -> None:
        """Say how far the work is.

        Raises:
            Cancelled: it is to stop here.
        """
        self.progress = (done, total)
        if self._stop.is_set():
            raise Cancelled

    def run(self) -> None:
        """Do the work, in this thread; whatever happens, the job ends."""
        self.state = "running"
        try:
            with watched(self.report):
                self.report(0, 0)
                self._work(self)
            self._end("done")
        except Cancelled:
            self._end("cancelled")
        except LimelightError as error:
            self._end("failed", str(error))
        except Exception as error:  # the model's own, of whatever kind: the server goes on
            _log.exception("an explanation failed")
            self._end("failed", f"the model raised {type(error).__name__}: {error}")

    def _end(self, state: str, error: str | None = None) -> None:
        self.state, self.error = state, error
        self.ended.set_result(None)


class Worker:
    """A thread that does one job after the other, and the bounded queue before it.

    Args:
        name: of the thread.
        limit: how many jobs may wait.
    """

    def __init__(self, name: str, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Job] = deque()
        self._running: Job | None = None
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Let `job` be done when its turn comes.

        Raises:
            Refusal: too many wait already (503).
        """
        with self._changed:
            if self._closed:
                raise Refusal(503, "the server is ending", 1)
            if len(self._waiting) >= self._limit:
                raise Refusal(
                    503, f"{self._limit} explanations are waiting already; try again soon", 1
                )
            self._waiting.append(job)
            self._changed.notify()

    def cancel(self, job: Job) -> None:
        """Stop `job`, and take it out of the queue where it still waits."""
        job.cancel()
        with self._changed:
            if job not in self._waiting:
                return
            self._waiting.remove(job)
        job._end("cancelled")

    def close(self) -> None:
        """Stop what runs and what waits; the thread ends."""
        with self._changed:
            self._closed = True
            jobs = [*self._waiting, *([self._running] if self._running else [])]
            self._changed.notify()
        for job in jobs:
            self.cancel(job)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                job = self._running = self._waiting.popleft()
            job.run()
            self._running = None
