"""How many edits run at a time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from limelight.probes.memory import chunk_size

BATCH = np.zeros((1, 3, 64, 64), np.float32)


def trace(*shapes: tuple[int, ...]) -> Any:
    """Layers called "0", "1" …, with outputs of these shapes."""
    calls = [SimpleNamespace(name=str(i), shape=shape) for i, shape in enumerate(shapes)]
    return SimpleNamespace(calls=tuple(calls))


LAYERS = trace((16, 64, 64), (32, 16, 16), (64, 4, 4))


def test_an_edit_takes_its_largest_output_three_times() -> None:
    floats = 16 * 64 * 64
    assert chunk_size(BATCH, LAYERS, None, budget=10 * 3 * 4 * floats) == 10


def test_behind_a_layer_only_what_follows_counts() -> None:
    floats = 32 * 16 * 16
    assert chunk_size(BATCH, LAYERS, "1", budget=10 * 3 * 4 * floats + 1) == 10


def test_one_edit_runs_whatever_the_budget() -> None:
    assert chunk_size(BATCH, LAYERS, None, budget=1) == 1


@pytest.mark.parametrize(("cores", "megabytes"), [(1, 32), (2, 64), (8, 256), (64, 256)])
def test_without_a_budget_it_grows_with_the_cores_up_to_a_limit(
    cores: int, megabytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    monkeypatch.setattr("limelight.probes.memory._free_on_host", lambda: 2**40)
    assert chunk_size(BATCH, LAYERS, None) == megabytes * 2**20 // (3 * 4 * 16 * 64 * 64)
