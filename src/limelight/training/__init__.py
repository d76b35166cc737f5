"""Classifiers made for localization: global average pooling and one linear layer, trained here.

They are trained on labels alone; boxes are never looked at.
"""

from __future__ import annotations

from limelight.models.small_network import small_cnn
from limelight.training.classifier import train_classifier

__all__ = ["small_cnn", "train_classifier"]
