"""The maps of every image of a data set, by all methods from one pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from limelight.errors import ImageError, MethodError, ModelError, TargetError, did_you_mean
from limelight.frames import Frame
from limelight.runs.labels import Labels
from limelight.runs.made_elsewhere import read_map
from limelight.runs.memory import out_of_memory, release
from limelight.runs.reading import Loaded, batches

if TYPE_CHECKING:
    import numpy as np

    from limelight.data import Dataset, Example
    from limelight.explainer import Explainer
    from limelight.maps import Maps
    from limelight.runs.benching import Measured, Measuring

TARGETS = {
    "true": "the class that the data set gives the image",
    "predicted": "the class that the model gives it",
}
_TOP = 5


@dataclass(frozen=True, eq=False)
class Explained:
    """One image with its maps.

    Attributes:
        index: its position in the data set.
        id: its name in the data set; its position where even that cannot be read.
        error: why there are no maps; then nothing below is known but the label.
        label: its class as the data set numbers it, truth: as the model does; None where unknown.
        target: the class explained.
        top: the model's best classes, best first; top_scores: of each, before the softmax;
            probability: of the first.
        target_score: of the target, before the softmax.
        boxes: (n, 4) the true boxes of the class, in pixels of the original image.
        frame: where the model's input lies in the original image.
        maps: by method, and by folder of maps: (h, w) raw.
        diagnoses: by method, why its map is empty or means nothing; None where nothing is wrong.
        stretched: by folder of maps, the frame that stretches its map over the image.
        measured: by method and metric, the row of what a benchmark has asked the model again.
        guide: what the model has seen of the image, (h, w, 3) uint8, to refine its maps with; None
            where that is not wanted. guide_of_whole: the whole image, for maps stretched over it.
    """

    index: int
    id: str
    error: str | None = None
    label: int | None = None
    truth: int | None = None
    target: int | None = None
    top: tuple[int, ...] = ()
    top_scores: tuple[float, ...] = ()
    target_score: float | None = None
    probability: float | None = None
    boxes: np.ndarray | None = None
    frame: Frame | None = None
    maps: Mapping[str, np.ndarray] = field(default_factory=dict)
    diagnoses: Mapping[str, str | None] = field(default_factory=dict)
    stretched: Mapping[str, Frame] = field(default_factory=dict)
    measured: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    guide: np.ndarray | None = None
    guide_of_whole: np.ndarray | None = None

    @property
    def guides(self) -> Mapping[str, np.ndarray | None]:
        """By method, and by folder of maps, the image that its map is refined with."""
        return {
            name: self.guide_of_whole if name in self.stretched else self.guide
            for name in self.maps
        }


@dataclass
class Explaining:
    """A model and methods, to explain images of a data set.

    Attributes:
        explainer: of a list of methods and one layer, with a classifier; None where all maps are
            made elsewhere. That of a benchmark measures the maps too.
        labels: from the data set's classes to the model's.
        target: a name from `TARGETS`.
        batch_size: how many images pass through the model at a time; None: 32. Where memory is too
            small for so many, smaller batches are used from there on.
        folders: by name, the folder of maps made elsewhere.
        guided: whether images come with what their maps are refined with.
    """

    explainer: Explainer | Measuring | None
    labels: Labels
    target: str = "true"
    batch_size: int | None = None
    folders: Mapping[str, Path] = field(default_factory=dict)
    guided: bool = False

    def __post_init__(self) -> None:
        if self.target not in TARGETS:
            near = did_you_mean(str(self.target), TARGETS)
            words = "; ".join(f"{name!r}: {about}" for name, about in TARGETS.items())
            raise TargetError(f"target={self.target!r} is not known{near} ({words})")
        if self.batch_size is not None and self.batch_size < 1:
            raise ImageError(f"batch_size={self.batch_size}: at least one image passes at a time")
        if self.explainer is None and not self.folders:
            raise MethodError("neither a method nor a folder of maps was given")
        for folder in self.folders.values():
            if not folder.is_dir():
                raise MethodError(f"there is no folder {folder} of maps")
            if next(folder.rglob("*.npy"), None) is None:
                raise MethodError(
                    f"the folder of maps {folder} holds no .npy file; expected one for each image, "
                    "named by its id in the data set: cat/1.npy for cat/1.jpg"
                )
        #: By method, the layer that was explained; known after the first image.
        self.layers: dict[str, str] = {}
        self._activation: str | None = None
        self._most: int | None = None  # images that memory is large enough for; None: not known

    def __call__(self, dataset: Dataset, indices: Sequence[int]) -> Iterator[Explained]:
        """Each image at `indices`, in their order; what is wrong with one is its `error`.

        Raises:
            LimelightError: the model or a method does not work at all.
        """
        classifier = None if self.explainer is None else self.explainer.classifier
        for batch in batches(dataset, indices, classifier, self.batch_size or 32, self.guided):
            known = [self._known(loaded) for loaded in batch]
            arrays = {loaded.index: loaded.array for loaded in batch}
            usable = [each for each in known if each.error is None]
            done = {each.index: each for each in self._explain(usable, arrays)}
            for each in known:
                yield self._with_folders(done.get(each.index, each))

    def _known(self, loaded: Loaded) -> Explained:
        """What is known of an image before the model has seen it."""
        example, error = loaded.example, loaded.error and readable(loaded.error)
        if example is None:
            return Explained(loaded.index, str(loaded.index), error)
        truth = self.labels(example.label)
        known = Explained(
            loaded.index,
            readable(example.id),
            error,
            example.label,
            truth,
            frame=loaded.frame,
            guide=loaded.guide,
            guide_of_whole=loaded.guide_of_whole,
        )
        if error is not None:
            return known
        if self.target == "true" and self.explainer is not None and truth is None:
            return replace(known, error=readable(self._unlabelled(example)))
        return replace(known, boxes=true_boxes(example))

    def _unlabelled(self, example: Example) -> str:
        if example.label is None:
            return f"{example.id} has no class, or several: there is no true one to explain"
        return f"{example.id}: no class of the model is known for its class {example.label}"

    def _explain(
        self, batch: list[Explained], arrays: Mapping[int, np.ndarray | None]
    ) -> Iterator[Explained]:
        if not batch or self.explainer is None:
            return
        most = self._most or len(batch)
        if len(batch) > most:
            for start in range(0, len(batch), most):
                yield from self._explain(batch[start : start + most], arrays)
            return
        import numpy as np

        stacked = np.stack([np.asarray(arrays[each.index], np.float32) for each in batch])
        found = self._maps_of(
            stacked, [each.truth for each in batch], [each.index for each in batch]
        )
        if not isinstance(found, str):
            yield from self._taken_apart(batch, *found, stacked)
        elif len(batch) == 1:
            yield replace(batch[0], error=found)
        elif self._most is not None and self._most < len(batch):
            yield from self._explain(batch, arrays)
        else:
            for each in batch:  # one of them is at fault: by itself it harms no other
                yield from self._explain([each], arrays)

    def _maps_of(
        self, images: np.ndarray, truth: Sequence[int | None], indices: Sequence[int]
    ) -> tuple[dict[str, Maps], list[Measured]] | str:
        """By method, the maps of a batch, and what was measured; a sentence where there are none.

        Where memory was too small, `_most` is smaller afterwards.
        """
        from limelight.runs.benching import Measuring

        assert self.explainer is not None
        target = list(truth) if self.target == "true" else None
        try:
            found: dict[str, Maps] = self.explainer(images, target, batch_size=len(images))
            measured: list[Measured] = [{} for _ in images]
            if isinstance(self.explainer, Measuring):
                measured = self.explainer.measure(images, found, indices)
        except Exception as error:
            if out_of_memory(error):
                self._most = max(1, len(images) // 2)
                reason = f"memory is too small for {len(images)} image(s) at a time"
            elif isinstance(error, ImageError | ModelError):
                return str(error)
            else:
                raise
        else:
            self.layers = {name: maps.layer for name, maps in found.items()}
            return found, measured
        release()  # only now is nothing of the failed call held any more
        return reason

    def _taken_apart(
        self,
        batch: list[Explained],
        found: dict[str, Maps],
        measured: list[Measured],
        arrays: np.ndarray,
    ) -> Iterator[Explained]:
        import numpy as np

        from limelight.arrays import to_numpy
        from limelight.scores import probabilities

        first = next(iter(found.values()))
        scores, target = to_numpy(first.scores).astype(np.float32), to_numpy(first.target)
        p = probabilities(np, scores, self._activation_of(arrays))
        maps = {name: each.numpy() for name, each in found.items()}
        diagnoses = {name: each.diagnosis for name, each in found.items()}
        for i, each in enumerate(batch):
            top = np.argsort(-scores[i], kind="stable")[:_TOP]
            yield replace(
                each,
                target=int(target[i]),
                top=tuple(int(c) for c in top),
                top_scores=tuple(float(scores[i, c]) for c in top),
                target_score=float(scores[i, target[i]]),
                probability=float(p[i, top[0]]),
                maps={name: values[i] for name, values in maps.items()},
                measured=measured[i],
                diagnoses={name: said[i] for name, said in diagnoses.items()},
            )

    def _activation_of(self, arrays: np.ndarray) -> str:
        """What makes probabilities of the scores: what the model ends in, or its classifier."""
        if self._activation is None:
            assert self.explainer is not None and self.explainer.classifier is not None
            probe = self.explainer.probe
            own = probe.activation(probe.prepare(arrays[:1]))
            self._activation = own or self.explainer.classifier.activation
        return self._activation

    def _with_folders(self, explained: Explained) -> Explained:
        """The same with the maps made elsewhere."""
        if explained.error is not None or explained.frame is None:
            return explained
        maps, frames = dict(explained.maps), {}
        for name, folder in self.folders.items():
            try:
                maps[name], frames[name] = read_map(
                    folder, explained.id, explained.frame.original_size
                )
            except ImageError as error:
                return replace(explained, error=readable(str(error)))
        return replace(explained, maps=maps, stretched=frames)


def readable(text: str) -> str:
    """The text with an escape for each byte of a file's name that is no UTF-8."""
    raw = text.encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "backslashreplace")


def true_boxes(example: Example) -> np.ndarray:
    """The true boxes (n, 4) of an image's class; all of them where boxes have no class."""
    if example.box_labels is None or example.label is None:
        return example.boxes
    return example.boxes[example.box_labels == example.label]
