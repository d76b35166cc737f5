"""What is trained: a network with global average pooling and one linear layer at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from limelight.errors import ModelLoadError, did_you_mean, require
from limelight.models import Classifier, Preprocess, sources
from limelight.models.classifier import Framework
from limelight.models.conventions import build
from limelight.models.small_network import small_cnn

SMALL = "limelight:small_cnn"
_CAM = "cam:"
_KERAS = "keras"


@dataclass(frozen=True)
class Backbone:
    """A network to train, not built yet.

    Attributes:
        name: what it is called in the settings of a training.
        framework: "torch" or "keras".
        preprocess: what its images go through.
        make: number of classes -> the model, with its new head.
        arch: the id that `load` builds it from; None in Keras, whose files hold the model.
        attributes: of its modules, to be set after building, also when it is loaded.
        whole: the head is as new as the rest, so that all is trained alike.
    """

    name: str
    framework: Framework
    preprocess: Preprocess
    make: Callable[[int], Any]
    arch: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    whole: bool = False


def find_backbone(
    model: str | Classifier,
    framework: Framework,
    size: tuple[int, int],
    pretrained: bool = False,
    fine: bool = False,
) -> Backbone:
    """The network that `model` names, for images of `size`.

    Args:
        model: "limelight:small_cnn"; an id of a source of PyTorch models ("torchvision:resnet50",
            "timm:resnet50"); "keras:<application>"; or a `Classifier`, whose weights are kept.
        framework: of the small network; elsewhere the model's own.
        size: (height, width) of the images.
        pretrained: weights that the source has for the id, which it downloads; otherwise random.
        fine: the last stage no longer halves the map, which has twice as many rows and columns.

    Raises:
        ModelLoadError: no such model, or one that cannot be cut at its last feature map.
    """
    if isinstance(model, Classifier):
        found = _of_classifier(model, size)
    elif model == SMALL:
        found = _small(framework, size)
    elif model.startswith(f"{_KERAS}:"):
        found = _of_keras(model, size, pretrained)
    else:
        found = _of_source(model.removeprefix(_CAM), size, pretrained)
    return _fine(found, size) if fine else found


def _small(framework: Framework, size: tuple[int, int]) -> Backbone:
    channels_first = True
    if framework == "keras":
        from limelight.models.keras_backend import import_keras

        channels_first = import_keras().config.image_data_format() == "channels_first"
    else:
        require("torch", "torch", "classifiers in PyTorch")
    return Backbone(
        SMALL,
        framework,
        build("-1-1", size, None, channels_first).assuming(""),
        lambda classes: small_cnn(classes, framework, None if framework == "torch" else size),
        SMALL if framework == "torch" else None,
        whole=True,
    )


def _squashed(preprocess: Preprocess, size: tuple[int, int]) -> Preprocess:
    """The same numbers, on the whole image: a centre crop would cut objects away."""
    return replace(preprocess, mode="squash", resize=None, size=size, assumed="")


def _of_source(arch: str, size: tuple[int, int], pretrained: bool) -> Backbone:
    source, name = sources.find(arch)
    if source.framework != "torch":
        raise ModelLoadError(f"{arch!r} is no PyTorch model")
    known = source.metadata(name, source.build(name, None))
    preprocess = build(known.preprocess or "imagenet", known.size, None, True)
    published = source.pretrained if pretrained else None
    if pretrained and published is None:
        raise ModelLoadError(f"{source.prefix} has no pretrained weights")

    def make(classes: int) -> Any:
        from limelight.models.cam_ready import with_cam_head

        network = published(name) if published is not None else source.build(name, None)
        return with_cam_head(network, classes, arch)

    return Backbone(
        arch, "torch", _squashed(preprocess, size), make, _CAM + arch, whole=not pretrained
    )


def _of_keras(model: str, size: tuple[int, int], pretrained: bool) -> Backbone:
    from limelight.models.keras_backend import import_keras

    keras = import_keras()
    name = model.partition(":")[2]
    known = {n: getattr(keras.applications, n) for n in dir(keras.applications) if n[0].isupper()}
    name = next((n for n in known if n.lower() == name.lower()), name)
    if name not in known:
        raise ModelLoadError(f"keras.applications has no {name!r}{did_you_mean(name, known)}")
    channels_first = keras.config.image_data_format() == "channels_first"

    def make(classes: int) -> Any:
        from limelight.models.sources.keras import pretrained as fetched
        from limelight.training.keras_head import with_cam_head

        options = {
            "include_top": False,
            "input_shape": (3, *size) if channels_first else (*size, 3),
        }
        if pretrained:
            network = fetched(name, **options)
        else:
            network = known[name](weights=None, **options)
        return with_cam_head(network, classes)

    preprocess = build(f"keras:{name}", size, None, channels_first)
    return Backbone(
        f"{_KERAS}:{name}", "keras", _squashed(preprocess, size), make, whole=not pretrained
    )


def _of_classifier(model: Classifier, size: tuple[int, int]) -> Backbone:
    preprocess = model.preprocess
    if preprocess.function is not None:
        raise ModelLoadError(
            "preprocessing by a function cannot be kept with a trained model; load it with mean "
            'and std, or with a name such as "imagenet"'
        )
    name = model.source or "a model object"
    if model.framework == "keras":

        def make_keras(classes: int) -> Any:
            import keras

            from limelight.training.keras_head import with_cam_head

            copy = keras.models.clone_model(model.model)
            copy.set_weights(model.model.get_weights())
            return with_cam_head(copy, classes)

        return Backbone(name, "keras", _squashed(preprocess, preprocess.size), make_keras)
    if model.arch is None:
        raise ModelLoadError(
            "a PyTorch model is trained from a weights file with arch= (--arch), so that it can be "
            "loaded again; a model object does not say how it is built"
        )
    arch = model.arch

    def make(classes: int) -> Any:
        from copy import deepcopy

        from limelight.models.cam_ready import with_cam_head

        return with_cam_head(deepcopy(model.model), classes, arch)

    full = arch if arch.startswith(_CAM) else _CAM + arch
    attributes = _kept_attributes(model, arch) if model.attributes else {}
    return Backbone(name, "torch", _squashed(preprocess, size), make, full, attributes)


def _kept_attributes(model: Classifier, arch: str) -> dict[str, Any]:
    """The attributes that were set on the model, by their path in the model with its new head."""
    from copy import deepcopy

    from limelight.models.cam_ready import with_cam_head

    copy = deepcopy(model.model)
    paths = {module: path for path, module in with_cam_head(copy, 2, arch).named_modules()}
    kept = {}
    for path, value in model.attributes.items():
        owner, _, attribute = path.rpartition(".")
        if (module := copy.get_submodule(owner)) in paths:  # else it went with the old head
            kept[f"{paths[module]}.{attribute}"] = value
    return kept


def _fine(backbone: Backbone, size: tuple[int, int]) -> Backbone:
    no_strides = ModelLoadError(
        f"{backbone.name} has no convolution with a stride in its last stage (it does not halve "
        "its map there, or does so by pooling)"
    )
    if backbone.name == SMALL:
        raise no_strides
    if backbone.framework == "keras":
        from limelight.training.keras_head import finer

        if finer(backbone.make(2)) is None:
            raise no_strides
        return replace(backbone, make=lambda classes: finer(backbone.make(classes)))
    from limelight.models.cam_ready import last_strides
    from limelight.models.torch_files import set_attributes

    attributes = last_strides(backbone.make(2), size)
    if not attributes:
        raise no_strides

    def make(classes: int) -> Any:
        model = backbone.make(classes)
        set_attributes(model, attributes)
        return model

    return replace(backbone, make=make, attributes={**backbone.attributes, **attributes})
