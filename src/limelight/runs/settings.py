"""What a run is asked for, in one object that travels to whoever works on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limelight.runs.cuts import Thresholds
    from limelight.runs.labels import ClassMap


@dataclass(frozen=True)
class Settings:
    """How the images of a data set are explained and scored.

    Attributes:
        methods: names from `limelight.list_methods()`.
        target: "true" explains the class that the data set gives an image, "predicted" the one
            that the model gives it.
        thresholds: a fraction of the map's maximum, a tuned `Threshold`, or one of them by method;
            None: each method's own.
        normalizer: of the maps where a threshold is a plain number.
        refine: of the maps, likewise: a refiner and its options, or None.
        layer: as for `limelight.explain`; one layer.
        options: of the methods.
        maps: by name, folders of maps made elsewhere.
        class_map: which class of the model a class of the data set is; see `match_labels`.
        metrics: names of the `scorers` that are wanted beside the boxes.
        asked_again: of how many images, evenly spread, a benchmark has the metrics for which the
            model is asked again; None: of all.
        spared: by metric, the methods that do without it.
        batch_size: how many images pass through the model at a time; None: found by itself.
    """

    methods: tuple[str, ...]
    target: str = "true"
    thresholds: Thresholds = None
    normalizer: str = "max"
    refine: str | None = None
    layer: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    maps: Mapping[str, Path] = field(default_factory=dict)
    class_map: ClassMap | None = None
    metrics: tuple[str, ...] = ()
    batch_size: int | None = None
    asked_again: int | None = None
    spared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Methods and folders of maps: whatever has maps."""
        return (*self.methods, *self.maps)

    @property
    def columns(self) -> tuple[str, ...]:
        """All that have columns in the rows: with metrics, the baselines too."""
        from limelight.metrics import BASELINES

        return tuple(dict.fromkeys((*self.names, *(BASELINES if self.metrics else ()))))


@dataclass(frozen=True)
class Cluster:
    """Where and how widely the Ray engine works.

    Attributes:
        address: of a cluster that is there ("auto", "head:6379"); None: one is started on
            this machine for as long as the run lasts, or the one that this process is connected to.
        workers: processes with a model each; None: as many as fit.
        gpus: GPUs of each worker, 0.5 for two workers on one; None: one where the cluster has any.
        cpus: processors of each worker.
    """

    address: str | None = None
    workers: int | None = None
    gpus: float | None = None
    cpus: float = 1.0
