"""Groups of methods: from one pass, without those that cannot run, and said once."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import limelight
from limelight.errors import LimelightWarning, MethodError, TargetError
from limelight.methods import list_methods
from limelight.probes import probe_for
from oracles import networks

METHODS = {method.name: method for method in list_methods()}
ONE_PASS = [
    name
    for name, method in METHODS.items()
    if not method.needs - {"activations", "gradients", "head", "head?", "inputs", "scores"}
]


@pytest.fixture
def model() -> Any:
    pytest.importorskip("torch")
    return networks.torch_model()


def said(recorded: list[warnings.WarningMessage]) -> list[str]:
    return [str(each.message) for each in recorded if each.category is LimelightWarning]


def test_all_gradient_is_one_forward_pass_and_one_tail(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    passes, pulled = [], []
    model.register_forward_hook(lambda *_: passes.append(1))
    grad = torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *a, **k: pulled.append(1) or grad(*a, **k))
    images = networks.images(2)
    limelight.explain(model, images, "gradcam", target=1)
    passes.clear(), pulled.clear()
    options = {"gamma": 0.0}  # the logit itself, so that Finer-CAM differentiates nothing else
    found = limelight.explain(model, images, "all-gradient", target=1, options=options)
    assert sorted(found) == sorted(ONE_PASS)
    assert len(passes) == 1
    assert len(pulled) <= 2
    for name in ("gradcam", "cam", "eigencam"):
        alone = limelight.explain(model, images, name, target=1)
        np.testing.assert_allclose(found[name].numpy(), alone.numpy(), rtol=1e-5, atol=1e-6)


def test_a_group_leaves_out_what_cannot_run_and_says_so_once(model: Any) -> None:
    with pytest.warns(LimelightWarning) as recorded:
        found = limelight.explain(model, networks.images(3), "all-gradient", layer="pool")
    (text,) = said(list(recorded))
    assert text.startswith("left out: affinitycam, refinecam, cam (")
    assert "affinitycam makes one map of several layers" in text
    assert "cam needs global average pooling" in text
    assert {*found} == {*ONE_PASS} - {"cam", "refinecam", "affinitycam"}


def test_what_one_call_leaves_out_the_next_may_run(model: Any) -> None:
    explainer = limelight.Explainer(model, "all-gradient")
    with pytest.warns(LimelightWarning, match="cannot explain a callable"):
        without = explainer(networks.images(2), target=lambda output: output[:, 0])
    assert {*without} == {*ONE_PASS} - {"cam", "finercam"}
    assert {*explainer(networks.images(2))} == {*ONE_PASS}


def test_a_method_that_was_named_must_run(model: Any) -> None:
    images = networks.images(1)
    with pytest.raises(MethodError, match="cam needs global average pooling"):
        limelight.explain(model, images, ["all-gradient", "cam"], layer=["pool", "relu3"])
    with pytest.raises(MethodError, match="refinecam makes one map of several layers"):
        limelight.explain(model, images, "refinecam", layer="pool")
    with pytest.raises(TargetError, match="finercam compares a class with others"):
        limelight.explain(model, images, "finercam", target=lambda output: output[:, 0])


def test_refinecam_chooses_the_last_layers_of_three_stages() -> None:
    torchvision = pytest.importorskip("torchvision")
    import torch

    expected = {
        "resnet18": ["layer2.1", "layer3.1", "layer4.1"],
        "resnet50": ["layer2.3", "layer3.5", "layer4.2"],
        "mobilenet_v2": ["features.6", "features.13", "features.18.2"],
        "squeezenet1_0": ["features.5", "features.10", "classifier.2"],
    }
    from limelight.probes.stages import last_of_stages

    for name, layers in expected.items():
        network = getattr(torchvision.models, name)().eval()
        assert last_of_stages(probe_for(network).trace(torch.zeros(1, 3, 64, 64))) == layers
    found = limelight.explain(networks.torch_model(), networks.images(2), "refinecam")
    assert found.layer == "relu1+relu2+relu3"
    layers = ["relu1", "relu2", "relu3"]
    named = limelight.explain(
        networks.torch_model(), networks.images(2), ["refinecam", "gradcam"], layer=layers
    )
    np.testing.assert_array_equal(named["refinecam"].numpy(), found.numpy())
    assert list(named["gradcam"]) == layers


def test_a_model_of_one_grid_needs_layers() -> None:
    nn = pytest.importorskip("torch").nn
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(limelight.errors.NoSpatialLayer, match=r"one size of grid only.*layer="):
        limelight.explain(model, networks.images(1), "refinecam")
