"""Group-CAM: a few masks, each made of many channels."""

from __future__ import annotations

from typing import Any

from limelight.arrays import like, to_numpy
from limelight.blurring import blurred
from limelight.evidence import Evidence
from limelight.methods.declaration import method
from limelight.methods.masking import chosen, is_constant, minmax, upsample
from limelight.methods.options import Count
from limelight.methods.reduce import over_positions, relu

_BLUR_SIGMA, _BLUR_REACH = 50.0, 25  # pixels, of the input
_QUANTILE = 0.7


@method(
    "groupcam",
    title="Group-CAM",
    paper="Zhang et al. 2021",
    needs={"activations", "gradients", "images", "rescoring"},
)
def groupcam(e: Evidence, *, groups: Count = 32) -> Any:
    """M = ReLU Σ_g s_g m_g over groups of adjacent channels.

    m_g = minmax(ReLU Σ_c w_c A_c), c in g, with w_c = mean_ij G_c, values under its 70th percentile
    set to 0. s_g = y(X ⊙ up m_g + B ⊙ (1 - up m_g)) - y(B), B the blurred input (Gaussian of 50
    pixels, cut off after 25). A: activations (N, C, h, w). G: gradients. Where there are fewer than
    `groups` channels, each is a group.

    Source: Zhang, Rao and Yang, "Group-CAM: Group Score-Weighted Visual Explanations for Deep
    Convolutional Networks", arXiv 2103.13859.
    """
    import numpy as np

    assert e.rescoring is not None  # declared above
    xp, a, x = e.xp, e.activations, e.images
    n, c, *grid = (int(size) for size in a.shape)
    k, size = int(e.gradients.shape[1]), (int(x.shape[2]), int(x.shape[3]))
    groups = min(groups, c)
    member = np.zeros((groups, c), np.float32)
    for group, channels in enumerate(np.array_split(np.arange(c), groups)):
        member[group, channels] = 1
    weights = xp.mean(xp.reshape(e.gradients, (n, k, c, -1)), axis=-1)
    # (N, K, groups, C) @ (N, 1, C, Z)
    by_group = weights[:, :, None, :] * like(member, weights)
    sums = relu(xp, xp.matmul(by_group, over_positions(xp, a)[:, None]))
    masks = minmax(xp, xp.reshape(sums, (n * k * groups, *grid)))
    used = np.flatnonzero(~is_constant(xp, masks))
    masks = _without_the_lowest(xp, masks)
    soft_images = blurred(xp, x, _BLUR_SIGMA, _BLUR_REACH)
    # First the blurred images, then the masked ones.
    image = np.concatenate([np.arange(n), used // (k * groups)])

    def edit(start: int, stop: int) -> Any:
        parts = []
        if start < n:
            parts.append(soft_images[start : min(stop, n)])
        if stop > n:
            some = used[max(start - n, 0) : stop - n]
            which = some // (k * groups)
            mask = upsample(xp, xp.take(masks, like(some, masks), axis=0), size)[:, None]
            sharp, soft = chosen(xp, x, which), chosen(xp, soft_images, which)
            parts.append(soft + (sharp - soft) * mask)
        return xp.concat(parts, axis=0)

    scores = e.rescoring.inputs(edit, image)
    gains = np.zeros((n * k * groups,), np.float32)
    of_class = used // groups % k
    gains[used] = scores[n:][np.arange(len(used)), of_class] - scores[image[n:], of_class]
    rows = like(gains.reshape(n * k, 1, groups), a)
    maps = xp.matmul(rows, xp.reshape(masks, (n * k, groups, -1)))
    return relu(xp, xp.reshape(maps, (n, k, *grid)))


def _without_the_lowest(xp: Any, masks: Any) -> Any:
    """Masks (n, h, w), values under the 70th percentile of each 0."""
    import numpy as np

    host = to_numpy(masks)
    floor = np.quantile(host.reshape(len(host), -1), _QUANTILE, axis=1)[:, None, None]
    return masks * like((host >= floor).astype(np.float32), masks)
