"""The scores of edited inputs for one class per image, for metrics that ask the model again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from limelight.arrays import to_numpy
from limelight.explainer.rescoring import Rescorer
from limelight.probes import Probe, Request
from limelight.scores import Score

if TYPE_CHECKING:
    import numpy as np


class InputScores:
    """Scores inputs that a metric has edited; what `limelight.metrics.Scoring` asks for.

    Args:
        probe: what runs the model.
        batch: (N, …) the model's input, as the probe prepared it.
        target: (N,) the class of each image, on the host; None: its top class.
        score: what is scored.
        budget: bytes that a run may take; None: what is free.

    Attributes:
        target: (N,) the classes, on the host.
        images: (N, C, H, W) the input, whatever the model's layout.
    """

    def __init__(
        self,
        probe: Probe,
        batch: Any,
        target: np.ndarray | None,
        score: Score,
        budget: int | None = None,
    ) -> None:
        request = Request((), False, (score,), top=1 if target is None else 0)
        index = None if target is None else target[:, None]
        capture = probe.capture(batch, request, index)
        self.target: np.ndarray = to_numpy(capture.index)[:, 0]
        self.images = channels_first(probe, batch)
        # Of edits of the input the layer plays no part.
        layer = probe.trace(batch).calls[0].name
        self._rescorer = Rescorer(probe, batch, request, capture, layer, score, budget)

    def inputs(self, edit: Callable[[int, int], Any], images: np.ndarray) -> Any:
        """Scores (J, 1) of J edited inputs; see `Rescoring.inputs`."""
        return self._rescorer.inputs(edit, images)


def channels_first(probe: Probe, batch: Any) -> Any:
    """A prepared batch as (N, C, H, W)."""
    return probe.xp.permute_dims(batch, (0, 3, 1, 2)) if probe.channels_last else batch


def as_the_model_takes(probe: Probe, images: Any) -> Any:
    """(N, C, H, W) in the model's own layout."""
    return probe.xp.permute_dims(images, (0, 2, 3, 1)) if probe.channels_last else images
