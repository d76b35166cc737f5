"""The front door: evaluate methods, or tune their thresholds, on a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.errors import MethodError
from limelight.runs.configuration import configuration_of, versions
from limelight.runs.cuts import cuts_by_name
from limelight.runs.evaluating import Evaluator
from limelight.runs.evaluation import Evaluation
from limelight.runs.explaining import Explaining
from limelight.runs.job import Progress
from limelight.runs.labels import match_labels
from limelight.runs.metric_rows import scorers
from limelight.runs.scoring import refined
from limelight.runs.settings import Settings

if TYPE_CHECKING:
    import numpy as np

    from limelight.data import Dataset
    from limelight.frames import Size
    from limelight.localization import Threshold
    from limelight.models import Classifier
    from limelight.runs.cuts import Thresholds
    from limelight.runs.labels import ClassMap


def evaluate_methods(
    classifier: Classifier | None,
    dataset: Dataset,
    methods: Sequence[str] = (),
    *,
    target: str = "true",
    thresholds: Thresholds = None,
    normalizer: str = "max",
    refine: str | None = None,
    layer: Any = None,
    options: Mapping[str, Any] | None = None,
    maps: Mapping[str, str | Path] | None = None,
    batch_size: int = 32,
    class_map: ClassMap | None = None,
    max_box_acc: bool = True,
    progress: Progress | None = None,
) -> Evaluation:
    """Explain every image of a data set by several methods, in one pass, and score their boxes.

    Nothing is written; see `limelight.runs.evaluate` for runs that are kept and resumed.

    Args:
        classifier: from `limelight.load`; None where all maps are made elsewhere.
        dataset: from `limelight.data.open`. An image that cannot be read or explained becomes a
            row with its error.
        methods: names from `limelight.list_methods()`.
        target: "true" explains the class that the data set gives an image, "predicted" the one
            that the model gives it.
        thresholds: a fraction of the map's maximum, a tuned `Threshold`, or one of them by method;
            with one for "centre-box" that baseline is cut there, otherwise at its best on these
            images. None: each method's own (`limelight.list_methods()`).
        normalizer: of the maps where a threshold is a plain number.
        refine: of the maps, likewise: "grabcut", "grabcut:iterations=3" or another of
            `limelight.localization.list_refiners()`; None: the maps as they are.
        layer: as for `limelight.explain`; one layer.
        options: of the methods.
        maps: by name, folders of maps made elsewhere, ``<id>.npy`` of any resolution.
        batch_size: how many images pass through the model at a time.
        class_map: which class of the model a class of the data set is; see `match_labels`.
        max_box_acc: whether to score MaxBoxAcc as well, which takes longer than all the rest.
        progress: called with how many images are done, and how many there are.

    Raises:
        LimelightError: what does not fit, in one sentence.
    """
    settings = Settings(
        methods=tuple(methods),
        target=target,
        thresholds=thresholds,
        normalizer=normalizer,
        refine=refine,
        layer=layer,
        options=options or {},
        maps={name: Path(folder) for name, folder in (maps or {}).items()},
        class_map=class_map,
        metrics=chosen_metrics(max_box_acc),
        batch_size=batch_size,
    )
    evaluator = make_evaluator(classifier, dataset, settings)
    rows = []
    for row in evaluator.rows(dataset, range(len(dataset))):
        rows.append(row)
        if progress is not None:
            progress(len(rows), len(dataset))
    return Evaluation(
        data=dataset.name,
        rows=rows,
        methods=settings.names,
        cuts=evaluator.cuts,
        layers=evaluator.explaining.layers,
        target=target,
        metrics=settings.metrics,
        class_names=None if classifier is None else classifier.class_names,
        label_names=dataset.class_names,
        settings=configuration_of(evaluator, classifier, dataset, settings)
        | {"versions": versions()},
        dataset=dataset,
        folders=settings.maps,
    )


def chosen_metrics(max_box_acc: bool) -> tuple[str, ...]:
    """The names of all scorers of maps, or of those that are quick."""
    return tuple(
        name
        for name, scorer in scorers().items()
        if not scorer.measured and (max_box_acc or not scorer.slow)
    )


def make_evaluator(
    classifier: Classifier | None, dataset: Dataset, settings: Settings
) -> Evaluator:
    """What evaluates one image of the data set after another.

    Raises:
        LimelightError: what does not fit, in one sentence.
    """
    from limelight.metrics import BASELINES

    if len(set(settings.names)) < len(settings.names):
        raise MethodError(
            f"methods and folders of maps need names of their own: {list(settings.names)}"
        )
    cuts = cuts_by_name(
        settings.thresholds, settings.normalizer, settings.names, tuple(BASELINES), settings.refine
    )
    guided = any(cut.refine is not None for cut in cuts.values())
    explaining = _explaining(classifier, dataset, settings, guided)
    return Evaluator(explaining, cuts, settings.metrics)


def _explaining(
    classifier: Classifier | None, dataset: Dataset, settings: Settings, guided: bool
) -> Explaining:
    from limelight.explainer import Explainer
    from limelight.runs.benching import Measuring

    explainer: Explainer | Measuring | None = None
    measured = {
        name: scorer.make()
        for name, scorer in scorers().items()
        if scorer.measured and name in settings.metrics
    }
    if classifier is not None and measured:
        explainer = Measuring(classifier, settings, measured, len(dataset))
    elif classifier is not None and settings.methods:
        explainer = Explainer(
            classifier, list(settings.methods), settings.layer, options=settings.options
        )
    elif settings.methods:
        raise MethodError(f"{', '.join(settings.methods)}: a model is needed to make their maps")
    needed = settings.target == "true"
    labels = match_labels(dataset, classifier, settings.class_map, needed=needed)
    return Explaining(
        explainer, labels, settings.target, settings.batch_size, settings.maps, guided
    )


def tune_methods(
    classifier: Classifier,
    dataset: Dataset,
    methods: Sequence[str],
    *,
    target: str = "true",
    goal: str = "iou",
    normalizers: Sequence[str] = ("max",),
    refine: str | None = None,
    layer: Any = None,
    options: Mapping[str, Any] | None = None,
    batch_size: int = 32,
    class_map: ClassMap | None = None,
    progress: Progress | None = None,
) -> dict[str, Threshold]:
    """The best threshold of each method on a validation split, from one pass over it.

    Args:
        classifier, dataset, methods, target, layer, options, batch_size, class_map, progress: as
            for `evaluate_methods`.
        goal: "iou" (the mean IoU) or "accuracy" (the share of images with IoU ≥ 0.5).
        normalizers: names from `limelight.localization.NORMALIZERS`, to be compared.
        refine: of the maps, as for `evaluate_methods`; it is kept with the thresholds.

    Returns:
        By method, and for the baseline "centre-box".

    Raises:
        LimelightError: what does not fit, in one sentence; no image with a true box is among it.
    """
    from limelight.localization import Tuner, find_refinement
    from limelight.runs.baselines import CENTRE, tune_centre

    explaining = _explaining(
        classifier,
        dataset,
        Settings(
            tuple(methods), target, layer=layer, options=options or {}, class_map=class_map,
            batch_size=batch_size,
        ),
        guided=refine is not None,
    )  # fmt: skip
    if refine is not None:
        find_refinement(refine)
    tuners = {name: Tuner(normalizers, goal=goal) for name in methods}
    sizes: list[Size] = []
    boxes: list[np.ndarray] = []
    data = dataset.name if dataset.split is None else f"{dataset.name} ({dataset.split})"
    for done, explained in enumerate(explaining(dataset, range(len(dataset))), 1):
        if explained.frame is not None and explained.boxes is not None and not explained.error:
            for name, values in explained.maps.items():
                shown = refined(values, refine, explained.guides[name])
                tuners[name].update([shown], [explained.boxes], [explained.frame])
            sizes.append(explained.frame.original_size)
            boxes.append(explained.boxes)
        if progress is not None:
            progress(done, len(dataset))
    found = {name: replace(tuner.result(data), refine=refine) for name, tuner in tuners.items()}
    centre = tune_centre(sizes, boxes, goal, data)
    return found if centre is None else {**found, CENTRE: centre}
