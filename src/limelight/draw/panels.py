"""The parts that figures are made of: a canvas, an image in its axes, boxes, titles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.draw import fonts
from limelight.draw.outlines import as_box_rows
from limelight.errors import require

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

# How a box is drawn, by whose it is. They differ in their strokes too, not in colour alone.
BOX_STYLES: dict[str, dict[str, Any]] = {
    "true": {"color": "#00d45a", "linestyle": "-"},
    "predicted": {"color": "#ff6a00", "linestyle": (0, (4, 1.5))},
}
_SHARPEST = 1200  # an image with a longer side is shown reduced; a page shows no more of it


def new_canvas(width: float, height: float, title: str | None = None) -> Figure:
    """An empty figure, in inches, that lays its axes out by itself and belongs to no window."""
    require("matplotlib", "plot", "figures")
    from limelight.draw.canvas import Canvas

    canvas = Canvas(figsize=(width, height), layout="constrained", facecolor="white")
    if title:
        set_text(canvas.suptitle("", fontsize=11), title)
    return canvas


def show(axes: Axes, picture: np.ndarray, size: tuple[int, int], **options: Any) -> AxesImage:
    """Show a picture in its axes, whose coordinates are the pixels of an image of `size` (H, W)."""
    high, wide = size
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(linewidth=0.5, color="0.75")
    step = -(-max(picture.shape[:2]) // _SHARPEST)
    return axes.imshow(_reduced(picture, step), extent=(0, wide, high, 0), **options)


def _reduced(picture: np.ndarray, step: int) -> np.ndarray:
    """A uint8 picture with each `step` × `step` pixels averaged; a map is left as it is."""
    import numpy as np
    from PIL import Image

    if step == 1 or picture.dtype != np.uint8:
        return picture
    return np.asarray(Image.fromarray(picture).reduce(step))


def add_boxes(axes: Axes, boxes: Any, whose: str) -> bool:
    """Draw the outlines of boxes, as `limelight.draw.boxes` takes them; whether there was one."""
    import numpy as np
    from matplotlib.patches import Polygon
    from matplotlib.patheffects import withStroke

    rows = as_box_rows([] if boxes is None else boxes)
    rows = rows[~np.isnan(rows).any(axis=tuple(range(1, rows.ndim)))]
    if rows.ndim == 2:
        x0, y0, x1, y1 = rows.T
        rows = np.stack([x0, y0, x1, y0, x1, y1, x0, y1], -1).reshape(-1, 4, 2)
    for corners in rows:
        halo = withStroke(linewidth=3, foreground="black", alpha=0.55)
        axes.add_patch(
            Polygon(
                corners,
                fill=False,
                linewidth=1.6,
                joinstyle="miter",
                label=f"{whose} box",
                path_effects=[halo],
                **BOX_STYLES[whose],
            )
        )
    return len(rows) > 0


def add_legend(canvas: Figure, whose: set[str]) -> None:
    """Say below a figure which box is which, where it has both kinds."""
    from matplotlib.lines import Line2D

    if len(whose) < 2:
        return
    lines: list[Line2D] = [
        Line2D([], [], linewidth=1.6, label=f"{name} box", **style)
        for name, style in BOX_STYLES.items()
    ]
    canvas.legend(
        handles=lines, loc="outside lower center", ncols=len(lines), frameon=False, fontsize=9
    )


def own_font() -> Path:
    """The font that matplotlib brings."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


def set_text(artist: Text, text: str) -> None:
    """Set a text that may be in any script and is never read as a formula."""
    from matplotlib import font_manager

    families = []
    lines = [fonts.runs(line, first=own_font()) for line in text.split("\n")]
    for _, file in (run for line in lines for run in line):
        if file is None:
            continue
        if all(entry.fname != str(file) for entry in font_manager.fontManager.ttflist):
            font_manager.fontManager.addfont(file)
        name = font_manager.get_font(file).family_name
        if name not in families:
            families.append(name)
    artist.set_parse_math(False)
    artist.set_fontfamily(families or ["DejaVu Sans"])
    artist.set_text("\n".join("".join(run for run, _ in line) for line in lines))
