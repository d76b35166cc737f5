"""The models of timm, the PyTorch image models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from limelight.errors import require
from limelight.models.metadata import Metadata
from limelight.models.sources import Source


def _names() -> Iterable[str]:
    timm = require("timm", "timm", "timm models")
    return [*timm.list_models(), *timm.list_pretrained()]


def _build(name: str, classes: int | None) -> Any:
    timm = require("timm", "timm", "timm models")
    options = {} if classes is None else {"num_classes": classes}
    return timm.create_model(name, pretrained=False, **options)


def _metadata(name: str, model: Any) -> Metadata:
    return from_config(model.pretrained_cfg, f"timm's configuration of {name}")


def from_config(config: dict[str, Any], why: str) -> Metadata:
    """What a `pretrained_cfg`, which every timm model carries, says."""
    _, height, width = config["input_size"]
    settings = {
        "mean": config["mean"],
        "std": config["std"],
        "interpolation": config["interpolation"],
    }
    if config.get("crop_mode", "center") == "squash":
        settings["mode"] = "squash"
    else:
        settings["mode"] = "crop"
        settings["resize"] = int(min(height, width) / config["crop_pct"])
    return Metadata(
        why=why,
        preprocess=settings,
        size=(height, width),
        classes="imagenet" if config.get("num_classes") == 1000 else None,
    )


SOURCE = Source(
    prefix="timm",
    framework="torch",
    summary="timm, PyTorch image models",
    example="timm:resnet50",
    names=_names,
    build=_build,
    metadata=_metadata,
)
