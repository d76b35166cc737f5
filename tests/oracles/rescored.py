"""Rescoring by a plain function of one input, or of one image's activations, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from limelight.arrays import namespace, to_numpy

CHUNK = 3  # so that a method's edits are asked for in parts


class PlainRescoring:
    """The scores (K,) of one job after the other.

    Args:
        inputs: the scores (K,) of one input (C, H, W), as explained for the image of that number.
        activations: the same of one image's activations (C, h, w).
    """

    def __init__(
        self,
        inputs: Callable[[np.ndarray, int], np.ndarray] | None = None,
        activations: Callable[[np.ndarray, int], np.ndarray] | None = None,
    ) -> None:
        self._of_inputs, self._of_activations = inputs, activations
        self.jobs: list[tuple[int, np.ndarray]] = []

    def inputs(self, edit: Callable[[int, int], Any], images: np.ndarray) -> np.ndarray:
        assert self._of_inputs is not None
        return self._score(self._of_inputs, edit, images)

    def activations(
        self,
        edit: Callable[[int, int], Any],
        images: np.ndarray,
        pooled: Callable[[int, int], Any] | None = None,
    ) -> np.ndarray:
        assert self._of_activations is not None
        if pooled is not None:
            means = to_numpy(pooled(1, len(images)))
            whole = to_numpy(edit(1, len(images))).mean((2, 3))
            np.testing.assert_allclose(means, whole, rtol=1e-4, atol=1e-5 * np.abs(whole).max())
        return self._score(self._of_activations, edit, images)

    def _score(self, score: Any, edit: Callable[[int, int], Any], images: np.ndarray) -> np.ndarray:
        found = []
        for start in range(0, len(images), CHUNK):
            stop = min(start + CHUNK, len(images))
            edited = to_numpy(edit(start, stop)).astype(np.float64)
            assert len(edited) == stop - start
            for each, image in zip(edited, images[start:stop], strict=True):
                self.jobs.append((int(image), each))
                found.append(score(each, int(image)))
        return np.stack(found)


def softmax(scores: np.ndarray) -> np.ndarray:
    e = np.exp(scores - scores.max())
    return e / e.sum()


def evidence(a: Any, rescoring: PlainRescoring, **fields: Any) -> Any:
    """An `Evidence` with that rescoring."""
    from limelight.evidence import Evidence

    return Evidence(namespace(a), a, rescoring=rescoring, **fields)
