"""The map of the scores that each position's own activations give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limelight.arrays import like
from limelight.evidence import Evidence
from limelight.methods.declaration import method
from limelight.methods.reduce import over_positions

if TYPE_CHECKING:
    import numpy as np

_ROW = (0.25, 0.5, 0.25)  # the outer product of two is the paper's 3×3 window


@method(
    "reciprocam",
    title="Recipro-CAM",
    paper="Byun & Lee 2022",
    needs={"activations", "rescoring"},
    default_score="probability",
)
def reciprocam(e: Evidence) -> Any:
    """M_ij = the score of A ⊙ W_ij, W_ij a 3×3 Gaussian window around position ij.

    A: activations (N, C, h, w), all others zero. The window is the outer product of (¼, ½, ¼) with
    itself, 1/4 in its middle, cut off at the border. The score is the probability where the user
    names none.

    Source: Byun and Lee, "Recipro-CAM: Fast gradient-free visual explanations for convolutional
    neural networks", arXiv 2209.14074.
    """
    import numpy as np

    assert e.rescoring is not None  # declared above
    xp, a = e.xp, e.activations
    n = int(a.shape[0])
    grid = tuple(int(side) for side in a.shape[2:])
    masks = windows(grid)
    positions = len(masks)
    image, position = np.divmod(np.arange(n * positions), positions)

    def edit(start: int, stop: int) -> Any:
        mask = like(masks[position[start:stop]].reshape(-1, 1, *grid), a)
        return xp.take(a, like(image[start:stop], a), axis=0) * mask

    # (N, C, Z) @ (Z, Z): the mean of each channel in each window.
    means = xp.matmul(over_positions(xp, a), like(masks.T / np.float32(positions), a))
    means = xp.reshape(xp.permute_dims(means, (0, 2, 1)), (n * positions, -1))
    scores = e.rescoring.activations(edit, image, pooled=lambda start, stop: means[start:stop])
    maps = scores.reshape(n, positions, -1).transpose(0, 2, 1).reshape(n, -1, *grid)
    return like(maps.astype(np.float32), a)


def windows(grid: tuple[int, ...]) -> np.ndarray:
    """The windows around all positions of a grid: (positions, positions), float32."""
    import numpy as np

    found = np.ones((1, 1), np.float32)
    for side in grid:
        band = sum(
            weight * np.eye(side, k=offset, dtype=np.float32)
            for offset, weight in zip((-1, 0, 1), _ROW, strict=True)
        )
        found = np.kron(found, band)
    return found.astype(np.float32)
