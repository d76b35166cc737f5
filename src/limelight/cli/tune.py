"""`limelight tune`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from limelight.cli import options


def command(
    dataset: options.Dataset,
    model: options.Model,
    methods: options.EvaluatedMethods = None,
    split: Annotated[
        str | None,
        typer.Option(help="The split to tune on. [default: validation, where there is one]"),
    ] = None,
    target: options.EvaluatedTarget = "true",
    goal: Annotated[
        str, typer.Option(help="iou: the mean IoU; accuracy: the share of images with IoU ≥ 0.5.")
    ] = "iou",
    normalizer: Annotated[
        list[str],
        typer.Option(help="max, minmax, percentile or ivr; repeated, the best one is chosen."),
    ] = ["max"],  # noqa: B006 (Typer copies it)
    refine: options.Refine = None,
    arch: options.Arch = None,
    preprocess: options.Preprocess = "auto",
    size: options.Size = None,
    classes: options.Classes = None,
    layer: options.OneLayer = None,
    class_map: options.ClassMap = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")] = Path(
        "thresholds.json"
    ),
    batch_size: options.BatchSize = 32,
    strict: options.Strict = False,
    as_json: options.Json = False,
) -> None:
    """Find each method's best threshold on a validation split, for `evaluate` and `explain`.

    Tune on images that are not evaluated afterwards.
    """
    from limelight.cli.progress import counted
    from limelight.runs import tune_methods, write_thresholds

    names, method_options = options.parse_methods(methods or [options.DEFAULT_METHOD])
    opened = options.open_data(dataset, split, strict, quiet=as_json)
    if split is None and "validation" in opened.splits:
        opened = options.open_data(dataset, "validation", strict, quiet=True)
    classifier = options.open_model(model, arch, preprocess, size, classes, quiet=as_json)
    with counted("tuning") as progress:
        tuned = tune_methods(
            classifier,
            opened,
            names,
            target=target,
            goal=goal,
            normalizers=normalizer,
            refine=refine,
            layer=layer,
            options=method_options,
            batch_size=batch_size,
            class_map=class_map,
            progress=progress,
        )
    write_thresholds(out, tuned)
    if as_json:
        kept = {name: asdict(threshold) for name, threshold in tuned.items()}
        typer.echo(json.dumps(kept, ensure_ascii=False, indent=1))
        return
    for name, found in tuned.items():
        title = "mean IoU" if found.goal == "iou" else "IoU ≥ 0.5"
        typer.echo(
            f"{name}: {found.value:.2f} of the maximum ({found.normalizer}), {title} "
            f"{found.score:.3f} on {found.images} images"
        )
    typer.echo(str(out))
