"""The classification models of torchvision."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from limelight.models.metadata import Metadata
from limelight.models.sources import Source, importing


def _models() -> Any:
    return importing("torchvision", "torchvision", "torchvision models").models


def _names() -> Iterable[str]:
    models = _models()
    for name in models.list_models(module=models):  # without detection, segmentation and video
        yield name
        for weights in models.get_model_weights(name):
            if weights.meta["categories"]:  # else it has features alone, no classes
                yield f"{name}.{weights.name}"


def _weights(name: str) -> Any:
    """The published weights that a name with or without their own name stands for."""
    model, _, version = name.partition(".")
    published = _models().get_model_weights(model)
    return published[version or "DEFAULT"]


def _build(name: str, classes: int | None) -> Any:
    model = name.partition(".")[0]
    options: dict[str, Any] = {} if classes is None else {"num_classes": classes}
    if model.startswith("vit_"):
        options["image_size"] = _weights(name).meta["min_size"][0]
    if model in ("googlenet", "inception_v3"):
        options["init_weights"] = False  # minutes of scipy, for weights that the file replaces
    return _models().get_model(model, weights=None, **options)


def _pretrained(name: str) -> Any:
    from limelight.models.hub import torch_file
    from limelight.models.torch_files import fill, read_weights

    weights = _weights(name)
    arch = f"torchvision:{name}"
    model = _build(name, len(weights.meta["categories"]))
    if "transform_input" in vars(model):  # Inception: the weights want their own normalization
        model.transform_input = True
    return fill(model, read_weights(torch_file(weights.url, arch)), arch)


def _metadata(name: str, model: Any) -> Metadata:
    weights = _weights(name)
    transforms = weights.transforms()
    (resize,), (size,) = transforms.resize_size, transforms.crop_size
    return Metadata(
        why=f"torchvision's {weights}",
        preprocess={
            "mean": transforms.mean,
            "std": transforms.std,
            "mode": "crop",
            "resize": resize,
            "interpolation": transforms.interpolation.value,
        },
        size=(size, size),
        classes="imagenet" if len(weights.meta.get("categories", ())) == 1000 else None,
    )


SOURCE = Source(
    prefix="torchvision",
    framework="torch",
    summary="torchvision.models, classification; name.WEIGHTS for other than the newest weights",
    example="torchvision:resnet50",
    needs="torchvision",
    extra="torchvision",
    names=_names,
    build=_build,
    pretrained=_pretrained,
    metadata=_metadata,
)
