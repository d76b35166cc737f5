"""`limelight run`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from limelight.cli import options


def command(
    dataset: options.Dataset,
    model: options.Model,
    out: options.RunFolder,
    methods: options.ExplainedMethods = None,
    split: options.Split = None,
    target: Annotated[
        str,
        typer.Option("--target", "-t", help="predicted, or true (the data set's class)."),
    ] = "predicted",
    arch: options.Arch = None,
    preprocess: options.Preprocess = "auto",
    size: options.Size = None,
    classes: options.Classes = None,
    layer: options.OneLayer = None,
    threshold: options.Threshold = None,
    threshold_file: options.ThresholdFile = None,
    normalizer: options.Normalizer = "max",
    refine: options.Refine = None,
    recipe: options.Recipe = None,
    class_map: options.ClassMap = None,
    batch_size: options.FoundBatchSize = None,
    engine: options.Engine = "local",
    address: options.Address = None,
    workers: options.Workers = None,
    gpus: options.Gpus = None,
    strict: options.Strict = False,
    as_json: options.Json = False,
) -> None:
    """Explain every image of a data set or folder: maps, scores and boxes, kept in a folder.

    The same call goes on where it was interrupted. Exit code 1 where some images could not be
    explained; they are rows with their error, and in errors.csv.
    """
    from limelight.cli.progress import resumable
    from limelight.runs import Cluster, run

    methods, threshold, refine = options.by_recipe(recipe, methods, threshold, refine)
    names, method_options = options.parse_methods(methods or [options.EXPLAINED_METHOD])
    opened = options.open_data(dataset, split, strict, quiet=as_json, whole=True)
    classifier = options.open_model(model, arch, preprocess, size, classes, quiet=as_json)
    with resumable("explaining") as progress:
        found = run(
            classifier,
            opened,
            names,
            out=out,
            source=dataset,
            target=target,
            thresholds=options.thresholds(threshold, threshold_file),
            normalizer=normalizer,
            refine=refine,
            layer=layer,
            options=method_options,
            class_map=class_map,
            batch_size=batch_size,
            engine=engine,
            cluster=Cluster(address, workers, gpus),
            progress=progress,
        )
    failed = found.status.errors
    if as_json:
        kept = {"images": len(found), "errors": failed, "layers": dict(found.status.layers)}
        typer.echo(json.dumps(kept, ensure_ascii=False))
    else:
        if failed:
            typer.echo(
                f"{failed:,} of {len(found):,} images failed: {out / 'errors.csv'}", err=True
            )
        typer.echo(str(out))
    if failed:
        raise typer.Exit(1)
