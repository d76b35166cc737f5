"""The Ray engine: the same shards on the processors and GPUs of one machine or many.

What travels is the model, once, and a row of three numbers for each shard; images are read, and
parts written, where the work is done. So data and run must lie at the same paths everywhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.errors import LimelightError, RunError, require
from limelight.runs.configuration import describe_data
from limelight.runs.device import on_best_device
from limelight.runs.folder import Division, RunFolder
from limelight.runs.front import make_evaluator
from limelight.runs.job import Count, Job, Progress
from limelight.runs.settings import Cluster, Settings
from limelight.runs.shards import Shard, plan

if TYPE_CHECKING:
    from limelight.data import Dataset
    from limelight.models import Classifier


@dataclass(frozen=True)
class Order:
    """What a worker is sent.

    Attributes:
        classifier: the model; None where all maps are made elsewhere.
        dataset: the data set itself where it is not opened from a path.
        settings: of the run.
        out: the run's folder.
        source: what the data set is opened from; None: `dataset` travels.
        split: of the data set, where it is opened.
        data: what the data set must be, as `describe_data` describes it.
    """

    classifier: Classifier | None
    dataset: Dataset | None
    settings: Settings
    out: Path
    source: str | None
    split: str | None = None
    data: dict[str, Any] | None = None

    def by_path(self) -> Order:
        """The same with whole paths, and that of the data set instead of its entries."""
        settings = self.settings
        folders = {name: folder.resolve() for name, folder in settings.maps.items()}
        classes = settings.class_map
        if isinstance(classes, str | Path):
            classes = Path(classes).resolve()
        order = replace(self, settings=replace(settings, maps=folders, class_map=classes))
        if self.source is None or self.dataset is None:
            return order
        data = describe_data(self.dataset)
        return replace(order, dataset=None, split=self.dataset.split, data=data)

    def open_data(self) -> Dataset:
        """The data set, as the caller has it.

        Raises:
            RunError: what lies at its path is something else here.
            DatasetError: there is nothing.
        """
        from limelight.data import open as open_dataset

        if self.dataset is not None:
            return self.dataset
        opened = open_dataset(self.source, split=self.split, strict=False)
        if describe_data(opened) != self.data:
            raise RunError(
                f"{self.source} is not the same data set on the machine of a worker as where the "
                "run was started; all of them must see the same files"
            )
        return opened


class Worker:
    """One model in one process; does one shard after another.

    Args:
        sent: the reference of an `Order` in Ray's store, in a list, since Ray would resolve a bare
            one only in some places.
    """

    def __init__(self, sent: list[Any]) -> None:
        import ray

        order: Order = ray.get(sent[0])
        dataset = order.open_data()
        evaluator = make_evaluator(order.classifier, dataset, order.settings)
        # The process ends with its work, so that the model need not be moved back.
        self._device = ExitStack()
        self._device.enter_context(on_best_device(order.classifier))
        self._job = Job(evaluator, dataset, RunFolder(order.out), order.settings.columns)

    def divide(self, workers: int) -> Division:
        """See `Job.divide`."""
        return self._job.divide(workers=workers)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Do the shard of a row, and return the row."""
        self._job.divide()  # which is known by now: the batch size comes from there
        self._job.do(Shard(int(row["number"]), int(row["start"]), int(row["stop"])))
        return row


def run_on_ray(order: Order, cluster: Cluster, progress: Progress | None) -> None:
    """Do the shards that are not done yet, one row of a Ray data set each.

    Raises:
        MissingExtra: Ray is not installed.
        RunError: the cluster cannot be reached, or a worker failed for good.
        LimelightError: what a worker found that does not fit.
    """
    assert order.dataset is not None
    total = len(order.dataset)
    if not total:
        return
    ray = require("ray", "ray", "runs on a cluster")
    with _connected(ray, cluster), _explained(ray):
        gpus = cluster.gpus
        if gpus is None:
            gpus = 1.0 if ray.cluster_resources().get("GPU", 0) else 0.0
        resources = {"num_cpus": cluster.cpus, "num_gpus": gpus}
        sent = [ray.put(order.by_path())]
        folder, count = RunFolder(order.out), Count(total, progress)
        workers = cluster.workers or _fitting(ray, resources)
        division = folder.division()
        if division is None:
            first = ray.remote(**resources)(Worker).remote(sent)
            division = ray.get(first.divide.remote(workers))
            ray.kill(first)
        shards = list(plan(total, division.first, division.others))
        waiting = [shard for shard in shards if not folder.has(shard.number)]
        if len(waiting) < len(shards):
            count.add(total - sum(s.stop - s.start for s in waiting))
        if waiting:
            for row in _done(ray, sent, waiting, min(workers, len(waiting)), resources):
                for _ in range(row["stop"] - row["start"]):
                    count.one()


def _done(
    ray: Any, sent: list[Any], shards: Sequence[Shard], workers: int, resources: dict[str, float]
) -> Iterator[dict[str, Any]]:
    """Each shard as a row, when it is done."""
    import logging

    from ray.data import ActorPoolStrategy, DataContext

    logging.getLogger("ray.data").setLevel(logging.ERROR)  # progress is told by who called
    context = DataContext.get_current()
    context.enable_progress_bars = False
    rows = [{"number": s.number, "start": s.start, "stop": s.stop} for s in shards]
    data = ray.data.from_items(rows, override_num_blocks=len(rows))
    mapped = data.map(
        Worker,
        fn_constructor_args=(sent,),
        compute=ActorPoolStrategy(
            size=workers,
            max_tasks_in_flight_per_actor=2,  # the next one waits, no more are taken from others
        ),
        **resources,
    )
    yield from mapped.iter_rows()


def _fitting(ray: Any, resources: dict[str, float]) -> int:
    """How many workers the cluster has room for, at least one."""
    known = ray.cluster_resources()
    rooms = [known.get("CPU", 1) / resources["num_cpus"]] if resources["num_cpus"] else []
    if resources["num_gpus"]:
        rooms.append(known.get("GPU", 0) / resources["num_gpus"])
    return max(1, int(min(rooms, default=1)))


def check_reachable(address: str | None) -> None:
    """Whether anybody listens at a host and port; Ray itself would ask for minutes.

    Raises:
        RunError: nobody does.
    """
    import socket

    host, colon, port = (address or "").rpartition("://")[2].rpartition(":")
    if not colon or not port.isdecimal():
        return  # "auto", or a Ray of this machine's own
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise RunError(
            f"no Ray could be reached at {address}: {error}; expected the address that `ray start "
            '--head` printed, or "auto" on one of the cluster\'s machines'
        ) from error


@contextmanager
def _connected(ray: Any, cluster: Cluster) -> Iterator[None]:
    """Connected to the cluster; what was started here ends here."""
    if ray.is_initialized():
        yield
        return
    import logging

    variables = {
        name: os.environ[name] for name in ("KERAS_BACKEND", "KERAS_HOME") if name in os.environ
    }
    if "keras" in sys.modules:  # chosen in a file or by the program
        variables["KERAS_BACKEND"] = sys.modules["keras"].backend.backend()
    options: dict[str, Any] = {} if cluster.address else {"include_dashboard": False}
    check_reachable(cluster.address)
    try:
        ray.init(
            address=cluster.address,
            runtime_env={"env_vars": variables},
            logging_level=logging.ERROR,
            log_to_driver=False,
            **options,
        )
    except (ConnectionError, OSError, ValueError, RuntimeError) as error:
        raise RunError(f"no Ray could be reached at {cluster.address}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _explained(ray: Any) -> Iterator[None]:
    """Turn what Ray raises into what a worker had to say, or one sentence."""
    try:
        yield
    except ray.exceptions.RayError as error:
        cause: BaseException | None = error
        while cause is not None:
            found = getattr(cause, "cause", None)
            for each in (cause, found):
                if isinstance(each, LimelightError):
                    raise type(each)(str(each).splitlines()[-1]) from error
            cause = found if isinstance(found, BaseException) else cause.__cause__
        raise RunError(f"a worker of Ray failed: {str(error).strip().splitlines()[-1]}") from error
