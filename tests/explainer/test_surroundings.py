"""An explanation leaves the model as it found it, and does not depend on what is around it.

Invariants 7 (the model is bit-identical afterwards, also after an exception) and 8 (frozen or not,
under no_grad or not, in place or not, on one thread or several).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import pytest

from limelight import explain
from limelight.errors import LimelightError
from oracles import networks, subjects
from oracles.any_model import affordable, methods_of_layers
from oracles.subjects import Subject, calling, state

NAMES = [method.name for method in methods_of_layers()]


def values(model: Any, images: Any, layer: str = networks.LAST, **options: Any) -> np.ndarray:
    """All methods' maps, one after the other: the grid of some is that of the input."""
    found = explain(model, images, NAMES, layer=layer, **options)
    return np.concatenate([maps.numpy().ravel() for maps in found.values()])


# -- 7 ----------------------------------------------------------------------------------------


def refused(subject: Subject, images: np.ndarray, **options: Any) -> None:
    with pytest.raises(LimelightError):
        explain(subject.model, images, NAMES, layer=subject.last, **options)


def test_7_the_model_is_left_as_it_was(subject: Subject) -> None:
    images = subject.images(2)
    before = state(subject.model, subject.framework)
    explain(subject.model, images, affordable(NAMES, subject, None))
    explain(subject.model, images, layer=subject.early)
    assert state(subject.model, subject.framework) == before
    refused(subject, images, target=100_000)
    refused(subject, images, target=[1, 2, 3])
    refused(subject, images[:, :2, :, :2])
    refused(subject, images[0])
    for wrong in ("no such layer", object(), [subject.last, "no such layer"]):
        with pytest.raises(LimelightError):
            explain(subject.model, images, layer=wrong)
    with pytest.raises(ZeroDivisionError):
        explain(subject.model, images, target=lambda output: output[:, 0] * (1 / 0))
    assert state(subject.model, subject.framework) == before


class Failure(Exception):
    """Not one that anybody catches."""


@pytest.mark.parametrize("error", [RuntimeError, Failure])
@pytest.mark.parametrize("layer", ["conv1", networks.LAST])
def test_7_also_when_the_model_raises_in_the_middle(
    framework: str, small: Subject, layer: str, error: type[Exception]
) -> None:
    """The target comes before the layer that raises, or after it."""
    armed = False

    def explode() -> None:
        if armed:
            raise error("boom")

    model = calling(framework, explode)
    images = small.images(2)
    before = state(model, framework)
    armed = True
    expected = LimelightError if issubclass(error, RuntimeError | ValueError) else error
    for at, options in ((layer, {}), (None, {}), (layer, {"score": "probability", "target": 1})):
        with pytest.raises(expected, match="boom"):
            explain(model, images, layer=at, **options)
        assert state(model, framework) == before
    armed = False
    reference = explain(small.model, images, layer=layer).numpy()
    np.testing.assert_allclose(explain(model, images, layer=layer).numpy(), reference, atol=1e-6)


# Modes are PyTorch's: of its modules, and of Keras on it.
OF_TORCH = ["torch"]
if os.environ["KERAS_BACKEND"] == "torch":
    OF_TORCH.append(pytest.param("keras", marks=pytest.mark.keras))  # type: ignore[arg-type]


@pytest.mark.parametrize("framework", OF_TORCH, indirect=True)
def test_7_a_model_in_training_mode_is_put_back(fresh: Subject) -> None:
    """Of the network, only some layers train; the batch norm's statistics stay."""
    images = fresh.images(2)
    expected = values(fresh.model, images)
    fresh.model.train()
    norm = fresh.model.norm if fresh.framework == "torch" else fresh.model.get_layer("norm")
    norm.training = False
    before = state(fresh.model, fresh.framework)
    np.testing.assert_array_equal(values(fresh.model, images), expected)
    assert state(fresh.model, fresh.framework) == before
    assert fresh.model.training and not norm.training


def test_7_hooks_and_gradients_of_the_user_stay() -> None:
    import torch

    model = networks.torch_model()
    images = torch.as_tensor(networks.images(2))
    model(images).sum().backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
    seen: list[int] = []
    handle = model.conv2.register_forward_hook(lambda *_: seen.append(1))
    before = state(model, "torch")
    images.requires_grad_()
    values(model, images)
    assert state(model, "torch") == before
    assert handle.id in model.conv2._forward_hooks and seen
    assert images.grad is None
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter.grad, gradients[name])


# -- 8 ----------------------------------------------------------------------------------------


def test_8_frozen_parameters_change_nothing(fresh: Subject) -> None:
    images, layers = fresh.images(2), list(networks.LAYERS)
    expected = explain(fresh.model, images, "hirescam", layer=layers)
    if fresh.framework == "torch":
        fresh.model.requires_grad_(False)
    else:
        fresh.model.trainable = False
    found = explain(fresh.model, images, "hirescam", layer=layers)
    for layer in layers:
        assert np.abs(expected[layer].numpy()).max() > 0
        np.testing.assert_array_equal(found[layer].numpy(), expected[layer].numpy())


@pytest.mark.parametrize("framework", OF_TORCH, indirect=True)
@pytest.mark.parametrize("around", ["no_grad", "inference_mode", "enable_grad"])
@pytest.mark.parametrize("layer", ["conv1", networks.LAST])
def test_8_the_mode_around_changes_nothing(small: Subject, around: str, layer: str) -> None:
    import torch

    names = [n.name for n in methods_of_layers() if layer == networks.LAST or "head" not in n.needs]
    expected = explain(small.model, small.images(2), names, layer=layer)
    mode: AbstractContextManager[Any] = getattr(torch, around)()
    with mode:
        for images in (small.images(2), torch.as_tensor(small.images(2)).clone()):
            for name, maps in explain(small.model, images, names, layer=layer).items():
                np.testing.assert_array_equal(maps.numpy(), expected[name].numpy())
                maps.boxes()
        assert torch.is_grad_enabled() == (around == "enable_grad")
        assert torch.is_inference_mode_enabled() == (around == "inference_mode")


@pytest.mark.parametrize("layer", ["relu2", networks.LAST])
def test_8_in_autocast_only_the_model_runs_in_less_precision(layer: str) -> None:
    """Before it and behind it, a replay among others, everything is as without."""
    import torch

    model, images = networks.torch_model(), torch.as_tensor(networks.images(3))
    names = [n.name for n in methods_of_layers() if layer == networks.LAST or "head" not in n.needs]
    seen = []
    handle = model.conv3.register_forward_hook(lambda module, args, output: seen.append(output))

    def both() -> None:
        expected = explain(model, images, names, target=1, layer=layer)
        assert all(output.dtype == torch.float32 for output in seen)
        seen.clear()
        with torch.autocast("cpu", torch.bfloat16):
            found = explain(model, images, names, target=1, layer=layer)
            assert torch.is_autocast_enabled("cpu")
        assert seen and all(output.dtype == torch.bfloat16 for output in seen)
        seen.clear()
        for name, maps in found.items():
            assert maps.values.dtype == maps.scores.dtype == torch.float32
            if name != "fem":  # which counts what lies above a threshold
                size = np.abs(expected[name].numpy()).max()
                np.testing.assert_allclose(maps.numpy(), expected[name].numpy(), atol=0.1 * size)
        if layer == networks.LAST:  # G is the same everywhere: equal, unless the formulas round
            positive = np.maximum(found["hirescam"].numpy(), 0)
            np.testing.assert_allclose(
                found["gradcam"].numpy(), positive, atol=1e-5 * positive.max()
            )

    both()
    both()  # what was found in the one is not used in the other
    handle.remove()


def gated(framework: str) -> Any:
    """A model whose images are used again behind the layer "conv", in a product."""
    if framework == "torch":
        import torch

        class Gated(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv = torch.nn.Conv2d(3, 3, 1)

            def forward(self, images: torch.Tensor) -> torch.Tensor:
                return (self.conv(images) * images).mean((2, 3))

        return Gated().eval()
    import keras

    given = networks.keras_input()
    conv = keras.layers.Conv2D(3, 1, name="conv")(given)
    return keras.Model(given, keras.layers.GlobalAveragePooling2D()(conv * given))


@pytest.mark.parametrize("framework", OF_TORCH, indirect=True)
def test_8_images_made_under_inference_mode(framework: str) -> None:
    """They cannot enter autograd, and here the tail needs them: G is the image itself."""
    import torch

    model = gated(framework)
    images = subjects.small(framework).images(2)
    with torch.inference_mode():
        made = torch.as_tensor(images).clone()
        found = explain(model, made, "hirescam", layer="conv", target=1)
        assert made.is_inference()
    expected = explain(model, images, "hirescam", layer="conv", target=1)
    assert np.abs(expected.numpy()).max() > 0
    np.testing.assert_array_equal(found.numpy(), expected.numpy())


@pytest.mark.parametrize("layer", networks.LAYERS)
def test_8_an_in_place_layer_behind_changes_nothing(layer: str) -> None:
    images = networks.images(2)
    names = [n.name for n in methods_of_layers() if "head" not in n.needs]
    expected = explain(networks.torch_model(), images, names, layer=layer)
    found = explain(networks.torch_model(inplace=True), images, names, layer=layer)
    for name in names:
        np.testing.assert_array_equal(found[name].numpy(), expected[name].numpy())


@pytest.mark.parametrize("own", ["no_grad", "set_grad_enabled", "decorated"])
def test_8_a_backbone_under_its_own_no_grad_changes_nothing(own: str) -> None:
    import torch

    class Frozen(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = torch.nn.Sequential(networks.torch_layers())
            self.head = networks.torch_head()

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            if own == "decorated":
                return torch.no_grad()(self.run)(images)
            with torch.no_grad() if own == "no_grad" else torch.set_grad_enabled(False):
                features = self.backbone(images)
            return self.head(features.mean((2, 3)))

        def run(self, images: torch.Tensor) -> torch.Tensor:
            return self.head(self.backbone(images).mean((2, 3)))

    images = networks.images(2)
    model = Frozen().eval()
    before = state(model, "torch")
    for layer in ("conv1", "relu2", networks.LAST):
        expected = explain(networks.torch_model(), images, "hirescam", layer=layer).numpy()
        found = explain(model, images, "hirescam", layer=f"backbone.{layer}").numpy()
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert state(model, "torch") == before


# -- 8, threads -------------------------------------------------------------------------------


class Parallel:
    """A call in another thread, which has a second to end before this one goes on."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._outcome: list[Any] = []
        self._thread = threading.Thread(target=self._run, args=(function,))
        self._thread.start()
        self._thread.join(1)

    def _run(self, function: Callable[[], Any]) -> None:
        try:
            self._outcome.append(function())
        except BaseException as error:
            self._outcome.append(error)

    def result(self) -> Any:
        self._thread.join(60)
        if isinstance(self._outcome[0], BaseException):
            raise self._outcome[0]
        return self._outcome[0]


@pytest.mark.parametrize("layer", ["conv2", "relu3"])
def test_8_a_plain_call_in_another_thread(framework: str, layer: str) -> None:
    """In the middle of the explanation, another thread runs the model on other images."""
    inside, others = False, []
    subject = subjects.small(framework)

    def meet() -> None:
        nonlocal inside
        if active and not inside:
            inside = True
            others.append(Parallel(lambda: plain(model, subject.images(5)[2:])))
            inside = False

    active = False
    model = calling(framework, meet)
    expected = explain(model, subject.images(2), layer=layer).numpy()
    probabilities = plain(model, subject.images(5)[2:])
    model = calling(framework, meet)  # nothing is known of it yet
    active = True
    before = state(model, framework)
    found = explain(model, subject.images(2), layer=layer)
    active = False
    assert others
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)
    for other in others:
        np.testing.assert_allclose(other.result(), probabilities, atol=1e-6)
    assert state(model, framework) == before


def plain(model: Any, images: np.ndarray) -> np.ndarray:
    """What the model returns for `images`, called by a user in the simplest way."""
    if hasattr(model, "predict"):
        import keras

        with torch_no_grad():
            return keras.ops.convert_to_numpy(model(images, training=False))
    import torch

    with torch.no_grad():
        return model(torch.as_tensor(images)).numpy()


def torch_no_grad() -> AbstractContextManager[Any]:
    import keras

    if keras.backend.backend() == "torch":
        import torch

        return torch.no_grad()
    return nullcontext()


def test_8_two_threads_that_explain(framework: str) -> None:
    """Each gets what one alone gets, and the model, in training mode, is put back."""
    subject = subjects.small(framework)
    model = calling(framework, lambda: None)
    images = [subject.images(5)[:2], subject.images(5)[2:]]
    layers = ["conv2", "relu3"]
    alone = calling(framework, lambda: None)
    expected = [explain(alone, images[i], layer=layers[i]).numpy() for i in range(2)]
    if hasattr(model, "train"):
        model.train()
    before = state(model, framework)
    start = threading.Barrier(2)
    found: dict[tuple[int, int], Any] = {}

    def work(number: int) -> None:
        start.wait(30)
        for repeat in range(4):
            try:
                which = (number + repeat) % 2
                maps = explain(model, images[which], layer=layers[which])
                found[number, repeat] = (which, maps.numpy())
            except BaseException as error:
                found[number, repeat] = error

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(found) == 8
    for outcome in found.values():
        if isinstance(outcome, BaseException):
            raise outcome
        which, maps = outcome
        np.testing.assert_allclose(maps, expected[which], atol=1e-6)
    assert state(model, framework) == before


def test_8_threads_that_explain_at_the_same_moment() -> None:
    """Both inside of the model at once, which is in training mode; the first to end waits."""
    import torch

    barrier = threading.Barrier(2)
    active = threading.local()

    def meet() -> None:
        if getattr(active, "now", False):
            barrier.wait(30)

    model = calling("torch", meet)
    images = torch.as_tensor(networks.images(4))
    expected = explain(model, images, layer="conv2").numpy()
    model.train()
    before = state(model, "torch")

    def work(part: Any) -> np.ndarray:
        active.now = True
        return explain(model, part, layer="conv2").numpy()

    found: list[Any] = [None, None]

    def run(number: int) -> None:
        found[number] = work(images[2 * number : 2 * number + 2])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-6)
    assert state(model, "torch") == before and model.training
