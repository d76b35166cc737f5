"""Faithfulness of real maps: the metrics ask the model itself, in its own framework."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import limelight
from limelight import metrics
from limelight.arrays import to_numpy
from limelight.errors import MetricError
from limelight.explainer.faithfulness import faithfulness_metrics, scores_of
from oracles import networks, rescored, subjects
from oracles.subjects import Subject

#: Metrics that are quick on images of 17 × 13.
QUICK = [
    metrics.Deletion(steps=4, baseline=0.1),
    metrics.Insertion(steps=4),
    metrics.Road((0.3, 0.6)),
    metrics.PixelFlipping(steps=4, region=5),
    metrics.Infidelity(samples=6),
    metrics.MaxSensitivity(radius=0.1, samples=2),
    metrics.AverageDrop(),
    metrics.IncreaseInConfidence(),
    metrics.AverageGain(),
]


class Plainly:
    """The probabilities of edits by the plain float64 network, for the classes explained."""

    def __init__(self, classes: np.ndarray) -> None:
        self._classes = classes

    def inputs(self, edit: Any, images: np.ndarray) -> np.ndarray:
        import torch

        edited = to_numpy(edit(0, len(images))).astype(float)
        logits = networks.plain_run(torch.as_tensor(edited)).numpy()
        found = np.stack([rescored.softmax(row) for row in logits])
        return np.take_along_axis(found, self._classes[images][:, None], axis=1)


@pytest.mark.compiles
def test_every_metric_is_that_of_the_plain_network(small: Subject) -> None:
    """The same rows whether the framework edits and scores in chunks, or NumPy all at once."""
    images = networks.images(5)
    found = limelight.score_faithfulness(
        small.model, small.images(5), ["gradcam", "random"], metrics=QUICK, batch_size=2
    )
    assert set(found) == {"gradcam", "random"}
    for method, by_metric in found.items():
        assert list(by_metric) == [each.name for each in QUICK]
        maps = limelight.explain(small.model, small.images(5), method)
        sized, classes = to_numpy(maps.resized("max")), to_numpy(maps.target)
        for metric in QUICK:
            if isinstance(metric, metrics.MaxSensitivity):
                continue
            fresh: Any = type(metric)(**_options(metric))
            fresh.update(sized, images, Plainly(classes))
            expected = fresh.compute()
            assert by_metric[metric.name].value == pytest.approx(expected.value, abs=1e-4)
            assert by_metric[metric.name].images == 5
    assert found["gradcam"]["max-sensitivity"].value > 0


def _options(metric: Any) -> dict[str, Any]:
    return dict(metric.settings())


def test_sensitivity_explains_the_noisy_images_for_the_same_classes(small: Subject) -> None:
    given = small.images(3)
    found = limelight.score_faithfulness(
        small.model, given, metrics=[metrics.MaxSensitivity(0.5, samples=3, seed=1)]
    )
    before = limelight.explain(small.model, given)
    classes = to_numpy(before.target).tolist()
    random, worst = np.random.default_rng(1), np.zeros(3)
    for _ in range(3):
        noise = random.uniform(-0.5, 0.5, (3, *networks.SIZE)).astype(np.float32)
        if small.framework == "keras":
            noise = noise.transpose(1, 2, 0)
        after = limelight.explain(small.model, given + noise, target=classes)
        change = (after.numpy() - before.numpy()).reshape(3, -1)
        ratio = np.linalg.norm(change, axis=1) / np.linalg.norm(
            before.numpy().reshape(3, -1), axis=1
        )
        worst = np.maximum(worst, ratio)
    assert found["max-sensitivity"].value == pytest.approx(worst.mean(), rel=1e-3)


def test_labels_classes_and_logits(small: Subject) -> None:
    found = limelight.score_faithfulness(
        small.model,
        small.images(4),
        metrics=["deletion"],
        target=[0, 1, 2, 3],
        labels=[7, 7, 8, 8],
        score="logit",
        resamples=20,
    )["deletion"]
    assert set(found.per_class) == {7, 8} and found.interval is not None
    logits = small.plain_scores(small.images(4))
    assert found.details["at 0"] == pytest.approx(np.diag(logits).mean(), abs=1e-4)


def test_controls_on_a_trained_looking_model() -> None:
    """The input's own gradient beats a random map, which beats the gradient turned round."""
    import torch

    model = networks.torch_model()
    images = torch.as_tensor(networks.images(24)).requires_grad_()
    logits = model(images)
    (gradient,) = torch.autograd.grad(logits.max(dim=1).values.sum(), images)
    towards = (gradient * images).sum(dim=1).detach().numpy()
    explainer = limelight.Explainer(model)
    scores = scores_of(explainer, images.detach(), None, "logit")
    np.testing.assert_array_equal(scores.target, logits.argmax(dim=1).numpy())
    found = {}
    for name, maps in {
        "gradient": towards,
        "random": np.random.default_rng(0).random(towards.shape),
        "against": -towards,
    }.items():
        for metric in (metrics.Deletion(), metrics.Insertion(), metrics.Infidelity()):
            metric.update(maps, scores.images, scores)
            found[metric.name, name] = metric.compute().value
    for name, better in (("deletion", -1), ("insertion", 1), ("infidelity", -1)):
        values = [better * found[name, each] for each in ("gradient", "random", "against")]
        assert values[0] > values[1] >= values[2], name


def test_the_names_and_refusals(small: Subject) -> None:
    assert {each.name for each in QUICK} == set(faithfulness_metrics())
    with pytest.raises(MetricError, match="mean-iou is no metric of faithfulness; there are"):
        limelight.score_faithfulness(small.model, small.images(1), metrics=["mean-iou"])
    with pytest.raises(MetricError, match="one class of each image"):
        limelight.score_faithfulness(
            small.model, small.images(1), metrics=["deletion"], target=[[0, 1]]
        )
    with pytest.raises(MetricError, match="defined for probabilities"):
        limelight.score_faithfulness(
            small.model, small.images(3), metrics=["average-drop"], target=0, score="logit"
        )


def test_on_real_photographs_cam_is_truer_than_chance(squeezenet: Any, data: Any) -> None:
    """SqueezeNet on three photographs: every area is on the right side of the random map's."""
    subject = subjects.real_squeezenet(squeezenet, data)
    asked = [metrics.Deletion(steps=6), metrics.Insertion(steps=6), metrics.PixelFlipping(steps=6)]
    found = limelight.score_faithfulness(
        subject.model, subject.images(3), ["cam", "saliency", "random"], metrics=asked
    )
    for metric in asked:
        better = 1 if metric.greater_is_better else -1
        cam, floor = (found[name][metric.name].value for name in ("cam", "random"))
        assert better * (cam - floor) > 0.02, metric.name
    # The input gradient names single pixels, without which little is left of the score.
    assert found["saliency"]["deletion"].value < found["random"]["deletion"].value - 0.02
    sane = limelight.check_randomization(subject.model, subject.images(3), ["cam"], stages=2)["cam"]
    assert abs(sane.value) < 0.6
