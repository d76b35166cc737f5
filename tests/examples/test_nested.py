"""Example 4: a backbone as one layer of another model."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from examples import miniatures
from examples.conftest import Run


@pytest.mark.parametrize("kind", ["script", pytest.param("notebook", marks=pytest.mark.soak)])
def test_the_layer_inside_and_batches(kind: str, run_example: Run, tmp_path: Path) -> None:
    folder = miniatures.cars196(tmp_path / "cars", train=4, test=4)
    printed = run_example("keras_nested", kind, CARS196=folder, WEIGHTS="none", SIDE=64, BATCH=4)
    assert re.search(r"backbone/conv5_block3_out +\(4, 2, 2\)", printed)
    assert re.search(r"backbone/conv4_block6_out +\(4, 4, 4\)", printed)
    (difference,) = re.findall(r"single images: (\S+) of the maximum", printed)
    assert float(difference) < 1e-3
    assert "did you mean 'backbone/conv5_block3_out'" in printed
    assert (tmp_path / "out" / "nested.png").stat().st_size > 10_000
