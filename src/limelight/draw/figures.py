"""One image explained, as a figure, and figures as files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.draw import overlays, panels
from limelight.draw.colors import color_table
from limelight.draw.pictures import as_map, as_rgb
from limelight.errors import ImageError, RunError, did_you_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def figure(
    image: Any,
    map: Any,
    overlay: Any = None,
    boxes: Any = None,
    true_boxes: Any = None,
    *,
    title: str | None = None,
    alpha: float = 0.5,
    colormap: str = "jet",
    seen: Any = None,
) -> Figure:
    """Image, map and overlay side by side, with a bar that says which colour is which value.

    Args:
        image, map, alpha, colormap, seen: as `limelight.draw.overlay` takes them.
        overlay: a picture of the image's size to show in the third place; drawn where it is None.
        boxes: predicted boxes, as `limelight.draw.boxes` takes them, drawn on image and overlay.
        true_boxes: the true boxes, drawn likewise.
        title: a text above the whole, in any script.

    Returns:
        A matplotlib figure with axes "image", "map", "overlay" and "colours" (their labels), in
        the pixels of the image. It belongs to no window; a notebook shows it.

    Raises:
        MissingExtra: matplotlib is not installed.
        ImageError, BoxError: as from `overlay` and `boxes`.
    """
    import numpy as np

    pixels = as_rgb(image)
    size = pixels.shape[:2]
    values = as_map(map, size)
    if overlay is None:
        overlay = overlays.overlay(pixels, values, alpha, colormap, seen)
    mixed = as_rgb(overlay)
    if mixed.shape != pixels.shape:
        raise ImageError(
            f"the overlay is {mixed.shape[0]} × {mixed.shape[1]} and the image "
            f"{size[0]} × {size[1]} (height × width); they must agree"
        )
    side = 3.2
    ratio = min(max(size[0] / size[1], 0.3), 2.5)
    around = 0.3 + (0.3 if title else 0) + (0.3 if boxes is not None else 0)
    canvas = panels.new_canvas(3 * side + 0.8, side * ratio + around, title)
    left, middle, right = canvas.subplots(1, 3)
    hidden = None if seen is None else ~np.asarray(seen, bool)
    panels.show(left, pixels, size)
    shown = panels.show(
        middle,
        np.ma.masked_array(values, hidden) if hidden is not None else values,
        size,
        cmap=_as_matplotlib(colormap),
        vmin=0,
        vmax=1,
    )
    panels.show(right, mixed, size)
    for axes, name in ((left, "image"), (middle, "map"), (right, "overlay")):
        axes.set_label(name)
        axes.set_title(name, fontsize=9)
    whose: set[str] = set()
    for axes in (left, right):
        for name, drawn in (("true", true_boxes), ("predicted", boxes)):
            if panels.add_boxes(axes, drawn, name):
                whose.add(name)
    panels.add_legend(canvas, whose)
    _add_color_bar(right, shown)
    return canvas


def _add_color_bar(axes: Axes, shown: Any) -> None:
    """A bar as high as the image beside it."""
    bar = axes.inset_axes((1.05, 0, 0.05, 1))
    bar.set_label("colours")
    axes.figure.colorbar(shown, cax=bar)
    bar.tick_params(labelsize=8, width=0.5)
    bar.set_ylabel("map", fontsize=8)
    for spine in bar.spines.values():
        spine.set_linewidth(0.5)


def _as_matplotlib(colormap: str) -> Any:
    """A colormap of ours as one of matplotlib's, so that bar and overlay have the same colours."""
    from matplotlib.colors import ListedColormap

    return ListedColormap(color_table(colormap) / 255, name=colormap).with_extremes(bad="0.92")


def save(figure: Figure, path: str | os.PathLike[str], dpi: float = 150) -> Path:
    """Write a figure to a file, in the format that its name ends with: .png, .svg, .pdf …

    Folders on the way are made; a file that is there is replaced.

    Returns:
        The path written.

    Raises:
        ImageError: matplotlib cannot write files of this ending.
        RunError: the file cannot be written.
    """
    target = Path(path)
    known = figure.canvas.get_supported_filetypes()
    ending = target.suffix.lstrip(".").lower()
    if ending not in known:
        raise ImageError(
            f"a figure cannot be written as {target.name!r}; expected an ending such as .png, .svg "
            f"or .pdf{did_you_mean(ending, known)}"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(target, format=ending, dpi=dpi)
    except OSError as error:
        raise RunError(f"{target} cannot be written: {error}") from error
    return target
