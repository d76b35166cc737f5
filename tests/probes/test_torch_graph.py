"""Hessian products, guided ReLUs and full gradients, against plain float64 and finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import limelight
from limelight.methods import find_method, list_methods
from oracles import networks
from oracles.subjects import state

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from limelight.probes import Request, probe_for  # noqa: E402
from limelight.scores import Score  # noqa: E402

pytestmark = pytest.mark.torch
NAMES = [m.name for m in list_methods() if m.frameworks == ("torch",) and not m.of_attention]
CLASSES = np.array([[2, 0], [1, 3], [0, 1]])


def of_graph(
    need: str, model: Any, images: np.ndarray, kind: str = "logit", layer: str = "relu2"
) -> Any:
    probe: Any = probe_for(model)
    score = Score(kind)
    request = Request(layers=(layer,), gradients=True, scores=(score,))
    return probe.of_graph(need, probe.prepare(images), request, CLASSES, layer, score)


@pytest.mark.parametrize("kind", ["logit", "probability", "rest"])
def test_curvature_is_how_the_gradient_changes_along_the_activations(kind: str) -> None:
    """Against central differences of the float64 tail's gradient."""
    images = networks.images(3)
    found = of_graph("curvature", networks.torch_model(), images, kind).numpy()
    a = networks.plain_run(torch.as_tensor(images, dtype=torch.float64), until="relu2")

    def gradient(activations: Any, k: int) -> Any:
        activations = activations.clone().requires_grad_()
        logits = networks.plain_run(activations, after="relu2")
        own = logits.gather(1, torch.as_tensor(CLASSES[:, k : k + 1])).sum()
        p = logits.softmax(1).gather(1, torch.as_tensor(CLASSES[:, k : k + 1]))
        y = {"logit": own, "probability": p.sum(), "rest": own + p.log().sum()}[kind]
        return torch.autograd.grad(y, activations)[0]

    for k in range(2):
        step = 1e-6
        expected = (gradient(a * (1 + step), k) - gradient(a * (1 - step), k)) / (2 * step)
        size = float(expected.abs().max())
        assert (size < 1e-6) == (kind == "logit")  # the tail is piecewise linear
        np.testing.assert_allclose(found[:, k], expected, atol=1e-4 * size + 1e-7)


def test_shapleycam_is_gradcam_on_a_logit() -> None:
    model, images = networks.torch_model(), networks.images(3)
    found = limelight.explain(
        model, images, ["shapleycam", "gradcam"], score="logit", layer="relu2"
    )
    np.testing.assert_allclose(found["shapleycam"].numpy(), found["gradcam"].numpy(), rtol=1e-5)
    rest = limelight.explain(model, images, ["shapleycam", "gradcam"], layer="relu2")
    assert rest["shapleycam"].score == "rest" and rest["gradcam"].score == "logit"
    assert np.abs(rest["shapleycam"].numpy() - rest["gradcam"].numpy()).max() > 1e-3


class Functional(nn.Module):
    """The small network with a ReLU as a function, a method, and in place."""

    def __init__(self) -> None:
        super().__init__()
        layers = networks.torch_layers()
        for name, layer in layers.items():
            if not name.startswith("relu"):
                setattr(self, name, layer)
        self.relu3, self.head = layers["relu3"], networks.torch_head()

    def forward(self, x: Any) -> Any:
        x = self.pool(functional.relu(self.conv1(x), inplace=True))
        x = torch.relu(self.norm(self.conv2(x)))
        return self.head(self.relu3(self.conv3(x).relu()).mean((2, 3)))


class GuidedReLU(torch.autograd.Function):  # type: ignore[name-defined]
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (x,) = ctx.saved_tensors
        return torch.where((x > 0) & (gradients[0] > 0), gradients[0], 0.0)


@pytest.mark.parametrize("build", [networks.torch_model, Functional])
def test_guided_gradients_are_those_of_a_network_of_guided_relus(build: Any) -> None:
    """Modules, functions and methods alike; in float64, each ReLU written out."""
    images = networks.images(3)
    found = of_graph("guided", build().eval(), images).numpy()
    layers = {name: layer.double().eval() for name, layer in networks.torch_layers().items()}
    head = networks.torch_head().double()
    for k in range(2):
        x = torch.as_tensor(images, dtype=torch.float64).requires_grad_()
        values = x
        for name, layer in layers.items():
            values = GuidedReLU.apply(values) if name.startswith("relu") else layer(values)
        logits = head(values.mean((2, 3)))
        y = logits.gather(1, torch.as_tensor(CLASSES[:, k : k + 1])).sum()
        expected = torch.autograd.grad(y, x)[0].numpy()
        np.testing.assert_allclose(found[:, k], expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("inplace", [False, True])
def test_full_gradients_are_complete(inplace: bool) -> None:
    """The input's term and those of all biases add up to the score."""
    images = networks.images(3)
    model = networks.torch_model(inplace=inplace)
    terms = of_graph("full_gradients", model, images)
    assert len(terms) == 1 + 5  # three convolutions, a normalization and the head
    total = sum(each.sum(dim=tuple(range(2, each.ndim))) for each in terms).numpy()
    logits = model(torch.as_tensor(images)).detach().numpy()
    expected = np.take_along_axis(logits, CLASSES, axis=1)
    np.testing.assert_allclose(total, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_full_gradients_of_a_real_architecture_are_complete() -> None:
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    model = torchvision.models.resnet18().eval()
    for module in model.modules():  # as training leaves them
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.bias.data.normal_(0, 0.3)
    images = torch.randn(3, 3, 64, 64).numpy()
    terms = of_graph("full_gradients", model, images, layer="layer4")
    total = sum(each.sum(dim=tuple(range(2, each.ndim))) for each in terms).numpy()
    logits = model(torch.as_tensor(images)).detach().numpy()
    expected = np.take_along_axis(logits, CLASSES, axis=1)
    np.testing.assert_allclose(total, expected, rtol=1e-4, atol=1e-4 * np.abs(logits).max())


def test_a_batch_is_its_images_and_the_model_stays_as_it_was() -> None:
    model, images = networks.torch_model(inplace=True, softmax=True), networks.images(3)
    before = state(model, "torch")
    whole = limelight.explain(model, images, NAMES, layer="pool", target="top2")
    assert state(model, "torch") == before
    for i in range(3):
        single = limelight.explain(model, images[i : i + 1], NAMES, layer="pool", target="top2")
        for name in NAMES:
            expected = whole[name].numpy()[i]
            size = np.abs(expected).max()
            assert size > 0
            np.testing.assert_allclose(single[name].numpy()[0], expected, atol=1e-5 * size)


def test_maps_of_the_input_have_its_size_and_a_callable_is_explained() -> None:
    model, images = networks.torch_model(), networks.images(3)
    found = limelight.explain(model, images, NAMES, target=1)
    by_callable = limelight.explain(model, images, NAMES, target=lambda output: output[:, 1])
    for name in ("guidedgradcam", "fullgrad"):
        assert found[name].values.shape == (3, *networks.SIZE)
        assert found[name].layer == ("relu3" if name == "guidedgradcam" else "every bias")
        expected = found[name].numpy()
        size = np.abs(expected).max()
        np.testing.assert_allclose(by_callable[name].numpy(), expected, atol=1e-5 * size)


@pytest.mark.keras
def test_keras_models_are_told_so() -> None:
    model = networks.keras_model()
    for name in NAMES:
        with pytest.raises(limelight.errors.MethodError, match=f"{name} runs on torch models only"):
            limelight.Explainer(model, name)
    assert find_method("gradcam").frameworks == ("torch", "keras")
