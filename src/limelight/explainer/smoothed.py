"""Maps averaged over variants of the input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from limelight.explainer.gathering import Gathering, parts
from limelight.methods import Method
from limelight.scores import Score
from limelight.smoothing import Smooth


class Smoothed:
    """Gives maps as `Gathering` does, each the mean over the variants of the inputs."""

    def __init__(self, gathering: Gathering, smooth: Smooth) -> None:
        self._gathering, self._smooth = gathering, smooth

    @property
    def activations(self) -> Mapping[str, Any]:
        """The activations (N, C, *spatial) of the inputs as they are, by layer."""
        return self._gathering.activations

    def maps(self, method: Method, layer: str, score: Score, options: Mapping[str, Any]) -> Any:
        """The maps (N, K, *spatial) of `method` at `layer`."""
        found = [
            back(part)
            for run, backs in self._gathering.again(self._smooth)
            for part, back in zip(
                parts(run.maps(method, layer, score, options), len(backs)), backs, strict=True
            )
        ]
        return sum(found[1:], found[0]) / len(found)

    def told(self, method: str, layer: str) -> dict[str, Any]:
        """What the method has told of its maps, as `Gathering.told`; of the variants the most."""
        found: dict[str, Any] = {}
        for run, backs in self._gathering.again(self._smooth):
            for fact, values in run.told(method, layer).items():
                for part in parts(values, len(backs)):
                    known = found.get(fact)
                    found[fact] = part if known is None else self._gathering.xp.maximum(known, part)
        return found
