"""What a benchmark measures of each image beside its boxes: faithfulness, sanity, cost."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.runs.memory import on_gpu

if TYPE_CHECKING:
    import numpy as np

    from limelight.explainer import Explainer
    from limelight.maps import Maps
    from limelight.metrics import Metric
    from limelight.runs.settings import Settings

STAGES = 4  # in which a model is randomized
BATCH = 4  # images at a time, where nobody says: a batch is the least that is lost to a kill
#: The keys of what is no metric's: what an image costs.
SECONDS, MEMORY = "seconds", "memory"

#: By method and metric, the row of an image.
Measured = dict[str, dict[str, "np.ndarray"]]


class Measuring:
    """Explains by each method on its own, and measures the maps.

    It stands in the place of the explainer of a run: `classifier`, `probe`, and a call that gives
    the maps by method.

    Args:
        model: a classifier.
        settings: of the run.
        metrics: by key, the metrics that ask the model again, and those of its randomization.
        images: how many there are in the data set.
    """

    def __init__(
        self, model: Any, settings: Settings, metrics: Mapping[str, Metric], images: int
    ) -> None:
        from limelight.explainer import Explainer

        self._make: Callable[[Any], Explainer] = lambda methods: Explainer(
            model,
            methods,
            settings.layer,
            options=_known(methods, settings.options),
        )
        self._explainers = {name: self._make(name) for name in settings.methods}
        first = next(iter(self._explainers.values()))
        self.classifier, self.probe = first.classifier, first.probe
        self._metrics, self._spared = metrics, settings.spared
        self._asked_again = evenly_spread(images, settings.asked_again)
        self._costs: dict[str, tuple[float, float | None]] = {}
        self._warm: set[tuple[int, ...]] = set()

    def __call__(self, images: Any, target: Any = None, batch_size: int = 32) -> dict[str, Maps]:
        """The maps of prepared images by method, each from a pass of its own, which is timed."""
        shape = tuple(images.shape)
        if shape not in self._warm:  # what is compiled for a shape is compiled once
            for explainer in self._explainers.values():
                explainer(images, target, batch_size=batch_size)
            self._warm.add(shape)
        found, self._costs = {}, {}
        for name, explainer in self._explainers.items():
            before = start_of_peak()
            start = time.perf_counter()
            maps: Maps = explainer(images, target, batch_size=batch_size)
            _finished(maps)
            self._costs[name] = (
                (time.perf_counter() - start) / len(images),
                None if before is None else max(peak_since() - before, 0) / 2**20,
            )
            found[name] = maps
        return found

    def measure(
        self, images: np.ndarray, found: Mapping[str, Maps], indices: Sequence[int]
    ) -> list[Measured]:
        """What is measured of each image of a batch whose maps were just made.

        `indices`: their positions in the data set.
        """
        import numpy as np

        measured: list[Measured] = [{name: {} for name in found} for _ in images]
        for name, (seconds, megabytes) in self._costs.items():
            for image in measured:
                image[name][SECONDS] = np.array([seconds])
                if megabytes is not None:
                    image[name][MEMORY] = np.array([megabytes])
        chosen = [i for i, index in enumerate(indices) if index in self._asked_again]
        if chosen:
            some = {name: _some(maps, chosen) for name, maps in found.items()}
            for i, rows in zip(chosen, self._ask_again(images[chosen], some), strict=True):
                for name, by_metric in rows.items():
                    measured[i][name] |= by_metric
        return measured

    def _ask_again(self, images: np.ndarray, found: Mapping[str, Maps]) -> list[Measured]:
        """The rows of all metrics of images whose maps were just made."""
        import numpy as np

        from limelight.arrays import to_numpy
        from limelight.explainer.faithfulness import faithfulness_rows, scores_of, shown
        from limelight.explainer.sanity import randomized_maps
        from limelight.metrics import SIMILARITIES, ModelRandomization

        explainer = next(iter(self._explainers.values()))
        batch = self.probe.prepare(images)
        classes = to_numpy(next(iter(found.values())).target).tolist()
        measured: list[Measured] = [{name: {} for name in found} for _ in images]
        asking = {k: m for k, m in self._metrics.items() if not isinstance(m, ModelRandomization)}
        scores = scores_of(explainer, batch, np.array(classes))

        def again(name: str, inputs: Any) -> Maps:
            maps: Maps = self._explainers[name](inputs, classes, batch_size=len(images))
            return maps

        rows = faithfulness_rows(
            explainer, scores, found, list(asking.values()), again, self._spared
        )
        for name, by_metric in rows.items():
            for key, each in by_metric.items():
                for image, row in zip(measured, each, strict=True):
                    if row is not None:
                        image[name][key] = row
        sane = {k: m for k, m in self._metrics.items() if isinstance(m, ModelRandomization)}
        if sane:

            def explain() -> dict[str, Maps]:
                anew = self._make(list(found))
                maps: dict[str, Maps] = anew(batch, classes, batch_size=len(images))
                return maps

            stages = randomized_maps(self.probe, batch, explain, stages=STAGES)
            for name, maps in found.items():
                before = shown(maps)
                after = [shown(each[name]) for each in stages.values()]
                for key, metric in sane.items():
                    compare = SIMILARITIES[metric.similarity]
                    for i, image in enumerate(measured):
                        alike = [compare(before[i], each[i]) for each in after]
                        image[name][key] = np.array(alike)
        return measured


def evenly_spread(count: int, some: int | None) -> frozenset[int]:
    """`some` of `count` positions, evenly spread; None, or more than there are: all."""
    if some is None or some >= count:
        return frozenset(range(count))
    return frozenset(k * count // some for k in range(some))


def _some(maps: Maps, chosen: Sequence[int]) -> Maps:
    from limelight.maps import concatenate

    if len(chosen) == len(maps):
        return maps
    return concatenate([maps[i] for i in chosen])


def _known(methods: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that one of the methods knows, and those under its name."""
    from limelight.methods import find_method

    names = [methods] if isinstance(methods, str) else methods
    known: set[str] = set(names).union(*(find_method(name).options for name in names))
    return {name: value for name, value in options.items() if name in known}


def usable_methods(
    model: Any, images: Any, methods: Sequence[str], options: Mapping[str, Any] | None = None
) -> list[str]:
    """The names of `methods`, "all" among them, that run on this model and these images.

    `random`, the floor of every comparison, is always one of them.

    Raises:
        LimelightError: a method that was named does not run.
    """
    from limelight.explainer import Explainer

    found = Explainer(model, list(methods), options=options)(images)
    return list(dict.fromkeys([*found, "random"]))


def _finished(maps: Maps) -> None:
    """Wait until the device has made the maps."""
    from limelight.arrays import to_numpy

    to_numpy(maps.values)


# -- memory -----------------------------------------------------------------------------------

_REFS, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def start_of_peak() -> int | None:
    """Bytes held now, from where the peak counts anew; None where that cannot be measured."""
    if on_gpu():
        cuda = sys.modules["torch"].cuda
        cuda.reset_peak_memory_stats()
        return int(cuda.memory_allocated())
    _give_back()
    try:
        _REFS.write_text("5", encoding="ascii")
        return _resident("VmRSS")
    except (OSError, KeyError):  # not Linux
        return None


def _give_back() -> None:
    """Have the C library return what it keeps, or what a method takes would not be seen."""
    import ctypes
    import gc

    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):  # another C library
        return


def peak_since() -> int:
    """The most bytes held since `start_of_peak`."""
    if on_gpu():
        return int(sys.modules["torch"].cuda.max_memory_allocated())
    return _resident("VmHWM")


def _resident(field: str) -> int:
    for line in _STATUS.read_text(encoding="utf-8").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(field)
