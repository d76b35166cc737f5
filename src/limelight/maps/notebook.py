"""Maps as a notebook shows them: a small page of their own, with sliders."""

from __future__ import annotations

import base64
import hashlib
import html
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from limelight.arrays import to_numpy
from limelight.errors import ImageError
from limelight.methods import default_cut

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
body { margin: 0; padding: 0.5rem 0.75rem; background: var(--paper); color: var(--ink);
  font: 0.875rem/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
p { margin: 0 0 0.5rem; color: var(--quiet); }
.sliders { position: sticky; top: 0; z-index: 2; display: grid; gap: 0.25rem 2rem;
  grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); padding: 0.25rem 0 0.5rem;
  background: var(--paper); }
.panels { margin-bottom: 0.75rem; }
"""

_DARK = (
    ":root { color-scheme: dark; --ink: #e8e9ea; --quiet: #a5adb5; --shade: #333a41; "
    "--paper: #14171a; --accent: #7cc0ea; }"
)
# The page in the frame has no right to see the notebook's theme, but it sees its own height: the
# frame is two pixels higher where the theme is dark, and four where it is light.
_IS_DARK = (
    '[data-jp-theme-light="false"]', ".vscode-dark", ".vscode-high-contrast", 'html[theme="dark"]'
)  # fmt: skip
_IS_LIGHT = ('[data-jp-theme-light="true"]', ".vscode-light", 'html[theme="light"]')

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
        name = f"limelight-{self.height}"
        rules = "".join(
            f"{', '.join(f'{theme} .{name}' for theme in themes)} "
            f"{{ height: {self.height + more}px }} "
            for more, themes in ((0, ("",)), (2, _IS_DARK), (4, _IS_LIGHT))
        )
        return (
            f"<style>{rules}</style>"
            f'<iframe class="{name}" srcdoc="{html.escape(self.page)}" sandbox="allow-scripts" '
            f'title="Activation maps" style="width: 100%; border: 0"></iframe>'
        )


def shown(several: Sequence[Maps]) -> Interactive:
    """The maps over the images that they were made of, or alone where those are gone."""
    first = several[0][:MOST]
    images = None if first.given is None else first.given.images()
    pictures = None
    if images is not None:
        try:
            pictures = first.pictures(images)
        except ImageError:  # normalized arrays, or files that have changed since
            pictures = None
    return interactive(several, pictures, "jet")


def interactive(
    several: Sequence[Maps], pictures: Sequence[np.ndarray] | None, colormap: str
) -> Interactive:
    """The first 16 images' maps of each method and layer, over `pictures` or alone."""
    from limelight.draw.browser import color_tables, data_script
    from limelight.viewer import cards_style, notebook_script

    maps = several[0]
    items = _items([each[:MOST] for each in several], None if pictures is None else pictures[:MOST])
    data = {"items": items, "table": color_tables(colormap)[colormap]}
    words = [", ".join(f"{each.method} at {each.layer}" for each in several)]
    if len(maps) > MOST:
        words.append(f"the first {MOST} of {len(maps)} images")
    if pictures is None:
        words.append("maps.interactive(images) shows them over their images")
    height = min(_TALLEST, 130 + 260 * len(items))
    script = notebook_script()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    opacity = 50 if pictures is not None else 100
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<title>Activation maps</title>"
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        f"img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'\">"
        f"<style>{_STYLE}{_themes(height)}{cards_style()}"
        f":root {{ --opacity: {opacity / 100} }}</style></head>"
        f'<body><p>{html.escape("; ".join(words))}</p><div class="sliders">'
        + _SLIDER.format(
            title="Opacity", name="opacity", most=100, step=1, value=opacity, text=f"{opacity} %"
        )
        + _SLIDER.format(
            title="Threshold",
            name="threshold",
            most=0.99,
            step=0.01,
            value=default_cut(maps.method),
            text="own",
        )
        + '</div><main id="list"></main>'
        f'<script type="application/json" id="data">{data_script(data)}</script>'
        f"<script>{script}</script></body></html>"
    )
    return Interactive(page, height)


def _themes(height: int) -> str:
    """The dark style, where the frame is as high as dark themes make it, or nobody says."""
    return (
        f"@media (prefers-color-scheme: dark) and (max-height: {height}.5px) {{ {_DARK} }} "
        f"@media (min-height: {height}.5px) and (max-height: {height + 2}.5px) {{ {_DARK} }}"
    )


def _items(several: Sequence[Maps], pictures: Sequence[np.ndarray] | None) -> list[dict[str, Any]]:
    import numpy as np

    from limelight.draw.browser import SMALL, image_uri

    items = []
    by_layer = len({maps.method for maps in several}) < len(several)
    panels_of = [_panels(maps, by_layer) for maps in several]
    blank = image_uri(np.full((1, 1, 3), 128, np.uint8), 1)
    for i, frame in enumerate(several[0].frames):
        panels = [panel for panels in panels_of for panel in panels[i]]
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


def _panels(maps: Maps, by_layer: bool) -> list[list[dict[str, Any]]]:
    """Of each image, its maps: one, or one for each class."""
    import numpy as np

    from limelight.draw.browser import packed_map

    values, boxes, names = to_numpy(maps.normalized()), maps.boxes(), maps.names()
    what = f"{maps.method} at {maps.layer}" if by_layer else maps.method
    found = []
    for i, frame in enumerate(maps.frames):
        each = [(values[i], boxes[i], names[i])]
        if values.ndim == 4:
            each = list(zip(values[i], boxes[i], names[i], strict=True))
        found.append(
            [
                {
                    "name": f"{what}: {name}",
                    **packed_map(np.clip(map_, 0, 1)),
                    "frame": asdict(frame),
                    "box": None if any(map(math.isnan, box)) else [float(side) for side in box],
                    "iou": None,
                }
                for map_, box, name in each
            ]
        )
    return found
