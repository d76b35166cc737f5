"""`limelight train`: labels in, a classifier made for localization out."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from limelight.cli import options
from limelight.training.augmentation import AUGMENTATIONS
from limelight.training.selection import SELECTIONS


def command(
    dataset: Annotated[
        str, typer.Argument(help='A path, "reader:/path", or digits; see `limelight data`.')
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder of the training; there it goes on.")
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            help="limelight:small_cnn; torchvision:resnet50, timm:resnet50, keras:resnet50 and "
            "so on; or a model's file (PyTorch weights with --arch), whose weights it starts from.",
        ),
    ] = "limelight:small_cnn",
    split: Annotated[
        str | None, typer.Option(help="The split to train on. [default: train, where there is one]")
    ] = None,
    validation: Annotated[
        str, typer.Option(help="A split, or the share of each class that is held out.")
    ] = "0.1",
    framework: Annotated[str, typer.Option(help="Of the small network: torch or keras.")] = "torch",
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training images.")] = 10,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time.")] = 32,
    learning_rate: Annotated[
        float | None, typer.Option(help="The highest; the head's is ten times that.")
    ] = None,
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="Start from the weights that the source has.")
    ] = False,
    freeze: Annotated[bool, typer.Option("--freeze", help="Train the head alone.")] = False,
    stride: Annotated[
        int, typer.Option(min=1, max=2, help="Of the last stage; 1 gives maps twice as fine.")
    ] = 2,
    augment: Annotated[
        str,
        typer.Option(
            help=f"Any of {', '.join(AUGMENTATIONS)}, separated by commas; or none. Not flip where "
            "left and right matter, as in digits."
        ),
    ] = "shift",
    patience: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many epochs without a better one.")
    ] = None,
    select: Annotated[
        str,
        typer.Option(
            help=f"What the best epoch is best at on the held-out images: {' or '.join(SELECTIONS)}"
            " (only then their boxes are looked at)."
        ),
    ] = SELECTIONS[0],
    seed: Annotated[int, typer.Option(help="Of initial weights, order and augmentation.")] = 0,
    arch: options.Arch = None,
    preprocess: options.Preprocess = "auto",
    size: options.Size = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Train anew where the folder holds a training.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Train a classifier whose maps mean something: global average pooling and one linear layer.

    It is trained on labels alone, never on boxes. A second call goes on after the last finished
    epoch. The folder is a model for all other commands: `limelight evaluate DATASET --model OUT`.
    """
    from limelight.data import open
    from limelight.errors import RunError
    from limelight.models import sources
    from limelight.training import train_classifier
    from limelight.training.folder import CONFIG, METRICS, RESULT

    held_out: Any = validation
    if validation.replace(".", "", 1).isdigit():
        held_out = float(validation)
        if not 0 < held_out < 1:
            raise RunError(f"--validation {validation}: a share between 0 and 1, or a split")
    else:
        held_out = open(dataset, validation)
    opened = options.open_data(dataset, split, strict=True, quiet=as_json)
    if split is None and "train" in opened.splits:
        opened = open(dataset, "train")
        if not as_json:
            typer.echo(f"{dataset}: trained on its split train, {len(opened):,} images", err=True)
    said: Any = model
    if not (sources.is_id(model) or model.startswith("keras:")):
        said = options.open_model(model, arch, preprocess, size, None, quiet=as_json)
    classifier = train_classifier(
        opened,
        said,
        framework=cast(Any, framework),  # checked there
        validation=held_out,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        pretrained=pretrained,
        freeze=freeze,
        fine=stride == 1,
        augment=[name for name in augment.split(",") if name and name != "none"],
        patience=patience,
        select=select,
        seed=seed,
        size=options.parse_size(size),
        out=out,
        restart=restart,
        progress=not as_json,
    )
    result = json.loads((out / RESULT).read_text("utf-8"))
    if as_json:
        typer.echo(json.dumps({"model": str(out), **result}, ensure_ascii=False))
        return
    names = classifier.class_names
    settings = json.loads((out / CONFIG).read_text("utf-8"))["training"]
    if said == model and not settings["pretrained"] and not model.startswith("limelight:"):
        frozen = ", and they stayed, for --freeze trains the head alone" if freeze else ""
        typer.echo(
            f"{model}: it started from random weights{frozen}; --pretrained starts from those that "
            "its source has",
            err=True,
        )
    count = settings["validation_images"]
    images = f"{count:,} held-out images" if count != 1 else "one held-out image"
    typer.echo(
        f"{out}: {result['validation_accuracy']:.1%} of {images}, best epoch "
        f"{result['best_epoch']} of {result['epochs']}, "
        f"{'' if names is None else f'{len(names)} classes, '}{out / METRICS}"
    )
    seen = {opened.split, validation}
    others = [name for name in ("test", "validation", "val") if name in opened.splits]
    unseen = next((f" --split {name}" for name in others if name not in seen), "")
    asked, made = shlex.quote(dataset), shlex.quote(str(out))
    scores = shlex.quote(f"{out}-scores")
    typer.echo(f"limelight evaluate {asked} --model {made}{unseen} --out {scores}")
