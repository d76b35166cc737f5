"""The classification models of torchvision."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from limelight.errors import require
from limelight.models.metadata import Metadata
from limelight.models.sources import Source


def _models() -> Any:
    return require("torchvision", "torchvision", "torchvision models").models


def _names() -> Iterable[str]:
    models = _models()
    return models.list_models(module=models)  # without detection, segmentation and video


def _build(name: str, classes: int | None) -> Any:
    options: dict[str, Any] = {} if classes is None else {"num_classes": classes}
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = False  # minutes of scipy, for weights that the file replaces
    return _models().get_model(name, weights=None, **options)


def _metadata(name: str, model: Any) -> Metadata:
    weights = _models().get_model_weights(name).DEFAULT
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
    summary="torchvision.models, classification",
    example="torchvision:resnet50",
    names=_names,
    build=_build,
    metadata=_metadata,
)
