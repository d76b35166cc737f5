"""The first component in place of the sum over channels, against NumPy's decomposition."""

from __future__ import annotations

import numpy as np
import pytest

import limelight
from limelight.errors import MethodError
from limelight.methods import list_methods
from oracles import networks
from oracles.subjects import Subject

LAYER, CLASSES = "pool", np.array([1, 3, 0])


def plain(x: np.ndarray) -> np.ndarray:
    """One image (C, h, w)."""
    rows = x.reshape(len(x), -1).T
    found = (rows @ np.linalg.svd(rows, full_matrices=False)[2][0]).reshape(x.shape[1:])
    return -found if (found * x.mean(axis=0)).sum() < 0 else found


def test_is_the_first_component_of_what_is_summed(small: Subject) -> None:
    a, g, _ = networks.plain_evidence(networks.images(3), LAYER, CLASSES)
    summed = {
        "gradcam": (g.mean((2, 3), keepdims=True) * a, 0),
        "layercam": (np.maximum(g, 0) * a, 0),
        "hirescam": (g * a, -np.inf),
    }
    found = limelight.explain(
        small.model, small.images(3), list(summed), layer=LAYER, target=CLASSES, eigen_smooth=True
    )
    for name, (values, least) in summed.items():
        expected = np.stack([np.maximum(plain(each), least) for each in values])
        size = np.abs(expected).max()
        np.testing.assert_allclose(found[name].numpy(), expected, atol=1e-4 * size)


def test_methods_without_a_sum_say_so(small: Subject) -> None:
    summing = {m.name for m in list_methods() if m.sums_channels}
    assert summing >= {"cam", "gradcam", "gradcam++", "layercam", "smoothgradcam++"}
    assert not summing & {"eigencam", "fem", "kpcacam", "random"}
    for name in ("eigencam", "random"):
        with pytest.raises(MethodError, match=f"{name} is no sum over channels.*gradcam"):
            limelight.Explainer(small.model, name, eigen_smooth=True)
