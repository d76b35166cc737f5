"""Examples run as a person runs them: in a clean folder, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
# torchvision beside a CPU-only PyTorch: see tests/torchvision_registration.py.
START = (
    "import runpy, sys; from torchvision_registration import prepare_torchvision; "
    "prepare_torchvision(); runpy.run_path(sys.argv[1], run_name='__main__')"
)


@pytest.fixture
def run_example(tmp_path: Path) -> Callable[..., str]:
    """Runs examples/<name>.py in an empty folder with the given settings; what it printed."""

    def run(name: str, backend: str = "tensorflow", **settings: object) -> str:
        variables = {key: str(value) for key, value in settings.items()}
        folder = tmp_path / "work"
        folder.mkdir(exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-c", START, str(EXAMPLES / f"{name}.py")],
            cwd=folder,
            env=os.environ
            | {"KERAS_BACKEND": backend, "PYTHONPATH": str(Path(__file__).parents[1])}
            | {"OUT": str(tmp_path / "out")}
            | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
