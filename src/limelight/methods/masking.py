"""Maps from the scores of the input behind each channel's mask: Score-CAM and its kin.

In every docstring: A are the activations (N, C, h, w) with channel c, X the input, up half-pixel
bilinear resizing to its size, minmax scaling of one mask to 0..1, y the explained score. A channel
that is constant makes no mask: it is not scored, and has the weight 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from limelight.arrays import like, to_numpy
from limelight.evidence import Evidence
from limelight.frames import Frame
from limelight.methods.declaration import method
from limelight.methods.reduce import relu, weigh_channels_by_class

if TYPE_CHECKING:
    import numpy as np

_NEEDS = {"activations", "images", "rescoring"}
# At most this part of a mask's range counts as rounding, and the mask as constant.
_ROUNDING = 1e-6


@method("scorecam", title="Score-CAM", paper="Wang et al. 2020", needs=_NEEDS)
def scorecam(e: Evidence) -> Any:
    """M = ReLU Σ_c w_c A_c, w = softmax over channels of y(X ⊙ m_c), m_c = minmax(up A_c).

    The score of a baseline image, which the paper takes off, is the same for all channels and
    cancels in the softmax.

    Source: Wang et al., "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural
    Networks", CVPR Workshops 2020, eq. 5 to 8.
    """
    return _weighed(e, 1, lambda masks, variant: masks)


@method("sscam", title="SS-CAM", paper="Wang et al. 2020", needs=_NEEDS)
def sscam(e: Evidence, *, samples: int = 10, sigma: float = 0.1, seed: int = 0) -> Any:
    """M = ReLU Σ_c w_c A_c, w = softmax over channels of mean_s y(X ⊙ (m_c + n_s)).

    m_c = minmax(up A_c), and n_s is normal noise of standard deviation `sigma` (of the mask's
    range) at each pixel, s = 1 to `samples`. The noise is drawn from `seed` and is the same for all
    channels and images, so that channels differ by nothing else and an image has the same map in
    every batch.

    Source: Wang et al., "SS-CAM: Smoothed Score-CAM for Sharper Visual Feature Localization",
    arXiv 2006.14255, eq. 4 and algorithm 1.
    """
    import numpy as np

    size = tuple(int(side) for side in e.images.shape[2:])
    draws = [np.random.default_rng((seed, s)).normal(0, sigma, size) for s in range(samples)]
    noise = like(np.stack(draws).astype(np.float32), e.images)

    def noisy(masks: Any, sample: np.ndarray) -> Any:
        return masks + e.xp.take(noise, like(sample, noise), axis=0)

    return _weighed(e, samples, noisy)


@method("iscam", title="IS-CAM", paper="Naidu et al. 2020", needs=_NEEDS)
def iscam(e: Evidence, *, steps: int = 10) -> Any:
    """M = ReLU Σ_c w_c A_c, w = softmax over channels of mean_j y(X ⊙ (j/n) m_c), j = 1 to n.

    m_c = minmax(up A_c), n = `steps`.

    Source: Naidu et al., "IS-CAM: Integrated Score-CAM for axiomatic-based explanations",
    arXiv 2010.03023, eq. 3 to 5.
    """
    import numpy as np

    parts = np.arange(1, steps + 1, dtype=np.float32) / np.float32(steps)
    return _weighed(e, steps, lambda masks, step: masks * like(parts[step][:, None, None], masks))


def _weighed(e: Evidence, variants: int, vary: Callable[[Any, np.ndarray], Any]) -> Any:
    """ReLU Σ_c w_c A_c, the scores averaged over variants of each mask.

    ``vary(masks, variant)``: masks (n, H, W) as their variants of these numbers (n,).
    """
    import numpy as np

    assert e.rescoring is not None  # declared by all of them
    xp, a, x = e.xp, e.activations, e.images
    n, c, *grid = (int(size) for size in a.shape)
    size = int(x.shape[2]), int(x.shape[3])
    flat = xp.reshape(a, (n * c, *grid))
    pairs = np.flatnonzero(~is_constant(xp, flat))
    jobs = np.repeat(pairs, variants)
    variant = np.tile(np.arange(variants), len(pairs))

    def edit(start: int, stop: int) -> Any:
        channel = xp.take(flat, like(jobs[start:stop], flat), axis=0)
        masks = vary(minmax(xp, upsample(xp, channel, size)), variant[start:stop])
        return behind(xp, x, masks, jobs[start:stop] // c)

    if not len(jobs):
        return xp.zeros_like(a[:, :1])
    scores = e.rescoring.inputs(edit, jobs // c)
    means = scores.reshape(len(pairs), variants, -1).mean(1)
    return relu(xp, weigh_channels_by_class(xp, like(_softmax(means, pairs, n, c), a), a))


def _softmax(scores: np.ndarray, pairs: np.ndarray, n: int, c: int) -> np.ndarray:
    """Weights (N, K, C) from the scores (J, K) of some of the N · C channels; 0 for the others."""
    import numpy as np

    flat = np.full((n * c, scores.shape[1]), -np.inf)
    flat[pairs] = scores
    full = flat.reshape(n, c, -1)
    top = full.max(axis=1, keepdims=True)
    weights = np.exp(full - np.where(np.isfinite(top), top, 0))
    total = weights.sum(axis=1, keepdims=True)
    weights /= np.where(total > 0, total, 1)
    return weights.transpose(0, 2, 1).astype(np.float32)


# -- masks ------------------------------------------------------------------------------------


def upsample(xp: Any, values: Any, size: tuple[int, int]) -> Any:
    """(n, h, w) → (n, H, W), half-pixel bilinear."""
    grid = int(values.shape[1]), int(values.shape[2])
    rows, columns, _ = Frame.identity(size).resampling(grid)
    return xp.matmul(xp.matmul(like(rows, values), values), like(columns.T.copy(), values))


def minmax(xp: Any, values: Any) -> Any:
    """(n, H, W) scaled to 0..1, each by itself; 0 where it is constant."""
    low = xp.min(values, axis=(1, 2), keepdims=True)
    span = xp.max(values, axis=(1, 2), keepdims=True) - low
    return (values - low) / xp.where(span > 0, span, xp.ones_like(span))


def is_constant(xp: Any, values: Any) -> np.ndarray:
    """Which of (n, h, w) have one value only, up to rounding; on the host."""
    flat = xp.reshape(values, (values.shape[0], -1))
    low, high = xp.min(flat, axis=-1), xp.max(flat, axis=-1)
    size = xp.maximum(xp.abs(low), xp.abs(high))
    return ~to_numpy(high - low > _ROUNDING * size)


def behind(xp: Any, images: Any, masks: Any, which: np.ndarray) -> Any:
    """The images `which` (n,) times the masks (n, H, W): (n, channels, H, W)."""
    return chosen(xp, images, which) * masks[:, None, :, :]


def chosen(xp: Any, images: Any, which: np.ndarray) -> Any:
    """The images `which` (n,); where they are all the same one, that with an axis of length 1."""
    if len(set(which.tolist())) == 1:
        return images[int(which[0]) : int(which[0]) + 1]
    return xp.take(images, like(which, images), axis=0)
