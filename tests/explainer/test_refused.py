"""What a model refuses is found beforehand: what is left runs, what is not says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from limelight import Classifier, explain, list_methods
from limelight.errors import LimelightError
from limelight.explainer.refused import refused_methods
from limelight.methods import OF_GRAPH
from limelight.models.preprocess import Preprocess
from limelight.models.small_network import small_cnn


def check(classifier: Classifier) -> set[str]:
    """Every method that is allowed runs, and every other one raises what was said of it."""
    refused = refused_methods(classifier)
    height, width = classifier.preprocess.size
    image = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    for method in list_methods():
        if method.name in refused:
            with pytest.raises(LimelightError) as raised:
                explain(classifier, [image], method.name)
            assert str(raised.value) == refused[method.name]
        elif not method.rescores:  # those take long, and ask for nothing more
            assert explain(classifier, [image], method.name).method == method.name
    return set(refused)


def torch_classifier(model: Any, size: tuple[int, int]) -> Classifier:
    return Classifier(model.eval(), Preprocess(size, channels_first=True))


def test_a_convolutional_network_has_no_attention() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    refused = check(torch_classifier(small_cnn(5), (32, 32)))
    assert refused == {each.name for each in list_methods() if each.of_attention}


def test_a_transformer_has_one_size_of_grid_and_no_pooled_head() -> None:
    pytest.importorskip("timm")
    from oracles.vision_transformers import build

    vit = build("timm")
    refused = check(torch_classifier(vit.model, vit.size))
    assert refused == {"cam", *(each.name for each in list_methods() if each.across)}


def test_without_a_feature_map_attention_is_all_there_could_be() -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 4))
    refused = refused_methods(torch_classifier(model, (8, 8)))
    whole = {each.name for each in list_methods() if each.needs & OF_GRAPH}
    assert {each.name for each in list_methods()} - set(refused) <= whole


@pytest.mark.keras
def test_keras_models_lack_what_is_for_pytorch() -> None:
    classifier = Classifier(
        small_cnn(5, "keras", (32, 32)), Preprocess((32, 32)), framework="keras"
    )
    assert set(refused_methods(classifier)) == {
        each.name for each in list_methods() if "keras" not in each.frameworks
    }
