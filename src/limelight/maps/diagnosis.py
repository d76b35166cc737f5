"""Why a map is empty or means nothing, in plain words.

Each finding is a rule on one map and on what its run has shown; `FINDINGS` are all of them, in the
order in which they are looked for. The documentation's table is made of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limelight.arrays import to_numpy

if TYPE_CHECKING:
    import numpy as np

    from limelight.maps.result import Maps

# A probability this close to 1 has lost its gradient to float32's rounding of 1 - p.
_SATURATED = 1e-5
# Below this, the probability's gradient underflows in float32.
_UNDERFLOW = 1e-30
# Standard deviations between a channel's mean and what the first normalization has learned.
_FAR = 10.0


#: The facts of each class explained; the others are of the image.
OF_CLASS = ("gradient", "deviation")


@dataclass(frozen=True)
class Case:
    """One map and what is known of its run; None where something is not known.

    Attributes:
        values: the map (h, w).
        score: "logit", "probability" or "rest".
        probability: of the class explained.
        own: the score of the class explained, before the last activation.
        scores: of all classes and images, (N, classes), before the last activation.
        gradient: the largest absolute gradient at the layer.
        inputs: the least and the greatest value of each channel of the input, (C, 2).
        possible: the same of all that the model's preprocessing can make.
        deviation: of a budget of channels, how far the scores of held-out ones are off.
        shift: how far what the model's first BatchNorm was given lies from what it has learned,
            in standard deviations.
    """

    values: np.ndarray
    score: str
    probability: float | None = None
    own: float | None = None
    scores: np.ndarray | None = None
    gradient: float | None = None
    inputs: np.ndarray | None = None
    possible: np.ndarray | None = None
    deviation: float | None = None
    shift: float | None = None


@dataclass(frozen=True)
class Finding:
    """Something that can be wrong.

    Attributes:
        name: a few words.
        about: "map", "method", "output" or "input"; of each, the first that applies is told.
        why: what is the matter.
        remedy: what to do.
        says: the case's own words, or None where it does not apply.
    """

    name: str
    about: str
    why: str
    remedy: str
    says: Callable[[Case], str | None]


FINDINGS: list[Finding] = []


def diagnose(maps: Maps) -> list[Any]:
    """See `Maps.diagnosis`."""
    import numpy as np

    values = maps.numpy()
    facts = {name: to_numpy(array) for name, array in maps.facts.items()}
    scores = None if maps.scores is None else to_numpy(maps.scores)
    target = None if maps.target is None else to_numpy(maps.target)
    probability = None if maps.probability is None else to_numpy(maps.probability)
    told = []
    for at in np.ndindex(*values.shape[:-2]):
        known: dict[str, Any] = {n: array[at[0]] for n, array in facts.items() if n not in OF_CLASS}
        known |= {name: facts[name][at] for name in OF_CLASS if name in facts}
        if scores is not None and target is not None and probability is not None:
            own = scores[at[0], target[at]]
            known |= {"scores": scores, "own": own, "probability": probability[at]}
        told.append(_words(Case(values[at], maps.score, **known)))
    if values.ndim == 3:
        return told
    count = values.shape[1]
    return [told[start : start + count] for start in range(0, len(told), count)]


def _words(case: Case) -> str | None:
    found: dict[str, str] = {}
    for finding in FINDINGS:
        if finding.about not in found and (said := finding.says(case)):
            found[finding.about] = f"{said}; {finding.remedy}"
    return ". ".join(found.values()) or None


def _finding(name: str, about: str, remedy: str) -> Any:
    """Declare a finding: the function's docstring says why, its result is what is said."""

    def declare(says: Callable[[Case], str | None]) -> Callable[[Case], str | None]:
        why = " ".join((says.__doc__ or "").split())
        FINDINGS.append(Finding(name, about, why, remedy, says))
        return says

    return declare


# -- the map --------------------------------------------------------------------------------------


@_finding("values that are not numbers", "map", "run the model in float32")
def _not_numbers(case: Case) -> str | None:
    """Activations or gradients overflow, in reduced precision most often."""
    import numpy as np

    if np.isfinite(case.values).all():
        return None
    return "the map has values that are not numbers: activations or gradients overflow"


@_finding(
    "p = 1.000 and the score is a probability",
    "map",
    'explain the logit, score="logit", from a model that returns logits',
)
def _saturated(case: Case) -> str | None:
    """A probability's gradient is proportional to p (1 - p): near 1 it vanishes, and what is left
    is rounding. The more certain the model, the emptier the map."""
    p = case.probability
    if _is_probability(case):
        p = case.own
    elif _is_log_probability(case) and case.own is not None:
        p = math.exp(case.own)
    elif case.score != "probability":
        return None
    if p is None or _UNDERFLOW < p < 1 - _SATURATED:
        return None
    return (
        f"p = {p:.3f} and the score is a probability, so the gradient vanished: the map is empty "
        "or rounding"
    )


@_finding("zero gradient", "map", "choose another layer, or none, to have one chosen")
def _cut(case: Case) -> str | None:
    """The score does not depend on the layer: the path to the output does not pass it (a branch
    that feeds another output, an auxiliary head), or everything behind it is switched off."""
    if case.gradient is None or case.gradient > 0:
        return None
    return (
        "the gradient at this layer is zero everywhere: the path to the output does not pass it, "
        "or is switched off behind it"
    )


@_finding(
    "zero everywhere",
    "map",
    "try an earlier layer or another class; negative=True shows what speaks against the class",
)
def _zero(case: Case) -> str | None:
    """Methods that end in ReLU keep what speaks for the class: here that is nothing."""
    if case.values.any():
        return None
    if case.gradient is None:
        return (
            "the map is zero everywhere: nothing at this layer speaks for the class, or the score "
            "does not depend on the layer"
        )
    return "the map is zero everywhere: nothing at this layer speaks for the class"


@_finding(
    "nowhere positive",
    "map",
    "try an earlier layer or another class; negative=True shows what speaks against the class",
)
def _nowhere_positive(case: Case) -> str | None:
    """The layer speaks against the class at every place. Overlays and boxes show what is
    positive, so they are empty."""
    if case.values.max() > 0:
        return None
    return "the map is nowhere positive: at this layer everything speaks against the class"


@_finding("constant", "map", "choose a layer with a finer grid")
def _constant(case: Case) -> str | None:
    """The layer does not tell one place from another."""
    high, low = float(case.values.max()), float(case.values.min())
    if high - low > 1e-5 * max(abs(high), abs(low)):
        return None
    return "the map is constant: the layer does not tell one place from another"


@_finding("a budget of channels", "method", "more channels= come closer")
def _budget(case: Case) -> str | None:
    """Of similar masks only one was scored. A few of the others are scored as well, to tell how far
    their scores are from those that they would have taken."""
    if not case.deviation:
        return None
    return (
        f"of the channels a part was scored; the scores of others, held out, are "
        f"{case.deviation:.2g} off, which is a factor of {math.exp(case.deviation):.2f} in weight"
    )


# -- the output -----------------------------------------------------------------------------------


@_finding(
    "the output already is a probability",
    "output",
    "let the model return logits, or end it in a layer (Softmax) that can be taken off",
)
def _probability_output(case: Case) -> str | None:
    """Every row of the output is in 0 to 1 and sums to 1, and no softmax layer was found to take
    off: a softmax inside of `forward`. Its gradient is that of the probability, and the
    probabilities told are wrong."""
    if not _is_probability(case):
        return None
    return (
        "the model's output already is a probability (its rows sum to 1), though no softmax layer "
        "was found, so the probability is explained and not the logit"
    )


# -- the input ------------------------------------------------------------------------------------


@_finding(
    "the input looks un-normalized",
    "input",
    "prepare it as the model's training did, or give photographs to a Classifier",
)
def _unnormalized(case: Case) -> str | None:
    """A float batch lies where the Classifier's preprocessing puts no photograph; or the first
    BatchNorm of a PyTorch model is given means more than 10 standard deviations from what it has
    learned. For a bare model without BatchNorm, and for values in 0 to 1, nothing can be told."""
    import numpy as np

    if case.inputs is not None and case.possible is not None:
        low, high = float(case.inputs[:, 0].min()), float(case.inputs[:, 1].max())
        least, most = float(case.possible[:, 0].min()), float(case.possible[:, 1].max())
        span = most - least
        outside = low < least - 0.25 * span or high > most + 0.25 * span
        small = span > 50 and 0 < high - low < 0.03 * span and max(-low, high) < 5
        unit = least <= -0.5 and 0 <= low <= 0.1 and 0.9 <= high <= 1.001
        if np.isfinite([low, high]).all() and (outside or small or unit):
            return (
                f"the input looks un-normalized: it runs from {low:.3g} to {high:.3g}, and this "
                f"model's preprocessing makes values from {least:.3g} to {most:.3g}"
            )
    if case.shift is not None and case.shift > _FAR:
        return (
            f"the input looks un-normalized: the model's first BatchNorm is given means "
            f"{case.shift:.0f} standard deviations from what it has learned"
        )
    return None


@_finding("the wrong channel order", "input", "turn the channels round")
def _channel_order(case: Case) -> str | None:
    """A float batch has values that its channel's mean and deviation make of no photograph, and
    that are right with red and blue exchanged. Told only where the preprocessing differs between
    the channels and the image has near-black or near-white places; of uint8 pictures nothing can
    be told."""
    if case.inputs is None or case.possible is None or len(case.inputs) != 3:
        return None
    if _within(case.inputs, case.possible) or not _within(case.inputs, case.possible[::-1]):
        return None
    return (
        "the input's channels look exchanged: its values fit this model's preprocessing with red "
        "and blue in each other's place"
    )


# -- what several ask -----------------------------------------------------------------------------


def _is_probability(case: Case) -> bool:
    scores = case.scores
    if scores is None or scores.shape[1] < 2:
        return False
    sums = scores.sum(axis=1)
    return bool(scores.min() >= 0 and scores.max() <= 1.001 and abs(sums - 1).max() < 5e-3)


def _is_log_probability(case: Case) -> bool:
    import numpy as np

    scores = case.scores
    if scores is None or scores.shape[1] < 2 or scores.max() > 1e-3:
        return False
    sums = np.exp(scores.astype(np.float64)).sum(axis=1)
    return bool(abs(sums - 1).max() < 5e-3)


def _within(inputs: np.ndarray, possible: np.ndarray) -> bool:
    """Whether each channel's extremes are possible, but for a few grey levels and rounding."""
    slack = 0.012 * (possible[:, 1] - possible[:, 0]) + 0.008 * abs(possible).max(axis=1)
    low = inputs[:, 0] >= possible[:, 0] - slack
    return bool(low.all() and (inputs[:, 1] <= possible[:, 1] + slack).all())
