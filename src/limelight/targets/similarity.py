"""Likeness to another image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from limelight.arrays import like, namespace, to_numpy
from limelight.errors import TargetError
from limelight.targets.outputs import tensor_of


@dataclass(frozen=True, eq=False)
class Similarity:
    """The cosine between the image's embedding and another one's: what the two have in common.

    For a model that returns embeddings, (N, D) or (N, D, 1, 1).

    Attributes:
        embedding: that of the other image, (D,) or with axes of size 1, of any framework.
    """

    embedding: Any

    def __call__(self, output: Any) -> Any:
        """The scores (N,), from -1 to 1. Raises TargetError where the sizes differ."""
        import numpy as np

        other = to_numpy(self.embedding).astype(np.float32).squeeze()
        names = ("image_embeds", "pooler_output")
        found = tensor_of(output, names, (2, 4), "one embedding per image, (N, D),")
        if other.ndim != 1 or math.prod(found.shape[1:]) != other.size:
            raise TargetError(
                f"the model returned the shape {tuple(found.shape)}, but the embedding to compare "
                f"with has the shape {tuple(np.shape(self.embedding))}; ({found.shape[1]},) was "
                "expected"
            )
        length = float(np.sqrt((other.astype(np.float64) ** 2).sum()))
        if not length > 0:
            raise TargetError("the embedding to compare with is zero, or is not a number")
        xp = namespace(found)
        flat = xp.astype(xp.reshape(found, (-1, other.size)), xp.float32)
        along = xp.sum(flat * like((other / length).astype(np.float32), flat)[None], axis=1)
        return along / xp.sqrt(xp.sum(flat * flat, axis=1))
