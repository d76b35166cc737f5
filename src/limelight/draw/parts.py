"""Several maps in one picture, each in a colour of its own: the parts that an image is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from limelight.draw import panels
from limelight.draw.colors import color_table
from limelight.draw.overlays import dimmed
from limelight.draw.pictures import as_map, as_rgb
from limelight.errors import ImageError

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

_WIDEST = 2.6  # inches of one image


def concept_colors(count: int) -> np.ndarray:
    """`count` colours that are told apart: uint8 (count, 3)."""
    import numpy as np

    named = color_table("tab10" if count <= 10 else "tab20")
    if count <= len(named):
        return named[:count]
    hues = color_table("hsv")
    return hues[np.arange(count) * len(hues) // count]


def overlay_concepts(image: Any, maps: Any, alpha: float = 0.8, seen: Any = None) -> np.ndarray:
    """Each pixel mixed with the colour of its strongest map v: (1 − alpha · v) · image + ….

    Args:
        image: as `limelight.draw.overlay` takes it.
        maps: (K, H, W), real numbers in [0, 1], on one scale.
        alpha: the share of the colour where a map is 1.
        seen: as in `limelight.draw.overlay`.

    Returns:
        uint8 (H, W, 3), in the colours of `concept_colors(K)`.

    Raises:
        ImageError: sizes that disagree, values out of range, NaN.
    """
    import numpy as np

    pixels = as_rgb(image)
    if np.ndim(maps) != 3 or not len(maps):
        raise ImageError(
            f"the maps have the shape {np.shape(maps)}; expected (K, height, width), one or more"
        )
    if not 0 <= alpha <= 1:
        raise ImageError(f"alpha is {alpha}; expected a share between 0 and 1")
    values = np.stack([as_map(each, pixels.shape[:2]) for each in maps])
    share = alpha * values.max(axis=0)[..., None]
    colors = concept_colors(len(values))[values.argmax(axis=0)]
    mixed = np.rint((1 - share) * pixels + share * colors).astype(np.uint8)
    if seen is None:
        return mixed
    visible = np.asarray(seen)
    if visible.shape != pixels.shape[:2] or visible.dtype != bool:
        raise ImageError(
            f"`seen` has shape {visible.shape} and holds {visible.dtype}; expected bool "
            f"{pixels.shape[:2]}, the size of the image"
        )
    return np.where(visible[..., None], mixed, dimmed(pixels))


def concept_figure(images: Sequence[Any], overlays: Sequence[Any], labels: Sequence[str]) -> Figure:
    """Images, below them their overlays, and a legend of the colours.

    Args:
        images: n images, each as `limelight.draw.overlay` takes it.
        overlays: of each image a picture of its size, as from `overlay_concepts`.
        labels: what each of the K colours stands for.

    Returns:
        A matplotlib figure whose axes are labelled "image/0", "concepts/0", "image/1" … It belongs
        to no window; a notebook shows it.

    Raises:
        MissingExtra: matplotlib is not installed.
        ImageError: not one overlay of an image's size for each image, or no image.
    """
    pixels, drawn = [as_rgb(each) for each in images], [as_rgb(each) for each in overlays]
    if not pixels or [each.shape for each in pixels] != [each.shape for each in drawn]:
        raise ImageError(
            f"{len(drawn)} overlays were given for {len(pixels)} images; expected one of its size "
            "for each image, and at least one image"
        )
    ratios = sorted(each.shape[0] / each.shape[1] for each in pixels)
    side = min(_WIDEST, 40 / len(pixels))
    high = 2 * side * min(max(ratios[len(ratios) // 2], 0.4), 2.0)
    canvas = panels.new_canvas(max(side * len(pixels), 4.5), high + 0.3 + 0.2 * len(labels))
    cells = canvas.subplots(2, len(pixels), squeeze=False)
    for row, (name, pictures) in enumerate((("image", pixels), ("concepts", drawn))):
        for column, picture in enumerate(pictures):
            cells[row, column].set_label(f"{name}/{column}")
            panels.show(cells[row, column], picture, picture.shape[:2])
    _add_legend(canvas, labels)
    return canvas


def _add_legend(canvas: Figure, labels: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    colors = concept_colors(len(labels)) / 255
    patches = [Patch(color=tuple(color), label=" ") for color in colors]
    legend = canvas.legend(
        handles=patches, loc="outside lower left", frameon=False, fontsize=9, handlelength=1.2
    )
    for text, label in zip(legend.get_texts(), labels, strict=True):
        panels.set_text(text, label)
