"""Evaluations that are kept in a folder: a run, and the figures made of its rows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.errors import RunError
from limelight.runs.cuts import Cut
from limelight.runs.evaluation import Evaluation
from limelight.runs.folder import METRICS, RunFolder
from limelight.runs.front import chosen_metrics
from limelight.runs.job import Progress
from limelight.runs.parts import StoredMaps
from limelight.runs.running import run_in_folder
from limelight.runs.settings import Cluster, Settings
from limelight.runs.state import status
from limelight.runs.store import read_rows

if TYPE_CHECKING:
    from limelight.data import Dataset
    from limelight.models import Classifier
    from limelight.runs.cuts import Thresholds
    from limelight.runs.labels import ClassMap


def evaluate_in_folder(
    classifier: Classifier | None,
    dataset: Dataset,
    methods: Sequence[str],
    out: str | os.PathLike[str],
    *,
    source: str | Path | None = None,
    target: str = "true",
    thresholds: Thresholds = None,
    normalizer: str = "max",
    refine: str | None = None,
    layer: Any = None,
    options: Mapping[str, Any] | None = None,
    maps: Mapping[str, Path] | None = None,
    batch_size: int | None = None,
    class_map: ClassMap | None = None,
    max_box_acc: bool = True,
    metrics: Sequence[str] | None = None,
    asked_again: int | None = None,
    spared: Mapping[str, tuple[str, ...]] | None = None,
    engine: str = "local",
    cluster: Cluster | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """As `evaluate_methods`, kept in the folder `out`; a call that was interrupted is resumed.

    What was done before counts as done for `progress`. `source` is what the data set was opened
    from, so that `open_run` finds its images. `metrics` are names of `scorers`, in the place of
    those that `max_box_acc` chooses; `asked_again` and `spared` are those of `Settings`.
    `batch_size` None is found by itself; `engine` and `cluster` are those of `limelight.run`.

    Raises:
        RunError: the folder holds a run of another configuration or other versions (what differs is
            named), or cannot be written.
        MissingExtra: pyarrow, or Ray where it is wanted, is not installed.
        LimelightError: as `evaluate_methods`.
    """
    settings = Settings(
        methods=tuple(methods),
        target=target,
        thresholds=thresholds,
        normalizer=normalizer,
        refine=refine,
        layer=layer,
        options=options or {},
        maps=maps or {},
        class_map=class_map,
        metrics=chosen_metrics(max_box_acc) if metrics is None else tuple(metrics),
        batch_size=batch_size,
        asked_again=asked_again,
        spared=spared or {},
    )
    folder = run_in_folder(
        classifier, dataset, settings, out,
        source=source, engine=engine, cluster=cluster, progress=progress,
    )  # fmt: skip
    evaluation = open_run(out, dataset)
    folder.write_text(METRICS, evaluation.to_json(rows=False) + "\n")
    return evaluation


def open_run(path: str | os.PathLike[str], dataset: Dataset | None = None) -> Evaluation:
    """The evaluation that is kept in a folder; of a run that is not finished, what is done.

    Args:
        path: the folder.
        dataset: to read images from; None: it is opened again where the run knows from what.

    Raises:
        RunError: there is no run, it has no shard yet, or a file of it is damaged.
        DatasetError: the data set is no longer there.
    """
    from limelight.data import open as open_dataset
    from limelight.metrics import BASELINES

    folder, state = RunFolder(path), status(path)
    content = folder.config()
    assert content is not None  # or `status` had said so
    configuration, about = content["configuration"], content["about"]
    if not state.parts:
        raise RunError(f"{path} holds a run of which nothing is done yet")
    data = configuration["data"]
    if dataset is None and about["source"] is not None:
        dataset = open_dataset(about["source"], split=data["split"], strict=False)
    cuts = {name: Cut(**cut) for name, cut in configuration["cuts"].items()}
    methods = (*configuration["methods"], *configuration["maps"])
    columns = [*methods, *(BASELINES if configuration["metrics"] else ())]
    return Evaluation(
        data=data["name"],
        rows=[
            row for number in state.parts for row in read_rows(folder.part("rows", number), columns)
        ],
        methods=methods,
        cuts=cuts,
        layers=state.layers,
        target=configuration["target"],
        metrics=tuple(configuration["metrics"]),
        class_names=about["class_names"],
        label_names=about["label_names"],
        settings={**configuration, "versions": content["versions"], "hash": content["hash"]},
        dataset=dataset,
        folders={name: Path(at) for name, at in configuration["maps"].items()},
        stored=StoredMaps(folder, state.parts),
    )
