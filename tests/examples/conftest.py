"""Examples run as a person runs them: in a clean folder, in a process of their own.

As a script by Python, or as the notebook by Jupyter's own kernel.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
TESTS = Path(__file__).parents[1]
# torchvision beside a CPU-only PyTorch: see tests/torchvision_registration.py.
PREPARE = "from torchvision_registration import prepare_torchvision; prepare_torchvision()"
START = f"import runpy, sys; {PREPARE}; runpy.run_path(sys.argv[1], run_name='__main__')"


class Run(Protocol):
    """Runs an example with the given settings; what it printed."""

    def __call__(
        self, name: str, kind: str = "script", backend: str = "tensorflow", **settings: object
    ) -> str: ...


@pytest.fixture
def run_example(tmp_path: Path) -> Run:
    """Runs examples/<name>.py or .ipynb in an empty folder; its pictures are in tmp_path/out."""

    def run(
        name: str, kind: str = "script", backend: str = "tensorflow", **settings: object
    ) -> str:
        folder = tmp_path / "work"
        folder.mkdir(exist_ok=True)
        variables = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(TESTS)}
        variables |= {"OUT": str(tmp_path / "out")}
        variables |= {key: str(value) for key, value in settings.items()}
        if kind == "notebook":
            return run_notebook(EXAMPLES / f"{name}.ipynb", folder, variables)
        command = [sys.executable, "-c", START, str(EXAMPLES / f"{name}.py")]
        done = subprocess.run(
            command, cwd=folder, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def run_notebook(file: Path, folder: Path, variables: dict[str, str]) -> str:
    """Execute a notebook in `folder`; fails with the cell that fails, and where no figure is shown.

    `variables` are the kernel's environment.
    """
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    startup = folder.parent / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "torchvision.py").write_text(PREPARE)
    client = nbclient.NotebookClient(
        nbformat.read(file, as_version=4),
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    own = {"IPYTHONDIR": str(startup.parents[1]), "JUPYTER_PLATFORM_DIRS": "1"}
    notebook = client.execute(env=variables | own)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs), "a figure is shown"
    return "".join(each.text for each in outputs if each.get("name") == "stdout")
