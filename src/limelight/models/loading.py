"""`load`: from an id, a file, a folder or a model object to a `Classifier`.

Nothing is guessed in silence. What the user says wins; then what the side file says; then, for
``preprocess="auto"``, what the model's source says, and `Preprocess.assumed` tells from where. If
none of them says it, the error lists the choices.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from limelight.errors import ModelLoadError
from limelight.models import class_names, conventions, keras_files, side_file, sources, torch_files
from limelight.models.classifier import Activation, Classifier
from limelight.models.finding import model_file
from limelight.models.metadata import Metadata
from limelight.models.preprocess import Preprocess

Arch = str | Callable[[], Any]
_AUTO = "auto"


def load(
    path: Any,
    arch: Arch | None = None,
    size: int | tuple[int, int] | None = None,
    preprocess: str | Mapping[str, Any] | Callable[..., Any] = _AUTO,
    classes: str | Path | Iterable[str] | None = None,
    activation: Activation | None = None,
    attributes: Mapping[str, Any] | None = None,
    pretrained: bool = True,
) -> Classifier:
    """A model, ready for photographs.

    What is not said here is read from the side file ``<model>.limelight.json``, where there is
    one, or from the `config.json` of a trained folder; for an id from its source.

    Args:
        path: an id ("torchvision:resnet50", "timm:resnet50", "hf:microsoft/resnet-50",
            "keras:ResNet50"; `limelight.list_models` lists them), whose weights are downloaded
            where they are not on this machine; a `.keras` or legacy `.h5` file; a PyTorch weights
            file (`.safetensors`, `.pt`, `.pth`, `.th`, `.bin`, `.ckpt`) together with `arch`; a
            folder that Limelight's training made; or a model object.
        arch: what the weights belong to: an id ("torchvision:squeezenet1_0", "timm:resnet50") or
            a function that builds the module.
        size: the input's side, or (height, width), where the model takes any size.
        preprocess: "auto" takes what the source says; otherwise "0-1", "-1-1", "0-255",
            "imagenet", "keras:<application>"; a mapping with mean and std in units of [0, 1] and,
            where wanted, mode ("squash", "crop", "letterbox"), resize, crop, interpolation,
            channels; or a function from the uint8 (H, W, 3) array at the model's size to the
            array that the model takes.
        classes: a list of names, a text file with one a line, or "imagenet".
        activation: "softmax" or "sigmoid": what makes probabilities of the scores.
        attributes: attributes to set on a PyTorch model's modules after loading, such as
            ``{"classifier.1.padding": (1, 1)}``.
        pretrained: False builds the model that an id names with random weights.

    Raises:
        ModelLoadError: the file is missing, damaged, does not fit the architecture, would need
            code in it to be run, cannot be fetched, or preprocessing is not known.
        MissingExtra: the framework, or what the source needs, is not installed.

    Example:
        >>> import limelight
        >>> names = list("abcdefghij")
        >>> classifier = limelight.load(model, size=32, preprocess="0-1", classes=names)
        >>> limelight.explain(classifier, photograph).overlay(photograph).shape
        (1, 48, 64, 3)
    """
    said: dict[str, Any] = {
        "arch": arch,
        "size": size,
        "preprocess": None if isinstance(preprocess, str) and preprocess == _AUTO else preprocess,
        "classes": classes,
        "activation": activation,
        "attributes": attributes,
    }
    if not isinstance(path, str | os.PathLike):
        return _from_object(path, said)
    text = os.fspath(path)
    if sources.is_id(text) and not Path(path).exists():
        return _from_source(text, said, pretrained)
    if not pretrained:
        raise ModelLoadError("pretrained=False goes with an id such as 'timm:resnet50'")
    file = model_file(path)
    kept = side_file.read(Path(path))
    for key, value in kept.items():
        if said[key] is None and value != _AUTO:
            said[key] = value
    if file.suffix in keras_files.SUFFIXES:
        model = keras_files.read_model(file)
    else:
        model = _torch_model(file, said)
    return _classifier(model, said, str(path))


def _from_source(arch: str, said: dict[str, Any], pretrained: bool) -> Classifier:
    """The model that an id names."""
    if said["arch"] is not None:
        raise ModelLoadError(
            f"arch={said['arch']!r} goes with a weights file; {arch!r} says what it is"
        )
    source, name = sources.find(arch)
    arch = f"{source.prefix}:{name}"
    if not pretrained:
        model = source.build(name, None)
    elif source.pretrained is not None:
        model = source.pretrained(name)
    else:
        raise ModelLoadError(
            f"{source.prefix} publishes no weights: give a weights file, as in "
            f"load('weights.safetensors', arch={arch!r}), or pretrained=False for random weights"
        )
    if source.framework == "torch":
        model.eval()
    if said["attributes"]:
        if source.framework != "torch":
            raise ModelLoadError("attributes= goes with a PyTorch model")
        torch_files.set_attributes(model, said["attributes"])
    known = source.metadata(name, model)
    return _classifier(model, {**said, "arch": arch}, arch, known)


def _torch_model(file: Path, said: dict[str, Any]) -> Any:
    weights = torch_files.read_weights(file)
    arch = said["arch"]
    if arch is None:
        torch_sources = (s for s in sources.sources().values() if s.framework == "torch")
        examples = ", ".join(f"arch={s.example!r}" for s in torch_sources)
        raise ModelLoadError(
            f"{file} holds weights alone: say what they belong to ({examples}, or a function that "
            "builds the module)"
        )
    if callable(arch):
        what = f"what {getattr(arch, '__qualname__', arch)} builds"
        model = torch_files.fill(arch(), weights, what)
    else:
        source, name = sources.find(arch)
        if source.framework != "torch":
            raise ModelLoadError(f"{file} holds weights of PyTorch, and {arch!r} is a Keras model")
        if source.fill is not None:
            model = source.fill(name, weights)
        else:
            model = torch_files.fill(
                source.build(name, None), weights, arch, lambda classes: source.build(name, classes)
            )
    if said["attributes"]:
        torch_files.set_attributes(model, said["attributes"])
    return model


def _from_object(model: Any, said: dict[str, Any]) -> Classifier:
    for key in ("arch", "attributes"):
        if said[key] is not None:
            raise ModelLoadError(f"{key}= goes with a weights file, not with a model object")
    family = [kind.__module__.partition(".")[0] for kind in type(model).__mro__]
    if "tf_keras" in family or any(
        kind.__module__.startswith(("tensorflow.python.keras", "keras.engine", "keras.src.engine"))
        for kind in type(model).__mro__
    ):
        raise ModelLoadError(
            "this is a Keras 2 (tf_keras) model; save it with model.save('model.keras') and load "
            "that with Keras 3"
        )
    if not {"keras", "torch"} & set(family):
        raise ModelLoadError(
            f"a {type(model).__module__}.{type(model).__qualname__} is no model; expected a path, "
            "a torch.nn.Module or a Keras 3 model"
        )
    return _classifier(model, said, "")


def _classifier(
    model: Any, said: dict[str, Any], source: str, known: Metadata | None = None
) -> Classifier:
    """Put together what the user, the side file and the model's source (`known`) say."""
    is_keras = any(kind.__module__.startswith("keras.") for kind in type(model).__mro__)
    if is_keras:
        height, width, channels, channels_first = keras_files.input_shape(model)
        fixed = (height, width) if height and width else None
        known = known or keras_files.metadata(model)
    else:
        fixed, channels, channels_first = None, torch_files.input_channels(model), True
        known = known or _torch_metadata(model, said["arch"])
    size = _size(said["size"], fixed)
    grey = "L" if channels == 1 else None
    made = _preprocess(said["preprocess"], size or fixed, known, grey, channels_first, model)
    count: int | None = None
    ending: str | None = None
    if is_keras:
        count, ending = keras_files.outputs(model), keras_files.activation(model)
    elif made.function is None:
        count = torch_files.outputs(model, (1 if made.channels == "L" else 3, *made.size))
    names = said["classes"] if said["classes"] is not None else known.classes
    read = None if names is None else class_names.read(names)
    if read is not None and count == 1:  # the class's name, or both: the negative one first
        read = (f"not {read[0]}", *read) if len(read) == 1 else read
    if read is not None and count is not None and len(read) != max(2, count):
        if said["classes"] is not None:
            raise ModelLoadError(f"{len(read)} class names for a model with {count} outputs")
        read = None  # the source's classes, but the model was given another head
    usual: Activation = (
        "sigmoid" if ending == "sigmoid" or (count == 1 and ending != "softmax") else "softmax"
    )
    return Classifier(
        model=model,
        preprocess=made,
        class_names=read,
        activation=_activation(said["activation"]) or known.activation or usual,
        framework="keras" if is_keras else "torch",
        source=source,
        arch=said["arch"] if isinstance(said["arch"], str) else None,
        attributes=dict(said["attributes"] or {}),
    )


def _torch_metadata(model: Any, arch: Any) -> Metadata:
    if isinstance(arch, str):
        source, name = sources.find(arch)
        return source.metadata(name, model)
    config = getattr(model, "pretrained_cfg", None)
    if isinstance(config, dict) and config.get("mean"):
        from limelight.models.sources.timm import from_config

        return from_config(config, "the configuration that the timm model carries")
    if any(kind.__module__.startswith("transformers.") for kind in type(model).__mro__):
        from limelight.models.sources import hf

        return hf.from_config(model.config)
    return Metadata()


def _preprocess(
    said: Any,
    size: tuple[int, int] | None,
    known: Metadata,
    grey: str | None,
    channels_first: bool,
    model: Any,
) -> Preprocess:
    if said is not None:
        if isinstance(said, Mapping) and "crop" in said:
            return conventions.build(said, size, grey, channels_first)
        return conventions.build(said, size or known.size, grey, channels_first)
    if known.preprocess is None:
        name = getattr(model, "name", None) or type(model).__name__
        raise ModelLoadError(
            f"nothing says how images are prepared for this model ({name!r}): "
            f"give {conventions.choices()}"
        )
    settings = known.preprocess
    if isinstance(settings, Mapping) and size not in (None, known.size) and "resize" in settings:
        # Another size than the source's: the margin around the crop keeps its proportion.
        scale = settings["resize"] / min(known.size or (settings["resize"],))
        settings = {**settings, "resize": round(min(size or ()) * scale)}
    made = conventions.build(settings, size or known.size, grey, channels_first)
    name = f'"{settings}"' if isinstance(settings, str) else _numbers(made)
    return made.assuming(f"{name}, {made.describe()}: assumed from {known.why}")


def _numbers(made: Preprocess) -> str:
    if made.mean == (0.0,) and made.std == (1 / 255,):
        return "pixels of 0..255 as they are"
    if made.mean == (0.0,) and made.std == (1.0,):
        return '"0-1"'
    return f"mean {made.mean}, std {made.std}"


def _size(said: Any, fixed: tuple[int, int] | None) -> tuple[int, int] | None:
    if said is None:
        return None
    size = (said, said) if isinstance(said, int) else said
    size = tuple(size) if isinstance(size, list | tuple) else ()
    if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
        raise ModelLoadError(f"size is a number of pixels or (height, width), not {said!r}")
    if fixed is not None and size != fixed:
        raise ModelLoadError(
            f"the model takes {fixed[0]}×{fixed[1]} (height × width), and size={said!r} was given"
        )
    return size


def _activation(said: Any) -> Activation | None:
    if said not in (None, "softmax", "sigmoid"):
        raise ModelLoadError(f'activation is "softmax" or "sigmoid", not {said!r}')
    return said
