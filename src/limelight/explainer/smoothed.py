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
