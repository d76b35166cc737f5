"""What is trained on: images at the model's size, and one label each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from limelight.errors import DatasetError
from limelight.images import read
from limelight.models import Preprocess

if TYPE_CHECKING:
    import numpy as np

# Images are kept decoded up to here, 2 GiB, and decoded anew in every epoch beyond.
_KEEP_BYTES = 2 << 30


class Samples:
    """Images, as `Preprocess.fit` makes them, with their labels.

    Attributes:
        images: what they were made of: examples of a data set, or images.
        labels: (N,) int64.
        class_names: of the data set; None where it does not say.
    """

    def __init__(
        self,
        images: Sequence[Any],
        labels: np.ndarray,
        preprocess: Preprocess,
        class_names: Sequence[str] | None = None,
        keep_bytes: int = _KEEP_BYTES,
    ) -> None:
        import numpy as np

        self.labels = labels
        self.class_names = None if class_names is None else tuple(class_names)
        self.images = images
        self._preprocess = preprocess
        shape = (len(images), *preprocess.size, 3)
        keep = int(np.prod(shape, dtype=np.int64)) <= keep_bytes
        self._pixels = np.empty(shape, np.uint8) if keep else None
        self._decoded = np.zeros(len(images), bool)

    def __len__(self) -> int:
        return len(self.labels)

    def pixels(self, indices: Iterable[int]) -> np.ndarray:
        """The images at `indices`: uint8 (n, H, W, 3), a copy.

        Raises:
            ImageError: one of them cannot be read.
        """
        import numpy as np

        chosen = np.asarray(list(indices), np.int64)
        if self._pixels is None:
            return np.stack([self._fit(index) for index in chosen])
        for index in chosen[~self._decoded[chosen]]:
            self._pixels[index] = self._fit(index)
            self._decoded[index] = True
        return self._pixels[chosen]

    def _fit(self, index: int) -> np.ndarray:
        image = self.images[int(index)]
        opened = image.read() if hasattr(image, "read") else read(image)
        return self._preprocess.fit(opened)[0]

    def part(self, indices: np.ndarray) -> Samples:
        """Those at `indices` alone."""
        images = [self.images[int(index)] for index in indices]
        return Samples(images, self.labels[indices], self._preprocess, self.class_names)


def labelled(dataset: Any) -> tuple[Sequence[Any], np.ndarray, Sequence[str] | None]:
    """Images, labels (N,) int64, and class names of a data set or of ``(images, labels)``.

    Raises:
        DatasetError: it is empty, lengths differ, or an example has no label.
    """
    import numpy as np

    if isinstance(dataset, tuple) and len(dataset) == 2:
        images, labels = dataset
        numbers = np.asarray(labels)
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
            raise DatasetError(
                f"labels are (N,) class indices; got {numbers.dtype} of shape {numbers.shape}"
            )
        if len(images) != len(numbers):
            raise DatasetError(f"{len(numbers)} labels were given for {len(images)} images")
        names = None
    else:
        images = list(dataset)
        for example in images:
            if getattr(example, "label", None) is None:
                raise DatasetError(
                    f"{getattr(example, 'id', example)!r} has no class, so that no classifier can "
                    "be trained on it; expected a data set with labels, or (images, labels)"
                )
        numbers = np.asarray([example.label for example in images])
        names = getattr(dataset, "class_names", None)
    if not len(images):
        raise DatasetError("there is nothing to train on: the data set is empty")
    if numbers.min() < 0:
        raise DatasetError(f"labels are class indices from 0 on; got {numbers.min()}")
    if names is not None and numbers.max() >= len(names):
        raise DatasetError(f"label {numbers.max()} has no name: there are {len(names)} names")
    return images, numbers.astype(np.int64), names


def split(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices to train on and to validate on, the same `share` of each class held out.

    Raises:
        DatasetError: nothing would be left on one side.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    held_out = []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        held_out.append(members[: round(share * len(members))])
    validation = np.sort(np.concatenate(held_out))
    training = np.setdiff1d(np.arange(len(labels)), validation)
    if not len(validation) or not len(training):
        raise DatasetError(
            f"validation={share} of {len(labels)} examples leaves {len(training)} to train on and "
            f"{len(validation)} to validate on: give another share, or what is to be validated on, "
            "a split (--validation test) or a data set (validation=dataset)"
        )
    return training, validation
