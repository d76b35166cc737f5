"""Classifiers made for localization: global average pooling and one linear layer, trained here.

They are trained on labels alone; boxes are never looked at. The names are resolved when they are
first used, so that the command line's help can list augmentations without importing the rest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limelight.models.small_network import small_cnn as small_cnn
    from limelight.training.classifier import train_classifier as train_classifier

_PUBLIC = {
    "small_cnn": "limelight.models.small_network",
    "train_classifier": "limelight.training.classifier",
}

__all__ = ["small_cnn", "train_classifier"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'limelight.training' has no attribute {name!r}")
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value
