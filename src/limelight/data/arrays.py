"""Images that are in memory already, or in one .npz file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.data.dataset import Dataset, Example, Problems
from limelight.data.registry import choose_splits, reader
from limelight.errors import DatasetError

if TYPE_CHECKING:
    import numpy as np

_KEYS = ("images", "labels", "boxes", "masks", "class_names")


def from_arrays(
    images: Any,
    labels: Any = None,
    boxes: Any = None,
    masks: Any = None,
    class_names: Sequence[str] | None = None,
    *,
    name: str = "arrays",
    ids: Sequence[str] | None = None,
) -> Dataset:
    """A data set of arrays.

    Args:
        images: N images: one uint8 array (N, H, W) or (N, H, W, 3), or a sequence of what
            `Example.image` may be.
        labels: (N,) class indices.
        boxes: (N, 4), one box an image (a row of NaN: none), or a sequence of N arrays (n, 4):
            x0, y0, x1, y1, half-open, in pixels.
        masks: N boolean arrays (H, W).
        class_names: the classes' names in the order of the labels.
        name: the data set's name.
        ids: N distinct names; the positions as default.

    Raises:
        DatasetError: the lengths differ, or boxes are not rows of four numbers.

    Example:
        >>> import numpy as np
        >>> pictures = np.zeros((2, 32, 48, 3), np.uint8)
        >>> boxes = [[4, 4, 20, 20], [0, 0, 9, 9]]
        >>> dataset = from_arrays(pictures, [0, 1], boxes, class_names=["cat", "dog"])
        >>> len(dataset), dataset[1].label, dataset[1].boxes.tolist()
        (2, 1, [[0.0, 0.0, 9.0, 9.0]])
    """
    import numpy as np

    count = len(images)
    given = {"labels": labels, "boxes": boxes, "masks": masks, "ids": ids}
    for key, values in given.items():
        if values is not None and len(values) != count:
            raise DatasetError(f"{len(values)} {key} were given for {count} images")
    numbers = None if labels is None else np.asarray(labels)
    if numbers is not None and (numbers.ndim != 1 or numbers.dtype.kind not in "iu"):
        raise DatasetError(
            f"labels are (N,) class indices; got {numbers.dtype} of shape {numbers.shape}"
        )
    if class_names is not None and numbers is not None and count:
        low, high = int(numbers.min()), int(numbers.max())
        if low < 0 or high >= len(class_names):
            raise DatasetError(
                f"the labels run from {low} to {high}, but there are {len(class_names)} class names"
            )
    rows = None if boxes is None else [_box_rows(b, i) for i, b in enumerate(boxes)]

    loaded = Arrays(images, numbers, rows, masks, None if ids is None else list(ids))
    return Dataset(name, count, loaded.example, class_names=class_names)


@dataclass(frozen=True)
class Arrays:
    """The arrays of a data set, checked; None for what is not known."""

    images: Any
    labels: np.ndarray | None
    boxes: list[np.ndarray] | None
    masks: Any
    ids: list[str] | None

    def example(self, index: int) -> Example:
        """The example at a position."""
        import numpy as np

        image = self.images[index]
        size = getattr(image, "shape", None)
        return Example(
            id=str(index) if self.ids is None else self.ids[index],
            image=image,
            label=None if self.labels is None else int(self.labels[index]),
            boxes=np.zeros((0, 4)) if self.boxes is None else self.boxes[index].copy(),
            size=None if size is None else (int(size[0]), int(size[1])),
            load_mask=None if self.masks is None else partial(self._mask, index),
        )

    def _mask(self, index: int) -> np.ndarray:
        import numpy as np

        return np.asarray(self.masks[index]) > 0


def _box_rows(boxes: Any, index: int) -> np.ndarray:
    import numpy as np

    rows = np.asarray(boxes, np.float64)
    rows = rows.reshape(1, 4) if rows.shape == (4,) else rows
    if rows.size == 0:
        return np.zeros((0, 4))
    if rows.ndim != 2 or rows.shape[1] != 4:
        raise DatasetError(
            f"boxes of image {index}: expected (n, 4) or (4,); got shape {rows.shape}"
        )
    return rows[~np.isnan(rows).any(1)]


@reader(
    "arrays",
    title="arrays in memory, or a .npz file of them",
    expects=f"a dictionary, or a .npz file, with 'images' and any of {', '.join(_KEYS[1:])}",
    recognizes=lambda path: path.suffix == ".npz" and "images" in array_names(path),
    takes=lambda source: isinstance(source, dict) and "images" in source,
)
def arrays(source: Path | dict[str, Any], split: str | None, problems: Problems) -> Dataset:
    """Read a dictionary of arrays, or a .npz file that holds one."""
    choose_splits(split, (), "a dictionary of arrays" if isinstance(source, dict) else source)
    name = "arrays"
    if isinstance(source, Path):
        name = source.stem
        source = load_npz(source)
    unknown = set(source) - set(_KEYS)
    if "images" not in source or unknown:
        raise DatasetError(
            f"arrays: expected 'images' and any of {', '.join(_KEYS[1:])}; "
            f"got {', '.join(sorted(source))}"
        )
    values = dict(source)
    if values.get("class_names") is not None:
        values["class_names"] = [str(n) for n in values["class_names"]]
    return from_arrays(**values, name=name)


def load_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a .npz file; no pickle is ever executed.

    Raises:
        DatasetError: it is no such file, or holds pickled objects.
    """
    import zipfile

    import numpy as np

    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path} is not a .npz file of plain arrays: {error}") from error


def array_names(path: Path) -> set[str]:
    """The names in a .npz file, without reading its arrays; none where it is not one."""
    import zipfile

    if not path.is_file() or not zipfile.is_zipfile(path):
        return set()
    with zipfile.ZipFile(path) as file:
        return {name.removesuffix(".npy") for name in file.namelist()}
