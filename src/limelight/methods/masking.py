"""Maps from the scores of the input behind each channel's mask: Score-CAM and its kin.

In every docstring: A are the activations (N, C, h, w) with channel c, X the input, up half-pixel
bilinear resizing to its size, minmax scaling of one mask to 0..1, y the explained score. A channel
that is constant makes no mask: it is not scored, and has the weight 0.

With `channels` only so many channels of each image are scored, and a few more to see what that
leaves out; the others take the score of the channel with the most similar mask. The result's
facts then hold "deviation", see `limelight.methods.channel_groups`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from limelight.arrays import like, to_numpy
from limelight.evidence import Evidence
from limelight.frames import Frame, bilinear
from limelight.methods.channel_groups import group_channels
from limelight.methods.declaration import deviation, method
from limelight.methods.options import Count, Seed, Spread
from limelight.methods.reduce import relu, weigh_channels_by_class

if TYPE_CHECKING:
    import numpy as np

_NEEDS = {"activations", "images", "rescoring"}
#: ``make(xp, channels (n, h, w), size)`` → masks (n, H, W).
Make = Callable[[Any, Any, tuple[int, int]], Any]
# At most this part of a mask's range counts as rounding, and the mask as constant.
_ROUNDING = 1e-6


@method("scorecam", title="Score-CAM", paper="Wang et al. 2020", needs=_NEEDS)
def scorecam(e: Evidence, *, channels: Count | None = None) -> Any:
    """M = ReLU Σ_c w_c A_c, w = softmax over channels of y(X ⊙ m_c), m_c = minmax(up A_c).

    The score of a baseline image, which the paper takes off, is the same for all channels and
    cancels in the softmax.

    Source: Wang et al., "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural
    Networks", CVPR Workshops 2020.
    """
    return _weighed(e, 1, lambda masks, variant: masks, channels=channels)


@deviation("scorecam", "pytorch-grad-cam")
def scorecam_of_grad_cam(e: Evidence, *, channels: Count | None = None) -> Any:
    """M of `scorecam` with masks upsampled by align_corners=True, constant channels scored too."""
    return _weighed(e, 1, lambda masks, variant: masks, _align_corners, channels)


@deviation("scorecam", "torchcam")
def scorecam_of_torchcam(e: Evidence, *, channels: Count | None = None) -> Any:
    """M of `scorecam` with masks scaled before they are upsampled, constant channels scored too."""
    return _weighed(e, 1, lambda masks, variant: masks, _scale_first, channels)


@method("sscam", title="SS-CAM", paper="Wang et al. 2020", needs=_NEEDS)
def sscam(
    e: Evidence,
    *,
    samples: Count = 10,
    sigma: Spread = 0.1,
    seed: Seed = 0,
    channels: Count | None = None,
) -> Any:
    """M = ReLU Σ_c w_c A_c, w = softmax over channels of mean_s y(X ⊙ (m_c + n_s)).

    m_c = minmax(up A_c), and n_s is normal noise of standard deviation `sigma` (of the mask's
    range) at each pixel, s = 1 to `samples`. The noise is drawn from `seed` and is the same for all
    channels and images, so that channels differ by nothing else and an image has the same map in
    every batch.

    Source: Wang et al., "SS-CAM: Smoothed Score-CAM for Sharper Visual Feature Localization",
    arXiv 2006.14255.
    """
    import numpy as np

    size = tuple(int(side) for side in e.images.shape[2:])
    draws = [np.random.default_rng((seed, s)).normal(0, sigma, size) for s in range(samples)]
    noise = like(np.stack(draws).astype(np.float32), e.images)

    def noisy(masks: Any, sample: np.ndarray) -> Any:
        return masks + e.xp.take(noise, like(sample, noise), axis=0)

    return _weighed(e, samples, noisy, channels=channels)


@method("iscam", title="IS-CAM", paper="Naidu et al. 2020", needs=_NEEDS)
def iscam(e: Evidence, *, steps: Count = 10, channels: Count | None = None) -> Any:
    """M = ReLU Σ_c w_c A_c, w = softmax over channels of mean_j y(X ⊙ (j/n) m_c), j = 1 to n.

    m_c = minmax(up A_c), n = `steps`.

    Source: Naidu et al., "IS-CAM: Integrated Score-CAM for axiomatic-based explanations",
    arXiv 2010.03023.
    """
    return _in_steps(e, [j / steps for j in range(1, steps + 1)], channels)


@deviation("iscam", "torchcam")
def iscam_of_torchcam(e: Evidence, *, steps: Count = 10, channels: Count | None = None) -> Any:
    """M of `iscam` with (1 + … + j)/n in place of j/n, masks as in `scorecam_of_torchcam`."""
    factors = [j * (j + 1) / 2 / steps for j in range(1, steps + 1)]
    return _in_steps(e, factors, channels, _scale_first)


def _in_steps(
    e: Evidence, factors: Sequence[float], channels: int | None, make: Make | None = None
) -> Any:
    import numpy as np

    parts = np.asarray(factors, np.float32)[:, None, None]
    return _weighed(
        e, len(parts), lambda masks, step: masks * like(parts[step], masks), make, channels
    )


def _weighed(
    e: Evidence,
    variants: int,
    vary: Callable[[Any, np.ndarray], Any],
    make: Make | None = None,
    channels: int | None = None,
) -> Any:
    """ReLU Σ_c w_c A_c, the scores averaged over variants of each mask.

    ``vary(masks, variant)``: masks (n, H, W) as their variants of these numbers (n,).
    ``make(xp, channels, size)``: another library's masks, which has some of constant channels too.
    ``channels``: how many of each image are scored; None: all.
    """
    import numpy as np

    assert e.rescoring is not None  # declared by all of them
    xp, a, x = e.xp, e.activations, e.images
    n, c, *grid = (int(size) for size in a.shape)
    size = int(x.shape[2]), int(x.shape[3])
    flat = xp.reshape(a, (n * c, *grid))
    pairs = np.arange(n * c) if make else np.flatnonzero(~is_constant(xp, flat))
    groups = None if channels is None else group_channels(a, pairs, channels)
    scored = pairs if groups is None else groups.scored
    jobs = np.repeat(scored, variants)
    variant = np.tile(np.arange(variants), len(scored))

    def edit(start: int, stop: int) -> Any:
        channel = xp.take(flat, like(jobs[start:stop], flat), axis=0)
        masks = (make or _masks)(xp, channel, size)
        masks = vary(masks, variant[start:stop])
        return behind(xp, x, masks, jobs[start:stop] // c)

    if not len(jobs):
        return xp.zeros_like(a[:, :1])
    scores = e.rescoring.inputs(edit, jobs // c)
    means = scores.reshape(len(scored), variants, -1).mean(1)
    if groups is not None:
        if e.tell is not None:
            e.tell("deviation", like(groups.deviation(means, scored // c, n), a))
        means = means[groups.taken]
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


def _masks(xp: Any, channels: Any, size: tuple[int, int]) -> Any:
    return minmax(xp, upsample(xp, channels, size))


def _scale_first(xp: Any, channels: Any, size: tuple[int, int]) -> Any:
    return upsample(xp, minmax(xp, channels), size)


def _align_corners(xp: Any, channels: Any, size: tuple[int, int]) -> Any:
    """As `_masks`, with the outer cells' middles on the corners of the image."""
    import numpy as np

    matrices = []
    for cells, pixels in zip(channels.shape[1:], size, strict=True):
        positions = (np.linspace(0, int(cells) - 1, pixels) + 0.5) / int(cells)
        matrices.append(bilinear(positions, int(cells)).astype(np.float32))
    rows, columns = (like(matrix, channels) for matrix in (matrices[0], matrices[1].T.copy()))
    return minmax(xp, xp.matmul(xp.matmul(rows, channels), columns))


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
