"""`limelight evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from limelight.cli import options


def command(
    dataset: options.Dataset,
    out: options.RunFolder,
    model: options.OptionalModel = None,
    methods: options.EvaluatedMethods = None,
    split: options.Split = None,
    target: options.EvaluatedTarget = "true",
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
    maps: Annotated[
        list[Path] | None,
        typer.Option(
            help="A folder of maps made elsewhere, <id>.npy of any resolution. Repeatable."
        ),
    ] = None,
    batch_size: options.FoundBatchSize = None,
    engine: options.Engine = "local",
    address: options.Address = None,
    workers: options.Workers = None,
    gpus: options.Gpus = None,
    max_box_acc: Annotated[
        bool,
        typer.Option(
            "--max-box-acc/--no-max-box-acc",
            help="Score MaxBoxAcc as well, which takes longer than the rest.",
        ),
    ] = True,
    strict: options.Strict = False,
    as_json: options.Json = False,
) -> None:
    """Explain and score every image of a data set: rows, maps, figures and a report in a folder.

    The same run as `limelight run`, with figures made of its rows. All methods come from one pass.
    The same call goes on where it was interrupted. Exit code 1 where some images could not be
    evaluated; they are rows with their error, and in errors.csv.
    """
    from limelight.cli.progress import resumable
    from limelight.cli.tables import print_table
    from limelight.errors import MethodError
    from limelight.report.evaluation import evaluate
    from limelight.runs import Cluster

    if model is None and not maps:
        raise MethodError("give --model, or --maps with a folder of maps made elsewhere")
    methods, threshold, refine = options.by_recipe(recipe, methods, threshold, refine)
    if model is not None and not methods:
        methods = [options.DEFAULT_METHOD]
    names, method_options = options.parse_methods(methods or [])
    folders = {folder.resolve().name: folder for folder in maps or []}
    if len(folders) < len(maps or []):
        raise MethodError("folders of maps are told apart by their names: give them other ones")
    opened = options.open_data(dataset, split, strict, quiet=as_json, whole=True)
    classifier = None
    if model is not None:
        classifier = options.open_model(model, arch, preprocess, size, classes, quiet=as_json)
    with resumable("evaluating") as progress:
        found = evaluate(
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
            maps=folders,
            batch_size=batch_size,
            engine=engine,
            cluster=Cluster(address, workers, gpus),
            class_map=class_map,
            max_box_acc=max_box_acc,
            progress=progress,
        )
    if as_json:
        typer.echo(found.to_json(rows=False))
    else:
        print_table(found)
        typer.echo(str(out / "report.html"))
    if found.errors:
        raise typer.Exit(1)
