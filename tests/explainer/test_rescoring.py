"""Scores of edits: in chunks, by closed form or by running, and for all classes at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from limelight import Explainer, explain
from limelight.arrays import like, to_numpy
from limelight.explainer.rescoring import Rescorer
from limelight.probes import Request, probe_for
from limelight.scores import Score
from oracles import networks, rescored
from oracles.subjects import Subject

JOBS = np.array([0, 2, 1, 1, 0, 2, 2])
INDEX = np.array([[2, 0], [1, 3], [0, 1]])
METHODS = ("ablationcam", "reciprocam", "scorecam", "iscam", "sscam", "groupcam")


def rescorer(subject: Subject, layer: str, kind: str, **options: Any) -> tuple[Rescorer, Any]:
    """A rescorer for three images and two classes of each, and what is captured at the layer."""
    probe = probe_for(subject.model)
    batch = probe.prepare(subject.images(3))
    score = Score(kind)
    request = Request((layer,), False, (score,))
    capture = probe.capture(batch, request, INDEX)
    made = Rescorer(probe, batch, request, capture, layer, score, **options)
    return made, capture.activations[layer]


def plain_scores(values: np.ndarray, layer: str | None, kind: str) -> np.ndarray:
    """The scores (J, K) of edits, by the plain float64 network."""
    import torch

    logits = networks.plain_run(torch.as_tensor(values, dtype=torch.float64), after=layer).numpy()
    if kind == "probability":
        logits = np.stack([rescored.softmax(row) for row in logits])
    return np.take_along_axis(logits, INDEX[JOBS], axis=1)


@pytest.mark.parametrize("kind", ["logit", "probability"])
@pytest.mark.parametrize("layer", ["relu2", networks.LAST])
def test_edited_activations(small: Subject, layer: str, kind: str) -> None:
    """In chunks of any size, by closed form and by running: what the plain network gives."""
    random = np.random.default_rng(0)
    budgets: list[dict[str, Any]] = [{}, {"budget": 1}, {"budget": 5000, "closed": False}]
    for options in budgets:
        made, activations = rescorer(small, layer, kind, **options)
        edits = to_numpy(activations)[JOBS]
        edits = (edits * random.uniform(-0.5, 1.5, edits.shape)).astype(np.float32)
        sizes = []

        def edit(start: int, stop: int, edits: Any = edits, sizes: Any = sizes) -> Any:
            sizes.append(stop - start)
            return like(edits[start:stop], activations)  # noqa: B023

        found = made.activations(edit, JOBS)
        np.testing.assert_allclose(found, plain_scores(edits, layer, kind), rtol=1e-4, atol=2e-5)
        if options.get("budget") == 1:
            assert set(sizes) == {1}


def test_means_serve_for_edits_where_the_head_is_pooling_and_linear(small: Subject) -> None:
    def never(start: int, stop: int) -> Any:
        raise AssertionError("the edits themselves are not needed")

    made, activations = rescorer(small, networks.LAST, "logit")
    means = to_numpy(activations).mean((2, 3))[JOBS] * 0.5
    pooled: Callable[[int, int], Any] = lambda start, stop: like(means[start:stop], activations)  # noqa: E731
    found = made.activations(never, JOBS, pooled)
    matrix, bias = networks.weights()["head"]
    expected = np.take_along_axis(means @ matrix + bias, INDEX[JOBS], axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_edited_inputs(small: Subject) -> None:
    random = np.random.default_rng(1)
    edits = random.normal(0, 1, (len(JOBS), 3, *networks.SIZE)).astype(np.float32)
    for options in ({}, {"budget": 1}, {"budget": 40_000}):
        made, activations = rescorer(small, "relu2", "logit", **options)
        found = made.inputs(lambda start, stop, a=activations: like(edits[start:stop], a), JOBS)
        expected = plain_scores(edits, None, "logit")
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)


def test_1_the_weights_of_ablationcam_in_closed_form(small: Subject) -> None:
    """w_c = (row of the head)_c · mean(A_c) / y."""
    a = networks.plain_evidence(networks.images(3), networks.LAST, np.zeros(3, int))[0]
    matrix, bias = networks.weights()["head"]
    y = a.mean((2, 3)) @ matrix + bias
    found = explain(small.model, small.images(3), "ablationcam", target=[[0, 1, 2, 3]])
    weights = (matrix.T * a.mean((2, 3))[:, None]) / y[:, :, None]
    expected = np.maximum(np.einsum("nkc,nchw->nkhw", weights, a), 0)
    assert expected.any((1, 2, 3)).all()
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-4 * expected.max())


@pytest.mark.parametrize("framework", ["torch"], indirect=True)
def test_classes_are_scored_by_the_same_runs(small: Subject) -> None:
    import torch

    images = small.images(2)
    seen: list[int] = []
    handle = small.model.register_forward_hook(lambda _m, given, _o: seen.append(len(given[0])))
    try:
        for method in METHODS[2:5]:
            explainer = Explainer(small.model, method, "relu3")
            explainer(images, target=0)
            seen.clear()
            explainer(images, target=0)
            one = sum(seen)
            seen.clear()
            explainer(images, target=[[0, 1, 2, 3]])
            assert sum(seen) == one > 2, method
        assert not torch.is_inference_mode_enabled()
    finally:
        handle.remove()


@pytest.mark.parametrize("method", METHODS)
def test_a_callable_target(small: Subject, method: str) -> None:
    """The score is what it returns; the difference of two logits is a class of its own."""
    images = small.images(2)
    options: dict[str, Any] = {"layer": "relu2"}
    if method == "reciprocam":
        options["score"] = "logit"  # a callable's value is taken as it is
    k = 0 if method == "groupcam" else 1  # it raises no other
    by_class = explain(small.model, images, method, target=k, **options)
    found = explain(small.model, images, method, target=lambda output: output[:, k], **options)
    assert by_class.numpy().any()
    np.testing.assert_allclose(
        found.numpy(), by_class.numpy(), atol=1e-5 * np.abs(by_class.numpy()).max()
    )
    assert found.target is None


@pytest.mark.parametrize("method", METHODS[1:])
def test_against_the_class(small: Subject, method: str) -> None:
    """The negated score, for the score's own sake: not the negated map."""
    images = small.images(2)
    found = explain(small.model, images, method, target=1, layer="relu2", negative=True)
    mirrored = explain(
        small.model, images, method, target=lambda output: -output[:, 1], layer="relu2",
        score="logit",
    )  # fmt: skip
    if method == "reciprocam":
        assert (found.numpy() <= 0).all() and found.numpy().any()  # of a probability
        return
    np.testing.assert_allclose(
        found.numpy(), mirrored.numpy(), atol=1e-5 * max(1e-6, float(np.abs(found.numpy()).max()))
    )


def test_whole_passes_are_told(framework: str) -> None:
    """Where the layer cannot be taken up again, the scores are the same, and the user is told."""
    if framework == "torch":
        import torch

        class Twice(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.first, self.layer = torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU()
                self.head = torch.nn.Conv2d(4, 4, 3)

            def forward(self, images: Any) -> Any:
                found = self.layer(self.head(self.layer(self.first(images))))
                return (found**2).mean((2, 3))

        model: Any = Twice().eval()
        images = networks.images(1)
    else:
        import keras

        layer = keras.layers.ReLU(name="layer")
        given = networks.keras_input()
        first = layer(keras.layers.Conv2D(4, 3, padding="same")(given))
        second = keras.layers.Add()([keras.layers.Conv2D(4, 3, padding="same")(given), first])
        made = layer(second)
        model = keras.Model(given, keras.layers.GlobalAveragePooling2D()(made + first))
        images = networks.keras_images(1)
    with pytest.warns(UserWarning, match="'layer' on alone .*whole forward pass"):
        explain(model, images, "reciprocam", layer="layer", target=0)
