"""Sanity checks: what becomes of maps when the model forgets what it has learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from limelight.arrays import to_numpy
from limelight.errors import MetricError, did_you_mean
from limelight.explainer.explainer import Explainer
from limelight.explainer.faithfulness import shown
from limelight.explainer.inputs import open_images
from limelight.metrics import ORDERS, LabelRandomization, ModelRandomization
from limelight.probes.weights import LayerWeights, put_back, weights_by_layer

if TYPE_CHECKING:
    import numpy as np

    from limelight.maps import Maps
    from limelight.metrics import Result
    from limelight.probes import Probe


def check_randomization(
    model: Any,
    images: Any,
    method: str | Sequence[str] = "gradcam",
    *,
    order: str = "top-down",
    stages: int | None = None,
    similarity: str = "rank",
    seed: int = 0,
    target: Any = None,
    layer: Any = None,
    options: Mapping[str, Any] | None = None,
    batch_size: int = 32,
    resamples: int = 0,
) -> Any:
    """How alike maps stay while the model's layers are randomized.

    Each weight is drawn anew from the normal distribution of its own mean and deviation; the
    model has its weights back afterwards, bit for bit. In the randomized model everything is found
    anew, the target layer too, and the class explained stays that of the model as it was.

    Args:
        model, images, method, target, layer, options, batch_size: as for `limelight.explain`; one
            class for each image, and one layer.
        order: "top-down" (cascading from the output), "bottom-up" (cascading from the input) or
            "independent" (each stage alone).
        stages: into how many parts of equally many layers; None: each layer is one.
        similarity: "rank" (Spearman's correlation) or "ssim".
        seed: of the weights.
        resamples: how many bootstrap resamples make the intervals; 0 leaves them out.

    Returns:
        A `Result`, whose `details` hold each stage; for several methods a dict by method.

    Raises:
        LimelightError: what does not fit, in one sentence.

    Source: Adebayo et al. 2018, Sanity Checks for Saliency Maps, section 4.

    Example:
        >>> found = check_randomization(model, images, ["gradcam", "random"], stages=2)
        >>> found["random"].value  # it looks at no weight, and so it stays as it was
        1.0
    """
    metrics: dict[str, ModelRandomization] = {}

    def score(
        explainer: Explainer, batch: Any, before: dict[str, Maps], classes: list[int]
    ) -> None:
        def explain() -> dict[str, Maps]:
            return _explained(
                Explainer(model, list(before), layer, options=options), batch, classes
            )

        found = randomized_maps(explainer.probe, batch, explain, order, stages, seed)
        for name, maps in before.items():
            others = _stacked([after[name] for after in found.values()])
            if name not in metrics:
                metrics[name] = ModelRandomization(list(found), order, similarity)
            metrics[name].update(shown(maps), others)

    _each_batch(model, images, method, target, layer, options, batch_size, score)
    return _results(metrics, method, resamples)


def check_label_randomization(
    model: Any,
    randomly_trained: Any,
    images: Any,
    method: str | Sequence[str] = "gradcam",
    *,
    similarity: str = "rank",
    target: Any = None,
    layer: Any = None,
    options: Mapping[str, Any] | None = None,
    batch_size: int = 32,
    resamples: int = 0,
) -> Any:
    """How alike the maps are of a model and of its twin that was trained on random labels.

    Args:
        randomly_trained: a model of the same architecture; in it the target layer is found anew.
        model, images, method, similarity, target, layer, options, batch_size, resamples: as for
            `check_randomization`.

    Returns:
        A `Result`; for several methods a dict by method.

    Raises:
        LimelightError: what does not fit, in one sentence.

    Source: Adebayo et al. 2018, Sanity Checks for Saliency Maps, section 5.
    """
    metrics: dict[str, LabelRandomization] = {}

    def score(
        explainer: Explainer, batch: Any, before: dict[str, Maps], classes: list[int]
    ) -> None:
        twin = Explainer(randomly_trained, list(before), layer, options=options)
        after = _explained(twin, batch, classes)
        for name, maps in before.items():
            metric = metrics.setdefault(name, LabelRandomization(similarity))
            metric.update(shown(maps), _stacked([after[name]]))

    _each_batch(model, images, method, target, layer, options, batch_size, score)
    return _results(metrics, method, resamples)


def randomized_maps(
    probe: Probe,
    batch: Any,
    explain: Callable[[], Mapping[str, Maps]],
    order: str = "top-down",
    stages: int | None = None,
    seed: int = 0,
) -> dict[str, Mapping[str, Maps]]:
    """What `explain` returns at each stage of the randomization, by the stage's name.

    Args:
        probe: whose model is randomized, and put back.
        batch: as the probe prepared it.
        explain: the maps of the batch by method, everything found anew.
        order, stages, seed: as for `check_randomization`.

    Raises:
        MetricError: an unknown order, or fewer layers than stages.
    """
    if order not in ORDERS:
        raise MetricError(f"there is no order {order!r}{did_you_mean(order, ORDERS)}")
    layers = weights_by_layer(probe, batch)
    downwards = layers[::-1] if order == "top-down" else layers
    found: dict[str, Mapping[str, Maps]] = {}
    with put_back(layers):
        for name, group in _grouped(downwards, stages):
            if order == "independent":
                with put_back(group):
                    _randomize(group, seed)
                    found[name] = explain()
            else:
                _randomize(group, seed)
                found[name] = explain()
    return found


def stage_names(stages: int) -> list[str]:
    """The names of so many stages of equally many layers: how many of the layers, in per cent."""
    return [f"{100 * (k + 1) / stages:.3g} %" for k in range(stages)]


def _grouped(
    layers: Sequence[LayerWeights], stages: int | None
) -> list[tuple[str, Sequence[LayerWeights]]]:
    if not layers:
        raise MetricError("the model has no trainable weights that could be randomized")
    if stages is None:
        return [(each.name or "(the model)", [each]) for each in layers]
    if not 1 <= stages <= len(layers):
        raise MetricError(
            f"stages={stages}: the model has {len(layers)} layers with weights; give 1 to "
            f"{len(layers)}, or None for each of them"
        )
    ends = [round(len(layers) * k / stages) for k in range(stages + 1)]
    groups = [layers[start:stop] for start, stop in pairwise(ends)]
    return list(zip(stage_names(stages), groups, strict=True))


def _randomize(layers: Sequence[LayerWeights], seed: int) -> None:
    for each in layers:
        each.randomize(seed)


def _each_batch(
    model: Any,
    images: Any,
    method: str | Sequence[str],
    target: Any,
    layer: Any,
    options: Mapping[str, Any] | None,
    batch_size: int,
    score: Callable[[Explainer, Any, dict[str, Maps], list[int]], None],
) -> None:
    names = [method] if isinstance(method, str) else list(method)
    explainer = Explainer(model, names, layer, options=options)
    if callable(target):
        raise MetricError("sanity is checked for one class of each image, not for a callable")
    given = open_images(images, explainer.classifier, explainer.probe)
    for start, stop in given.batches(batch_size):
        batch, _ = given.part(start, stop)
        part = target if target is None or isinstance(target, int | str) else target[start:stop]
        before: dict[str, Maps] = explainer(batch, part, batch_size=batch_size)
        classes = to_numpy(next(iter(before.values())).target)
        if classes.ndim != 1:
            raise MetricError("sanity is checked for one class of each image")
        score(explainer, batch, before, classes.tolist())


def _explained(explainer: Explainer, batch: Any, classes: list[int]) -> dict[str, Maps]:
    found: dict[str, Maps] = explainer(batch, classes, batch_size=len(classes))
    return found


def _stacked(maps: Sequence[Maps]) -> np.ndarray:
    import numpy as np

    return np.stack([shown(each) for each in maps], axis=1)


def _results(
    metrics: Mapping[str, ModelRandomization | LabelRandomization],
    method: str | Sequence[str],
    resamples: int,
) -> Any:
    found: dict[str, Result] = {name: m.compute(resamples) for name, m in metrics.items()}
    return next(iter(found.values())) if isinstance(method, str) else found
