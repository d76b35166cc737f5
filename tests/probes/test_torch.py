"""What the probe for PyTorch takes, and what it spends."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from limelight import Explainer, explain
from limelight.errors import ImageError, LayerNotFound, ModelError
from limelight.probes import probe_for
from oracles import networks
from oracles.any_model import methods_of_layers

NAMES = [method.name for method in methods_of_layers()]
OF_ONE_PASS = [each.name for each in methods_of_layers() if "passes" not in each.cost]
IMAGES = torch.as_tensor(networks.images(3))


class Counter(nn.Module):
    """Counts its own calls and those in which gradients were on."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.calls = 0
        self.images = 0

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        self.images += len(images)
        return self.model(images)


def test_everything_comes_from_one_forward_pass() -> None:
    """All but what is rescored, which adds its own."""
    model = Counter(networks.torch_model()).eval()
    layers = ["model.relu3"]
    explain(model, IMAGES, OF_ONE_PASS, layer=layers, target=[[0, 1, 2, 3]])
    assert (model.calls, model.images) == (1, 3)
    names = [name for name in OF_ONE_PASS if name != "cam"]
    explain(model, IMAGES, names, layer=["model.conv1", "model.conv3"], target="top4")
    assert (model.calls, model.images) == (2, 6)
    explain(model, IMAGES, layer="model.conv1", batch_size=2)
    assert (model.calls, model.images) == (4, 9)


def test_the_choice_of_the_layer_costs_one_image_once() -> None:
    """It has to see the model run; whoever explains next does not pay for it again."""
    model = Counter(networks.torch_model()).eval()
    explain(model, IMAGES, OF_ONE_PASS, target="top3")
    assert (model.calls, model.images) == (2, 4)
    explain(model, IMAGES)
    Explainer(model)(IMAGES)
    assert (model.calls, model.images) == (4, 10)


def test_nothing_before_the_layer_is_differentiated() -> None:
    """Gradients are off before the first target, and parameters get none."""
    seen: dict[str, tuple[bool, bool]] = {}
    model = networks.torch_model()
    handles = [
        module.register_forward_hook(
            lambda module, args, output, name=name: seen.__setitem__(
                name, (torch.is_grad_enabled(), args[0].requires_grad)
            )
        )
        for name, module in model.named_children()
    ]
    explain(model, IMAGES, layer=["relu2", "conv3"])
    for handle in handles:
        handle.remove()
    before = [name for name, state in seen.items() if state == (False, False)]
    assert before == ["conv1", "relu1", "pool", "conv2", "norm", "relu2"]
    assert all(seen[name] == (True, True) for name in ("conv3", "relu3", "gap", "flat", "head"))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_images_of_every_kind_are_taken() -> None:
    model = networks.torch_model()
    expected = explain(model, IMAGES).numpy()
    lists: list[Any] = [list(IMAGES), list(IMAGES.numpy()), tuple(IMAGES)]
    for given in (IMAGES.numpy(), IMAGES.double(), IMAGES.clone().requires_grad_(), *lists):
        found = explain(model, given)
        assert isinstance(found.values, Tensor) and found.values.dtype == torch.float32
        assert not found.values.requires_grad
        np.testing.assert_array_equal(found.numpy(), expected)
    np.testing.assert_allclose(explain(model, IMAGES.numpy().astype("f8")).numpy(), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_models_of_other_precision(dtype: torch.dtype) -> None:
    """Maps and scores are float32 and near to those of the float32 model."""
    found = explain(networks.torch_model().to(dtype), IMAGES, "hirescam", target=1)
    expected = explain(networks.torch_model(), IMAGES, "hirescam", target=1)
    assert found.values.dtype == found.scores.dtype == torch.float32
    tolerance = {torch.bfloat16: 0.05, torch.float16: 0.01, torch.float64: 1e-5}[dtype]
    size = float(expected.values.abs().max())
    torch.testing.assert_close(found.values, expected.values, rtol=0, atol=tolerance * size)


@pytest.mark.parametrize(
    ("images", "error", "said"),
    [
        (IMAGES[0], ImageError, r"batch \(N, C, H, W\).*\(3, 17, 13\).*images\[None\]"),
        (IMAGES[0, 0], ImageError, r"batch \(N, C, H, W\).*\(17, 13\)"),
        ((IMAGES * 9).byte(), ImageError, "preprocessed floats.*torch.uint8.*limelight.load"),
        ((IMAGES * 9).long(), ImageError, "preprocessed floats.*torch.int64"),
        (IMAGES[:, :2], ImageError, r"images of 3 channels.*\(1, 2, 17, 13\) with 2"),
        (IMAGES[:, :, :2, :2], ModelError, r"cannot take images of shape \(1, 3, 2, 2\)"),
        (IMAGES[:0], ImageError, "batch is empty"),
        ([], ImageError, r"no images|batch|list"),
        ("cat.jpg", ImageError, "bare model.*limelight.load"),
        (["cat.jpg"], ImageError, "bare model.*limelight.load"),
        (b"\xff\xd8", ImageError, "bare model.*limelight.load"),
        ([IMAGES[0], IMAGES[1, :, :5]], ImageError, "arrays of one shape"),
        ([1, 2, 3], ImageError, "arrays of one shape"),
        (None, ImageError, "NoneType is no batch"),
        ({"a": 1}, ImageError, "dict is no batch"),
    ],
)
def test_what_is_no_batch_is_said_so(images: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        explain(networks.torch_model(), images)


def test_an_image_file_opened_by_pillow_needs_a_classifier() -> None:
    from PIL import Image

    with pytest.raises(ImageError, match=r"bare model.*limelight\.load"):
        explain(networks.torch_model(), Image.new("RGB", (20, 20)))


class Returning(nn.Module):
    """Returns what `function` makes of the features."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.function = function

    def forward(self, images: Tensor) -> Any:
        return self.function(self.conv(images))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda a: a, r"output has the shape \(3, 4, 15, 11\).*\(N, classes\).*target=<a callable"),
        (lambda a: a.mean(), r"output has the shape \(\)"),
        (lambda a: a.mean((1, 2, 3)), r"output has the shape \(3,\)"),
        (lambda a: a.mean((2, 3))[:2], r"output has the shape \(2, 4\)"),
        (
            lambda a: {"maps": a, "pooled": a.mean((2, 3))},
            r"a dict of 'maps', 'pooled'.*not known: give target=lambda output: output\['maps'\]",
        ),
        (lambda a: (a, a.mean((2, 3))), r"output has the shape \(3, 4, 15, 11\)"),
        (lambda a: "yes", "output is a str"),
        (lambda a: a.mean((2, 3)) * float("nan"), "not a number.*image 0, 1, 2"),
        (lambda a: a.mean((2, 3)) + torch.tensor([0, 1, torch.inf, 0]), "not a number"),
    ],
)
@pytest.mark.parametrize("layer", [None, "conv"])
@pytest.mark.parametrize("method", ["gradcam", "cam"])
def test_an_output_that_is_no_scores_is_said_so(
    function: Any, said: str, layer: str | None, method: str
) -> None:
    with pytest.raises(ModelError, match=said):
        explain(Returning(function).eval(), IMAGES, method, layer=layer)


def test_the_image_that_gives_no_number_is_named_across_batches() -> None:
    images = IMAGES.clone()
    images[2] = torch.nan
    with pytest.raises(ModelError, match=r"not a number .* for image 2 "):
        explain(Returning(lambda a: a.mean((2, 3))).eval(), images, batch_size=2)


def test_any_other_output_is_explained_through_a_callable() -> None:
    model = Returning(lambda a: {"features": a}).eval()
    found = explain(
        model, IMAGES, "hirescam", layer="conv", target=lambda out: out["features"][:, 1, 4, 5]
    )
    with torch.no_grad():
        features = model.conv(IMAGES)
    expected = torch.zeros(3, 15, 11)
    expected[:, 4, 5] = features[:, 1, 4, 5]
    torch.testing.assert_close(found.values, expected)
    assert found.target is None and found.probability is None and found.scores is None


def test_a_layer_that_returns_several_tensors_or_does_not_run() -> None:
    class Pair(nn.Module):
        def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
            return values, values

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.pair, self.idle = nn.Conv2d(3, 4, 3), Pair(), nn.Conv2d(3, 4, 3)

        def forward(self, images: Tensor) -> Tensor:
            return self.pair(self.conv(images))[0].mean((2, 3))

    for layer in ("pair", "idle"):
        with pytest.raises(LayerNotFound, match=f"'{layer}' exists, but it did not run.*tensor"):
            explain(Model().eval(), IMAGES, layer=layer)
    assert explain(Model().eval(), IMAGES).layer == "conv"


def test_a_model_may_be_forgotten() -> None:
    model = networks.torch_model()
    explain(model, IMAGES, NAMES, target="top2")
    forgotten = weakref.ref(model)
    del model
    gc.collect()
    assert forgotten() is None


def test_a_model_that_is_changed_is_seen_anew() -> None:
    model = networks.torch_model()
    assert explain(model, IMAGES).layer == "relu3"
    model.relu3 = nn.Sequential(nn.ReLU(), nn.Conv2d(7, 7, 2), nn.Hardswish())
    assert explain(model, IMAGES).layer == "relu3.2"


def test_two_heads_of_the_same_shape_are_told_apart() -> None:
    """cam takes the linear layer that gives back the scores, not the first of its shape."""

    class TwoHeads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(networks.torch_layers())
            self.auxiliary = nn.Linear(7, 4)
            self.head = networks.torch_head()

        def forward(self, images: Tensor) -> Tensor:
            return self.head(self.features(images).mean((2, 3)))

    found = explain(TwoHeads().eval(), IMAGES, "cam", target=2)
    expected = explain(networks.torch_model(), IMAGES, "cam", target=2)
    torch.testing.assert_close(found.values, expected.values)


def test_probe_for_what_is_no_model() -> None:
    for thing, name in (
        (3, "builtins.int"),
        ("model.pt", "builtins.str"),
        (object, "builtins.type"),
    ):
        with pytest.raises(ModelError, match=f"a {name} is not a model.*torch.nn.Module"):
            probe_for(thing)
