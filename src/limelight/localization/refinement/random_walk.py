"""A random walk over the image: the map spreads along what has the same colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limelight.localization.refinement.colour_model import posterior
from limelight.localization.refinement.declaration import refiner
from limelight.localization.refinement.scaling import shrunk, stretched

if TYPE_CHECKING:
    import numpy as np

_SIDE = 96  # pixels along the longer side: the cost grows faster than their number


@refiner("random-walk", title="Random walker with a prior", paper="Grady 2005", weight=0.5)
def random_walk(
    values: np.ndarray,
    image: np.ndarray,
    *,
    beta: float = 300.0,
    spread: float = 30.0,
    colours: float = 0.5,
    level: float = 0.5,
) -> np.ndarray:
    """x of (1 + spread · L) x = p: a probability p, even along like colours, uneven across edges.

    p is the probability that a pixel is of the object, by the map and by the densities of the
    colours that the map lights and of those that it does not: see `colour_model.posterior`. L is
    the Laplacian of the graph of 8-neighbours, weighted ``exp(−beta · |I_i − I_j|²) / distance`` by
    their colours I in 0..1. x minimizes ``|x − p|² + spread · Σ w_ij (x_i − x_j)²``, which is the
    random walker with a prior model. It is solved on at most 96 pixels along the longer side.

    Args:
        values: (h, w) map.
        image: (h, w, 3) uint8.
        beta: how much less of the map passes a difference of colours.
        spread: how far it passes where there is none, in squared pixels of the smaller grid.
        colours: the weight of the densities against the map; 0: p is the map alone.
        level: the fraction of the map's maximum that is of the object or not alike; 0: its mean.

    Source: Grady, "Multilabel Random Walker Image Segmentation Using Prior Models", CVPR 2005.
    """
    import numpy as np
    from scipy.sparse.linalg import splu

    prior, small = shrunk(values, image, _SIDE)
    if colours:
        prior = posterior(prior, small, colours, level)
    system = _system(small.astype(np.float64) / 255, beta, spread)
    solved = splu(system, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(
        prior.ravel().astype(np.float64)
    )
    return stretched(solved.reshape(prior.shape), values.shape)


def _system(colours: np.ndarray, beta: float, spread: float) -> object:
    """1 + spread · L (Z, Z), sparse, of an image (h, w, 3)."""
    import numpy as np
    from scipy.sparse import coo_array, diags_array

    h, w = colours.shape[:2]
    number = np.arange(h * w).reshape(h, w)
    ends, weights = [], []
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = (slice(0, h - dy), slice(max(0, -dx), w - max(0, dx)))
        there = (slice(dy, h), slice(max(0, dx), w + min(0, dx)))
        apart = ((colours[here] - colours[there]) ** 2).sum(-1)
        ends.append(np.stack([number[here].ravel(), number[there].ravel()]))
        weights.append(np.exp(-beta * apart.ravel()) / np.hypot(dy, dx))
    (low, high), weight = np.concatenate(ends, 1), spread * np.concatenate(weights)
    both = coo_array(
        (np.append(weight, weight), (np.append(low, high), np.append(high, low))),
        shape=(h * w,) * 2,
    ).tocsc()
    return (diags_array(1 + both.sum(axis=0)) - both).tocsc()
