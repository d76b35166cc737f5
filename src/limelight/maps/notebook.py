"""Maps as a notebook shows them: a small page of their own, with sliders."""

from __future__ import annotations

import base64
import hashlib
import html
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from limelight.arrays import to_numpy

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from limelight.maps.result import Maps

MOST = 16  # images
_SIDE = 360  # pixels of the longer side of a picture
_TALLEST = 640  # pixels of the frame, in which one scrolls

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1d1f; --quiet: #585d63; --shade: #e4e6e8;
  --paper: #fff; --accent: #1d5f8c; --true: #00d45a; --predicted: #ff6a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e9ea; --quiet: #a5adb5; --shade: #333a41;
  --paper: #14171a; --accent: #7cc0ea; } }
body { margin: 0; padding: 0.5rem 0.75rem; background: var(--paper); color: var(--ink);
  font: 0.875rem/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
p { margin: 0 0 0.5rem; color: var(--quiet); }
.sliders { position: sticky; top: 0; z-index: 2; display: grid; gap: 0.25rem 2rem;
  grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); padding: 0.25rem 0 0.5rem;
  background: var(--paper); }
.panels { margin-bottom: 0.75rem; }
"""

_SLIDER = (
    '<label class="slider"><span>{title}</span><input id="{name}" type="range" min="0" '
    'max="{most}" step="{step}" value="{value}"><output for="{name}">{text}</output></label>'
)


@dataclass(frozen=True)
class Interactive:
    """A small page that a notebook shows by itself.

    Attributes:
        page: the whole HTML page, which asks for nothing from elsewhere.
        height: of the frame that it is shown in, in pixels.
    """

    page: str
    height: int

    def _repr_html_(self) -> str:
        """The page in a frame of its own: neither it nor the notebook can change the other."""
        return (
            f'<iframe srcdoc="{html.escape(self.page)}" sandbox="allow-scripts" '
            f'title="Activation maps" '
            f'style="width: 100%; height: {self.height}px; border: 0"></iframe>'
        )


def interactive(maps: Maps, pictures: Sequence[np.ndarray] | None, colormap: str) -> Interactive:
    """The first 16 images' maps, over `pictures` or alone."""
    from limelight.draw.browser import color_tables, data_script
    from limelight.viewer import cards_style, notebook_script

    some = maps[:MOST]
    items = _items(some, None if pictures is None else pictures[:MOST])
    data = {"items": items, "table": color_tables(colormap)[colormap]}
    words = [f"{maps.method} at {maps.layer}"]
    if len(maps) > MOST:
        words.append(f"the first {MOST} of {len(maps)} images")
    if pictures is None:
        words.append("maps.interactive(images) shows them over their images")
    script = notebook_script()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    opacity = 50 if pictures is not None else 100
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<title>Activation maps</title>"
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        f"img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'\">"
        f"<style>{_STYLE}{cards_style()}:root {{ --opacity: {opacity / 100} }}</style></head>"
        f'<body><p>{html.escape("; ".join(words))}</p><div class="sliders">'
        + _SLIDER.format(
            title="Opacity", name="opacity", most=100, step=1, value=opacity, text=f"{opacity} %"
        )
        + _SLIDER.format(
            title="Threshold", name="threshold", most=0.99, step=0.01, value=0.2, text="own"
        )
        + '</div><main id="list"></main>'
        f'<script type="application/json" id="data">{data_script(data)}</script>'
        f"<script>{script}</script></body></html>"
    )
    return Interactive(page, min(_TALLEST, 130 + 260 * len(items)))


def _items(maps: Maps, pictures: Sequence[np.ndarray] | None) -> list[dict[str, Any]]:
    import numpy as np

    from limelight.draw.browser import SMALL, image_uri, packed_map

    items = []
    values, boxes, names = to_numpy(maps.normalized()), maps.boxes(), maps.names()
    blank = image_uri(np.full((1, 1, 3), 128, np.uint8), 1)
    for i, frame in enumerate(maps.frames):
        each = [(values[i], boxes[i], names[i])]
        if values.ndim == 4:
            each = list(zip(values[i], boxes[i], names[i], strict=True))
        panels = [
            {
                "name": f"{maps.method}: {name}",
                **packed_map(np.clip(map_, 0, 1)),
                "frame": asdict(frame),
                "box": None if any(map(math.isnan, box)) else [float(side) for side in box],
                "iou": None,
            }
            for map_, box, name in each
        ]
        items.append(
            {
                "image": blank if pictures is None else image_uri(pictures[i], _SIDE),
                "exact": max(frame.original_size) <= SMALL,
                "size": list(frame.original_size),
                "true": [],
                "seen": None,
                "alt": f"image {i + 1}",
                "caption": f"image {i + 1}",
                "panels": panels,
            }
        )
    return items
