"""`limelight demo`: the whole job on real data, offline, with nothing to download."""

from __future__ import annotations

import os
import sys
import time
import webbrowser
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limelight.errors import MethodError, require

if TYPE_CHECKING:
    from limelight.data import Dataset
    from limelight.localization import Threshold
    from limelight.models import Classifier
    from limelight.runs import Evaluation

METHODS = ["cam", "gradcam", "layercam", "affinitycam"]
EPOCHS = 10
OUT = Path("limelight-demo")
COLUMNS = ("mean-iou", "gt-known", "pointing-game")
SHOWN = 6  # images in the picture of all methods


def command(
    framework: Annotated[
        str, typer.Option(help="torch, or keras on the backend that is installed.")
    ] = "torch",
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Train again where a trained model is there.")
    ] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of model and results.")] = OUT,
    open_report: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the report where there is a screen.")
    ] = True,
    images: Annotated[
        int | None, typer.Option(min=40, help="Train on so many images, not on all.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training images.")] = EPOCHS,
    seed: Annotated[int, typer.Option(help="Of images, weights and order.")] = 0,
) -> None:
    """Train a classifier on labels, explain it, box what it looked at, score that, report.

    The images are real handwritten digits at random places of cluttered canvases, made on the
    spot. A second call reuses the trained model.
    """
    from limelight.cli.tables import print_table
    from limelight.report import curves_of_tuning, report_of, write

    if framework not in ("torch", "keras"):
        raise MethodError(f"--framework {framework} is not known; expected torch or keras")
    require("matplotlib", "demo", "figures")  # here, not after minutes of training
    started = time.perf_counter()
    typer.echo("Located digits: name the digit. Where it lies is never told in training.")
    sets = _data_sets(images, seed)
    try:
        classifier = _trained(sets, framework, retrain, out, epochs, seed)
        typer.echo(f"Thresholds from {len(sets['validation'])} validation images,")
        typer.echo(f"figures from {len(sets['test'])} test images, boxes in their pixels:")
        evaluation, thresholds = _evaluated(classifier, sets)
    except KeyboardInterrupt:
        typer.echo("\nInterrupted. Finished epochs are kept: the same command goes on.", err=True)
        raise typer.Exit(130) from None
    print_table(evaluation, COLUMNS)
    page = report_of(evaluation, "Located digits: what the classifier looked at")
    page = replace(page, curves=[*curves_of_tuning(thresholds), *page.curves])
    report = write(page, out / "report.html")
    (out / "numbers.json").write_text(evaluation.to_json(), encoding="utf-8")
    _draw_methods(classifier, sets["test"], thresholds, out / "figures" / "methods.png")
    typer.echo(f"{time.perf_counter() - started:.0f} s. Figures, numbers and the report are in")
    typer.echo(str(report.resolve()))
    if open_report and has_screen():
        webbrowser.open(report.resolve().as_uri())


def _data_sets(images: int | None, seed: int) -> dict[str, Dataset]:
    """The three splits; with `images` to train on, a quarter of that for each of the others."""
    from limelight import data

    counts = {} if images is None else {"train": images}
    rest = None if images is None else images // 4
    names = ("train", "validation", "test")
    return {
        name: data.open("digits", name, seed=seed, count=counts.get(name, rest)) for name in names
    }


def _trained(
    sets: Mapping[str, Dataset], framework: str, retrain: bool, out: Path, epochs: int, seed: int
) -> Classifier:
    from limelight.training import train_classifier

    return train_classifier(
        sets["train"],
        framework="keras" if framework == "keras" else "torch",
        validation=sets["validation"],
        epochs=epochs,
        seed=seed,
        out=out / f"model-{framework}",
        restart=retrain,
    )


def demo_model(out: Path = OUT, framework: str = "torch") -> tuple[Path, Classifier]:
    """The demo's classifier and its folder; trained first where it is not there yet."""
    classifier = _trained(_data_sets(None, 0), framework, False, out, EPOCHS, 0)
    return out / f"model-{framework}", classifier


def _evaluated(
    classifier: Classifier, sets: Mapping[str, Dataset]
) -> tuple[Evaluation, dict[str, Threshold]]:
    """All methods from one pass, cut where the validation images say."""
    from limelight.runs import evaluate_methods, tune_methods

    thresholds = tune_methods(classifier, sets["validation"], METHODS)
    evaluation = evaluate_methods(
        classifier, sets["test"], METHODS, thresholds=thresholds, max_box_acc=False
    )
    return evaluation, thresholds


def _draw_methods(
    classifier: Classifier, test: Dataset, thresholds: Mapping[str, Threshold], path: Path
) -> None:
    """One picture: a few images with their true box, and each method's map and box of them."""
    from limelight import draw
    from limelight.arrays import to_numpy
    from limelight.explainer import explain

    examples = [test[i] for i in range(min(SHOWN, len(test)))]
    pictures = [example.read() for example in examples]
    found = explain(classifier, pictures, METHODS, target=[example.label for example in examples])
    figure = draw.grid(
        pictures,
        {name: [to_numpy(map_) for map_ in maps.resized("max")] for name, maps in found.items()},
        columns=[f"digit {example.label}" for example in examples],
        boxes={
            name: [box[None] for box in maps.boxes(**thresholds[name].options())]
            for name, maps in found.items()
        },
        true_boxes=[example.boxes for example in examples],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    draw.save(figure, path)


def has_screen() -> bool:
    """Whether a browser would have a place to open in."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
