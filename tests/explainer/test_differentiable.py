"""Maps for a training loss: their derivatives against finite differences, in float64."""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest

from limelight import explain
from limelight.errors import LimelightWarning, MethodError
from limelight.methods import Method, find_method, list_methods
from limelight.smoothing import Smooth
from oracles import networks
from oracles.subjects import state

torch = pytest.importorskip("torch")

METHODS = [method for method in list_methods() if method.differentiable]
OTHERS = [method for method in list_methods() if not method.differentiable]
OF_LAYERS = [method for method in METHODS if not method.of_attention]
OF_ATTENTION = [method for method in METHODS if method.of_attention]
CLASSES = [1, 2]


def by_name(method: Method) -> str:
    return method.name


def network() -> Any:
    """The small network in float64; behind every layer but the last its tail is not linear."""
    return networks.torch_model(inplace=True).double()


def images() -> Any:
    return torch.as_tensor(networks.images(2)).double()


def layers(method: Method) -> Any:
    if method.across is not None:
        return ["pool", networks.LAST]
    return networks.LAST if "head" in method.needs else "relu2"


def check(model: Any, batch: Any, maps_of: Callable[[Any], Any]) -> None:
    """The derivative of a scalar of ``maps_of(batch)`` by the input and every parameter.

    Several of them have to move the map. (A network of ReLUs is linear around an image, so that the
    gradient at the input itself, `saliency`, does not move with the image.)
    """
    given = [batch.clone().requires_grad_(), *model.parameters()]
    values = maps_of(given[0])
    assert values.dtype == torch.float64
    size = values.detach().abs().max()
    assert size > 0
    weights = torch.randn(
        values.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )

    def scalar(*changed: Any) -> Any:
        return (maps_of(changed[0]) * weights / size).sum()

    assert torch.autograd.gradcheck(scalar, given, fast_mode=True)
    found = torch.autograd.grad(scalar(*given), given, allow_unused=True)
    assert sum(each.abs().max() > 1e-6 for each in found if each is not None) >= 3


@pytest.mark.parametrize("score", [None, "probability", "rest"])
@pytest.mark.parametrize("method", OF_LAYERS, ids=by_name)
def test_of_every_method(method: Method, score: str | None) -> None:
    model = network()

    def maps_of(batch: Any) -> Any:
        return explain(
            model, batch, method.name, target=CLASSES, layer=layers(method), score=score,
            differentiable=True,
        ).values  # fmt: skip

    check(model, images(), maps_of)


@pytest.mark.parametrize("kind", ["timm", "torchvision"])
@pytest.mark.parametrize("method", [*OF_ATTENTION, find_method("gradcam")], ids=by_name)
def test_of_transformers(method: Method, kind: str) -> None:
    """Also of attention that is fused, which has no second derivative of its own."""
    pytest.importorskip("timm")
    from oracles import vision_transformers

    vit = vision_transformers.shared(kind)
    model, batch = vit.in_double(), vit.images(2).double()

    def maps_of(given: Any) -> Any:
        return explain(model, given, method.name, target=CLASSES, differentiable=True).values

    check(model, batch, maps_of)


@pytest.mark.parametrize(
    "options",
    [
        {"target": [[0, 3], [1, 2]], "negative": True},
        {"target": lambda scores: scores[:, 1] * scores[:, 2]},
        {"layer": ["pool", networks.LAST], "fuse": "mean"},
        {"smooth": Smooth("noise", 2, 0.2), "batch_size": 3},
        {"smooth": "flips+scales"},
        {"compat": "pytorch-grad-cam"},
        {"batch_size": 1},
        {"reshape_transform": lambda output: output},
    ],
    ids=lambda options: ", ".join(options),
)
@pytest.mark.parametrize("method", ["gradcam++", "layercam"])
def test_of_every_option(method: str, options: dict[str, Any]) -> None:
    model = network()
    options = {"target": CLASSES, "layer": "relu2", **options}

    def maps_of(batch: Any) -> Any:
        return explain(model, batch, method, differentiable=True, **options).values

    check(model, images(), maps_of)


@pytest.mark.parametrize("how", ["max", "minmax", "percentile", "ivr"])
def test_of_what_maps_make_of_their_values(how: str) -> None:
    """`normalized` and `resized` stay in the graph too."""
    model = network()

    def maps_of(batch: Any) -> Any:
        maps = explain(
            model, batch, target=CLASSES, layer="relu2", score="probability", differentiable=True
        )
        return maps.resized(how) + maps.normalized(how).sum((1, 2), keepdim=True)

    check(model, images(), maps_of)


def test_of_scores_and_probability() -> None:
    model = network()

    def maps_of(batch: Any) -> Any:
        maps = explain(model, batch, "cam", target=CLASSES, differentiable=True)
        return torch.cat([maps.scores, maps.probability[:, None]], dim=1)

    check(model, images(), maps_of)


@pytest.mark.parametrize("method", METHODS, ids=by_name)
def test_the_values_are_those_of_maps_without_a_graph(method: Method) -> None:
    if method.of_attention:
        pytest.importorskip("timm")
        from oracles import vision_transformers

        vit = vision_transformers.shared("timm")
        model, batch, layer = vit.model, vit.images(3), None
    else:
        model, layer = networks.torch_model(), layers(method)
        batch = torch.as_tensor(networks.images(3))
    options: Any = {"target": [1, 2, 0], "layer": layer, "batch_size": 2}
    plain = explain(model, batch, method.name, **options)
    found = explain(model, batch, method.name, differentiable=True, **options)
    assert found.values.requires_grad and found.values.dtype == torch.float32
    for name in ("values", "scores", "probability"):
        assert not getattr(plain, name).requires_grad
        expected = getattr(plain, name)
        size = float(expected.abs().max())
        assert size > 0
        torch.testing.assert_close(
            getattr(found, name).detach(), expected, atol=2e-6 * size, rtol=0
        )
    assert found.diagnosis == plain.diagnosis
    np.testing.assert_allclose(found.boxes(), plain.boxes(), atol=1e-3)


# -- what cannot be ---------------------------------------------------------------------------


@pytest.mark.parametrize("method", OTHERS, ids=by_name)
def test_a_method_without_a_derivative_says_why(method: Method) -> None:
    with pytest.raises(MethodError, match=f"differentiable=True: {method.name} .+; gradcam"):
        explain(network(), images(), method.name, differentiable=True)
    assert method.no_derivative in str(_refusal(method.name))


def _refusal(*methods: str, **options: Any) -> MethodError:
    with pytest.raises(MethodError) as raised:
        explain(network(), images(), list(methods), differentiable=True, **options)
    return raised.value


def test_a_base_without_a_derivative_is_refused() -> None:
    error = _refusal("finercam", options={"base": "eigengradcam"})
    assert "eigengradcam is a principal component" in str(error)


def test_groups_leave_out_what_has_no_derivative() -> None:
    with pytest.warns(LimelightWarning, match="left out: .*eigencam.* principal component"):
        found = explain(network(), images(), "all-gradient", differentiable=True)
    assert set(found) <= {method.name for method in METHODS}
    assert len(found) >= 8
    for maps in found.values():
        assert maps.values.requires_grad


def test_eigen_smooth_is_refused() -> None:
    assert "eigen_smooth=True" in str(_refusal("gradcam", eigen_smooth=True))


@pytest.mark.parametrize("around", ["no_grad", "inference_mode"])
def test_no_graph_around_the_call_is_refused(around: str) -> None:
    mode: AbstractContextManager[Any] = getattr(torch, around)()
    with mode:
        assert f"torch.{around} is on" in str(_refusal("gradcam"))


@pytest.mark.keras
def test_keras_models_are_refused() -> None:
    with pytest.raises(MethodError, match=r"torch\.nn\.Module.*this is a keras model"):
        explain(networks.keras_model(), networks.keras_images(1), differentiable=True)


# -- what is left as it was -------------------------------------------------------------------


@pytest.fixture
def training() -> Iterator[Any]:
    """A network in training mode, but for its norm, with gradients and a hook of the user's."""
    model = networks.torch_model()
    model(torch.as_tensor(networks.images(2))).sum().backward()
    model.train()
    model.norm.training = False
    model.conv2.requires_grad_(False)
    handle = model.conv3.register_forward_hook(lambda *_: None)
    yield model
    handle.remove()


def test_the_model_is_left_as_it_was(training: Any) -> None:
    batch = torch.as_tensor(networks.images(2)).requires_grad_()
    gradients = {name: p.grad.clone() for name, p in training.named_parameters()}
    before = state(training, "torch")
    for method in OF_LAYERS:
        explain(training, batch, method.name, layer=layers(method), differentiable=True)
    with pytest.raises(ZeroDivisionError):
        explain(training, batch, target=lambda output: output[:, 0] * (1 / 0), differentiable=True)
    assert torch.is_grad_enabled()
    assert state(training, "torch") == before
    assert batch.grad is None
    for name, parameter in training.named_parameters():
        assert torch.equal(parameter.grad, gradients[name])


def test_it_runs_in_evaluation_mode(training: Any) -> None:
    batch = torch.as_tensor(networks.images(2))
    training.train()
    found = explain(training, batch, layer="relu2", differentiable=True)
    expected = explain(networks.torch_model(), batch, layer="relu2")
    torch.testing.assert_close(found.values.detach(), expected.values, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("frozen", ["before", "behind"])
def test_frozen_parameters_stay_frozen(frozen: str) -> None:
    """The others get the gradients that they get where nothing is frozen."""
    reference, model = network(), network()
    names = ("conv1", "conv2", "norm") if frozen == "before" else ("conv3", "head")
    for name in names:
        getattr(model, name).requires_grad_(False)
    for each in (reference, model):
        maps = explain(
            each, images(), "hirescam", target=CLASSES, layer="relu2", differentiable=True
        )
        maps.values.square().sum().backward()
    for (name, expected), found in zip(
        reference.named_parameters(), model.parameters(), strict=True
    ):
        if name.split(".")[0] in names:
            assert not found.requires_grad and found.grad is None
        elif expected.grad is None:
            assert found.grad is None
        else:
            torch.testing.assert_close(found.grad, expected.grad)


def test_training_by_a_loss_on_the_map_lowers_it() -> None:
    model = network()
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    left = torch.zeros(networks.SIZE, dtype=torch.float64)
    left[:, :6] = 1
    losses = []
    for _ in range(20):
        maps = explain(
            model, images(), "hirescam", target=CLASSES, layer="relu2", score="probability",
            differentiable=True,
        )  # fmt: skip
        shown = maps.resized().clamp(min=0)
        loss = 1 - ((shown * left).sum((1, 2)) / shown.sum((1, 2))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 0.05
    after = model.state_dict()
    assert torch.equal(after["norm.running_mean"], before["norm.running_mean"])
    assert not torch.equal(after["conv1.weight"], before["conv1.weight"])


def test_nothing_of_a_graph_is_kept() -> None:
    model, batch = networks.torch_model(), torch.as_tensor(networks.images(2))

    def once() -> None:
        for method in OF_LAYERS:
            maps = explain(model, batch, method.name, layer=layers(method), differentiable=True)
            maps.values.sum().backward()
        model.zero_grad(set_to_none=True)

    def tensors() -> int:
        gc.collect()
        return sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects())

    once()
    before = tensors()
    once()
    assert tensors() == before


def test_in_autocast_the_values_are_in_full_precision() -> None:
    model, batch = networks.torch_model(), torch.as_tensor(networks.images(2))
    expected = explain(model, batch, "hirescam", target=CLASSES, layer="relu2").values
    with torch.autocast("cpu", torch.bfloat16):
        maps = explain(model, batch, "hirescam", target=CLASSES, layer="relu2", differentiable=True)
        loss = maps.values.square().sum()
    assert maps.values.dtype == torch.float32
    loss.backward()
    found = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert {"conv1.weight", "conv2.weight", "conv3.weight", "head.weight"} <= found
    size = float(expected.abs().max())
    torch.testing.assert_close(maps.values.detach(), expected, atol=0.05 * size, rtol=0)


def test_a_classifier_of_photographs() -> None:
    """Photographs of different sizes; the preprocessing is no part of the graph."""
    from limelight.models.classifier import Classifier
    from limelight.models.preprocess import Preprocess

    model = networks.torch_model()
    classifier = Classifier(
        model, Preprocess(networks.SIZE, channels_first=True), ("a", "b", "c", "d")
    )
    random = np.random.default_rng(0)
    photographs = [random.integers(0, 255, (h, w, 3), np.uint8) for h, w in ((40, 30), (20, 50))]
    maps = explain(classifier, photographs, "hirescam", target=["a", "c"], differentiable=True)
    shown = maps.resized()
    assert [tuple(each.shape) for each in shown] == [(40, 30), (20, 50)]
    sum(each.mean() for each in shown).backward()
    assert model.conv1.weight.grad.abs().max() > 0


@pytest.mark.parametrize("layer", ["backbone.relu2", f"backbone.{networks.LAST}"])
def test_behind_a_model_s_own_no_grad(layer: str) -> None:
    class Frozen(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = torch.nn.Sequential(networks.torch_layers())
            self.head = networks.torch_head()

        def forward(self, images: Any) -> Any:
            with torch.no_grad():
                features = self.backbone(images)
            return self.head(features.mean((2, 3)))

    model, batch = Frozen().eval(), torch.as_tensor(networks.images(2))
    plain = explain(model, batch, "hirescam", target=CLASSES, layer=layer)
    found = explain(model, batch, "hirescam", target=CLASSES, layer=layer, differentiable=True)
    torch.testing.assert_close(found.values.detach(), plain.values)
    found.values.square().sum().backward()
    assert model.head.weight.grad.abs().max() > 0 and model.backbone.conv1.weight.grad is None


def test_scores_can_stand_in_the_loss_too() -> None:
    """Of a network without dropout and with fixed statistics they are the forward pass's own."""
    first, second = networks.torch_model(), networks.torch_model()
    batch, labels = torch.as_tensor(networks.images(2)), torch.tensor(CLASSES)
    maps = explain(first, batch, target=CLASSES, layer="relu2", differentiable=True)
    torch.nn.functional.cross_entropy(maps.scores, labels).backward()
    torch.nn.functional.cross_entropy(second(batch), labels).backward()
    for (name, found), expected in zip(first.named_parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, msg=name)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("method", ["hirescam", "fullgrad", "shapleycam"])
def test_of_hard_sigmoid_which_has_no_second_derivative(method: str, inplace: bool) -> None:
    """As in MobileNetV3; also where the method itself needs one."""

    class Squeezed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 6, 3)
            self.gate = torch.nn.Hardsigmoid(inplace)
            self.head = torch.nn.Linear(6, 4)

        def forward(self, images: Any) -> Any:
            features = self.conv(images).tanh()
            return self.head((features * self.gate(1.5 * features.mean((2, 3), True))).mean((2, 3)))

    torch.manual_seed(0)
    model = Squeezed().eval().double()
    options: Any = {"target": CLASSES, "layer": "conv"}

    def maps_of(batch: Any) -> Any:
        return explain(model, batch, method, differentiable=True, **options).values

    check(model, images(), maps_of)
    plain = explain(model, images(), method, **options).values
    torch.testing.assert_close(maps_of(images()).detach().float(), plain, rtol=1e-5, atol=1e-6)
