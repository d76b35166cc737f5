"""Maps made by hand: no model is needed to show, box and keep them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from limelight import Frame, Maps

Make = Callable[..., Maps]


@pytest.fixture
def make() -> Make:
    """``make(values, frames, **fields)``: maps of the given values (N, h, w) or (N, K, h, w).

    Without frames, the images are as large as the model's input, 40 × 60.
    """

    def build(values: Any, frames: Sequence[Frame] | None = None, **fields: Any) -> Maps:
        n, *rest = np.shape(values)
        lead = (n, *rest[:-2])
        scores = np.linspace(0, 1, 5 * n, dtype=np.float32).reshape(n, 5)
        given: dict[str, Any] = {
            "scores": scores,
            "target": np.arange(np.prod(lead)).reshape(lead) % 5,
            "probability": np.full(lead, 0.25, np.float32),
            "method": "gradcam",
            "layer": "features.3",
            "frames": tuple(frames or [Frame.identity((40, 60))] * n),
        }
        return Maps(values, **{**given, **fields})

    return build
