"""A budget of channels: groups of similar masks, of each of which one is scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limelight.arrays import to_numpy

if TYPE_CHECKING:
    import numpy as np

#: How many further channels of each image are scored, to see what the groups leave out.
HELD_OUT = 8


@dataclass(frozen=True)
class Groups:
    """Which of P channels, numbered over all images, are scored, and for which others.

    Attributes:
        scored: (J,) the numbers of the channels that are scored.
        taken: (P,) which of the J scores each channel takes.
        held: (T,) which of the J are scored only to be compared.
        leaders: (T,) which of the J lead their groups.
    """

    scored: np.ndarray
    taken: np.ndarray
    held: np.ndarray
    leaders: np.ndarray

    def deviation(self, scores: np.ndarray, images: np.ndarray, n: int) -> np.ndarray:
        """How far the scores (J, K) of held-out channels lie from their leaders', (n, K).

        The root of the mean square for each of the n images; 0 where every channel is scored.
        `images`: (J,) the image of each score.
        """
        import numpy as np

        found = np.zeros((n, scores.shape[1]), np.float32)
        errors = (scores[self.held] - scores[self.leaders]) ** 2
        for image in np.unique(images[self.held]):
            found[image] = np.sqrt(errors[images[self.held] == image].mean(axis=0))
        return found


def group_channels(activations: Any, live: np.ndarray, channels: int) -> Groups:
    """Groups of the channels `live` (P,) of the activations (N, C, h, w), numbered n · C + c.

    In each image the `channels` of the largest mean |A| lead; any other joins the leader whose
    mask, scaled to 0..1, is the closest by Euclidean distance, and takes its score. HELD_OUT of the
    others, spread evenly over their mean |A|, are scored themselves.
    """
    import numpy as np

    a = to_numpy(activations)
    count = a.shape[1]
    flat = a.reshape(a.shape[0] * count, -1)
    scored: list[int] = []
    taken = np.zeros(len(live), np.int64)
    held: list[int] = []
    leaders: list[int] = []
    for image in np.unique(live // count):
        places = np.flatnonzero(live // count == image)
        values = flat[live[places]]
        order = np.argsort(-np.abs(values).mean(axis=1), kind="stable")
        lead, others = order[:channels], order[channels:]
        first = len(scored)
        scored += live[places[lead]].tolist()
        taken[places[lead]] = first + np.arange(len(lead))
        if not len(others):
            continue
        masks = values - values.min(axis=1, keepdims=True)
        masks /= masks.max(axis=1, keepdims=True)
        # The distance up to what is the same for all leaders.
        far = (masks[lead] ** 2).sum(axis=1) - 2 * masks[others] @ masks[lead].T
        nearest = first + far.argmin(axis=1)
        taken[places[others]] = nearest
        ends = np.linspace(0, len(others) - 1, min(HELD_OUT, len(others)))
        for other in np.unique(ends.round().astype(int)).tolist():
            held.append(len(scored))
            leaders.append(int(nearest[other]))
            taken[places[others[other]]] = len(scored)
            scored.append(int(live[places[others[other]]]))
    return Groups(*(np.asarray(each, np.int64) for each in (scored, taken, held, leaders)))
