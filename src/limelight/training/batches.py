"""The batches of an epoch: which images, in which order, changed how. NumPy alone, any framework.

Everything is drawn from (seed, epoch, batch), so that an epoch is the same whether it is the
first of a call or is taken up after a kill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limelight.models import Preprocess
from limelight.training.augmentation import compose
from limelight.training.samples import Samples

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Batches:
    """Batches of `samples` as the model takes them.

    In training every batch is full (what is left over has its turn in another epoch, in another
    order); in validation the order is that of the samples and nothing is left out.
    """

    samples: Samples
    preprocess: Preprocess
    batch_size: int
    seed: int = 0
    augment: Sequence[str] = ()

    @property
    def steps(self) -> int:
        """Training batches in an epoch."""
        return max(1, len(self.samples) // self.batch_size)

    def training(self, epoch: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch `step` of `epoch`: float32 images in the model's layout, and labels (n,)."""
        import numpy as np

        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.samples))
        chosen = order[step * self.batch_size : (step + 1) * self.batch_size]
        rng = np.random.default_rng((self.seed, epoch, step))
        pixels = compose(self.augment)(self.samples.pixels(chosen), rng)
        return self.preprocess.normalize(pixels), self.samples.labels[chosen]

    def validation(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch `step` of all samples in their order."""
        start = step * self.batch_size
        chosen = range(start, min(start + self.batch_size, len(self.samples)))
        return self.preprocess.normalize(self.samples.pixels(chosen)), self.samples.labels[
            start : chosen.stop
        ]

    @property
    def validation_steps(self) -> int:
        """Batches of all samples."""
        return -(-len(self.samples) // self.batch_size)
