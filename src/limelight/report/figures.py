"""The figures that lie beside a report as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight import draw
from limelight.draw import panels
from limelight.report import pictures
from limelight.report.charts import BINS, Histogram, histograms
from limelight.report.contents import Item, Report

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

_IN_A_GRID = 6  # images in best.png and worst.png


def write_figures(report: Report, folder: Path, colormap: str) -> list[Path]:
    """Write ``iou.png``, ``best.png`` and ``worst.png``, those that there is something to show in.

    Without an IoU of any item, ``cases.png`` shows the first ones instead of the best and worst.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    figures: dict[str, Figure] = {}
    bars = histograms(report.distribution())
    if bars:
        figures["iou"] = histogram_figure(bars)
    ranked, unranked = report.ranked()
    grids = {"best": ranked[:_IN_A_GRID], "worst": ranked[: -_IN_A_GRID - 1 : -1]}
    for name, items in (grids if ranked else {"cases": unranked[:_IN_A_GRID]}).items():
        if _methods(items):
            figures[name] = case_grid(items, colormap)
    return [draw.save(figure, folder / f"{name}.png", dpi=120) for name, figure in figures.items()]


def histogram_figure(bars: Sequence[Histogram]) -> Figure:
    """Histograms of IoU below one another, axes labelled by their methods."""
    canvas = panels.new_canvas(5.0, 1.15 * len(bars) + 0.5)
    every = canvas.subplots(len(bars), 1, squeeze=False, sharex=True)[:, 0]
    edges = [n / BINS for n in range(BINS)]
    for axes, bar in zip(every, bars, strict=True):
        axes.set_label(bar.name)
        axes.bar(edges, bar.shares, width=1 / BINS, align="edge", color="#2f6f9f", edgecolor="w")
        axes.axvline(bar.mean, color="#c04a00", linewidth=1.5)
        axes.set(xlim=(0, 1), ylim=(0, bar.highest * 1.08), yticks=[])
        axes.spines[["left", "top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
        words = f"{bar.name}: mean {bar.mean:.2f}, ≥ 0.5 in {bar.hits:.0%}"
        panels.set_text(axes.set_title("", fontsize=9, loc="left"), words)
    every[-1].set_xlabel(f"IoU with the true boxes, {bars[0].count} images", fontsize=8)
    return canvas


def case_grid(items: Sequence[Item], colormap: str) -> Figure:
    """Methods × images, with boxes, for the methods that all of the items have a map of."""
    images = [item.pixels() for item in items]
    pairs = list(zip(items, images, strict=True))
    methods = _methods(items)
    return draw.grid(
        images,
        {
            m: [pictures.resized(item.whole_map(m), image.shape[:2]) for item, image in pairs]
            for m in methods
        },
        columns=[_heading(item) for item in items],
        boxes={m: [item.boxes.get(m) for item in items] for m in methods},
        true_boxes=[item.true_boxes for item in items],
        captions={m: [_caption(item, m) for item in items] for m in methods},
        seen=[_seen(item, image) for item, image in pairs],
        colormap=colormap,
    )


def _methods(items: Sequence[Item]) -> list[str]:
    """The methods that all of the items have a map of."""
    first = items[0].maps if items else {}
    return [method for method in first if all(method in item.maps for item in items)]


def _heading(item: Item) -> str:
    if item.correct is None or item.correct:
        return item.predicted
    return f"{item.label}\ntaken for {item.predicted}"


def _caption(item: Item, method: str) -> str:
    iou = item.overlap(method)
    return "" if iou is None else f"IoU {iou:.2f}"


def _seen(item: Item, image: np.ndarray) -> Any:
    """What the model has seen, as bool (H, W); None for all of it."""
    import numpy as np

    if item.seen is None:
        return None
    x0, y0, x1, y1 = (max(round(float(value)), 0) for value in item.seen)
    seen = np.zeros(image.shape[:2], bool)
    seen[y0:y1, x0:x1] = True
    return seen
