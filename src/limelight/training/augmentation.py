"""Random changes of training images that move no object out of its image.

Each takes and returns uint8 (N, H, W, 3) and draws from the generator it is given, so that epoch
and seed decide everything. They suit localization: nothing is cut away that the label speaks of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from limelight.errors import RunError, did_you_mean

if TYPE_CHECKING:
    import numpy as np

Augmentation = Callable[["np.ndarray", "np.random.Generator"], "np.ndarray"]


def flip(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each image mirrored left to right, or not."""
    chosen = rng.random(len(images)) < 0.5
    images[chosen] = images[chosen, :, ::-1]
    return images


def shift(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each image moved by up to a sixteenth of its sides, the edge pixels repeated."""
    import numpy as np

    n, h, w, _ = images.shape
    down = rng.integers(-(h // 16), h // 16 + 1, n)
    right = rng.integers(-(w // 16), w // 16 + 1, n)
    for image, y, x in zip(images, down, right, strict=True):
        rows = np.clip(np.arange(h) - y, 0, h - 1)
        columns = np.clip(np.arange(w) - x, 0, w - 1)
        image[:] = image.take(rows, 0).take(columns, 1)
    return images


def light(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each image's brightness and contrast changed by up to a fifth."""
    import numpy as np

    n = len(images)
    contrast = rng.uniform(0.8, 1.2, (n, 1, 1, 1)).astype(np.float32)
    brightness = rng.uniform(-51, 51, (n, 1, 1, 1)).astype(np.float32)
    changed = (images - np.float32(127.5)) * contrast + (np.float32(127.5) + brightness)
    return np.clip(changed, 0, 255).astype(np.uint8)


AUGMENTATIONS: dict[str, Augmentation] = {f.__name__: f for f in (flip, shift, light)}


def compose(names: Sequence[str]) -> Augmentation:
    """One after the other, in the order of `names`.

    Raises:
        RunError: a name is not known.
    """
    for name in names:
        if name not in AUGMENTATIONS:
            raise RunError(
                f"there is no augmentation {name!r}{did_you_mean(name, AUGMENTATIONS)} "
                f"(known: {', '.join(AUGMENTATIONS)})"
            )

    def augment(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        for name in names:
            images = AUGMENTATIONS[name](images, rng)
        return images

    return augment
