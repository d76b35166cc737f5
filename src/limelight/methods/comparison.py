"""Maps of what tells a class from those that are most like it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from limelight.evidence import Evidence
from limelight.methods.composition import Base, map_of
from limelight.methods.declaration import method
from limelight.methods.options import Count
from limelight.scores import Score


def _against_similar(score: Score, *, gamma: float, similar: int, **_: Any) -> Score:
    return replace(score, against=similar, gamma=gamma)


@method(
    "finercam",
    title="Finer-CAM",
    paper="Zhang et al. 2025",
    needs={"activations", "gradients"},
    contrast=_against_similar,
)
def finercam(e: Evidence, *, base: Base = "gradcam", gamma: float = 0.6, similar: Count = 3) -> Any:
    """M = that of the method `base` for the score y_c - gamma · mean_d y_d.

    d: the `similar` classes whose logits for this image are closest to the class's own (the class
    itself left out; fewer where the model has fewer). `gamma` 0 is `base` itself.

    Source: Zhang et al., "Finer-CAM: Spotting the Difference Reveals Finer Details for Visual
    Explanation", CVPR 2025; which classes are similar as in the authors' code.
    """
    return map_of(base, e)
