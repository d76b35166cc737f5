"""Each example's notebook is generated from it, without outputs; the other tests here run both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

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
