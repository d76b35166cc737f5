"""The layers of a classifier, as what one may choose from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limelight.errors import NoSpatialLayer
from limelight.probes import probe_for
from limelight.probes.choosing import choose, is_explainable

if TYPE_CHECKING:
    from limelight.models import Classifier


@dataclass(frozen=True)
class Layer:
    """One layer of a model.

    Attributes:
        layer: its path, as `explain` takes it.
        kind: its class's name.
        shape: of its output for one image, (C, h, w) or in the model's own order.
        explainable: whether a map can be made of it.
        automatic: whether `explain` chooses it by itself.
    """

    layer: str
    kind: str
    shape: tuple[int, ...]
    explainable: bool
    automatic: bool


def list_layers(classifier: Classifier) -> list[Layer]:
    """All layers in the order in which they run, each once; one image passes through the model."""
    import numpy as np

    probe = probe_for(classifier.model)
    height, width = classifier.preprocess.size
    batch, _ = classifier.prepare([np.zeros((height, width, 3), np.uint8)])
    trace = probe.trace(probe.prepare(batch))
    try:
        automatic = choose(trace)
    except NoSpatialLayer:
        automatic = None
    calls = {call.name: call for call in trace.calls}  # the last call of each
    return [
        Layer(
            call.name,
            call.kind,
            tuple(int(side) for side in call.shape[1:]),
            is_explainable(call),
            call.name == automatic,
        )
        for call in calls.values()
    ]
