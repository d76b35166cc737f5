"""What a run shows beside the maps: small arrays, kept for the diagnosis and read only there.

Of what lies in the memory of the host they are NumPy's, which is several times as quick there.
"""

from __future__ import annotations

from typing import Any

from limelight.arrays import host_view, like, namespace
from limelight.models import Classifier
from limelight.probes import Capture, Probe, Request
from limelight.scores import Score


def of_input(probe: Probe, batch: Any, classifier: Classifier | None) -> dict[str, Any]:
    """Of a batch that the user has prepared: each channel's extremes, and those that can be.

    "inputs" (N, C, 2), and where the preprocessing is known "possible" (N, C, 2).
    """
    values = host_view(batch)
    xp = namespace(values)
    if probe.channels_last or not _by_channel(values):
        axis = 1 if probe.channels_last else 2
        # Rows first: several times as quick as both axes at once.
        extremes = [find(find(values, axis=axis), axis=axis) for find in (xp.min, xp.max)]
    else:
        flat = xp.reshape(values, (*values.shape[:2], -1))
        extremes = [find(flat, axis=2) for find in (xp.min, xp.max)]
    found = {"inputs": xp.astype(xp.stack(extremes, axis=-1), xp.float32)}
    limits = None if classifier is None else _limits(classifier)
    if limits is not None and limits.shape[0] == found["inputs"].shape[1]:
        found["possible"] = like(limits[None], values) + xp.zeros_like(found["inputs"])
    return found


def _by_channel(values: Any) -> bool:
    """Whether each channel of `values` (N, C, H, W) lies in one piece of the host's memory."""
    return hasattr(values, "flags") and bool(values.flags.c_contiguous)


def of_gradients(request: Request, capture: Capture, layer: str, score: Score) -> dict[str, Any]:
    """ "gradient" (N, K): the largest absolute gradient at `layer`, of fused ones at any."""
    number = request.scores.index(score)
    found: Any = None
    for name in [layer] if layer in request.layers else request.layers:
        values = host_view(capture.gradient(name, number))
        xp = namespace(values)
        flat = xp.reshape(values, (*values.shape[:2], -1))
        strongest = xp.maximum(xp.max(flat, axis=-1), -xp.min(flat, axis=-1))  # no copy of flat
        found = strongest if found is None else xp.maximum(found, strongest)
    return {"gradient": found}


def _limits(classifier: Classifier) -> Any:
    """What the preprocessing makes of black and of white, (C, 2); None of a user's function."""
    import numpy as np

    preprocess = classifier.preprocess
    if preprocess.function is not None:
        return None
    ends = np.broadcast_to(np.array([0, 255], np.uint8)[:, None, None, None], (2, 1, 1, 3))
    made = preprocess.normalize(ends).reshape(2, -1)
    return made.T.astype(np.float32)
