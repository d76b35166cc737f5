"""`localize` is `explain` and `boxes`, and finds an object whose place nobody told."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import limelight
from limelight.errors import MethodError
from limelight.localization import RECIPES, find_recipe


@pytest.mark.parametrize("name", RECIPES)
def test_localize_is_explain_and_boxes(squeezenet: torch.nn.Module, name: str) -> None:
    random = np.random.default_rng(0)
    images = torch.from_numpy(random.uniform(size=(2, 3, 96, 64)).astype(np.float32))
    recipe = find_recipe(name)
    maps = limelight.explain(squeezenet, images, recipe.method, target=[3, 5])
    expected = maps.boxes(recipe.threshold, refine=recipe.refine, images=images)
    found = limelight.localize(squeezenet, images, name, target=[3, 5])
    np.testing.assert_array_equal(found, expected)
    corners = limelight.localize(squeezenet, images, name, target=[3, 5], format="cxcywh")
    converted = limelight.boxes.convert(expected, "xyxy", "cxcywh", size=(96, 64))
    np.testing.assert_allclose(corners, converted)


def test_an_unknown_recipe() -> None:
    with pytest.raises(MethodError, match="no recipe 'bets'; did you mean 'best'"):
        limelight.localize(None, None, "bets")
