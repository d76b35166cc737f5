"""From the arrays of a run to `Maps`, and what is said of a run that makes none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limelight.arrays import host_view, in_one, namespace, to_numpy
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
    capture: Capture, wanted: Target, request: Request, start: int, stop: int
) -> None:
    """Raise where the run on the images `start` to `stop` has nothing in it to make maps of.

    Raises:
        ModelError: the scores are no (N, classes), or no numbers.
        TargetError: a class is asked for that the model does not have.
        NoSpatialLayer: a layer has no height and width.
    """
    if capture.scores is not None:
        check_output(capture.scores, stop - start)
        _check_finite(capture.scores, start)
        wanted.check(max(2, int(capture.scores.shape[-1])))  # one output has two classes
    for layer in request.layers:
        check_grid(layer, tuple(capture.activations[layer].shape), request.reshape is not None)


def _check_finite(scores: Any, start: int) -> None:
    """Raise `ModelError` where the model returned something else than numbers.

    `start`: the number of the batch's first image.
    """
    values = host_view(scores)
    xp = namespace(values)
    if bool(xp.all(xp.isfinite(values))):
        return
    import numpy as np

    bad = start + np.flatnonzero(~np.isfinite(to_numpy(scores)).all(axis=-1))
    shown = ", ".join(map(str, bad[:5])) + (" …" if len(bad) > 5 else "")
    raise ModelError(
        f"the model's output is not a number (NaN or infinite) for image {shown} (counted from "
        "0); look at the model's input and weights"
    )


def _of_classes(
    values: Any, scores: Any, index: Any, *, activation: str, single: bool
) -> tuple[Any, Any, Any, Any]:
    """The maps, the scores (N, classes), the classes explained, and their probability.

    Args:
        values: (N, K, h, w); as all that is of the classes without the second axis of a `single`.
        scores: of the model, where it has one output for its two classes of that one.
        index: (N, K).
    """
    xp = namespace(scores)
    p = probabilities(xp, scores, activation)
    found = (values, index, xp.sum(one_hot(xp, index, p) * p[:, None, :], axis=-1))
    if single:
        found = tuple(xp.squeeze(each, axis=1) for each in found)
    values, index, probability = found
    return values, both_classes(xp, scores), index, probability


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
    layer = key[1]
    if capture.attention is not None and find_method(key[0]).of_attention:
        layer = capture.attention.name
    if "full_gradients" in find_method(key[0]).needs:
        layer = "every bias"
    if "input_gradients" in find_method(key[0]).needs:
        layer = "the input"
    scores = index = probability = None
    if capture.index is not None:
        values, scores, index, probability = in_one(
            _of_classes,
            values,
            capture.scores,
            capture.index,
            activation=score.activation,
            single=wanted.single,
        )
    elif wanted.single:
        values = probe.xp.squeeze(values, axis=1)
    if wanted.single:
        shown = {n: each[:, 0] if n in OF_CLASS else each for n, each in shown.items()}
    return Maps(
        values,
        scores,
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
