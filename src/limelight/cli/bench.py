"""`limelight bench`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from limelight.cli import options

if TYPE_CHECKING:
    from limelight.runs import Leaderboard


def command(
    dataset: options.Dataset,
    model: options.Model,
    out: options.RunFolder,
    methods: Annotated[
        list[str] | None,
        typer.Option(
            "--methods",
            "--method",
            "-x",
            help="Methods separated by commas, or all that the model allows; options follow a "
            "colon: random:seed=3. Repeatable.  [default: all]",
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(help="Metrics separated by commas.  [default: all that the data allows]"),
    ] = None,
    faithfulness_images: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Of how many images, evenly spread, faithfulness and sanity are measured.  "
            "[default: all]",
        ),
    ] = None,
    split: options.Split = None,
    target: options.EvaluatedTarget = "true",
    arch: options.Arch = None,
    preprocess: options.Preprocess = "auto",
    size: options.Size = None,
    classes: options.Classes = None,
    layer: options.OneLayer = None,
    threshold: options.Threshold = None,
    threshold_file: options.ThresholdFile = None,
    class_map: options.ClassMap = None,
    batch_size: options.BatchSize = 4,
    engine: options.Engine = "local",
    address: options.Address = None,
    workers: options.Workers = None,
    gpus: options.Gpus = None,
    strict: options.Strict = False,
    as_json: options.Json = False,
) -> None:
    """Rank methods on your own model and data: table, plot and report in a folder.

    Localization and pointing where there are boxes, faithfulness, sanity, seconds and memory, with
    confidence intervals. The same call goes on where it was interrupted. Exit code 1 where some
    images could not be evaluated; they are rows with their error, and in errors.csv.
    """
    from limelight.cli.progress import resumable
    from limelight.report.benchmark import bench
    from limelight.runs import Cluster

    names, method_options = _parsed(methods or ["all"])
    opened = options.open_data(dataset, split, strict, quiet=as_json, whole=True)
    classifier = options.open_model(model, arch, preprocess, size, classes, quiet=as_json)
    with resumable("benchmarking") as progress:
        board = bench(
            classifier,
            opened,
            names,
            out=out,
            source=dataset,
            metrics=None if metrics is None else [m.strip() for m in metrics.split(",")],
            faithfulness_images=faithfulness_images,
            target=target,
            thresholds=options.thresholds(threshold, threshold_file),
            layer=layer,
            options=method_options,
            class_map=class_map,
            batch_size=batch_size,
            engine=engine,
            cluster=Cluster(address, workers, gpus),
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(board.as_dict(), ensure_ascii=False, indent=1))
    else:
        _print(board)
        typer.echo(str(out / "report.html"))
    if board.evaluation.errors:
        raise typer.Exit(1)


def _parsed(texts: list[str]) -> tuple[list[str], dict[str, object]]:
    """Names and options; "all" stays "all", for the model says what that is."""
    parts = [part.strip() for text in texts for part in text.split(",")]
    names, method_options = options.parse_methods([p for p in parts if p != "all"] or ["random"])
    return (["all"] if "all" in parts else []) + names, method_options


def _print(board: Leaderboard) -> None:
    """Mean ranks, then the best method of each figure."""
    from rich.console import Console
    from rich.table import Table

    from limelight.report.boards import direction, figure

    console = Console(highlight=False)
    ranks = Table(box=None, header_style="bold", pad_edge=False)
    ranks.add_column("mean rank", no_wrap=True)
    for title in ("over all", *board.groups):
        ranks.add_column(title, justify="right")
    for each in board.standings:
        groups = [each.by_group.get(group) for group in board.groups]
        cells = ["–" if value is None else f"{value:.1f}" for value in groups]
        style = "dim" if each.name == "random" else None
        ranks.add_row(each.name, f"{each.rank:.1f}", *cells, style=style)
    console.print(ranks)
    console.print()
    best = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("figure", "", "best", "value", "random", "images"):
        right = title in ("value", "random", "images")
        best.add_column(title, justify="right" if right else "left")
    floor = next(each for each in board.standings if each.name == "random")
    for column in board.columns:
        known = [each for each in board.standings if column.key in each.results]
        first = min(known, key=lambda each: each.ranks[column.key])
        result = first.results[column.key]
        value = figure(result.value)
        if result.interval is not None:
            value += f" [{figure(result.interval[0])}, {figure(result.interval[1])}]"
        of_random = floor.results.get(column.key)
        best.add_row(
            column.title,
            direction(column),
            first.name,
            value,
            "–" if of_random is None else figure(of_random.value),
            f"{result.images:,}",
        )
    console.print(best)
