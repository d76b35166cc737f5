"""Keras models from files, `.keras` and legacy `.h5`, in safe mode, and what they say."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from limelight.errors import ModelLoadError, require
from limelight.models.conventions import application_of, keras_application
from limelight.models.keras_backend import import_keras
from limelight.models.metadata import Metadata
from limelight.models.sources.keras_file import SOURCE

SUFFIXES = SOURCE.suffixes
_NOTHING_DONE = {"mean": 0.0, "std": 1 / 255}  # the model takes 0..255


def read_model(path: Path) -> Any:
    """The model in a `.keras` or legacy `.h5` file.

    Raises:
        ModelLoadError: the file is damaged, holds weights alone, or holds Python code (a Lambda
            layer), or layers that are not known here.
    """
    keras = import_keras()
    for class_name in _class_names(_config(path)):
        if class_name in ("Lambda", "__lambda__"):
            raise ModelLoadError(
                f"{path} holds a Lambda layer, which is Python code, and code from a file is not "
                "run: build the model without it, or load it yourself where you trust the file "
                "and give the model object"
            )
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError, AttributeError, RuntimeError) as error:
        missing = re.search(r"Could not locate class '(\w+)'", str(error))
        if missing:
            raise ModelLoadError(
                f"{path} needs the class {missing[1]}, which is not known here: import it, "
                "decorated with keras.saving.register_keras_serializable(), before loading"
            ) from error
        first = str(error).strip().partition("\n")[0]
        raise ModelLoadError(f"Keras cannot load {path}: {first}") from error


def _config(path: Path) -> Any:
    """The model's configuration in the file, as plain JSON."""
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                return json.loads(archive.read("config.json"))
        h5py = require("h5py", "keras", "legacy .h5 models")
        with h5py.File(path, "r") as file:
            text = file.attrs.get("model_config")
    except (zipfile.BadZipFile, OSError, KeyError, ValueError) as error:
        raise ModelLoadError(f"{path} is not a whole Keras model file: {error}") from error
    if text is None:
        raise ModelLoadError(
            f"{path} holds weights alone, not a model: save it whole by model.save('model.keras')"
        )
    return json.loads(text)


def _class_names(config: Any) -> Iterator[str]:
    """Every class name anywhere in a configuration."""
    if isinstance(config, dict):
        if isinstance(config.get("class_name"), str):
            yield config["class_name"]
        for value in config.values():
            yield from _class_names(value)
    elif isinstance(config, list):
        for value in config:
            yield from _class_names(value)


def input_shape(model: Any) -> tuple[int | None, int | None, int | None, bool]:
    """(height, width, channels, channels_first) of the one image that the model takes.

    Height and width are None where any size is taken, channels where the model does not say.

    Raises:
        ModelLoadError: the model takes several inputs, or one that is no image.
    """
    import keras

    first = keras.config.image_data_format() == "channels_first"
    try:
        shape = model.input_shape
    except (AttributeError, ValueError):  # a subclassed model before its first call
        return None, None, None, first
    if isinstance(shape, dict | list):
        raise ModelLoadError(f"the model takes {len(shape)} inputs, not one image: {shape}")
    if shape is None:
        return None, None, None, first
    if len(shape) != 4:
        raise ModelLoadError(f"the model takes {shape}, which is not a batch of images")
    _, a, b, c = shape
    if c not in (1, 3, 4) and a in (1, 3, 4):
        first = True
    elif c in (1, 3, 4) and a not in (1, 3, 4):
        first = False
    return (b, c, a, True) if first else (a, b, c, False)


def outputs(model: Any) -> int | None:
    """How many classes the model scores, where its output is (N, classes)."""
    try:
        shape = model.output_shape
    except (AttributeError, ValueError):
        return None
    return shape[-1] if isinstance(shape, tuple) and len(shape) == 2 else None


def activation(model: Any) -> str | None:
    """The name of the activation that the model ends with: "softmax", "sigmoid", "linear" …"""
    layers = getattr(model, "layers", None)
    if not layers:
        return None
    last = layers[-1]
    if type(last).__name__ == "Softmax":
        return "softmax"
    if getattr(last, "layers", None):
        return activation(last)
    return getattr(getattr(last, "activation", None), "__name__", None)


def metadata(model: Any) -> Metadata:
    """What the model says about its preprocessing: by a layer inside it, or by its name."""
    height, width, channels, first = input_shape(model)
    size = (height, width) if height and width else None
    application = application_of(model.name)
    classes = "imagenet" if application and outputs(model) == 1000 else None
    inside = _scaling_inside(model, (height or 32, width or 32, channels or 3), first)
    if inside is not None:
        preprocess, why = inside
        return Metadata(why, preprocess, size, classes)
    if application is not None:
        settings = keras_application(application)
        if settings["std"] != (round(1 / 255, 9),) * 3 or any(settings["mean"]):
            why = f"the model's name, {model.name!r}, which is that of keras.applications"
            return Metadata(why, f"keras:{application}", size, classes)
    return Metadata(size=size, classes=classes)


def _scaling_inside(
    model: Any, shape: tuple[int, int, int], channels_first: bool
) -> tuple[dict[str, float], str] | None:
    """The range that the model expects, where its first layers scale it.

    A black and a white image are run through what comes before the first layer with weights. If
    that brings 0..255 near to one, 0..255 is what the model takes; if it spreads 0..255 further,
    it takes [0, 1]; if it changes nothing, nothing is known.
    """
    import numpy as np

    h, w, c = shape
    one = (c, h, w) if channels_first else (h, w, c)
    black_and_white = np.stack([np.zeros(one, np.float32), np.full(one, 255, np.float32)])
    values, layers = _before_weights(model, black_and_white)
    span = float(np.abs(values[1] - values[0]).max())
    named = ", ".join(map(repr, layers))
    if span == 255:
        return None
    if span < 16:
        return _NOTHING_DONE, f"what comes before its first weights ({named}) scales 0..255"
    if span > 255:
        return {"mean": 0.0, "std": 1.0}, (
            f"what comes before its first weights ({named}) scales [0, 1]"
        )
    return None


def _before_weights(model: Any, images: Any) -> tuple[Any, list[str]]:
    """`images` as they reach the first weights, and the names of the operations on the way."""
    import keras
    import numpy as np

    if not getattr(model, "inputs", None):
        return images, []  # subclassed, or not built: nothing is known of its order
    passed: list[str] = []
    for step in model.layers if isinstance(model, keras.Sequential) else model.operations:
        if isinstance(step, keras.layers.InputLayer):
            continue
        if hasattr(step, "layers") or _has_weights(step):
            if passed:
                before = _up_to(model, step)
                if before is None:
                    return images, []
                images = np.asarray(keras.ops.convert_to_numpy(before(images, training=False)))
            if hasattr(step, "layers"):
                images, inner = _before_weights(step, images)
                passed += inner
            return images, passed
        passed.append(step.name)
    return images, []


def _up_to(model: Any, step: Any) -> Any:
    """The part of `model` before `step`, as a model of its own; None where it cannot be told."""
    import keras

    for node in step._inbound_nodes:  # one for each model that the step serves in
        try:
            return keras.Model(model.inputs[0], node.input_tensors[0])
        except ValueError:  # not connected to this model's input: the node of another model
            continue
    return None


def _has_weights(step: Any) -> bool:
    import keras

    return bool(getattr(step, "weights", None)) and not isinstance(step, keras.layers.Normalization)
