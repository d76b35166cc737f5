"""The only rooms that run a model.

A probe is chosen by what the model is; only frameworks that are imported already are considered,
for a model of a framework that is not imported cannot exist.
"""

from __future__ import annotations

import sys
from typing import Any

from limelight.errors import ModelError
from limelight.probes.base import Capture, Probe, Request, Trace

__all__ = ["Capture", "Probe", "Request", "Trace", "probe_for"]


def probe_for(model: Any) -> Probe:
    """The probe for `model`: an `nn.Module`, or a Keras 3 model on any backend.

    Raises:
        ModelError: `model` is neither; a Keras 2 model is named as such.
    """
    # On the torch backend a Keras model is an nn.Module too, so Keras is asked first.
    if "keras" in sys.modules:
        import keras

        if isinstance(model, keras.Layer):
            from limelight.probes.keras import keras_probe

            return keras_probe(model)
    if "torch" in sys.modules:
        import torch

        if isinstance(model, torch.nn.Module):
            from limelight.probes.torch import TorchProbe

            return TorchProbe(model)
    kind = type(model)
    ancestors = {base.__module__.partition(".")[0] for base in kind.__mro__}
    if ancestors & {"tf_keras", "tensorflow"} or any(
        base.__module__.startswith("keras.src.engine") for base in kind.__mro__
    ):
        raise ModelError(
            f"this is a Keras 2 model ({kind.__module__}.{kind.__name__}); Limelight needs Keras "
            "3: save it as .h5 or .keras and load it with keras.saving.load_model of Keras 3"
        )
    raise ModelError(
        f"a {kind.__module__}.{kind.__name__} is not a model that Limelight knows: give a "
        "torch.nn.Module, a Keras 3 model, or what limelight.load() returns"
    )
