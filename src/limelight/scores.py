"""The score that an explanation differentiates, as a direction in the space of the logits.

Whatever is explained, the logit of a class, its probability, or their sum, its gradient with
respect to the logits has a closed form. A probe then needs one operation only: to pull that
direction back from the logits to a layer.

A model with a single output has two classes: class 1 is the output, and class 0, the negative
class, its negation. Functions here take the single output (N, 1) and speak of both classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from limelight.errors import LimelightError

KINDS = ("logit", "probability", "rest")


@dataclass(frozen=True)
class Score:
    """What is explained about each class.

    Attributes:
        kind: "logit" (the score before the last activation), "probability" (after it), or "rest"
            (logit plus log-probability; Cai 2025).
        negative: explain what speaks against the class: the score with its sign turned.
        activation: "softmax" or "sigmoid", the activation that makes probabilities of logits.
        against: how many of the most similar classes the class is compared with: the mean of
            their scores, times `gamma`, is taken off its own.
        gamma: see `against`.
    """

    kind: str = "logit"
    negative: bool = False
    activation: str = "softmax"
    against: int = 0
    gamma: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise LimelightError(
                f"score={self.kind!r} is not a score; choose one of {', '.join(map(repr, KINDS))}"
            )


def both_classes(xp: Any, logits: Any) -> Any:
    """`logits` (N, classes) as they are; of a single output those of both its classes, (N, 2)."""
    return xp.concat([-logits, logits], axis=-1) if logits.shape[-1] == 1 else logits


def probabilities(xp: Any, logits: Any, activation: str) -> Any:
    """Softmax or sigmoid of `logits` (N, classes); of a single output the sigmoid, (N, 2)."""
    if activation == "sigmoid" or logits.shape[-1] == 1:
        return 1 / (1 + xp.exp(-both_classes(xp, logits)))
    exponentials = xp.exp(logits - xp.max(logits, axis=-1, keepdims=True))
    return exponentials / xp.sum(exponentials, axis=-1, keepdims=True)


def top_classes(xp: Any, logits: Any, count: int) -> Any:
    """The `count` highest classes of each row of `logits` (N, classes), best first: (N, count)."""
    logits = both_classes(xp, logits)
    if count == 1:
        return xp.argmax(logits, axis=-1)[:, None]
    return xp.argsort(-logits, axis=-1)[:, :count]


def similar_classes(xp: Any, logits: Any, index: Any, count: int) -> Any:
    """Of each class of `index` (N, K) the `count` others whose logits are closest: (N, K, count).

    Closest first; where there are fewer other classes, all of them. `logits`: (N, classes).
    """
    own = one_hot(xp, index, logits)
    of_class = xp.sum(own * logits[:, None, :], axis=-1, keepdims=True)
    # A class is closer to itself than any other, also than one of the very same logit.
    distance = xp.abs(logits[:, None, :] - of_class)
    distance = xp.where(own > 0, -xp.ones_like(distance), distance)
    return xp.argsort(distance, axis=-1)[:, :, 1 : count + 1]


def one_hot(xp: Any, index: Any, like: Any) -> Any:
    """`index` (N, K) as vectors (N, K, classes) of the type of `like` (N, classes)."""
    # Comparing with a running index needs no device-specific constructor.
    running = xp.cumsum(xp.ones_like(like[:1]), axis=-1) - 1
    return xp.astype(running[None] == xp.astype(index, like.dtype)[:, :, None], like.dtype)


def values(xp: Any, logits: Any, index: Any, score: Score) -> Any:
    """The score of the classes `index` (N, K), from `logits` (N, classes): (N, K).

    `directions` are its gradient with respect to the logits.
    """
    if logits.shape[-1] == 1:
        logits, score = both_classes(xp, logits), replace(score, activation="sigmoid")
    if score.against:
        return _compared(xp, logits, index, score, values)
    unit = one_hot(xp, index, logits)
    of_class = xp.sum(unit * logits[:, None, :], axis=-1)
    if score.kind == "logit":
        value = of_class
    else:
        p = probabilities(xp, logits, score.activation)
        p_t = xp.sum(unit * p[:, None, :], axis=-1)
        value = p_t if score.kind == "probability" else of_class + _log(xp, logits, of_class, score)
    return -value if score.negative else value


def _log(xp: Any, logits: Any, of_class: Any, score: Score) -> Any:
    """The log-probability of the logits `of_class` (N, K), without the underflow of log(p)."""
    if score.activation == "sigmoid":
        positive = xp.maximum(-of_class, xp.zeros_like(of_class))
        return -positive - xp.log(1 + xp.exp(-xp.abs(of_class)))
    top = xp.max(logits, axis=-1, keepdims=True)
    return of_class - top - xp.log(xp.sum(xp.exp(logits - top), axis=-1, keepdims=True))


def directions(xp: Any, logits: Any, index: Any, score: Score) -> Any:
    """The gradient of the score of the classes `index` (N, K) with respect to `logits`.

    Shapes: `logits` (N, classes) → (N, K, classes). With p the probabilities and e_t the unit
    vector of class t: logit e_t; probability p_t (e_t - p) for softmax and p_t (1 - p_t) e_t for
    sigmoid; rest 2 e_t - p for softmax and (2 - p_t) e_t for sigmoid. Which classes are the similar
    ones of a comparison is taken as given.
    """
    if logits.shape[-1] == 1:
        both = both_classes(xp, logits)
        found = directions(xp, both, index, replace(score, activation="sigmoid"))
        return found[..., 1:] - found[..., :1]
    if score.against:
        return _compared(xp, logits, index, score, directions)
    unit = one_hot(xp, index, logits)
    if score.kind == "logit":
        direction = unit
    else:
        p = probabilities(xp, logits, score.activation)[:, None, :]
        p_t = xp.sum(unit * p, axis=-1, keepdims=True)
        if score.activation == "sigmoid":
            direction = unit * (p_t * (1 - p_t) if score.kind == "probability" else 2 - p_t)
        else:
            direction = p_t * (unit - p) if score.kind == "probability" else 2 * unit - p
    return -direction if score.negative else direction


def _compared(xp: Any, logits: Any, index: Any, score: Score, of: Callable[..., Any]) -> Any:
    """What `of` (`values` or `directions`) gives for the class, less that of the similar ones."""
    similar = similar_classes(xp, logits, index, score.against)
    alone = replace(score, against=0)
    found = of(xp, logits, index, alone)
    count = min(score.against, int(logits.shape[-1]) - 1)  # a graph does not know its shape
    for number in range(count):
        found = found - score.gamma / count * of(xp, logits, similar[:, :, number], alone)
    return found
