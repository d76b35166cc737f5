"""The methods that explain one layer of any model of either framework.

Those of attention need a vision transformer, some make one map of several layers, and some need
more of a graph than Keras gives; they have tests of their own.
"""

from __future__ import annotations

from collections.abc import Sequence

from limelight.methods import Method, list_methods
from oracles.subjects import Subject


def methods_of_layers() -> list[Method]:
    return [m for m in list_methods() if "keras" in m.frameworks and m.across is None]


def affordable(names: Sequence[str], subject: Subject, layer: str | None) -> list[str]:
    """Of a real model, no method that runs all of it, or a long tail, for every channel.

    On JAX one method that edits activations and one that edits inputs stand for all of them: each
    number of images and of jobs is compiled for itself.
    """
    rescoring = [method for method in list_methods() if method.rescores]
    if max(subject.images(1).shape) < 100:
        if subject.framework == "torch" or not _on_jax():
            return list(names)
        left_out = {each.name for each in rescoring} - {"ablationcam", "scorecam"}
        return [name for name in names if name not in left_out]
    if layer != subject.early:
        rescoring = [method for method in rescoring if "images" in method.needs]
    left_out = {method.name for method in rescoring}
    return [name for name in names if name not in left_out]


def _on_jax() -> bool:
    import keras

    return keras.backend.backend() == "jax"
