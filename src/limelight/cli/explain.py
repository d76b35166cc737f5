"""`limelight explain`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limelight.cli import options
from limelight.errors import DatasetError, ImageError, LimelightError, ModelError, RunError

if TYPE_CHECKING:
    from limelight.explainer import Explainer
    from limelight.maps import Maps


def command(
    model: options.Model,
    images: Annotated[list[Path] | None, typer.Argument(help="Photographs.")] = None,
    data: options.Data = None,
    split: options.Split = None,
    index: Annotated[
        list[int] | None, typer.Option(help="Which items of --data, from 0. Repeatable.")
    ] = None,
    arch: options.Arch = None,
    preprocess: options.Preprocess = "auto",
    size: options.Size = None,
    classes: options.Classes = None,
    method: options.ExplainedMethods = None,
    layer: options.Layers = None,
    target: options.TargetClass = None,
    score: Annotated[
        str | None, typer.Option(help="logit, probability or rest; the method's own if absent.")
    ] = None,
    negative: Annotated[
        bool, typer.Option("--negative", help="Explain what speaks against the class.")
    ] = False,
    fuse: Annotated[str | None, typer.Option(help="mean or max: one map of the layers.")] = None,
    smooth: Annotated[
        str | None, typer.Option(help="noise, flips or flips+scales: the mean over such variants.")
    ] = None,
    threshold: options.Threshold = None,
    threshold_file: options.ThresholdFile = None,
    refine: options.Refine = None,
    recipe: options.Recipe = None,
    alpha: Annotated[float, typer.Option(help="Of the overlay: 0 image, 1 colours.")] = 0.5,
    colormap: Annotated[str, typer.Option(help="Of the overlay: jet, viridis, gray …")] = "jet",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for what is written.")] = Path(
        "limelight-maps"
    ),
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time.")] = 32,
    as_json: options.Json = False,
) -> None:
    """Explain photographs: for each an overlay PNG, the map as NPZ, and JSON with box and class.

    With --data DATASET --index 7 an item of a data set, its true class beside the predicted one.
    Exit code 1 where some of several images could not be explained; they are listed at the end.
    """
    from limelight.explainer import Explainer

    method, threshold, refine = options.by_recipe(recipe, method, threshold, refine)
    names, method_options = options.parse_methods(method or [options.EXPLAINED_METHOD], groups=True)
    classifier = options.open_model(model, arch, preprocess, size, classes, quiet=as_json)
    explainer = Explainer(
        classifier,
        names,
        options.one_or_list(layer),
        fuse=fuse,
        smooth=smooth,
        options=method_options,
    )
    asked: dict[str, Any] = {
        "target": options.parse_target(target, classifier),
        "score": score,
        "negative": negative,
        "batch_size": batch_size,
    }
    cuts = options.box_options(
        threshold, threshold_file, refine, [method.name for method in explainer.methods]
    )
    writer = _Writer(out, cuts, alpha, colormap)
    rows, failed = [], []
    items = [*_photographs(images or []), *_examples(data, split, index or [])]
    if not items:
        raise ImageError("there is nothing to explain: give photographs, or --data and --index")
    for start in range(0, len(items), batch_size):
        for item, found in _explained(explainer, items[start : start + batch_size], asked):
            if isinstance(found, LimelightError):
                failed.append((item, found))
                continue
            row = writer.write(item, found)
            item.picture = None  # many photographs would fill the memory
            rows.append(row)
            if not as_json:
                _tell(row)
    if as_json:
        errors = [{"image": item.name, "error": str(error)} for item, error in failed]
        typer.echo(json.dumps([*rows, *errors], ensure_ascii=False, indent=1))
    if failed:
        if len(failed) == len(items) == 1:
            raise failed[0][1]
        typer.echo(f"{len(failed)} of {len(items)} images could not be explained:", err=True)
        for item, error in failed:
            typer.echo(f"  {item.name}: {error}", err=True)
        raise typer.Exit(1 if rows else 2)


@dataclass
class _Item:
    """An image to explain: how its files are called, what it is called, and how it is read."""

    stem: str
    name: str
    read: Callable[[], Any]
    true_class: str | None = None
    picture: Any = None


def _photographs(paths: list[Path]) -> list[_Item]:
    from limelight.images import read

    stems = options.unique_stems(paths)
    return [
        _Item(stem, str(path), partial(read, path)) for stem, path in zip(stems, paths, strict=True)
    ]


def _examples(data: str | None, split: str | None, indices: list[int]) -> list[_Item]:
    if data is None:
        if indices:
            raise DatasetError("--index chooses items of a data set: give --data too")
        return []
    from limelight.data import open

    dataset = open(data, split)
    outside = [index for index in indices if not 0 <= index < len(dataset)]
    if outside or not indices:
        asked = f"--index {outside[0]}" if outside else "no --index"
        raise DatasetError(f"{asked} for {data}, which has the items 0 to {len(dataset) - 1}")
    names = dataset.class_names
    items = []
    for index in indices:
        example = dataset[index]
        true_class = None
        if example.label is not None:
            true_class = str(example.label) if names is None else names[example.label]
        items.append(_Item(f"{dataset.name}-{index}", example.id, example.read, true_class))
    return items


def _explained(
    explainer: Explainer, items: list[_Item], asked: dict[str, Any]
) -> Iterator[tuple[_Item, list[Maps] | LimelightError]]:
    """Each item with its maps, or with the reason why there are none."""
    readable = []
    for item in items:
        try:
            item.picture = item.picture or item.read()
            readable.append(item)
        except ImageError as error:
            yield item, error
    if not readable:
        return
    try:
        found = _flat(explainer([item.picture for item in readable], **asked))
    except (ImageError, ModelError) as error:
        if len(readable) == 1:
            yield readable[0], error
            return
        # One image in the batch is at fault: by itself it harms no other.
        for item in readable:
            yield from _explained(explainer, [item], asked)
        return
    for at, item in enumerate(readable):
        yield item, [maps[at] for maps in found]


def _flat(found: Any) -> list[Maps]:
    """All maps in what `explain` returned for methods and layers."""
    if isinstance(found, dict):
        return [maps for value in found.values() for maps in _flat(value)]
    return [found]


class _Writer:
    """Writes what was found of an image, and says what it has written."""

    def __init__(
        self, out: Path, cuts: dict[str, dict[str, Any]], alpha: float, colormap: str
    ) -> None:
        self._out, self._cuts, self._alpha, self._colormap = out, cuts, alpha, colormap

    def write(self, item: _Item, found: list[Maps]) -> dict[str, Any]:
        """Overlay PNGs, one NPZ for each map, and one JSON for the image; the row of the JSON.

        Raises:
            RunError: the folder cannot be written.
        """
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            return self._write(item, found)
        except OSError as error:
            raise RunError(f"{self._out} cannot be written: {error}") from error

    def _write(self, item: _Item, found: list[Maps]) -> dict[str, Any]:
        several_layers = len({(maps.method, maps.layer) for maps in found}) > len(
            {maps.method for maps in found}
        )
        results: list[dict[str, Any]] = []
        for maps in found:
            name = f"{item.stem}.{maps.method}"
            if several_layers:
                name += "." + maps.layer.replace("/", "-")
            results += self._results(name, item.picture, maps)
        height, width = found[0].frames[0].original_size
        row: dict[str, Any] = {"image": item.name, "width": width, "height": height}
        if item.true_class is not None:
            row["true class"] = item.true_class
        row["results"] = results
        text = json.dumps(row, ensure_ascii=False, indent=1)
        (self._out / f"{item.stem}.json").write_text(text, encoding="utf-8")
        return row

    def _results(self, name: str, picture: Any, maps: Maps) -> Iterator[dict[str, Any]]:
        import numpy as np
        from PIL import Image

        from limelight.arrays import to_numpy

        np.savez_compressed(self._out / f"{name}.npz", values=maps.numpy()[0])
        overlays = maps.overlay([picture], self._alpha, self._colormap)[0]
        boxes = maps.boxes(**self._cuts[maps.method], images=[picture])[0]
        target = np.atleast_1d(to_numpy(maps.target)[0])
        probability = np.atleast_1d(to_numpy(maps.probability)[0])
        scores = to_numpy(maps.scores)[0]
        diagnosis = maps.diagnosis[0]
        if overlays.ndim == 3:
            overlays, boxes, diagnosis = overlays[None], boxes[None], [diagnosis]
        names = maps.names()[0]
        for k, index in enumerate(target):
            file = f"{name}.png" if len(target) == 1 else f"{name}.{index}.png"
            Image.fromarray(overlays[k]).save(self._out / file)
            yield {
                "method": maps.method,
                "layer": maps.layer,
                "class": int(index),
                "name": names if isinstance(names, str) else names[k],
                "probability": round(float(probability[k]), 6),
                "score": round(float(scores[index]), 6),
                "box": None if np.isnan(boxes[k]).any() else [round(float(x), 2) for x in boxes[k]],
                "diagnosis": diagnosis[k],
                "overlay": str(self._out / file),
                "map": str(self._out / f"{name}.npz"),
            }


def _tell(row: dict[str, Any]) -> None:
    """One plain line for each map."""
    truth = f" (true: {row['true class']})" if "true class" in row else ""
    for result in row["results"]:
        box = result["box"]
        parts = [
            row["image"],
            f"{result['name']} ({result['class']}){truth} {100 * result['probability']:.1f} %",
            f"{result['method']} at {result['layer']}",
            "no box" if box is None else "box " + " ".join(f"{x:g}" for x in box),
            result["overlay"],
        ]
        typer.echo("  ".join(parts))
        if result["diagnosis"]:
            typer.echo(f"  note: {result['diagnosis']}")
