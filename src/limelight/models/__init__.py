"""Models with their preprocessing and class names: `load` and what it returns."""

from __future__ import annotations

from limelight.models.classifier import Classifier
from limelight.models.loading import load
from limelight.models.preprocess import Preprocess

__all__ = ["Classifier", "Preprocess", "load"]
