"""Models with their preprocessing and class names: `load`, what it returns, what it takes."""

from __future__ import annotations

from limelight.models.classifier import Classifier
from limelight.models.loading import load
from limelight.models.preprocess import Preprocess
from limelight.models.sources import list_models

__all__ = ["Classifier", "Preprocess", "list_models", "load"]
