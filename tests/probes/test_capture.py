"""What a probe brings back: activations, gradients and scores, against float64 and differences.

Here are the invariants 4 (gradients agree with finite differences of the tail) and 6 (the tail
gives the scores of the forward pass).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limelight.arrays import to_numpy
from limelight.probes import Capture, Request, probe_for
from limelight.scores import Score
from oracles import networks
from oracles.subjects import Subject

Tail = Callable[[Any], Any]


def capture(
    model: Any, images: np.ndarray, layers: Sequence[str], index: Any = None, **options: Any
) -> Capture:
    probe = probe_for(model)
    options = {
        "scores": (Score(),),
        "gradients": True,
        "top": 0 if index is not None else 1,
    } | options
    request = Request(layers=tuple(layers), **options)
    return probe.capture(probe.prepare(images), request, index)


def test_several_scores_from_one_run(small: Subject) -> None:
    """Each class once for each score, in the order in which they were asked for."""
    index = np.array([[0, 3], [1, 2]])
    scores = Score("probability"), Score(), Score("rest", negative=True)
    layers = networks.LAYERS[:2]
    found = capture(small.model, small.images(2), layers, index, scores=scores)
    for i, score in enumerate(scores):
        alone = capture(small.model, small.images(2), layers, index, scores=(score,))
        for layer in layers:
            expected = to_numpy(alone.gradient(layer, 0))
            assert np.abs(expected).max() > 0
            np.testing.assert_allclose(to_numpy(found.gradient(layer, i)), expected, atol=1e-6)


@pytest.mark.parametrize("layer", networks.LAYERS)
def test_activations_and_gradients_of_every_layer(small: Subject, layer: str) -> None:
    """Three classes an image, in one run that captures all layers."""
    index = np.array([[0, 3, 2], [1, 1, 0]])
    found = capture(small.model, small.images(2), networks.LAYERS, index)
    inputs = networks.images(2)
    np.testing.assert_array_equal(to_numpy(found.index), index)
    for k in range(3):
        a, g, logits = networks.plain_evidence(inputs, layer, index[:, k])
        np.testing.assert_allclose(to_numpy(found.activations[layer]), a, atol=1e-5)
        np.testing.assert_allclose(to_numpy(found.gradients[layer])[:, k], g, atol=1e-6)
        np.testing.assert_allclose(to_numpy(found.scores), logits, atol=1e-5)


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("kind", ["logit", "probability", "rest"])
def test_gradients_of_every_score(small: Subject, kind: str, negative: bool) -> None:
    import torch

    layer, index = "conv2", np.array([[0, 3], [1, 2]])
    score = Score(kind, negative)
    found = capture(small.model, small.images(2), [layer], index, scores=(score,))
    inputs = torch.as_tensor(networks.images(2), dtype=torch.float64)
    for k in range(2):
        activations = networks.plain_run(inputs, until=layer).requires_grad_()
        logits = networks.plain_run(activations, after=layer)
        picked = torch.arange(2), torch.as_tensor(index[:, k])
        value = {
            "logit": logits,
            "probability": logits.softmax(1),
            "rest": logits + logits.log_softmax(1),
        }[kind][picked].sum()
        (expected,) = torch.autograd.grad(-value if negative else value, activations)
        np.testing.assert_allclose(
            to_numpy(found.gradients[layer])[:, k], expected.numpy(), atol=1e-6
        )


def test_without_gradients_nothing_is_differentiated(small: Subject) -> None:
    found = capture(small.model, small.images(2), ["relu2"], gradients=False)
    assert found.gradients == {}
    inputs = networks.images(2)
    a, _, logits = networks.plain_evidence(inputs, "relu2", np.array([0, 0]))
    np.testing.assert_allclose(to_numpy(found.activations["relu2"]), a, atol=1e-5)
    np.testing.assert_array_equal(to_numpy(found.index)[:, 0], logits.argmax(1))


def check_differences(
    tail: Tail, activations: np.ndarray, gradients: np.ndarray, scores: np.ndarray, target: int
) -> None:
    """The tail's logits are the scores, and G its slope at random places, in float64."""
    import torch

    start = torch.tensor(activations, dtype=torch.float64)
    logits = tail(start)
    size = np.abs(scores).max()
    np.testing.assert_allclose(scores, logits.numpy(), atol=1e-5 * max(size, 1))
    top = float(np.abs(gradients).max())
    random = np.random.default_rng(0)
    step = 1e-6 * np.abs(activations).max()
    # Not at zeros, where a following maximum has a kink; and some where G is large, so that a
    # slope of zero cannot pass for it.
    large, smooth = np.abs(gradients) > 0.3 * top, activations != 0
    strong, weak = np.argwhere(large & smooth), np.argwhere(~large & smooth)
    chosen = [each[random.integers(len(each), size=6)] for each in (strong, weak) if len(each)]
    for place in map(tuple, np.concatenate(chosen)):
        up, down = start.clone(), start.clone()
        up[place] += step
        down[place] -= step
        row = place[0]
        slope = float(tail(up)[row, target] - tail(down)[row, target]) / (2 * step)
        assert gradients[place] == pytest.approx(slope, abs=1e-3 * top), place


@pytest.mark.parametrize("layer", networks.LAYERS)
def test_4_and_6_small(small: Subject, layer: str) -> None:
    found = capture(small.model, small.images(2), networks.LAYERS, np.array([[3], [3]]))
    check_differences(
        lambda a: networks.plain_run(a, after=layer),
        to_numpy(found.activations[layer]),
        to_numpy(found.gradients[layer])[:, 0],
        to_numpy(found.scores),
        3,
    )


def test_4_and_6_squeezenet(squeezenet: Any, data: Path) -> None:
    import torch

    from oracles.subjects import real_squeezenet

    subject = real_squeezenet(squeezenet, data)
    found = capture(subject.model, subject.images(1), [subject.early], np.array([[5]]))
    tail = copy.deepcopy(squeezenet.classifier).double()
    with torch.no_grad():
        check_differences(
            lambda a: tail(a).flatten(1),
            to_numpy(found.activations[subject.early]),
            to_numpy(found.gradients[subject.early])[:, 0],
            to_numpy(found.scores),
            5,
        )


@pytest.mark.keras
def test_4_and_6_mobilenet(mobilenet: Any, data: Path) -> None:
    import torch

    from oracles.mobilenet import in_torch
    from oracles.subjects import real_mobilenet

    subject, layer = real_mobilenet(mobilenet, data), "block_16_project_BN"
    found = capture(mobilenet, subject.images(1), [layer], np.array([[5]]))
    tail = in_torch(mobilenet).double()
    with torch.no_grad():
        check_differences(
            lambda a: tail.run_after(layer, a),
            to_numpy(found.activations[layer]),
            to_numpy(found.gradients[layer])[:, 0],
            to_numpy(found.scores),
            5,
        )


def test_a_layer_on_another_path_has_no_gradient(framework: str) -> None:
    """Two branches; the score is of one of them."""
    images = np.random.default_rng(0).normal(0, 1, (2, 6, 5, 3)).astype(np.float32)
    if framework == "torch":
        import torch

        class Branches(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.used, self.idle = torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(3, 4, 3)

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                idle, used = self.idle(x), self.used(x)
                return used.mean((2, 3)) + 0 * idle.detach().mean()

        model: Any = Branches().eval()
        images = images.transpose(0, 3, 1, 2).copy()
    else:
        import keras

        given = keras.Input((6, 5, 3))
        used = keras.layers.Conv2D(4, 3, name="used")(given)
        idle = keras.layers.Conv2D(4, 3, name="idle")(given)
        pooled = keras.layers.GlobalAveragePooling2D()(used)
        model = keras.Model(given, pooled + 0 * keras.ops.stop_gradient(keras.ops.mean(idle)))
    found = capture(model, images, ["used", "idle"], np.array([[0], [1]]))
    assert np.abs(to_numpy(found.gradients["idle"])).max() == 0
    assert np.abs(to_numpy(found.activations["idle"])).max() > 0
    expected = np.zeros((2, 4, 4, 3))
    expected[0, 0] = expected[1, 1] = 1 / 12
    np.testing.assert_allclose(to_numpy(found.gradients["used"])[:, 0], expected, atol=1e-7)


def test_a_layer_that_runs_twice_is_its_last_run(framework: str) -> None:
    """y = f(f(x)): activations and gradients are those of the outer f."""
    images = np.random.default_rng(0).normal(0, 1, (2, 6, 5, 3)).astype(np.float32)
    kernel = np.random.default_rng(1).normal(0, 0.4, (3, 3, 3, 3)).astype(np.float32)
    if framework == "torch":
        import torch

        class Twice(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.shared = torch.nn.Conv2d(3, 3, 3, padding=1, bias=False)
                self.shared.weight.data = torch.tensor(kernel).permute(3, 2, 0, 1).contiguous()

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return (self.shared(self.shared(x)) ** 2).mean((2, 3))

        model: Any = Twice().eval()
        found = capture(model, images.transpose(0, 3, 1, 2).copy(), ["shared"], [[0], [2]])
    else:
        import keras

        shared = keras.layers.Conv2D(3, 3, padding="same", use_bias=False, name="shared")
        given = keras.Input((6, 5, 3))
        twice = shared(shared(given))
        model = keras.Model(given, keras.layers.GlobalAveragePooling2D()(twice * twice))
        shared.set_weights([kernel])
        found = capture(model, images, ["shared"], np.array([[0], [2]]))
    outer = plain_convolution(plain_convolution(images.transpose(0, 3, 1, 2), kernel), kernel)
    np.testing.assert_allclose(to_numpy(found.activations["shared"]), outer, atol=1e-4)
    expected = np.zeros_like(outer)
    expected[0, 0], expected[1, 2] = 2 * outer[0, 0] / 30, 2 * outer[1, 2] / 30
    np.testing.assert_allclose(to_numpy(found.gradients["shared"])[:, 0], expected, atol=1e-5)


def plain_convolution(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """A 3 × 3 convolution with padding of `values` (N, C, H, W), in loops."""
    n, _, height, width = values.shape
    padded = np.pad(values.astype(float), ((0, 0), (0, 0), (1, 1), (1, 1)))
    found = np.zeros((n, kernel.shape[3], height, width))
    for i, j in np.ndindex(height, width):
        window = padded[:, :, i : i + 3, j : j + 3]
        found[:, :, i, j] = np.einsum("nchw,hwco->no", window, kernel)
    return found


def test_a_callable_sees_what_the_model_returns(framework: str) -> None:
    """Of a softmax model, its probabilities; `negative` turns the sign."""
    import torch

    from oracles.subjects import small

    option = {"softmax": True} if framework == "torch" else {"activation": "softmax"}
    subject = small(framework, **option)
    seen: list[Any] = []

    def difference(output: Any) -> Any:
        seen.append(output)
        return output[:, 1] - output[:, 2]

    inputs = torch.as_tensor(networks.images(2), dtype=torch.float64)
    activations = networks.plain_run(inputs, until="relu2").requires_grad_()
    soft = networks.plain_run(activations, after="relu2").softmax(1)
    (expected,) = torch.autograd.grad((soft[:, 1] - soft[:, 2]).sum(), activations)
    for sign in (1, -1):
        found = capture(
            subject.model, subject.images(2), ["relu2"], top=0,
            function=difference, scores=(Score(negative=sign < 0),),
        )  # fmt: skip
        assert found.scores is None and found.index is None
        np.testing.assert_allclose(
            sign * to_numpy(found.gradients["relu2"])[:, 0], expected.numpy(), atol=1e-6
        )
    assert tuple(seen[0].shape)[1:] == (networks.CLASSES,)


def test_reshape_brings_tokens_to_a_grid(framework: str) -> None:
    """A transform is applied to activations and gradients alike."""
    from oracles.subjects import small

    subject = small(framework)
    plain = capture(subject.model, subject.images(2), ["relu3"], np.array([[1], [2]]))
    axis = 1 if framework == "torch" else 3

    def halves(output: Any) -> Any:
        first = output[:, :4] if axis == 1 else output[..., :4]
        if axis == 1:
            return 2 * first
        import keras

        return 2 * keras.ops.transpose(first, (0, 3, 1, 2))

    found = capture(
        subject.model, subject.images(2), ["relu3"], np.array([[1], [2]]), reshape=halves
    )
    np.testing.assert_allclose(
        to_numpy(found.activations["relu3"]), 2 * to_numpy(plain.activations["relu3"])[:, :4]
    )
    np.testing.assert_allclose(
        to_numpy(found.gradients["relu3"]), 2 * to_numpy(plain.gradients["relu3"])[:, :, :4]
    )
