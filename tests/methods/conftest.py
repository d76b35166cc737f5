"""Formulas are run in every array namespace, and given random activations and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from limelight.arrays import namespace, to_numpy
from limelight.evidence import Evidence
from limelight.methods import Method

GRID = (5, 3)
CHANNELS = 4


@pytest.fixture(params=["numpy", "torch", pytest.param("keras", marks=pytest.mark.keras)])
def convert(request: pytest.FixtureRequest) -> Callable[[np.ndarray], Any]:
    """Turns a NumPy array into one of another framework; "keras": of the backend's."""
    if request.param == "numpy":
        return np.asarray
    if request.param == "torch":
        return pytest.importorskip("torch").as_tensor
    return pytest.importorskip("keras").ops.convert_to_tensor


@pytest.fixture(params=["mixed", "positive", "negative gradients", "dead channel", "all zero"])
def random_evidence(request: pytest.FixtureRequest) -> dict[str, np.ndarray]:
    """float32 A and G (3, 4, 5, 3) and w (3, 4), by the names of `Evidence`."""
    random = np.random.default_rng(5)
    shape = (3, CHANNELS, *GRID)
    found = {
        "activations": random.normal(0, 2, shape),
        "gradients": random.normal(0, 0.5, shape),
        "class_weights": random.normal(0, 1, shape[:2]),
    }
    if request.param == "positive":
        found = {name: np.abs(array) for name, array in found.items()}
    if request.param == "negative gradients":
        found["gradients"] = -np.abs(found["gradients"])
    if request.param == "dead channel":
        found["activations"] = np.maximum(found["activations"], 0)
        found["activations"][1, 2] = 0
        found["gradients"][:, 1] = 0
        found["gradients"][2, :, 1:4] = 0
    if request.param == "all zero":
        found = {name: 0 * array for name, array in found.items()}
    return {name: array.astype(np.float32) for name, array in found.items()}


@pytest.fixture
def apply(convert: Callable[[np.ndarray], Any]) -> Callable[..., np.ndarray]:
    """``apply(method, evidence, **options)``: the map on the host."""

    def run(method: Method, evidence: dict[str, np.ndarray], **options: Any) -> np.ndarray:
        arrays = {name: convert(array) for name, array in evidence.items() if name != "inputs"}
        inputs = evidence.get("inputs")
        found = method(
            Evidence(
                namespace(arrays["activations"]),
                **arrays,
                inputs=None if inputs is None else lambda: inputs,
            ),
            **options,
        )
        assert type(found) is type(arrays["activations"])
        host = to_numpy(found)
        assert host.dtype == np.float32
        return host

    return run
