"""The images of a call, handed to the model in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.errors import ImageError
from limelight.frames import Frame
from limelight.probes.beside import due

if TYPE_CHECKING:
    from limelight.models import Classifier
    from limelight.probes import Probe


class Images:
    """N images, prepared only when their batch is due, so that many do not fill the memory."""

    def __init__(self, images: Any, classifier: Classifier | None, probe: Probe) -> None:
        self._images = images
        self._classifier = classifier
        self._probe = probe

    def __len__(self) -> int:
        return len(self._images)

    @property
    def prepared(self) -> bool:
        """Whether the user has prepared them, and not a classifier."""
        return self._classifier is None

    def batches(self, size: int) -> Iterator[tuple[int, int]]:
        """Start and stop of each batch of at most `size` images."""
        if size < 1:
            raise ImageError(f"batch_size={size}: at least one image passes at a time")
        for start in range(0, len(self), size):
            yield start, min(start + size, len(self))

    def part(self, start: int, stop: int) -> tuple[Any, tuple[Frame, ...]]:
        """The images `start` to `stop` as the model takes them, and their frames."""
        due(start, stop)
        images = self._images[start:stop]
        if self._classifier is not None:
            array, frames = self._classifier.prepare(images)
            return self._probe.prepare(array), tuple(frames)
        batch = self._probe.prepare(images)
        height, width = batch.shape[1:3] if self._probe.channels_last else batch.shape[2:4]
        return batch, (Frame.identity((int(height), int(width))),) * (stop - start)


def open_images(images: Any, classifier: Classifier | None, probe: Probe) -> Images:
    """The images that a user gives to `explain`.

    A bare model takes one array of the batch, or a list of equal arrays (C, H, W). A classifier
    takes photographs as well, as `limelight.images.read` reads them; a float batch it takes as
    prepared already.

    Raises:
        ImageError: there is none, or a bare model was given photographs.
    """
    many = isinstance(images, Sequence) and not isinstance(images, str | bytes)
    first = images[0] if many and len(images) else images
    prepared = _is_float_array(first)
    if classifier is None or prepared:
        if isinstance(first, str | bytes | Path) or hasattr(first, "getexif"):
            raise ImageError(
                "a bare model takes preprocessed arrays, but a photograph was given; "
                "limelight.load(…) makes a Classifier, which knows the model's preprocessing"
            )
        if many and len(images):
            shapes = {tuple(getattr(image, "shape", ())) for image in images}
            if len(shapes) > 1 or () in shapes:
                raise ImageError(
                    f"a batch needs arrays of one shape, but {sorted(shapes)} were given"
                )
            images = _stack(images)
        if not hasattr(images, "shape") or len(images.shape) == 0:
            raise ImageError(f"a {type(images).__name__} is no batch of images")
        if len(images.shape) != 4:
            probe.prepare(images)  # says what is expected
        if images.shape[0] == 0:
            raise ImageError("there are no images: the batch is empty")
        return Images(images, None, probe)
    from limelight.models.classifier import one_by_one

    photographs = list(one_by_one(images))
    if not photographs:
        raise ImageError("there are no images: the list is empty")
    return Images(photographs, classifier, probe)


def _is_float_array(image: Any) -> bool:
    shape = getattr(image, "shape", ())
    return "float" in str(getattr(image, "dtype", "")) and len(shape) in (3, 4)


def _stack(images: Sequence[Any]) -> Any:
    if hasattr(images[0], "detach"):
        import torch

        return torch.stack(list(images))
    import numpy as np

    return np.stack([np.asarray(image) for image in images])
