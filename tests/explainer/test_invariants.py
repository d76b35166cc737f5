"""What must hold for every method on every model, small and real; no reference library is needed.

The numbers are those of the list of invariants. The fourth, on gradients, and the sixth, on the
tail, are in tests/probes; the seventh and the eighth, on the model and its surroundings, in
test_surroundings.py; the ninth is tests/methods.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limelight import Explainer, Maps, explain
from limelight.methods import Method, list_methods
from oracles import networks, rescored
from oracles.any_model import affordable, methods_of_layers
from oracles.subjects import Subject

SOME = ("conv1", "pool", "norm", networks.LAST)  # one of each kind
METHODS = methods_of_layers()
ACROSS = [method.name for method in list_methods() if method.across is not None]
NAMES = [method.name for method in METHODS]
ANYWHERE = [method.name for method in METHODS if "head" not in method.needs]
OF_HEAD = [method.name for method in METHODS if "head" in method.needs]
OF_GRADIENTS = [method.name for method in METHODS if method.differentiates]
# Sixty steps: noise of 1e-4 in the activations of the real MobileNetV2 moves the map by 5e-5 in the
# middle and by 6e-4 at most; what rounds the activations moves other methods by that noise itself.
ITERATED = {"dff"}
SIGNED_GAINS = {"groupcam"}  # where no group's mask raises the score, the map is zero


def maps_of(subject: Subject, images: Any, layer: str | None) -> dict[str, np.ndarray]:
    """By method, the raw maps."""
    names = affordable(NAMES, subject, layer)
    found = explain(subject.model, images, names, layer=layer)
    assert list(found) == names
    return {name: maps.numpy() for name, maps in found.items()}


def close(found: np.ndarray, expected: np.ndarray, tolerance: float, name: str = "") -> None:
    """Equal to `tolerance` of each map's maximum, to ten times that after many steps."""
    if name in ITERATED:
        tolerance *= 10
    assert found.shape == expected.shape
    size = np.abs(expected).max((-2, -1), keepdims=True)
    error = np.abs(found - expected)
    assert (error <= tolerance * size).all(), (name, (error / np.maximum(size, 1e-30)).max())


@pytest.mark.compiles
def test_1_with_pooling_and_a_linear_head_the_methods_are_cam(subject: Subject) -> None:
    found = maps_of(subject, subject.images(3), None)
    cam = found["cam"]
    positions = cam.shape[-2] * cam.shape[-1]
    assert (cam.max((-2, -1)) > 0).all()
    close(found["gradcam"], np.maximum(cam, 0) / positions, 1e-5, "gradcam")
    close(found["xgradcam"], np.maximum(cam, 0) / positions, 1e-5, "xgradcam")
    close(found["hirescam"], cam / positions, 1e-5, "hirescam")


@pytest.mark.thorough
@pytest.mark.compiles
@pytest.mark.parametrize("layer", ["last", "early"])
def test_2_a_batch_is_its_images(subject: Subject, layer: str) -> None:
    images, layer = subject.images(3), getattr(subject, layer)
    names = affordable(NAMES if layer == subject.last else ANYWHERE, subject, layer)
    explainer = Explainer(subject.model, names, layer)
    whole = explainer(images)
    permuted = explainer(images[[2, 0, 1]])
    shards = explainer(images, batch_size=2)
    singles = [explainer(images[i : i + 1]) for i in range(3)]
    for name, maps in whole.items():
        expected = maps.numpy()
        assert (np.abs(expected).max((-2, -1)) > 0).all() or name in SIGNED_GAINS
        close(permuted[name].numpy(), expected[[2, 0, 1]], 1e-5, name)
        close(shards[name].numpy(), expected, 1e-5, name)
        close(np.concatenate([single[name].numpy() for single in singles]), expected, 1e-5, name)
        for field in ("scores", "target", "probability"):
            parts = [as_numpy(getattr(single[name], field)) for single in singles]
            np.testing.assert_allclose(
                as_numpy(getattr(maps, field)), np.concatenate(parts), rtol=1e-4, atol=1e-4
            )


@pytest.mark.thorough
@pytest.mark.compiles
def test_2_a_batch_is_its_images_where_layers_make_one_map(subject: Subject) -> None:
    images = subject.images(3)
    explainer = Explainer(subject.model, ACROSS, [subject.early, subject.last])
    whole = explainer(images)
    singles = [explainer(images[i : i + 1]) for i in range(3)]
    for name, maps in whole.items():
        assert (np.abs(maps.numpy()).max((-2, -1)) > 0).all()
        expected = np.concatenate([single[name].numpy() for single in singles])
        close(maps.numpy(), expected, 1e-4, name)


@pytest.mark.parametrize("score", ["logit", "probability"])
def test_3_a_constant_on_all_logits_changes_no_gradient_method(
    subject: Subject, score: str
) -> None:
    images = subject.images(3)
    before = explain(subject.model, images, OF_GRADIENTS, layer=subject.last, score=score)
    with subject.rescaled(1, 1.5) as (model, layer):
        after = explain(model, images, OF_GRADIENTS, layer=layer, score=score)
    for name, maps in before.items():
        np.testing.assert_allclose(
            as_numpy(after[name].scores), as_numpy(maps.scores) + 1.5, rtol=1e-4, atol=1e-4
        )
        close(after[name].numpy(), maps.numpy(), 1e-4, name)


def test_3_scaling_the_head_scales_gradcam(subject: Subject) -> None:
    images = subject.images(3)
    before = [explain(subject.model, images, layer=at) for at in (subject.last, subject.early)]
    with subject.rescaled(2.5, 0) as (model, layer):
        prefix = layer.removesuffix(subject.last)
        layers = layer, prefix + subject.early
        after = [explain(model, images, layer=at) for at in layers]
    for found, expected in zip(after, before, strict=True):
        assert np.abs(expected.numpy()).max() > 0
        close(found.numpy(), 2.5 * expected.numpy(), 1e-4)
        close(as_numpy(found.normalized()), as_numpy(expected.normalized()), 1e-4)


def reference(inputs: np.ndarray, layer: str, classes: np.ndarray, method: Method) -> np.ndarray:
    """The method on the activations and gradients of the plain float64 network."""
    from limelight.arrays import namespace
    from limelight.evidence import Evidence
    from limelight.smoothing import Smooth

    def evidence(inputs: np.ndarray) -> Evidence:
        a, g, _ = networks.plain_evidence(inputs, layer, classes, explained)
        rows = networks.weights()["head"][0].T[classes].astype(np.float64)
        at_input = networks.plain_input_gradients(inputs, classes)
        return Evidence(
            namespace(a), a, g, rows, lambda: inputs, again=again, input_gradients=at_input
        )

    def again(smooth: Smooth) -> list[Evidence]:
        return [evidence(np.asarray(edited)) for edited, _ in smooth.variants(np, inputs)]

    def explained(logits: np.ndarray) -> np.ndarray:
        """The weights (N, classes) of the logits in what is explained."""
        found = np.zeros(logits.shape)
        for row, weights, own in zip(logits, found, classes, strict=True):
            weights[own] = 1
            if method.contrast is not None:
                score = method.explained(None, False, "softmax", {})
                others = [c for c in range(len(row)) if c != own]
                others.sort(key=lambda c: abs(row[c] - row[own]))
                for c in others[: score.against]:
                    weights[c] -= score.gamma / len(others[: score.against])
        return found

    if method.rescores:
        a, g, _ = networks.plain_evidence(inputs, layer, classes)
        rescoring = plain_rescoring(a, layer, classes, method.default_score)
        images = inputs.astype(np.float64)
        return method(rescored.evidence(a, rescoring, gradients=g[:, None], images=images))[:, 0]
    return method(evidence(inputs))


def plain_rescoring(
    a: np.ndarray, layer: str, classes: np.ndarray, kind: str
) -> rescored.PlainRescoring:
    """Scores of the classes by the plain float64 network."""
    import torch

    def score(values: np.ndarray, image: int, after: str | None) -> np.ndarray:
        logits = networks.plain_run(torch.as_tensor(values)[None], after=after)[0].numpy()
        of_all = rescored.softmax(logits) if kind == "probability" else logits
        return of_all[classes[image]][None]

    return rescored.PlainRescoring(
        lambda x, image: score(x, image, None), lambda x, image: score(x, image, layer)
    )


@pytest.mark.parametrize(
    ("layer", "method"),
    [
        pytest.param(
            layer,
            method,
            id=f"{method.name} at {layer}",
            # Replayed from the first layer, with as many programs as there are chunks.
            marks=[pytest.mark.compiles]
            * (layer != networks.LAST and method.name == "ablationcam"),
        )
        for layer in SOME
        for method in METHODS
        if layer == networks.LAST or "head" not in method.needs
    ],
)
def test_5_every_framework_gives_the_map_of_the_plain_network(
    small: Subject, layer: str, method: Method
) -> None:
    found = maps_of_all(small.model, small.framework == "keras")[method.name, layer]
    inputs, classes = networks.images(3), np.array([2, 0, 3])
    expected = reference(inputs, layer, classes, method)
    close(found.numpy(), expected, 1e-4, method.name)
    logits = networks.plain_evidence(inputs, layer, classes)[2]
    np.testing.assert_allclose(as_numpy(found.scores), logits, atol=1e-4)
    soft = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(as_numpy(found.probability), soft[[0, 1, 2], classes], atol=1e-4)


@cache
def maps_of_all(model: Any, keras: bool) -> dict[tuple[str, str], Maps]:
    """By method and layer; all layers of one run."""
    images = networks.keras_images(3) if keras else networks.images(3)
    found = explain(model, images, ANYWHERE, layer=list(SOME), target=[2, 0, 3])
    last = explain(model, images, OF_HEAD, layer=networks.LAST, target=[2, 0, 3])
    return {(m, layer): each for m, by in found.items() for layer, each in by.items()} | {
        (m, networks.LAST): each for m, each in last.items()
    }


@pytest.mark.keras
def test_5_real_weights_in_both_frameworks(mobilenet: Any, data: Path) -> None:
    """MobileNetV2 rebuilt in PyTorch from the weights of the Keras model."""
    from oracles.mobilenet import in_torch
    from oracles.subjects import real_mobilenet

    subject = real_mobilenet(mobilenet, data)
    images = subject.images(3)
    rebuilt = in_torch(mobilenet)
    channels_first = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    for layer in (subject.last, subject.early):
        names = affordable(NAMES if layer == subject.last else ANYWHERE, subject, layer)
        names.remove("fem")  # it cuts at μ + 2σ: what lies there is in or out by the last bit
        if "saliency" in names:  # and so are the ReLUs of the whole network
            names.remove("saliency")
        found = explain(mobilenet, images, names, layer=layer)
        expected = explain(rebuilt, channels_first, names, layer=layer)
        for name in names:
            assert np.abs(expected[name].numpy()).max() > 0
            close(found[name].numpy(), expected[name].numpy(), 1e-4, name)
        np.testing.assert_allclose(
            as_numpy(found["gradcam"].scores), expected["gradcam"].scores, atol=1e-3
        )


@pytest.mark.parametrize("layer", ["last", "early"])
def test_6_capturing_does_not_change_the_output(subject: Subject, layer: str) -> None:
    """The scores come from the tail that started anew at the captured activations."""
    images = subject.images(3)
    found = explain(subject.model, images, layer=getattr(subject, layer))
    plain = subject.plain_scores(images)
    scores = as_numpy(found.scores)
    if np.allclose(plain.sum(1), 1, atol=1e-5):  # a model that ends in softmax
        scores = np.exp(scores - scores.max(1, keepdims=True))
        scores /= scores.sum(1, keepdims=True)
    np.testing.assert_allclose(scores, plain, rtol=1e-5, atol=1e-5)


def as_numpy(array: Any) -> np.ndarray:
    from limelight.arrays import to_numpy

    return to_numpy(array)
