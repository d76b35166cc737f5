"""Runs: every image of a data set explained, kept in a folder, resumed where interrupted."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.errors import RunError, did_you_mean
from limelight.runs.configuration import absolute, configuration_of, versions
from limelight.runs.device import on_best_device
from limelight.runs.explaining import readable
from limelight.runs.folder import RunFolder
from limelight.runs.front import make_evaluator
from limelight.runs.job import Job, Progress, run_here
from limelight.runs.settings import Cluster, Settings
from limelight.runs.store import pyarrow, read_errors

if TYPE_CHECKING:
    from limelight.data import Dataset
    from limelight.models import Classifier
    from limelight.runs.cuts import Thresholds
    from limelight.runs.labels import ClassMap
    from limelight.runs.opened import Run

ENGINES = ("local", "ray")


def run(
    model: Any,
    dataset: Any,
    methods: str | Sequence[str] = "gradcam",
    *,
    out: str | os.PathLike[str],
    split: str | None = None,
    source: str | Path | None = None,
    target: str = "predicted",
    thresholds: Thresholds = None,
    normalizer: str = "max",
    refine: str | None = None,
    layer: Any = None,
    options: Mapping[str, Any] | None = None,
    batch_size: int | None = None,
    class_map: ClassMap | None = None,
    engine: str = "local",
    cluster: Cluster | None = None,
    progress: Progress | None = None,
) -> Run:
    """Explain every image of a data set and keep maps, scores and boxes in a folder.

    The same call goes on where it was interrupted. An image that cannot be read or explained
    becomes a row with its error.

    Args:
        model: a `Classifier`, or what `limelight.load` loads without being told more.
        dataset: what `limelight.data.open` opens, a folder of images among it.
        methods: a name from `limelight.list_methods()`, or several.
        out: the folder of the run.
        split: of the data set.
        source: what an opened `dataset` was opened from, so that others can open it too.
        target: "predicted" explains the class that the model gives an image, "true" the one that
            the data set gives it.
        thresholds, normalizer, refine: of the boxes, as for `limelight.evaluate`.
        layer, options: as for `limelight.explain`; one layer.
        batch_size: how many images pass through the model at a time; None: found by itself.
        class_map: which class of the model a class of the data set is.
        engine: "local", or "ray" for the processors and GPUs of many machines.
        cluster: of the Ray engine.
        progress: called with how many images are done, and how many there are.

    Returns:
        The run, opened; see `limelight.runs.open`.

    Raises:
        RunError: the folder holds a run of another configuration or other versions (what differs is
            named), or cannot be written.
        MissingExtra: pyarrow, or Ray where it is wanted, is not installed.
        LimelightError: what does not fit, in one sentence.

    Example:
        >>> kept = run(classifier, dataset, ["gradcam", "layercam"], out="RUN")
        >>> kept, kept.errors
        (<Run RUN: 4 images, gradcam, layercam>, [])
        >>> kept.maps("0", "layercam")
        Maps(1 × 4 × 4, method='layercam', layer='block5.relu')
    """
    from limelight.data import open as open_dataset
    from limelight.models import Classifier, load
    from limelight.runs.opened import Run

    settings = Settings(
        methods=(methods,) if isinstance(methods, str) else tuple(methods),
        target=target,
        thresholds=thresholds,
        normalizer=normalizer,
        refine=refine,
        layer=layer,
        options=options or {},
        class_map=class_map,
        batch_size=batch_size,
    )
    classifier = model if isinstance(model, Classifier) else load(model)
    opened = open_dataset(dataset, split=split, strict=False)
    known = dataset if isinstance(dataset, str | Path) else source
    run_in_folder(
        classifier, opened, settings, out,
        source=known, engine=engine, cluster=cluster, progress=progress,
    )  # fmt: skip
    return Run(out)


def run_in_folder(
    classifier: Classifier | None,
    dataset: Dataset,
    settings: Settings,
    out: str | os.PathLike[str],
    *,
    source: str | Path | None,
    engine: str,
    cluster: Cluster | None,
    progress: Progress | None,
) -> RunFolder:
    """Do all shards that are not done yet, by either engine, and list what went wrong.

    Raises:
        LimelightError: as `run`.
    """
    pyarrow()
    if engine not in ENGINES:
        raise RunError(
            f"there is no engine {engine!r}"
            + (did_you_mean(engine, ENGINES) or f"; there are {' and '.join(ENGINES)}")
        )
    if engine != "ray" and cluster not in (None, Cluster()):
        raise RunError(
            "an address, workers and gpus are those of Ray; give engine='ray' (--engine ray) with "
            f"them, or leave them out: {cluster}"
        )
    folder = RunFolder(out)
    evaluator = make_evaluator(classifier, dataset, settings)
    configuration = configuration_of(evaluator, classifier, dataset, settings)
    where = absolute(source)
    about = {
        "source": where,
        "class_names": None if classifier is None else classifier.class_names,
        "label_names": dataset.class_names,
    }
    folder.begin(configuration, versions(), about)
    if engine == "ray":
        from limelight.runs.ray_engine import Order, run_on_ray

        order = Order(classifier, dataset, settings, folder.path.resolve(), where)
        run_on_ray(order, cluster or Cluster(), progress)
    else:
        with on_best_device(classifier):
            run_here(Job(evaluator, dataset, folder, settings.columns), progress)
    folder.tidy()
    folder.write_errors(
        [(None, readable(problem.file), readable(str(problem))) for problem in dataset.problems]
        + [each for number in folder.numbers() for each in read_errors(folder.part("rows", number))]
    )
    return folder
