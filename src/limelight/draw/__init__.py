"""Pictures of maps and boxes: arrays in, uint8 arrays or matplotlib figures out.

`colorize`, `overlay`, `overlay_concepts` and `boxes` need the base installation only; `figure`,
`grid`, `concept_figure` and `save` draw with matplotlib, the extra ``[plot]``, and never open a
window.
"""

from __future__ import annotations

from limelight.draw.colors import colorize
from limelight.draw.figures import figure, save
from limelight.draw.grids import grid
from limelight.draw.outlines import boxes
from limelight.draw.overlays import overlay
from limelight.draw.parts import concept_figure, overlay_concepts

__all__ = [
    "boxes",
    "colorize",
    "concept_figure",
    "figure",
    "grid",
    "overlay",
    "overlay_concepts",
    "save",
]
