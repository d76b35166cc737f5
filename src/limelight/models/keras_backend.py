"""Import Keras on a backend that is there.

Keras asks for TensorFlow where nothing else was said, also on a machine that has only PyTorch or
JAX. What the user has said, in KERAS_BACKEND or in Keras's own configuration file, is never
overruled.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from types import ModuleType

from limelight.errors import MissingExtra, require

BACKENDS = ("tensorflow", "jax", "torch")


def import_keras() -> ModuleType:
    """Keras, on the backend that was said, else on the first of `BACKENDS` that is installed.

    Raises:
        MissingExtra: Keras, or every backend, is not installed.
    """
    if "keras" not in sys.modules and not _said():
        installed = [name for name in BACKENDS if importlib.util.find_spec(name) is not None]
        if not installed:
            raise MissingExtra(
                "Keras models need a backend, and none is installed: "
                'pip install "limelight[tensorflow]", "limelight[jax]" or "limelight[torch]"'
            )
        os.environ["KERAS_BACKEND"] = installed[0]
    return require("keras", "keras", "Keras models")


def home() -> Path:
    """Where Keras keeps its configuration and what it has downloaded."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


def _said() -> bool:
    """Whether the user has chosen a backend."""
    if os.environ.get("KERAS_BACKEND"):
        return True
    try:
        kept = json.loads((home() / "keras.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # no file, or one that Keras itself passes over
        return False
    # Keras writes this file by itself, with its default; only a backend that is there was chosen.
    return importlib.util.find_spec(str(kept.get("backend"))) is not None
