"""Evaluations that are kept in a folder: resumed where they were interrupted, opened again."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.errors import RunError
from limelight.runs.configuration import absolute, configuration_of, versions
from limelight.runs.cuts import Cut
from limelight.runs.evaluating import Evaluator
from limelight.runs.evaluation import Evaluation
from limelight.runs.folder import METRICS, REPORT, RunFolder
from limelight.runs.front import Progress, make_evaluator
from limelight.runs.shards import Shard, plan, run_shard, shard_size
from limelight.runs.store import StoredMaps, pyarrow, read_info, read_rows

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
    thresholds: Thresholds = 0.2,
    normalizer: str = "max",
    layer: Any = None,
    options: Mapping[str, Any] | None = None,
    maps: Mapping[str, Path] | None = None,
    batch_size: int = 32,
    class_map: ClassMap | None = None,
    max_box_acc: bool = True,
    progress: Progress | None = None,
) -> Evaluation:
    """As `evaluate_methods`, kept in the folder `out`; a call that was interrupted is resumed.

    What was done before counts as done for `progress`. `source` is what the data set was opened
    from, so that `open_run` finds its images.

    Raises:
        RunError: the folder holds a run of another configuration (the keys that differ are named),
            or cannot be written.
        MissingExtra: pyarrow is not installed.
        LimelightError: as `evaluate_methods`.
    """
    pyarrow()
    evaluator = make_evaluator(
        classifier, dataset, methods, target, thresholds, normalizer, layer, options, maps,
        batch_size, class_map, max_box_acc,
    )  # fmt: skip
    configuration = configuration_of(evaluator, classifier, dataset, methods, options, layer)
    about = {
        "source": absolute(source),
        "class_names": None if classifier is None else classifier.class_names,
        "label_names": dataset.class_names,
    }
    folder = RunFolder(out)
    folder.begin(configuration, versions(), about)
    _run(folder, evaluator, dataset, batch_size, progress)
    folder.tidy()
    evaluation = open_run(out, dataset)
    folder.write_errors(
        [(None, problem.file, str(problem)) for problem in dataset.problems]
        + [(row.index, row.id, str(row.error)) for row in evaluation.errors]
    )
    folder.write_text(METRICS, evaluation.to_json(rows=False) + "\n")
    return evaluation


def _run(
    folder: RunFolder,
    evaluator: Evaluator,
    dataset: Dataset,
    batch_size: int,
    progress: Progress | None,
) -> None:
    """Do the shards that are not done yet, one after the other."""
    from limelight.metrics import BASELINES

    names = [*evaluator.cuts, *(name for name in BASELINES if name not in evaluator.cuts)]
    total, done = len(dataset), 0

    def each() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    fresh = None
    known = folder.shards()
    if known is None and total:
        folder.part("rows", 0).unlink(missing_ok=True)  # how long it took is not known
        fresh = Shard(0, 0, min(batch_size, total))
        start = time.perf_counter()
        run_shard(evaluator, dataset, fresh, folder, names, each)
        known = fresh.stop, shard_size(batch_size, time.perf_counter() - start)
        folder.keep_shards(*known)
    for shard in plan(total, *(known or (0, 0))):
        if not folder.has(shard.number):
            run_shard(evaluator, dataset, shard, folder, names, each)
        elif shard != fresh:
            done += shard.stop - shard.start
            if progress is not None:
                progress(done, total)


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
    columns = list(dict.fromkeys([*methods, *BASELINES]))
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
        stored=StoredMaps(
            {folder.part("maps", number): span for number, span in state.parts.items()}
        ),
    )


@dataclass(frozen=True)
class Status:
    """How far a run is.

    Attributes:
        images: of the data set.
        done: images in shards that are done.
        errors: images among them that could not be evaluated.
        parts: by number, each shard that is done: its first image, and the one after its last.
        layers: by method, the layer explained.
        finished: whether the figures are there too.
        report: whether the report is.
        content: what `config.json` holds.
    """

    images: int
    done: int
    errors: int
    parts: Mapping[int, tuple[int, int]]
    layers: Mapping[str, str]
    finished: bool
    report: bool
    content: Mapping[str, Any]


def status(path: str | os.PathLike[str]) -> Status:
    """How far the run in a folder is; quick, no row is read.

    Raises:
        RunError: the folder holds no run, or a file of it is damaged.
    """
    folder = RunFolder(path)
    content = folder.config()
    if content is None:
        raise RunError(f"{path} holds no run: it has no config.json")
    parts: dict[int, tuple[int, int]] = {}
    layers: dict[str, str] = {}
    errors = 0
    for number in folder.numbers():
        _, info = read_info(folder.part("rows", number))
        parts[number] = (info["start"], info["stop"])
        layers |= info["layers"]
        errors += info["errors"]
    return Status(
        images=content["configuration"]["data"]["images"],
        done=sum(stop - start for start, stop in parts.values()),
        errors=errors,
        parts=parts,
        layers=layers,
        finished=(folder.path / METRICS).is_file(),
        report=(folder.path / REPORT).is_file(),
        content=content,
    )
