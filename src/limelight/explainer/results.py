"""From the arrays of a run to `Maps`, and what is said of a run that makes none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limelight.arrays import to_numpy
from limelight.errors import ModelError
from limelight.frames import Frame
from limelight.maps import Maps
from limelight.maps.diagnosis import OF_CLASS
from limelight.methods import find_method
from limelight.probes import Capture, Probe, Request
from limelight.probes.base import check_output
from limelight.probes.choosing import check_grid
from limelight.scores import Score, both_classes, one_hot, probabilities
from limelight.targets.parsing import Target

if TYPE_CHECKING:
    from limelight.models import Classifier


def check_capture(
    xp: Any, capture: Capture, wanted: Target, request: Request, start: int, stop: int
) -> None:
    """Raise where the run on the images `start` to `stop` has nothing in it to make maps of.

    Raises:
        ModelError: the scores are no (N, classes), or no numbers.
        TargetError: a class is asked for that the model does not have.
        NoSpatialLayer: a layer has no height and width.
    """
    if capture.scores is not None:
        check_output(capture.scores, stop - start)
        _check_finite(xp, capture.scores, start)
        wanted.check(max(2, int(capture.scores.shape[-1])))  # one output has two classes
    for layer in request.layers:
        check_grid(layer, tuple(capture.activations[layer].shape), request.reshape is not None)


def _check_finite(xp: Any, scores: Any, start: int) -> None:
    """Raise `ModelError` where the model returned something else than numbers.

    `start`: the number of the batch's first image.
    """
    if bool(xp.all(xp.isfinite(scores))):
        return
    import numpy as np

    bad = start + np.flatnonzero(~np.isfinite(to_numpy(scores)).all(axis=-1))
    shown = ", ".join(map(str, bad[:5])) + (" …" if len(bad) > 5 else "")
    raise ModelError(
        f"the model's output is not a number (NaN or infinite) for image {shown} (counted from "
        "0); look at the model's input and weights"
    )


def make_maps(
    probe: Probe,
    classifier: Classifier | None,
    key: tuple[str, str],
    values: Any,
    capture: Capture,
    wanted: Target,
    score: Score,
    frames: tuple[Frame, ...],
    shown: dict[str, Any],
) -> Maps:
    """The `Maps` of a batch.

    Args:
        key: the method's name and the layer.
        values: (N, K, h, w).
        shown: what the run has shown for the diagnosis; see `Maps.facts`.
    """
    xp, index, probability = probe.xp, capture.index, None
    layer = key[1]
    if capture.attention is not None and find_method(key[0]).of_attention:
        layer = capture.attention.name
    if "full_gradients" in find_method(key[0]).needs:
        layer = "every bias"
    if "input_gradients" in find_method(key[0]).needs:
        layer = "the input"
    if index is not None:
        p = probabilities(xp, capture.scores, score.activation)
        probability = xp.sum(one_hot(xp, index, p) * p[:, None, :], axis=-1)
    if wanted.single:
        values = values[:, 0]
        index = None if index is None else index[:, 0]
        probability = None if probability is None else probability[:, 0]
        shown = {n: each[:, 0] if n in OF_CLASS else each for n, each in shown.items()}
    return Maps(
        values,
        None if capture.scores is None else both_classes(xp, capture.scores),
        index,
        probability,
        method=key[0],
        layer=layer,
        frames=frames,
        class_names=None if classifier is None else classifier.class_names,
        channels_last=probe.channels_last,
        display=None if classifier is None else classifier.display,
        score=score.kind,
        facts=shown,
    )
