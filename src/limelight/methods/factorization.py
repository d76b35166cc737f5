"""Maps of the parts that activations are made of: non-negative factorization."""

from __future__ import annotations

from typing import Any

from limelight.evidence import Evidence
from limelight.methods.declaration import method
from limelight.methods.options import Count
from limelight.methods.reduce import eigh, over_positions, relu

_LEAST = 1e-4  # of the largest singular value
_STEPS = 60  # of the alternation; 200 move the map of half of the photographs by less than 0.1 %


@method(
    "dff",
    title="Deep Feature Factorization",
    paper="Collins et al. 2018",
    needs={"activations"},
    class_blind=True,
    no_derivative="is the end of an alternation from singular vectors, which is not differentiated",
)
def dff(e: Evidence, *, k: Count = 5) -> Any:
    """M = h_m of the concept that the image is made of most: argmax_m Σ_ij h_m².

    A ≈ Σ_m h_m v_m, a non-negative factorization into `k` concepts: maps h_m (h, w) and vectors v_m
    over the channels, of length 1. Negative activations count as 0. Each image is factorized by
    itself, so that its map does not depend on the others of the batch; `limelight.concepts` finds
    concepts that several images share, and what they speak for. Nothing in it depends on the class.

    Source: Collins et al., "Deep Feature Factorization for Concept Discovery", ECCV 2018.
    """
    xp, a = e.xp, relu(e.xp, over_positions(e.xp, e.activations))
    maps, _ = factorize(xp, xp.permute_dims(a, (0, 2, 1)), k)
    weight = xp.sum(maps**2, axis=1)  # (N, k); the vectors' lengths are 1
    most = xp.astype(weight == xp.max(weight, axis=-1, keepdims=True), maps.dtype)
    # Of concepts that weigh the same, the first.
    first = most * xp.astype(xp.cumsum(most, axis=-1) == 1, maps.dtype)
    chosen = xp.matmul(maps, first[:, :, None])[:, :, 0]
    return xp.reshape(chosen, (a.shape[0], *e.activations.shape[2:]))


def factorize(xp: Any, matrices: Any, k: int) -> tuple[Any, Any]:
    """X (N, Z, C) ≥ 0 ≈ maps (N, Z, k) @ vectors (N, k, C), all ≥ 0, vectors of length 1.

    From the non-negative parts of the first `k` singular vectors (NNDSVD; Boutsidis & Gallopoulos
    2008), by hierarchical alternating least squares (Cichocki & Phan 2009): nothing is drawn, so
    that the same is found each time. Of fewer rows or columns than `k`, as many concepts as there
    are.
    """
    k = min(k, int(matrices.shape[1]), int(matrices.shape[2]))
    size = xp.max(matrices, axis=(1, 2), keepdims=True)
    unit = xp.where(size > 0, size, xp.ones_like(size))
    x = matrices / unit
    transposed = xp.permute_dims(x, (0, 2, 1))
    if x.shape[1] <= x.shape[2]:
        _, found = eigh(xp, xp.matmul(x, transposed))
        left = xp.flip(found[:, :, -k:], axis=-1)
        right = xp.matmul(transposed, left)  # (N, C, k), each times its singular value
    else:
        _, found = eigh(xp, xp.matmul(transposed, x))
        right = xp.flip(found[:, :, -k:], axis=-1)
        left = xp.matmul(x, right)
    maps, vectors = _non_negative(xp, left, right)
    vectors = xp.permute_dims(vectors, (0, 2, 1))
    for _ in range(_STEPS):
        turned = xp.permute_dims(vectors, (0, 2, 1))
        maps = _improved(xp, maps, xp.matmul(x, turned), xp.matmul(vectors, turned))
        turned = xp.permute_dims(maps, (0, 2, 1))
        columns = xp.permute_dims(vectors, (0, 2, 1))
        columns = _improved(xp, columns, xp.matmul(transposed, maps), xp.matmul(turned, maps))
        vectors = xp.permute_dims(columns, (0, 2, 1))
    length = xp.sqrt(xp.sum(vectors**2, axis=-1, keepdims=True))
    length = xp.where(length > 0, length, xp.ones_like(length))
    return maps * xp.permute_dims(length, (0, 2, 1)) * unit, vectors / length


def _improved(xp: Any, columns: Any, product: Any, gram: Any) -> Any:
    """Each column (N, n, k) in turn as the best non-negative one, all others as they are."""
    found = [columns[:, :, m] for m in range(columns.shape[2])]
    for m in range(len(found)):
        now = xp.stack(found, axis=-1)
        own = gram[:, m : m + 1, m]
        rest = product[:, :, m] - xp.matmul(now, gram[:, :, m : m + 1])[:, :, 0]
        change = rest / xp.where(own > 0, own, xp.ones_like(own))
        found[m] = xp.maximum(found[m] + change, xp.zeros_like(change))
    return xp.stack(found, axis=-1)


def _non_negative(xp: Any, left: Any, right: Any) -> tuple[Any, Any]:
    """Of each pair of columns the positive or the negative parts, whichever is the larger pair.

    Their lengths are made equal; the product keeps its size. Pairs that are next to nothing are
    made zero, and stay it: their directions are but rounding.
    """

    def norm(values: Any) -> Any:
        return xp.sqrt(xp.sum(values**2, axis=1, keepdims=True))

    size = norm(left) * norm(right)
    kept = size > _LEAST * xp.max(size, axis=-1, keepdims=True)
    left, right = (xp.where(kept, each, xp.zeros_like(each)) for each in (left, right))
    positive = relu(xp, left), relu(xp, right)
    negative = relu(xp, -left), relu(xp, -right)
    larger = norm(positive[0]) * norm(positive[1]) >= norm(negative[0]) * norm(negative[1])
    one = xp.where(larger, positive[0], negative[0])
    two = xp.where(larger, positive[1], negative[1])
    first, second = norm(one), norm(two)
    ratio = xp.sqrt(second / xp.where(first > 0, first, xp.ones_like(first)))
    safe = xp.where(ratio > 0, ratio, xp.ones_like(ratio))
    return one * ratio, two / safe
