"""The matplotlib figure that Limelight draws on: it belongs to no window and no pyplot state."""

from __future__ import annotations

import io

from matplotlib.figure import Figure


class Canvas(Figure):
    """A matplotlib figure that a notebook shows when it is the last thing in a cell.

    Notebooks show the figures of pyplot by themselves; pyplot however keeps every figure alive and
    picks a window system, which a library must not do for its user.
    """

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=96)
        return stream.getvalue()
