"""The tables of docs/moving.md: both sides of each row run, and give the same maps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oracles.libraries import resnet

pytest.importorskip("torch")
pytest.importorskip("torchvision")
pytestmark = pytest.mark.torch

TEXT = (Path(__file__).parents[2] / "docs" / "moving.md").read_text("utf-8")
LIBRARIES = {
    "From pytorch-grad-cam": "pytorch_grad_cam",
    "From torch-cam": "torchcam",
    "From Captum": "captum",
}
ROW = re.compile(r"^\| `(.+?)` \| `(.+?)` \|$", re.MULTILINE)


def part(title: str) -> str:
    """The page's text under a heading, up to the next one."""
    return re.split(r"^## ", TEXT.partition(f"## {title}\n")[2], flags=re.MULTILINE)[0]


def rows() -> list[tuple[str, str, str]]:
    """Section, the other library's expression and ours, of the tables that promise the same map."""
    found = []
    for title in LIBRARIES:
        table = part(title).partition("the same map |")[2].partition("\n\n")[0]
        found += [(title, theirs, ours) for theirs, ours in ROW.findall(table)]
    return found


def block(text: str) -> str:
    """The first block of code."""
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[0]


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the page's first block leaves behind, with random weights and smaller images."""
    import torch

    # Gradients large enough for the libraries' epsilons, classes whose maps are somewhere positive.
    code = block(TEXT).replace('resnet18(weights="DEFAULT").eval()', "resnet()")
    code = code.replace("224, 224", "96, 96").replace(
        "[281, 243]", "model(images).argmax(1).tolist()"
    )
    assert code.count("resnet()") == code.count("96, 96") == code.count("argmax") == 1
    torch.manual_seed(1)
    made: dict[str, Any] = {"resnet": resnet}
    exec(code, made)
    return made


@pytest.mark.parametrize(("title", "theirs", "ours"), rows(), ids=lambda value: value[:60])
def test_both_sides_of_a_row_give_the_same_map(
    title: str, theirs: str, ours: str, names: dict[str, Any]
) -> None:
    pytest.importorskip(LIBRARIES[title])
    own = dict(names)
    exec(block(part(title)), own)
    expected, found = eval(theirs, own), eval(ours, own)
    assert tuple(expected.shape) == tuple(found.shape)
    assert np.abs(shown(expected) - shown(found)).max() < 2e-4


def shown(maps: Any) -> np.ndarray:
    """Each map from 0 to 1; all of these are somewhere positive."""
    flat = np.asarray(maps.detach() if hasattr(maps, "detach") else maps, float)
    flat = np.maximum(flat.reshape(len(flat), -1), 0)
    assert (flat.max(1) > 0).all()
    flat = flat - flat.min(1, keepdims=True)
    return flat / flat.max(1, keepdims=True)


def test_every_library_has_rows() -> None:
    assert {title for title, _, _ in rows()} == set(LIBRARIES)
    assert len(rows()) >= 13
