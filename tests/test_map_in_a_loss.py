"""The page on maps in a loss runs, and what it says of its example is so."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")
pytest.importorskip("matplotlib")
pytestmark = pytest.mark.torch

PAGE = Path(__file__).parents[1] / "docs" / "map-in-a-loss.md"
TEXT = PAGE.read_text("utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the blocks of the page leave behind; the first one is no part of the example."""
    _, *blocks = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    with contextlib.chdir(tmp_path_factory.mktemp("page")):
        exec("\n".join(blocks), names)
        names["folder"] = Path.cwd()
    return names


def test_the_loss_moves_the_map_and_the_patch_is_not_used(page: dict[str, Any]) -> None:
    (_, plain_share), (plain, _) = page["found"]["labels alone"]
    (with_patch, share), (without_patch, _) = page["found"]["and the map"]
    assert plain < 0.8 and plain_share < 0.25
    assert with_patch > 0.95 and without_patch > 0.95
    assert share > plain_share + 0.25


def test_the_figures_on_the_page_are_the_examples(page: dict[str, Any]) -> None:
    rows = [line.split("|")[2:4] for line in TEXT.splitlines() if line.count("%") == 2]
    shown = [[float(cell.strip(" %")) / 100 for cell in row] for row in rows]
    for number, (patch, which) in enumerate([(0, 0), (1, 0), (0, 1)]):
        found = [each[patch][which] for each in page["found"].values()]
        assert found == pytest.approx(shown[number], abs=0.1)  # sums differ between machines


def test_the_picture_is_the_examples(page: dict[str, Any]) -> None:
    """Drawn anew, most of it is the same."""
    drawn, kept = (
        np.asarray(Image.open(folder / "map-in-a-loss.png").convert("RGB"), float)
        for folder in (page["folder"], PAGE.parent / "images")
    )
    assert drawn.shape == kept.shape
    assert np.mean(np.abs(drawn - kept).max(-1) > 40) < 0.1


def test_the_first_lines_hold(page: dict[str, Any]) -> None:
    first = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)[0]
    images, labels, _ = page["draw"](4, seed=2, patch=False)
    names = {"limelight": page["limelight"], "model": page["network"]()}
    exec(first, names | (found := {"images": images, "labels": labels}), found)
    assert found["maps"].values.requires_grad
