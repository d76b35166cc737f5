"""Methods and layers side by side on a few photographs, as a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from limelight.arrays import to_numpy
from limelight.report.configuration import in_groups
from limelight.report.contents import Item, Report
from limelight.report.seen import seen_part

if TYPE_CHECKING:
    from limelight.maps import Maps


def compare(
    found: Mapping[str, Maps | Mapping[str, Maps]],
    images: Any,
    names: Sequence[str],
    title: str,
    *,
    threshold: float | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Report:
    """The report of what `limelight.explain` found with several methods, or layers, or both.

    Args:
        found: maps by method, or by method and layer; of one class of each image.
        images: as they were explained.
        names: what the images are called.
        title: of the page.
        threshold: as for `Maps.boxes`.
        settings: what produced the maps, by name, or in groups.

    Raises:
        ImageError: the images are not those of the maps.
    """
    axes, rows = _rows(found)
    first = next(iter(rows.values()))
    pictures = first.pictures(images)
    boxes = {name: maps.boxes(threshold) for name, maps in rows.items()}
    values = {name: [to_numpy(map_) for map_ in maps.normalized()] for name, maps in rows.items()}
    notes = {name: maps.diagnosis for name, maps in rows.items()}
    classes = first.names()
    items = [
        Item(
            id=name,
            image=pictures[n],
            label=None,
            predicted=str(classes[n]),
            probability=None if first.probability is None else float(first.probability[n]),
            true_boxes=(),
            maps={row: maps[n] for row, maps in values.items()},
            boxes={row: found[n] for row, found in boxes.items()},
            seen=seen_part(first.frames[n]),
            frames={row: maps.frames[n] for row, maps in rows.items()},
            notes={row: found[n] for row, found in notes.items() if found[n]},
        )
        for n, name in enumerate(names)
    ]
    summary = _summary(list(axes.values()), classes)
    return Report(title, summary, [], items, settings=in_groups(settings or {}), axes=axes)


def _rows(
    found: Mapping[str, Maps | Mapping[str, Maps]],
) -> tuple[dict[str, tuple[str, ...]], dict[str, Maps]]:
    """By the name that it is shown under, method and layer of each map, and the map."""
    axes: dict[str, tuple[str, ...]] = {}
    rows: dict[str, Maps] = {}
    for method, by_layer in found.items():
        if not isinstance(by_layer, Mapping):
            axes[method], rows[method] = (method,), by_layer
            continue
        for layer, maps in by_layer.items():
            name = layer if len(found) == 1 else f"{method} · {layer}"
            axes[name], rows[name] = ((layer,) if len(found) == 1 else (method, layer)), maps
    return axes, rows


def _summary(axes: Sequence[Sequence[str]], classes: Sequence[Any]) -> str:
    photographs = "one photograph" if len(classes) == 1 else f"{len(classes):,} photographs"
    above = "The class that is explained stands above each image, as the model's probability does"
    if len(axes[0]) == 1:
        maps = "One map" if len(axes) == 1 else f"{len(axes)} maps"
        return f"{maps} of {photographs}, from one forward pass. {above}."
    methods, layers = (len({axis[k] for axis in axes}) for k in (0, 1))
    return (
        f"{methods} methods at {layers} layers, of {photographs}, from one forward pass: a row for "
        f"each method, a column for each layer. {above}."
    )
