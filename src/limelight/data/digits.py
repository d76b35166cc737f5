"""Located digits: real handwritten digits at random places, with boxes and masks, made on demand.

The shapes are scikit-learn's (UCI "Optical Recognition of Handwritten Digits", 1,797 shapes of
8×8 pixels). Each image is a grey canvas with texture and noise, fragments of other digits at the
same scales as the digit, and one whole digit, the darkest or brightest thing in it.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limelight.data.arrays import from_arrays
from limelight.data.cache import cache_folder, written_atomically
from limelight.data.dataset import Dataset, Problems
from limelight.data.digit_drawing import COUNTS, SIZE, VERSION, draw
from limelight.data.registry import choose_splits, reader
from limelight.errors import DatasetError

if TYPE_CHECKING:
    import numpy as np


@reader(
    "digits",
    title="the embedded data set: real handwritten digits at random places, with boxes and masks",
    expects="no path: it is made on demand",
    needs_path=False,
)
def digits(
    path: Path | None,
    split: str | None,
    problems: Problems,
    *,
    seed: int = 0,
    count: int | None = None,
    cache: bool = True,
) -> Dataset:
    """Make, or read from the cache, the located digits.

    Args:
        path: must be None.
        split: "train" (4,000 images), "validation" (600) or "test" (1,000); None: all.
        problems: not needed, nothing can be broken.
        seed: of everything that is random, the split of the shapes included.
        count: so many images of each split instead; they are the first of the longer set.
        cache: whether to keep the images in the folder LIMELIGHT_CACHE or the user's cache folder.

    Returns:
        Examples with a uint8 array (112, 112), a label, one box, tight around the mask, and the
        mask.

    Raises:
        MissingExtra: scikit-learn is not installed.
        DatasetError: no such split, or a path was given.
    """
    import numpy as np

    if path is not None:
        raise DatasetError(f"digits is embedded and takes no path; got {path}")
    for option, value in {"seed": seed, "count": count or 0}.items():
        if not isinstance(value, int) or value < 0:
            raise DatasetError(f"digits: {option} must be a whole number from 0 on; got {value!r}")
    names = choose_splits(split, tuple(COUNTS), "digits")
    counts = [COUNTS[name] if count is None else count for name in names]
    made = [_load(n, c, seed, cache) for n, c in zip(names, counts, strict=True)]
    ids = [f"{n}/{i:05d}" for n, c in zip(names, counts, strict=True) for i in range(c)]
    dataset = from_arrays(
        np.concatenate([part["images"] for part in made]),
        np.concatenate([part["labels"] for part in made]),
        np.concatenate([part["boxes"] for part in made]),
        PackedMasks(np.concatenate([part["masks"] for part in made])),
        class_names=[str(digit) for digit in range(10)],
        name="digits",
        ids=ids,
    )
    dataset.split, dataset.splits = split, tuple(COUNTS)
    return dataset


@dataclass(frozen=True)
class PackedMasks:
    """Masks with eight pixels in a byte, (n, SIZE · SIZE / 8), unpacked one by one."""

    packed: np.ndarray

    def __len__(self) -> int:
        return len(self.packed)

    def __getitem__(self, index: int) -> np.ndarray:
        import numpy as np

        return np.unpackbits(self.packed[index], count=SIZE * SIZE).reshape(SIZE, SIZE)


def _load(split: str, count: int, seed: int, cache: bool) -> dict[str, np.ndarray]:
    import numpy as np

    if not cache:
        return draw(split, count, seed)
    file = cache_folder() / f"located-digits-v{VERSION}-seed{seed}-{split}-{count}.npz"
    if file.is_file():
        try:
            with file.open("rb") as source, np.load(source, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            file.unlink()  # damaged: it is made again
    made = draw(split, count, seed)
    try:
        with written_atomically(file) as stream:
            np.savez(stream, **made)  # type: ignore[arg-type]
    except OSError as error:
        import warnings

        warnings.warn(f"the digits are not kept for the next time: {error}", stacklevel=2)
    return made
