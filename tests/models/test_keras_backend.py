"""Keras starts on a backend that is installed, and on none that the user did not choose."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Not marked keras: the backend is that of the processes that it starts.
pytest.importorskip("keras")

# Hides packages from the process, as if they were not installed.
SCRIPT = """
import importlib.util, os, sys
hidden = set(sys.argv[1:])
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name in hidden else real(name, *a)
from limelight.models.keras_backend import import_keras
print(import_keras().backend.backend())
"""


def backend(tmp_path: Path, hidden: tuple[str, ...] = (), **environment: str) -> str:
    clean = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *hidden],
        env={**clean, "KERAS_HOME": str(tmp_path), **environment},
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() if done.returncode == 0 else done.stderr


def test_the_first_installed_backend_is_taken(tmp_path: Path) -> None:
    assert backend(tmp_path, ("tensorflow", "jax")) == "torch"


def test_what_the_user_said_is_kept(tmp_path: Path) -> None:
    assert backend(tmp_path, KERAS_BACKEND="jax") == "jax"
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "torch"}))
    assert backend(tmp_path) == "torch"


def test_without_any_backend_the_answer_says_what_to_install(tmp_path: Path) -> None:
    answer = backend(tmp_path, ("tensorflow", "jax", "torch"))
    assert 'pip install "limelight[tensorflow]"' in answer
    assert "MissingExtra" in answer
