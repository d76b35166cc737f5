"""What the layers before an edited one returned, kept so that they can answer from memory.

While the model runs once, the outermost layers that finish before the target and do not contain
it are remembered. When the model runs again on edited activations, those answer from memory, the
target answers with the edit, and only what comes after really runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

#: A layer's name, and which of its calls.
Call = tuple[str, int]


class NotReplayable(Exception):
    """The model cannot be taken up again at the target layer; never leaves the probe."""


#: What a model may raise in a run that is taken up again: one that keeps a tensor on itself, say.
FAILS = (NotReplayable, RuntimeError, ValueError, TypeError, IndexError, AttributeError)


class Recording:
    """A run of the model, as seen from the target layer.

    Attributes:
        calls: the calls to remember, with what they returned, in the order of their end.
        hits: how often the target ran.
        activations: what the target returned the last time.

    Args:
        target: the target layer.
        wanted: the calls to remember; None for all.
    """

    def __init__(self, target: str, wanted: Collection[Call] | None = None) -> None:
        self._target, self._wanted = target, wanted
        self._open: list[list[tuple[Call, Any]]] = [[]]
        self._counts: dict[str, int] = {}
        self.calls: dict[Call, Any] = {}
        self.hits = 0
        self.activations: Any = None

    def wrap(self, name: str, run: Callable[..., Any]) -> Callable[..., Any]:
        """What the layer `name` runs, watched."""

        def watched(*args: Any, **kwargs: Any) -> Any:
            if self.hits and name != self._target:
                return run(*args, **kwargs)
            self._open.append([])
            try:
                output = run(*args, **kwargs)
            finally:
                self._open.pop()
            if name == self._target:
                self._hit(output)
            elif not self.hits:
                self._finished(name, output)
            return output

        return watched

    def _hit(self, output: Any) -> None:
        self.hits += 1
        if self.hits == 1:
            self.calls = dict(call for frame in self._open for call in frame)
        self.activations = output

    def _finished(self, name: str, output: Any) -> None:
        call = name, self._counts.get(name, 0)
        self._counts[name] = call[1] + 1
        if self._wanted is None or call in self._wanted:
            self._open[-1].append((call, self._kept(call, output)))

    def _kept(self, call: Call, output: Any) -> Any:
        """What is remembered of a call that returned `output`."""
        return output
