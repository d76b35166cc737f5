"""A sanity check of every method: other weights in the head, another map; or it says class_blind.

After Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import limelight
from limelight.methods import Method, list_methods
from oracles import networks

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch
METHODS = [method for method in list_methods() if not method.of_attention]


def maps(method: Method, model: Any) -> np.ndarray:
    """Each divided by its largest value, so that another size alone is no difference."""
    found = limelight.explain(model, networks.images(3), method.name, target=[1, 2, 0]).numpy()
    size = np.abs(found).max((1, 2), keepdims=True)
    return found / np.where(size > 0, size, 1)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_another_head_is_another_map_unless_the_method_is_class_blind(method: Method) -> None:
    before = maps(method, networks.torch_model())
    model = networks.torch_model()
    with torch.no_grad():
        random = torch.Generator().manual_seed(3)
        model.head.weight.copy_(torch.randn(model.head.weight.shape, generator=random))
        model.head.bias.copy_(torch.randn(model.head.bias.shape, generator=random))
    after = maps(method, model)
    if method.class_blind:
        np.testing.assert_array_equal(after, before)
    else:
        # Rounding is a thousand times less; a softmax over many masks changes the least.
        assert np.abs(after - before).max() > 0.01
