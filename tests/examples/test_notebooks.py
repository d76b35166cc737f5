"""Each example's notebook is generated from it, without outputs, and runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from examples import miniatures
from examples.conftest import EXAMPLES

jupytext = pytest.importorskip("jupytext")


def cells(notebook: Any) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_the_notebook_is_the_example(script: Path) -> None:
    file = script.with_suffix(".ipynb")
    again = f"jupytext --to ipynb examples/{script.name}"
    assert file.is_file(), again
    notebook = jupytext.read(file)
    assert cells(notebook) == cells(jupytext.read(script)), again
    for cell in notebook.cells:
        assert not cell.get("outputs"), again
        assert cell.get("execution_count") is None, again


def test_a_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    settings = {
        "CARS196": miniatures.cars196(tmp_path / "cars", train=4, test=4),
        "WEIGHTS": "none",
        "SIDE": 64,
        "BATCH": 2,
        "OUT": tmp_path / "out",
        "KERAS_BACKEND": "tensorflow",
        "PYTHONPATH": EXAMPLES.parent / "tests",
        "JUPYTER_PLATFORM_DIRS": 1,
        "IPYTHONDIR": tmp_path / "ipython",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, str(value))
    notebook = jupytext.read(EXAMPLES / "keras_nested.ipynb")
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in shown), "the figure is shown"
