"""The learning rate over a training: a short warm-up, then a cosine down to almost nothing."""

from __future__ import annotations

import math

WARM_UP = 0.1  # share of all steps


def warm_up_steps(steps: int) -> int:
    """How many of all `steps` the learning rate rises in."""
    return max(1, round(WARM_UP * steps))


def factor(step: int, steps: int) -> float:
    """What the learning rate is multiplied with at `step` of `steps`, counted from 0.

    Linear up to 1 over the warm-up, then ``(1 + cos πt) / 2``: what Keras's `CosineDecay` with a
    warm-up target computes, so that both frameworks train alike.
    """
    up = warm_up_steps(steps)
    if step < up:
        return step / up
    done = min((step - up) / max(1, steps - up), 1.0)
    return (1 + math.cos(math.pi * done)) / 2
