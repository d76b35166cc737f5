"""A model together with what it needs to be used on photographs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from limelight.errors import ImageError, ModelLoadError, TargetError, did_you_mean
from limelight.frames import Frame
from limelight.models.preprocess import Preprocess

if TYPE_CHECKING:
    import numpy as np

Framework = Literal["torch", "keras"]
Activation = Literal["softmax", "sigmoid"]


@dataclass(frozen=True, eq=False)
class Classifier:
    """A model, its preprocessing and the names of its classes.

    Attributes:
        model: the `torch.nn.Module`, in eval mode, or the Keras 3 model.
        preprocess: from a photograph to the model's input.
        class_names: one name per output, or None where they are not known.
        activation: what turns the model's scores before the last activation into probabilities;
            whether the model applies it itself is for the probe to find out.
        framework: "torch" or "keras" (a Keras model on its torch backend is "keras").
        source: the file, folder or id that it was loaded from, as it was given.
        arch: the registered architecture that a weights file was read into, where there is one.
        attributes: attributes of its modules that were set after building (`load`'s argument).
    """

    model: Any
    preprocess: Preprocess
    class_names: tuple[str, ...] | None = None
    activation: Activation = "softmax"
    framework: Framework = "torch"
    source: str = ""
    arch: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        kind = self.arch or type(self.model).__name__
        height, width = self.preprocess.size
        classes = "" if self.class_names is None else f", {len(self.class_names)} classes"
        return f"<Classifier {kind} ({self.framework}): images of {height} × {width}{classes}>"

    def prepare(self, images: Any) -> tuple[np.ndarray, list[Frame]]:
        """What the model takes: a float32 batch in the model's own layout, and one frame an image.

        `images` is one image or several, each as `limelight.images.read` takes it; a uint8 array
        (N, H, W, C) is N images.

        Raises:
            ImageError: an image cannot be read, or there is none.
        """
        import numpy as np

        prepared = [self.preprocess(image) for image in one_by_one(images)]
        if not prepared:
            raise ImageError("there are no images: the list is empty")
        return np.stack([array for array, _ in prepared]), [frame for _, frame in prepared]

    def display(self, batch: Any) -> np.ndarray:
        """A prepared batch as pictures: uint8 (N, H, W, 3), what the model saw.

        Raises:
            ImageError: the preprocessing is a user's function, or the batch has another shape.
        """
        return self.preprocess.display(batch)

    def name_to_index(self, name: str) -> int:
        """The class index of `name`, whether written in capitals or not.

        Raises:
            TargetError: the names are not known, none is like it, or several are.
        """
        if self.class_names is None:
            raise TargetError(
                f"the class {name!r} was asked for by name, but the names of this model's classes "
                "are not known: give load(..., classes=), or the index"
            )
        exact = [i for i, known in enumerate(self.class_names) if known == name]
        wanted = name.strip().casefold()
        alike = [i for i, known in enumerate(self.class_names) if known.casefold() == wanted]
        hits = exact or alike
        if len(hits) == 1:
            return hits[0]
        if hits:
            raise TargetError(
                f"{len(hits)} classes are named {name!r}: give one of the indices {hits}"
            )
        raise TargetError(f"no class is named {name!r}{did_you_mean(name, self.class_names)}")

    def save_side_file(self, path: str | Path | None = None) -> Path:
        """Write what `load` would have to be told into ``<model>.limelight.json``.

        Beside the file it was loaded from, or beside `path` (the model's file). Returns the path
        written.

        Raises:
            ModelLoadError: the architecture or the preprocessing is a function, which a file
                cannot keep, or there is no file to write beside.
        """
        from limelight.models.side_file import save
        from limelight.models.sources import is_id

        if path is None and (not self.source or is_id(self.source)):
            raise ModelLoadError("this model came from no file: save_side_file(path) of its file")
        return save(self, Path(path if path is not None else self.source))


def one_by_one(images: Any) -> Iterable[Any]:
    """The single images in what a user gives as one image or as several."""
    import numpy as np

    if isinstance(images, np.ndarray):
        return images if images.ndim == 4 else [images]
    if isinstance(images, Iterable) and not isinstance(
        images, str | bytes | bytearray | memoryview
    ):
        return images
    return [images]
