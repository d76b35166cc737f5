"""Whether maps are true to their model: explained, then asked again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from limelight.arrays import to_numpy
from limelight.errors import MetricError
from limelight.explainer.asking import InputScores, as_the_model_takes
from limelight.explainer.explainer import Explainer
from limelight.explainer.inputs import open_images
from limelight.maps import Maps
from limelight.metrics import Infidelity, MaxSensitivity, Metric, find_metric, list_metrics
from limelight.metrics.perturbing import PerturbationMetric
from limelight.scores import Score
from limelight.targets.parsing import parse_target

if TYPE_CHECKING:
    import numpy as np

    from limelight.metrics import Result

#: A row of each image, by method and metric; None: the metric has no value for the image.
Rows = dict[str, dict[str, Sequence["np.ndarray | None"]]]


def score_faithfulness(
    model: Any,
    images: Any,
    method: str | Sequence[str] = "gradcam",
    *,
    metrics: Sequence[str | Metric] | None = None,
    target: Any = None,
    layer: Any = None,
    score: str = "probability",
    options: Mapping[str, Any] | None = None,
    batch_size: int = 32,
    labels: Any = None,
    resamples: int = 0,
) -> Any:
    """How true the maps of `images` are to `model`, by each metric.

    Args:
        model, images, method, target, layer, options, batch_size: as for `limelight.explain`; one
            class for each image, and one layer.
        metrics: names or metrics of faithfulness ("insertion", `limelight.metrics.Road(…)`); None:
            all of them, as they are by default.
        score: what is scored: "probability", or "logit", for which average drop and its kin are
            not defined.
        labels: (N,) the images' classes, for the values per class.
        resamples: how many bootstrap resamples make the intervals; 0 leaves them out.

    Returns:
        By metric its `Result`; for several methods a dict by method of these.

    Raises:
        LimelightError: what does not fit, in one sentence.

    Example:
        >>> found = score_faithfulness(model, images, "gradcam", metrics=["insertion", "deletion"])
        >>> 0 <= found["deletion"].value <= 1
        True
    """
    explainer = Explainer(model, method, layer, options=options)
    many = not isinstance(method, str)
    made = [_empty(each) for each in (faithfulness_metrics() if metrics is None else metrics)]
    by_method = {each.name: {m.name: m for m in map(_copy, made)} for each in explainer.methods}
    given = open_images(images, explainer.classifier, explainer.probe)
    wanted = parse_target(target, len(given), explainer._name_to_index)
    if wanted.function is not None or not wanted.single:
        raise MetricError("faithfulness is scored for one class of each image")
    for start, stop in given.batches(batch_size):
        batch, _ = given.part(start, stop)
        scores = scores_of(explainer, batch, wanted.part(start, stop), score)
        classes = [int(each) for each in scores.target]

        def explain(name: str, inputs: Any, classes: list[int] = classes) -> Maps:
            one = Explainer(model, name, layer, options=_options_of(explainer, name))
            maps: Maps = one(inputs, classes, batch_size=batch_size)
            return maps

        found = {name: explain(name, batch) for name in by_method}
        rows = faithfulness_rows(explainer, scores, found, made, explain)
        for name, metrics_of in by_method.items():
            for each, metric in metrics_of.items():
                part = [None] * (stop - start) if labels is None else labels[start:stop]
                metric._extend(list(zip(rows[name][each], part, strict=True)))
    results: dict[str, dict[str, Result]] = {
        name: {each: metric.compute(resamples) for each, metric in metrics_of.items()}
        for name, metrics_of in by_method.items()
    }
    return results if many else next(iter(results.values()))


def faithfulness_metrics() -> list[str]:
    """The names of the metrics that ask the model what it makes of edited inputs."""
    return [
        metric.name
        for metric in list_metrics()
        if issubclass(metric, PerturbationMetric | MaxSensitivity)
    ]


def scores_of(
    explainer: Explainer, batch: Any, target: Any, score: str = "probability"
) -> InputScores:
    """The scores of edits of a prepared batch, for classes (N,), or for the top ones."""
    import numpy as np

    index = None if target is None else np.asarray(to_numpy(target)).reshape(-1)
    kind = Score(score, activation=explainer._activation(batch))
    return InputScores(explainer.probe, batch, index, kind)


def faithfulness_rows(
    explainer: Explainer,
    scores: InputScores,
    maps: Mapping[str, Maps],
    metrics: Sequence[Metric],
    explain: Callable[[str, Any], Maps],
    spared: Mapping[str, Sequence[str]] | None = None,
) -> Rows:
    """The row of each image of a batch, by method and metric.

    Args:
        explainer: whose model it is.
        scores: of edits of the batch.
        maps: by method, of the prepared batch.
        metrics: metrics of faithfulness.
        explain: the maps of a method for inputs like these, for the same classes.
        spared: by metric, the methods that do without it.
    """
    found: Rows = {}
    falls = {  # the same for all methods
        id(metric): metric.falls(scores.images, scores)
        for metric in metrics
        if isinstance(metric, Infidelity)
    }
    for name, each in maps.items():
        sized = shown(each)
        found[name] = {}
        for metric in metrics:
            if name in (spared or {}).get(metric.name, ()):
                continue
            if isinstance(metric, MaxSensitivity):

                def again(images: Any, name: str = name) -> Any:
                    return explain(name, as_the_model_takes(explainer.probe, images)).values

                rows = metric.measure(each.values, scores.images, again)
            elif isinstance(metric, Infidelity):
                rows = metric.foretell(sized, falls[id(metric)])
            else:
                assert isinstance(metric, PerturbationMetric)
                rows = metric.measure(sized, scores.images, scores)
            found[name][metric.name] = rows
    return found


def shown(maps: Maps) -> np.ndarray:
    """Maps of a prepared batch in [0, 1] at the size of the model's input, on the host."""
    import numpy as np

    return np.clip(np.nan_to_num(to_numpy(maps.resized("max"))), 0, 1)


def _options_of(explainer: Explainer, name: str) -> Mapping[str, Any]:
    return explainer._options[name]


def _empty(metric: str | Metric) -> Metric:
    found: Any = find_metric(metric)() if isinstance(metric, str) else metric
    if not isinstance(found, PerturbationMetric | MaxSensitivity):
        raise MetricError(
            f"{found.name} is no metric of faithfulness; there are "
            f"{', '.join(faithfulness_metrics())}"
        )
    return found


def _copy(metric: Metric) -> Metric:
    import copy

    made = copy.copy(metric)
    made.reset()
    return made
