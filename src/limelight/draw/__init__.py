"""Pictures of maps and boxes: arrays in, uint8 arrays or matplotlib figures out.

`colorize`, `overlay` and `boxes` need the base installation only; `figure`, `grid` and `save` draw
with matplotlib, the extra ``[plot]``, and never open a window.
"""

from __future__ import annotations

from limelight.draw.colors import colorize
from limelight.draw.figures import figure, save
from limelight.draw.grids import grid
from limelight.draw.outlines import boxes
from limelight.draw.overlays import overlay

__all__ = ["boxes", "colorize", "figure", "grid", "overlay", "save"]
