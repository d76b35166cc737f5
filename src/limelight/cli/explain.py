"""`limelight explain`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limelight.cli import options
from limelight.errors import ImageError, LimelightError, ModelError

if TYPE_CHECKING:
    from limelight.explainer import Explainer
    from limelight.maps import Maps


def command(
    images: Annotated[list[Path], typer.Argument(help="Photographs.")],
    model: options.Model,
    arch: options.Arch = None,
    preprocess: options.Preprocess = "auto",
    size: options.Size = None,
    classes: options.Classes = None,
    method: options.Methods = ["gradcam"],  # noqa: B006 (Typer copies it)
    layer: options.Layers = None,
    target: options.TargetClass = None,
    score: Annotated[str, typer.Option(help="logit, probability or rest.")] = "logit",
    negative: Annotated[
        bool, typer.Option("--negative", help="Explain what speaks against the class.")
    ] = False,
    fuse: Annotated[str | None, typer.Option(help="mean or max: one map of the layers.")] = None,
    threshold: Annotated[float, typer.Option(help="Of the box: fraction of the maximum.")] = 0.2,
    alpha: Annotated[float, typer.Option(help="Of the overlay: 0 image, 1 colours.")] = 0.5,
    colormap: Annotated[str, typer.Option(help="Of the overlay: jet, viridis, gray …")] = "jet",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for what is written.")] = Path(
        "limelight-maps"
    ),
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time.")] = 32,
    as_json: options.Json = False,
) -> None:
    """Explain photographs: for each an overlay PNG, the map as NPZ, and JSON with box and class.

    Exit code 1 where some of several images could not be explained; they are listed at the end.
    """
    from limelight.explainer import Explainer

    names, method_options = options.parse_methods(method)
    classifier = options.open_model(model, arch, preprocess, size, classes)
    if not as_json:
        typer.echo(f"{model}: {classifier.preprocess.assumed}", err=True)
    explainer = Explainer(
        classifier, names, options.one_or_list(layer), fuse=fuse, options=method_options
    )
    asked: dict[str, Any] = {
        "target": options.parse_target(target, classifier),
        "score": score,
        "negative": negative,
        "batch_size": batch_size,
    }
    writer = _Writer(out, threshold, alpha, colormap)
    rows, failed = [], []
    stems = dict(zip(map(id, images), options.unique_stems(images), strict=True))
    for start in range(0, len(images), batch_size):
        for path, found in _explained(explainer, images[start : start + batch_size], asked):
            if isinstance(found, LimelightError):
                failed.append((path, found))
                continue
            row = writer.write(stems[id(path)], path, found)
            rows.append(row)
            if not as_json:
                _tell(row)
    if as_json:
        errors = [{"image": str(path), "error": str(error)} for path, error in failed]
        typer.echo(json.dumps([*rows, *errors], ensure_ascii=False, indent=1))
    if failed:
        if len(failed) == len(images) == 1:
            raise failed[0][1]
        typer.echo(f"{len(failed)} of {len(images)} images could not be explained:", err=True)
        for path, error in failed:
            typer.echo(f"  {path}: {error}", err=True)
        raise typer.Exit(1 if rows else 2)


def _explained(
    explainer: Explainer, paths: list[Path], asked: dict[str, Any]
) -> Iterator[tuple[Path, list[Maps] | LimelightError]]:
    """Each image with its maps, or with the reason why there are none."""
    from limelight.images import read

    pictures: dict[int, Any] = {}
    for i, path in enumerate(paths):
        try:
            pictures[i] = read(path)
        except ImageError as error:
            yield path, error
    if not pictures:
        return
    try:
        found = _flat(explainer(list(pictures.values()), **asked))
    except (ImageError, ModelError) as error:
        if len(pictures) == 1:
            yield paths[next(iter(pictures))], error
            return
        # One image in the batch is at fault: by itself it harms no other.
        for i in pictures:
            yield from _explained(explainer, [paths[i]], asked)
        return
    for at, i in enumerate(pictures):
        yield paths[i], [maps[at] for maps in found]


def _flat(found: Any) -> list[Maps]:
    """All maps in what `explain` returned for methods and layers."""
    if isinstance(found, dict):
        return [maps for value in found.values() for maps in _flat(value)]
    return [found]


class _Writer:
    """Writes what was found of an image, and says what it has written."""

    def __init__(self, out: Path, threshold: float, alpha: float, colormap: str) -> None:
        self._out, self._threshold, self._alpha, self._colormap = out, threshold, alpha, colormap

    def write(self, stem: str, path: Path, found: list[Maps]) -> dict[str, Any]:
        """Overlay PNGs, one NPZ for each map, and one JSON for the image; the row of the JSON."""
        self._out.mkdir(parents=True, exist_ok=True)
        several_layers = len({(maps.method, maps.layer) for maps in found}) > len(
            {maps.method for maps in found}
        )
        results: list[dict[str, Any]] = []
        for maps in found:
            name = f"{stem}.{maps.method}"
            if several_layers:
                name += "." + maps.layer.replace("/", "-")
            results += self._results(name, path, maps)
        height, width = found[0].frames[0].original_size
        row = {"image": str(path), "width": width, "height": height, "results": results}
        text = json.dumps(row, ensure_ascii=False, indent=1)
        (self._out / f"{stem}.json").write_text(text, encoding="utf-8")
        return row

    def _results(self, name: str, path: Path, maps: Maps) -> Iterator[dict[str, Any]]:
        import numpy as np
        from PIL import Image

        from limelight.arrays import to_numpy

        np.savez_compressed(self._out / f"{name}.npz", values=maps.numpy()[0])
        overlays = maps.overlay([path], self._alpha, self._colormap)[0]
        boxes = maps.boxes(self._threshold)[0]
        target = np.atleast_1d(to_numpy(maps.target)[0])
        probability = np.atleast_1d(to_numpy(maps.probability)[0])
        scores = to_numpy(maps.scores)[0]
        diagnosis = maps.diagnosis[0]
        if overlays.ndim == 3:
            overlays, boxes, diagnosis = overlays[None], boxes[None], [diagnosis]
        names = maps.names()[0]
        for k, index in enumerate(target):
            picture = f"{name}.png" if len(target) == 1 else f"{name}.{index}.png"
            Image.fromarray(overlays[k]).save(self._out / picture)
            yield {
                "method": maps.method,
                "layer": maps.layer,
                "class": int(index),
                "name": names if isinstance(names, str) else names[k],
                "probability": round(float(probability[k]), 6),
                "score": round(float(scores[index]), 6),
                "box": None if np.isnan(boxes[k]).any() else [round(float(x), 2) for x in boxes[k]],
                "diagnosis": diagnosis[k],
                "overlay": str(self._out / picture),
                "map": str(self._out / f"{name}.npz"),
            }


def _tell(row: dict[str, Any]) -> None:
    """One plain line for each map."""
    for result in row["results"]:
        box = (
            "no box"
            if result["box"] is None
            else "box " + " ".join(f"{x:g}" for x in result["box"])
        )
        typer.echo(
            f"{row['image']}  {result['name']} ({result['class']}) "
            f"{100 * result['probability']:.1f} %  {result['method']} at {result['layer']}  {box}  "
            f"{result['overlay']}"
        )
        if result["diagnosis"]:
            typer.echo(f"  note: {result['diagnosis']}")
