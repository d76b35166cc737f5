"""What an image classifier looked at, and whether it looked at the right place.

The public names are resolved when they are first used (PEP 562): importing this package imports
nothing else, not even NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from limelight._version import __version__

if TYPE_CHECKING:
    from limelight.errors import LimelightError as LimelightError
    from limelight.explainer import Explainer as Explainer
    from limelight.explainer import explain as explain
    from limelight.explainer.factorizing import concepts as concepts
    from limelight.explainer.faithfulness import score_faithfulness as score_faithfulness
    from limelight.explainer.localizing import localize as localize
    from limelight.explainer.sanity import check_label_randomization as check_label_randomization
    from limelight.explainer.sanity import check_randomization as check_randomization
    from limelight.frames import Frame as Frame
    from limelight.maps import Maps as Maps
    from limelight.maps.concepts import Concepts as Concepts
    from limelight.methods import list_methods as list_methods
    from limelight.models import Classifier as Classifier
    from limelight.models import list_models as list_models
    from limelight.models import load as load
    from limelight.report import evaluate as evaluate
    from limelight.report.benchmark import bench as bench
    from limelight.runs import run as run
    from limelight.smoothing import Smooth as Smooth
    from limelight.training import train_classifier as train_classifier

# Public name -> the module it lives in. A name that is itself a module is imported as such.
_PUBLIC = {
    "Classifier": "limelight.models",
    "Concepts": "limelight.maps.concepts",
    "Explainer": "limelight.explainer",
    "Frame": "limelight.frames",
    "LimelightError": "limelight.errors",
    "Maps": "limelight.maps",
    "Smooth": "limelight.smoothing",
    "bench": "limelight.report.benchmark",
    "check_label_randomization": "limelight.explainer.sanity",
    "check_randomization": "limelight.explainer.sanity",
    "concepts": "limelight.explainer.factorizing",
    "evaluate": "limelight.report",
    "explain": "limelight.explainer",
    "list_methods": "limelight.methods",
    "list_models": "limelight.models",
    "load": "limelight.models",
    "localize": "limelight.explainer.localizing",
    "run": "limelight.runs",
    "score_faithfulness": "limelight.explainer.faithfulness",
    "train_classifier": "limelight.training",
}
_MODULES = (
    "arrays",
    "boxes",
    "data",
    "draw",
    "errors",
    "localization",
    "methods",
    "metrics",
    "report",
    "runs",
    "targets",
    "training",
)

__all__ = ["__version__", *_PUBLIC, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        value = getattr(importlib.import_module(_PUBLIC[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"limelight.{name}")
    else:
        raise AttributeError(f"module 'limelight' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
