"""What several commands ask for in the same way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limelight.errors import MethodError, ModelLoadError
from limelight.localization import DEFAULT_RECIPE, RECIPES, find_recipe, list_refiners
from limelight.specs import parse_spec

if TYPE_CHECKING:
    from limelight import data
    from limelight.models import Classifier

#: What is evaluated and tuned where no method is named.
DEFAULT_METHOD = RECIPES[DEFAULT_RECIPE].method
#: What is explained there.
EXPLAINED_METHOD = "gradcam"

_MODEL = typer.Option(
    "--model",
    "-m",
    help="An id (timm:resnet50, hf:microsoft/resnet-50 …; see `limelight models`), a .keras or .h5 "
    "file, a PyTorch weights file with --arch, or a trained folder.",
)
Model = Annotated[str, _MODEL]
Arch = Annotated[
    str | None,
    typer.Option(help="What PyTorch weights belong to, e.g. torchvision:resnet50, timm:resnet50."),
]
Preprocess = Annotated[
    str,
    typer.Option(
        help="auto, 0-1, -1-1, 0-255, imagenet, keras:<application>, or a JSON object with mean "
        "and std in units of [0, 1]."
    ),
]
Size = Annotated[
    str | None, typer.Option(help="Side of the model's input, or HEIGHTxWIDTH, where it is free.")
]
Classes = Annotated[
    str | None, typer.Option(help='A file of class names, one a line, or "imagenet".')
]
Methods = Annotated[
    list[str],
    typer.Option(
        "--method",
        "--methods",
        "-x",
        help="A method, several separated by commas, or all; options follow a colon: "
        "random:seed=3. Repeatable.",
    ),
]
Layers = Annotated[
    list[str] | None,
    typer.Option("--layer", "-l", help="A layer's path or its end; chosen if absent. Repeatable."),
]
TargetClass = Annotated[
    str | None,
    typer.Option(
        "--target",
        "-t",
        help="A class index or name, several indices separated by commas, or top5; the predicted "
        "class if absent.",
    ),
]
Data = Annotated[
    str | None,
    typer.Option(help='A data set: a path, "reader:/path", or digits; see `limelight data`.'),
]
Split = Annotated[str | None, typer.Option(help="A split of the data set.")]
Dataset = Annotated[
    str, typer.Argument(help='A data set: a path, "reader:/path", or digits; see `limelight data`.')
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Stop at the first broken entry of the annotations.")
]
OptionalModel = Annotated[str | None, _MODEL]


def _methods(default: str) -> Any:
    return typer.Option(
        "--methods",
        "--method",
        "-x",
        help="Methods separated by commas, or all; options follow a colon: random:seed=3. "
        f"Repeatable.  [default: {default}]",
    )


ExplainedMethods = Annotated[list[str] | None, _methods(EXPLAINED_METHOD)]
EvaluatedMethods = Annotated[list[str] | None, _methods(DEFAULT_METHOD)]
RunFolder = Annotated[
    Path, typer.Option("--out", "-o", help="Folder of the run; an interrupted one goes on.")
]
EvaluatedTarget = Annotated[
    str, typer.Option("--target", "-t", help="true (the data set's class) or predicted.")
]
OneLayer = Annotated[
    str | None, typer.Option("--layer", "-l", help="A layer's path or its end; chosen if absent.")
]
Threshold = Annotated[
    float | None,
    typer.Option(
        help="Of the boxes: fraction of the map's maximum; what the method declares if absent."
    ),
]
Normalizer = Annotated[str, typer.Option(help="Of the maps: max, minmax, percentile or ivr.")]
Refine = Annotated[
    str | None,
    typer.Option(
        help="What draws the maps to the edges of their images before they are cut: "
        f"{', '.join(refiner.name for refiner in list_refiners())}; options follow a colon: "
        "grabcut:iterations=3."
    ),
]
Recipe = Annotated[
    str | None,
    typer.Option(
        help="Method, refinement and threshold chosen together, instead of these: "
        + "; ".join(f"{recipe.name} ({recipe.about})" for recipe in RECIPES.values())
        + "."
    ),
]
ThresholdFile = Annotated[
    Path | None, typer.Option(help="What `limelight tune` wrote, instead of --threshold.")
]
ClassMap = Annotated[
    Path | None,
    typer.Option(
        help="Where the data set's classes are not the model's: a CSV (lines like "
        "kangaroo,wallaby) or JSON file from its labels or names to the model's."
    ),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Images at a time.")]
FoundBatchSize = Annotated[
    int | None, typer.Option("--batch-size", min=1, help="Images at a time.  [default: measured]")
]
Engine = Annotated[
    str, typer.Option(help="local, or ray for the processors and GPUs of many machines.")
]
Address = Annotated[
    str | None,
    typer.Option(
        help="Of a Ray cluster, e.g. auto or head:6379; a Ray of this machine's own if absent."
    ),
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Of Ray: processes with a model each; as many as fit.")
]
Gpus = Annotated[
    float | None,
    typer.Option(min=0, help="Of Ray: GPUs a worker, e.g. 0.5; one where there are any."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


_PROBLEMS = 5  # broken entries that are printed


def open_model(
    model: str,
    arch: str | None,
    preprocess: str,
    size: str | None,
    classes: str | None,
    weights: bool = True,
    quiet: bool = True,
) -> Classifier:
    """The classifier that the options describe; without `weights` an id's are not fetched.

    Unless `quiet`, what was assumed of its preprocessing is said.

    Raises:
        ModelLoadError: as `limelight.load`, or an option that cannot be read.
    """
    from limelight.models import load
    from limelight.models.sources import is_id

    said: Any = preprocess
    if preprocess.lstrip().startswith("{"):
        try:
            said = json.loads(preprocess)
        except json.JSONDecodeError as error:
            raise ModelLoadError(f"--preprocess is not a JSON object: {error}") from None
    pretrained = weights or not is_id(model) or Path(model).exists()
    classifier = load(model, arch, parse_size(size), said, classes, pretrained=pretrained)
    if not quiet and classifier.preprocess.assumed:
        typer.echo(f"{model}: {classifier.preprocess.assumed}", err=True)
    return classifier


def parse_size(text: str | None) -> int | tuple[int, int] | None:
    """The side, or (height, width), that --size says.

    Raises:
        ModelLoadError: it is neither a number nor HEIGHTxWIDTH.
    """
    if text is None:
        return None
    sides = text.lower().split("x")
    if not all(side.isdigit() for side in sides) or len(sides) > 2:
        raise ModelLoadError(f"--size {text} is neither a number nor HEIGHTxWIDTH")
    return int(sides[0]) if len(sides) == 1 else (int(sides[0]), int(sides[1]))


def open_data(
    source: str, split: str | None, strict: bool, quiet: bool, whole: bool = False
) -> data.Dataset:
    """The data set; unless `quiet`, how it was recognized and what was left out is said.

    `whole`: without a split all of its images are taken, which is said too.

    Raises:
        DatasetError: as `limelight.data.open`.
    """
    from limelight.data import open as open_dataset

    opened = open_dataset(source, split=split, strict=strict)
    if not quiet:
        if opened.recognized:
            typer.echo(opened.recognized, err=True)
        if whole and split is None and len(opened.splits) > 1:
            names = ", ".join(opened.splits)
            typer.echo(f"{source}: all splits, {names}; --split takes one of them", err=True)
        for problem in opened.problems[:_PROBLEMS]:
            typer.echo(f"left out: {problem}", err=True)
        if len(opened.problems) > _PROBLEMS:
            more = len(opened.problems) - _PROBLEMS
            typer.echo(f"and {more} more broken entries: `limelight data {source}`", err=True)
    return opened


def parse_methods(texts: list[str], groups: bool = False) -> tuple[list[str], dict[str, Any]]:
    """Names of methods, and the options of each by its name, of ["gradcam,random:seed=3"].

    `groups`: "all" and "all-gradient" stay as they are, for `explain` to find out what the model
    allows; otherwise they stand for what runs once at one layer of models of either framework.

    Raises:
        MethodError: an unknown method, an option that is not name=value, or one that the method
            does not have or that cannot be so.
    """
    from limelight.explainer.choice import GROUPS
    from limelight.methods import find_method

    names: list[str] = []
    options: dict[str, Any] = {}
    for part in (part for text in texts for part in text.split(",")):
        name, said = parse_spec(part)
        if name in GROUPS:
            names += [name] if groups else [m.name for m in GROUPS[name]() if m.runs_once]
            continue
        method = find_method(name)
        names.append(name)
        method.check_options(said)
        if said:
            options[name] = said
    return list(dict.fromkeys(names)), options


def by_recipe(
    recipe: str | None, methods: list[str] | None, threshold: Any, refine: str | None
) -> tuple[list[str] | None, Any, str | None]:
    """Methods, threshold and refinement: those that were named, or those of a recipe.

    Raises:
        MethodError: there is no such recipe, or something was named beside it.
    """
    if recipe is None:
        return methods, threshold, refine
    chosen = find_recipe(recipe)
    for option, said in (("method", methods), ("threshold", threshold), ("refine", refine)):
        if said:
            raise MethodError(
                f"--recipe {recipe} already says what --{option} says; give one of the two"
            )
    return [chosen.method], chosen.threshold, chosen.refine


def parse_target(text: str | None, classifier: Classifier) -> Any:
    """The target that `explain` takes, of what was typed."""
    if text is None or text in (classifier.class_names or ()):
        return text
    parts = [part.strip() for part in text.split(",")]
    if not all(part.lstrip("-").isdigit() for part in parts):
        return text
    return int(text) if len(parts) == 1 else [[int(part) for part in parts]]


def one_or_list(items: list[str] | None) -> Any:
    """None, the one item, or the list of several."""
    return None if not items else items[0] if len(items) == 1 else items


def thresholds(threshold: float | None, threshold_file: Path | None) -> Any:
    """What --threshold or --threshold-file say; None: each method's own.

    Raises:
        RunError: the file cannot be read.
    """
    from limelight.runs import read_thresholds

    return threshold if threshold_file is None else read_thresholds(threshold_file)


def box_options(
    threshold: float | None, threshold_file: Path | None, refine: str | None, methods: list[str]
) -> dict[str, dict[str, Any]]:
    """By method, the options of `Maps.boxes` that --threshold, --threshold-file and --refine say.

    Raises:
        RunError: the file cannot be read.
        MethodError: it has no threshold for one of the methods, or there is no such refiner.
    """
    from limelight.runs.cuts import cuts_by_name

    said = thresholds(threshold, threshold_file)
    return {
        name: {
            "threshold": cut.threshold,
            "rule": cut.rule,
            "normalizer": cut.normalizer,
            "refine": cut.refine,
        }
        for name, cut in cuts_by_name(said, "max", methods, refine=refine).items()
    }


def unique_stems(images: list[Path]) -> list[str]:
    """A name for each image's files: its stem, numbered where two are alike."""
    taken: set[str] = set()
    names = []
    for image in images:
        name, number = image.stem, 1
        while name in taken:
            number += 1
            name = f"{image.stem}-{number}"
        taken.add(name)
        names.append(name)
    return names
