"""Randomized models: which layers, in which order, with everything found anew and put back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import limelight
from limelight.arrays import to_numpy
from limelight.errors import MetricError
from limelight.explainer.sanity import randomized_maps, stage_names
from limelight.metrics import rank_correlation, ssim
from limelight.probes import probe_for
from limelight.probes.weights import put_back, weights_by_layer
from oracles import networks, subjects
from oracles.subjects import Subject

LEARNED = ["conv1", "conv2", "norm", "conv3", "head"]


def layers_of(subject: Subject) -> Any:
    probe = probe_for(subject.model)
    return probe, probe.prepare(subject.images(2))


def test_layers_with_weights_in_the_order_of_the_run(small: Subject) -> None:
    probe, batch = layers_of(small)
    layers = weights_by_layer(probe, batch)
    assert [each.name for each in layers] == LEARNED
    assert [len(each.variables) for each in layers] == [2] * 5


@pytest.mark.parametrize(
    ("order", "random"),
    [
        ("top-down", [LEARNED[4:], LEARNED[3:], LEARNED[2:], LEARNED[1:], LEARNED]),
        ("bottom-up", [LEARNED[:1], LEARNED[:2], LEARNED[:3], LEARNED[:4], LEARNED]),
        ("independent", [[name] for name in LEARNED]),
    ],
)
def test_each_stage_randomizes_its_layers_and_no_other(
    small: Subject, order: str, random: list[list[str]]
) -> None:
    probe, batch = layers_of(small)
    layers = weights_by_layer(probe, batch)

    def weights() -> dict[str, list[np.ndarray]]:
        return {
            layer.name: [
                to_numpy(getattr(each, "value", each)).copy()
                if small.framework == "keras"
                else to_numpy(each).copy()
                for each in layer.variables
            ]
            for layer in layers
        }

    before, scores = weights(), small.plain_scores(small.images(2))
    seen: list[dict[str, list[np.ndarray]]] = []
    stages = randomized_maps(probe, batch, lambda: seen.append(weights()) or {}, order)  # type: ignore[func-returns-value]
    assert list(stages) == (LEARNED[::-1] if order == "top-down" else LEARNED)
    for found, changed in zip(seen, random, strict=True):
        for name in LEARNED:
            same = all(np.array_equal(a, b) for a, b in zip(found[name], before[name], strict=True))
            assert same == (name not in changed), name
    # a layer's draw does not depend on the order
    full = seen[-1] if order != "independent" else None
    if full is not None:
        again: list[dict[str, list[np.ndarray]]] = []
        randomized_maps(probe, batch, lambda: again.append(weights()) or {}, stages=1)  # type: ignore[func-returns-value]
        for name in LEARNED:
            np.testing.assert_array_equal(full[name][0], again[0][name][0])
    for name in LEARNED:
        for a, b in zip(weights()[name], before[name], strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(small.plain_scores(small.images(2)), scores)


def test_weights_are_put_back_after_an_exception(small: Subject) -> None:
    probe, batch = layers_of(small)
    scores = small.plain_scores(small.images(2))

    def broken() -> Any:
        assert not np.array_equal(small.plain_scores(small.images(2)), scores)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        randomized_maps(probe, batch, broken)
    np.testing.assert_array_equal(small.plain_scores(small.images(2)), scores)


def test_draws_keep_mean_and_deviation(small: Subject) -> None:
    probe, batch = layers_of(small)
    layer = next(each for each in weights_by_layer(probe, batch) if each.name == "conv3")
    kernel = layer.variables[0]

    def now() -> np.ndarray:
        return to_numpy(kernel.value if small.framework == "keras" else kernel).copy()

    before = now()
    with put_back([layer]):
        layer.randomize(3)
        after = now()
        assert abs(after.mean() - before.mean()) < 4 * before.std() / np.sqrt(before.size)
        assert after.std() == pytest.approx(before.std(), rel=0.25)
        assert abs(np.corrcoef(after.ravel(), before.ravel())[0, 1]) < 0.35
        layer.randomize(3)
    np.testing.assert_array_equal(now(), before)


def test_similarities_are_those_of_maps_of_the_randomized_model(small: Subject) -> None:
    """The last stage against a plain explanation of the model with all its weights random."""
    images = small.images(4)
    for similarity, compare in (("rank", rank_correlation), ("ssim", ssim)):
        found = limelight.check_randomization(
            small.model,
            images,
            ["gradcam", "random"],
            stages=2,
            similarity=similarity,
            batch_size=3,
        )
        before = limelight.explain(small.model, images, "gradcam")
        classes = to_numpy(before.target).tolist()
        probe, batch = layers_of(small)
        layers = weights_by_layer(probe, batch)
        with put_back(layers):
            for layer in layers:
                layer.randomize(0)
            after = limelight.explain(small.model, images, "gradcam", target=classes)
        expected = [
            compare(a, b)
            for a, b in zip(
                to_numpy(before.resized("max")), to_numpy(after.resized("max")), strict=True
            )
        ]
        assert found["gradcam"].value == pytest.approx(np.mean(expected), abs=1e-4)
        assert list(found["gradcam"].details) == stage_names(2) == ["50 %", "100 %"]
        # A map that never looked at the model cannot change.
        assert found["random"].value == pytest.approx(1)
        assert found["gradcam"].value < 0.9


def test_the_target_layer_is_found_anew() -> None:
    """A layer object is of the model itself: an old one would give the old map, similarity 1."""
    model = networks.torch_model()
    by_object = limelight.check_randomization(model, _images(), layer=model.relu3)
    by_path = limelight.check_randomization(model, _images(), layer="relu3")
    assert by_object == by_path
    assert by_object.value < 0.9


def _images() -> Any:
    import torch

    return torch.as_tensor(networks.images(3))


def test_labels_at_random(small: Subject) -> None:
    twin = subjects.small(small.framework).model
    same = limelight.check_label_randomization(small.model, twin, small.images(3))
    assert same.value == pytest.approx(1)
    probe = probe_for(twin)
    for layer in weights_by_layer(probe, probe.prepare(small.images(1))):
        layer.randomize(5)
    other = limelight.check_label_randomization(small.model, twin, small.images(3), ["gradcam"])
    before = limelight.explain(small.model, small.images(3))
    classes = to_numpy(before.target).tolist()
    after = limelight.explain(twin, small.images(3), target=classes)
    pairs = zip(to_numpy(before.resized("max")), to_numpy(after.resized("max")), strict=True)
    expected = np.mean([rank_correlation(a, b) for a, b in pairs])
    assert other["gradcam"].value == pytest.approx(expected, abs=1e-4)


def test_refusals(small: Subject) -> None:
    with pytest.raises(MetricError, match="stages=9: the model has 5 layers"):
        limelight.check_randomization(small.model, small.images(1), stages=9)
    with pytest.raises(MetricError, match="no order 'sideways'"):
        limelight.check_randomization(small.model, small.images(1), order="sideways")
    for target in ([[0, 1]], lambda output: output[:, 0]):
        with pytest.raises(MetricError, match="one class of each image"):
            limelight.check_randomization(small.model, small.images(1), target=target)
