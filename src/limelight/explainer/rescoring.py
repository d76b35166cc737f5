"""The scores of edited inputs and activations, in chunks that fit into memory."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from limelight.arrays import like, namespace, to_numpy
from limelight.errors import MethodError
from limelight.explainer.heads import find_head
from limelight.probes import Capture, Probe, Request
from limelight.probes.base import Head, Reruns
from limelight.probes.memory import chunk_size
from limelight.progress import tell
from limelight.scores import Score, values

if TYPE_CHECKING:
    import numpy as np

_EXACT = 1e-5  # of the largest score

Edit = Callable[[int, int], Any]

# By model and layer, the closed forms that have been compared with a run.
_verified: weakref.WeakKeyDictionary[Any, dict[Any, bool]] = weakref.WeakKeyDictionary()


class Rescorer:
    """Scores edits at one layer; see `limelight.evidence.Rescoring`.

    Args:
        probe: what runs the model.
        batch: the model's input, as the probe prepared it.
        request: what the run was asked for.
        capture: what it brought back.
        layer: where activations are edited.
        score: what is explained.
        budget: bytes that a run may take; None: what is free.
        closed: whether a closed form may be used where the model has one.
    """

    def __init__(
        self,
        probe: Probe,
        batch: Any,
        request: Request,
        capture: Capture,
        layer: str,
        score: Score,
        budget: int | None = None,
        closed: bool = True,
    ) -> None:
        self._probe, self._batch, self._request = probe, batch, request
        self._capture, self._layer, self._score = capture, layer, score
        self._budget, self._may_close = budget, closed
        self._reruns: Reruns = probe.reruns(batch, layer, request)
        self._closed: ClosedForm | None = None
        self._looked = False

    def inputs(self, edit: Edit, images: np.ndarray) -> np.ndarray:
        """Scores (J, K) of J edited inputs; see `Rescoring.inputs`."""
        xp = self._probe.xp

        def run(start: int, stop: int, which: np.ndarray) -> Any:
            edited = edit(start, stop)
            if self._probe.channels_last:
                edited = xp.permute_dims(edited, (0, 2, 3, 1))
            return self._reruns.inputs(self._filled(edited, len(which)), which.tolist())

        return self._scored(run, images, self._size(None, len(images)))

    def activations(self, edit: Edit, images: np.ndarray, pooled: Edit | None = None) -> np.ndarray:
        """Scores (J, K) of J edited activations; see `Rescoring.activations`."""
        xp, closed = self._probe.xp, self._closed_form()
        if closed is not None:

            def means(start: int, stop: int) -> Any:
                return (
                    xp.mean(edit(start, stop), axis=(2, 3))
                    if pooled is None
                    else pooled(start, stop)
                )

            return closed.scores(means, images, self._size(self._layer, len(images)))
        reason = self._reruns.reason
        if reason is not None:
            warnings.warn(
                f"the model cannot be run from {self._layer!r} on alone ({reason}), so that every "
                "edit takes a whole forward pass",
                stacklevel=2,
            )

        def run(start: int, stop: int, which: np.ndarray) -> Any:
            edited = self._filled(edit(start, stop), len(which))
            return self._reruns.activations(edited, which.tolist())

        behind = self._layer if reason is None else None
        return self._scored(run, images, self._size(behind, len(images)))

    # -- chunks -------------------------------------------------------------------------------

    def _size(self, behind: str | None, jobs: int) -> int:
        trace = self._probe.trace(self._batch)
        size = chunk_size(self._batch, trace, behind, self._budget)
        if self._reruns.fixed:  # a few sizes only, for each is compiled
            size = min(1 << (size.bit_length() - 1), 1 << (jobs - 1).bit_length())
        return min(size, jobs) if not self._reruns.fixed else size

    def _scored(
        self, run: Callable[[int, int, np.ndarray], Any], images: np.ndarray, size: int
    ) -> np.ndarray:
        import numpy as np

        xp, found = self._probe.xp, []
        for start, stop in _chunks(len(images), size):
            done = start
            if self._reruns.fixed:  # the last chunk as long as all others: some jobs twice
                start = max(0, stop - size)
            which = images[start:stop]
            if self._reruns.fixed:
                which = np.concatenate([which, np.repeat(which[-1:], size - len(which))])
            output = run(start, stop, which)
            found.append(self._values(output, which)[done - start : stop - start])
            tell(stop, len(images))
        return to_numpy(xp.concat(found, axis=0))

    def _filled(self, edited: Any, size: int) -> Any:
        """`edited` with its last entry repeated up to `size`."""
        import numpy as np

        count = int(edited.shape[0])
        if count == size:
            return edited
        rows = like(np.minimum(np.arange(size), count - 1), edited)
        return self._probe.xp.take(edited, rows, axis=0)

    def _values(self, output: Any, which: np.ndarray) -> Any:
        xp = self._probe.xp
        if self._request.function is not None:
            return self._request.sign * output[:, None]
        index = like(to_numpy(self._capture.index)[which], output)
        return values(xp, output, index, self._score)

    # -- closed form --------------------------------------------------------------------------

    def _closed_form(self) -> ClosedForm | None:
        if not self._looked and self._may_close:
            self._closed = self._find_closed_form()
        self._looked = True
        return self._closed

    def _find_closed_form(self) -> ClosedForm | None:
        xp, capture = self._probe.xp, self._capture
        if capture.scores is None:
            return None
        activations, scores = capture.activations[self._layer], capture.scores
        candidates = self._probe.heads(int(scores.shape[-1]), int(activations.shape[1]))
        try:
            head = find_head(xp, candidates, activations, scores, self._layer)
        except MethodError:
            return None
        form = ClosedForm(head, to_numpy(capture.index), self._score)
        known = _verified.setdefault(self._probe.model, {})
        key = self._layer, None if head is None else head.name
        if key not in known:
            known[key] = self._gives_the_scores(form, activations, scores)
        return form if known[key] else None

    def _gives_the_scores(self, form: ClosedForm, activations: Any, scores: Any) -> bool:
        """Whether the closed form gives the scores of the run, and those of a random edit."""
        import numpy as np

        xp = self._probe.xp
        if not _equal(form.logits(_float64(xp.mean(activations, axis=(2, 3)))), scores):
            return False
        shape = tuple(int(side) for side in activations.shape[1:])
        random = np.random.default_rng(0).uniform(-0.2, 1.3, (2, *shape)).astype(np.float32)
        which = [0, int(activations.shape[0]) - 1]
        edited = xp.stack([activations[i] for i in which]) * like(random, activations)
        ran = self._reruns.activations(edited, which)
        return _equal(form.logits(_float64(xp.mean(edited, axis=(2, 3)))), ran)


class ClosedForm:
    """Scores from pooled activations: by the linear head, or, where there is none, as they are.

    On the host and in float64, for methods subtract scores that differ by little.
    """

    def __init__(self, head: Head | None, index: np.ndarray, score: Score) -> None:
        self._index, self._score = index, score
        self._weight = None if head is None else _float64(head.weight).T
        self._bias = 0 if head is None or head.bias is None else _float64(head.bias)

    def logits(self, pooled: np.ndarray) -> np.ndarray:
        """(n, C) → (n, classes)."""
        return pooled if self._weight is None else pooled @ self._weight + self._bias

    def scores(self, pooled: Edit, images: np.ndarray, size: int) -> np.ndarray:
        """Scores (J, K) of J edits, given the means of those from start to stop."""
        import numpy as np

        outputs = 0 if self._weight is None else self._weight.shape[1]
        linear = self._score.kind == "logit" and not self._score.against and outputs > 1
        found = []
        for start, stop in _chunks(len(images), size):
            means, index = _float64(pooled(start, stop)), self._index[images[start:stop]]
            if linear and self._weight is not None:
                # Of a linear score, the rows of the classes explained are enough.
                classes, places = np.unique(index, return_inverse=True)
                bias = np.broadcast_to(self._bias, self._weight.shape[1:])[classes]
                logits = means @ self._weight[:, classes] + bias
                picked = np.take_along_axis(logits, places.reshape(index.shape), axis=1)
                found.append(-picked if self._score.negative else picked)
            else:
                logits = self.logits(means)
                found.append(values(namespace(logits), logits, index, self._score))
            tell(stop, len(images))
        return np.concatenate(found)


def _chunks(jobs: int, size: int) -> Iterator[tuple[int, int]]:
    for start in range(0, jobs, size):
        yield start, min(start + size, jobs)


def _float64(array: Any) -> np.ndarray:
    import numpy as np

    return to_numpy(array).astype(np.float64, copy=False)


def _equal(found: np.ndarray, expected: Any) -> bool:
    import numpy as np

    known = to_numpy(expected)
    return bool(np.abs(found - known).max() <= _EXACT * np.abs(known).max())
