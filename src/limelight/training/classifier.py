"""`train_classifier`: labels in, a classifier made for localization out."""

from __future__ import annotations

import random
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from limelight.errors import DatasetError, ModelLoadError, RunError
from limelight.models import Classifier, load, side_file
from limelight.models.classifier import Framework
from limelight.training import selection
from limelight.training.augmentation import compose
from limelight.training.backbones import SMALL, Backbone, find_backbone
from limelight.training.batches import Batches
from limelight.training.folder import Folder
from limelight.training.localization import Localization
from limelight.training.loop import Trainer, run
from limelight.training.samples import Samples, labelled, split

_USUAL = 224
_HEAD_FACTOR = 10.0


def train_classifier(
    dataset: Any,
    model: str | Classifier = SMALL,
    *,
    framework: Framework = "torch",
    pretrained: bool = False,
    freeze: bool = False,
    fine: bool = False,
    validation: Any = 0.1,
    epochs: int = 10,
    batch_size: int = 32,
    learning_rate: float | None = None,
    weight_decay: float = 0.05,
    augment: Sequence[str] = ("shift",),
    size: int | tuple[int, int] | None = None,
    seed: int = 0,
    patience: int | None = None,
    select: str = "accuracy",
    out: str | Path | None = None,
    restart: bool = False,
    progress: bool = True,
) -> Classifier:
    """Train a classifier whose last layers are global average pooling and one linear layer.

    Labels alone are used, never boxes. The same call on the same folder goes on where a kill or
    Ctrl-C stopped it, from the last finished epoch, and returns the finished classifier at once
    where it is complete.

    Args:
        dataset: a `limelight.data.Dataset` with labels, or ``(images, labels)``: images as uint8
            array (N, H, W[, C]) or a list of what `limelight.images.read` takes, labels (N,).
        model: what is trained: "limelight:small_cnn"; an id such as "torchvision:resnet50",
            "timm:resnet50" or "keras:resnet50"; or a `Classifier`, whose weights it starts from.
            It is cut at its last feature map and gets a new head; where the rest has learnt
            before, the head learns ten times as fast.
        framework: of the small network: "torch", or "keras" on the backend that Keras is
            configured for.
        pretrained: start an id from the weights that its source downloads.
        freeze: train the head alone.
        fine: the last stage no longer halves the map, which then has twice as many rows and
            columns.
        validation: another data set, or the share of each class that is held out.
        epochs: passes over the training images.
        batch_size: images in a batch.
        learning_rate: the highest, after a warm-up and before a cosine decay; by default 0.01
            for the small network, 0.001 for others that start at random, and 0.0003 for those
            that have learnt before (their head: ten times that).
        weight_decay: of AdamW, on weights but not on norms and biases.
        augment: any of "shift", "flip" (not where left and right matter, as in digits), "light".
        size: the side of the model's input, or (height, width); by default that of the
            `Classifier`, 224 for an id, and that of the first image for the small network.
        seed: decides initial weights, order and augmentation.
        patience: stop after so many epochs that were no better.
        select: what the best epoch is best at, on the held-out images: "accuracy", or
            "localization", the mean IoU of boxes around its class activation maps (then, and only
            then, the boxes of the held-out images are looked at; no image is trained on them).
        out: a folder that keeps everything, which `limelight.load` reads; by default nothing is
            kept on disk.
        restart: train anew where the folder holds a training.
        progress: show a bar or lines on the error stream.

    Returns:
        The classifier of the epoch that was best on the held-out images.

    Raises:
        DatasetError: a data set without labels, with none to train or validate on, or without the
            boxes that `select` needs.
        ModelLoadError: no such model, or one that cannot be cut at its last feature map.
        RunError: `out` holds something else, or a training with other settings.
        KeyboardInterrupt: Ctrl-C; the message says what was kept.

    Example:
        >>> train_classifier(dataset, validation=dataset, epochs=1, size=32, progress=False)
        <Classifier limelight:small_cnn (torch): images of 32 × 32>
    """
    _check(framework, epochs, batch_size, patience)
    selection.check(select)
    compose(augment)
    images, labels, names = labelled(dataset)
    backbone = find_backbone(model, framework, _size(images, model, size), pretrained, fine)
    framework, preprocess = backbone.framework, backbone.preprocess
    if learning_rate is None:
        learning_rate = 0.01 if backbone.name == SMALL else 0.001 if backbone.whole else 0.0003
    training = Samples(images, labels, preprocess, names)
    if isinstance(validation, float):
        chosen, held_out = split(labels, validation, seed)
        training, valid = training.part(chosen), training.part(held_out)
    else:
        others, other_labels, other_names = labelled(validation)
        if names is not None and other_names is not None and tuple(names) != tuple(other_names):
            raise DatasetError("the validation set has other class names than the training set")
        valid = Samples(others, other_labels, preprocess, other_names)
    classes = len(names) if names is not None else int(max(labels.max(), valid.labels.max())) + 1
    if classes < 2:
        only = "" if names is None else f", {names[0]!r}"
        raise DatasetError(
            f"the data set has one class{only}; a classifier is trained to tell two or more apart"
        )

    localization = (
        Localization(valid.images, preprocess, framework) if select == "localization" else None
    )

    classifier = Classifier(
        model=None,
        preprocess=preprocess,
        class_names=None if names is None else tuple(names),
        framework=framework,
        arch=backbone.arch,
        attributes=backbone.attributes,
    )
    settings = {
        "framework": framework,
        "training": {
            "model": backbone.name,
            "pretrained": pretrained,
            "freeze": freeze,
            "fine": fine,
            "classes": classes,
            "epochs": epochs,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "weight_decay": weight_decay,
            "augment": list(augment),
            "seed": seed,
            "patience": patience,
            "select": select,
            "images": len(training),
            "validation_images": len(valid),
            "labels": zlib.crc32(training.labels.tobytes() + valid.labels.tobytes()),
        },
    }
    suffix = ".safetensors" if framework == "torch" else ".keras"
    with _kept(out) as path:
        folder = Folder(path, suffix)
        complete = folder.begin({**side_file.entries(classifier), **settings}, restart)
        with _seeded(seed, framework):
            if not complete:
                batches = Batches(training, preprocess, batch_size, seed, tuple(augment))
                held = Batches(valid, preprocess, max(batch_size, 64))
                trainer = _trainer(
                    backbone, classes, freeze, batches, held, epochs, learning_rate, weight_decay
                )
                run(trainer, folder, epochs, patience, progress, localization)
            trained = load(path)
    return trained if out is not None else replace(trained, source="")


def _check(framework: str, epochs: int, batch_size: int, patience: int | None) -> None:
    if framework not in ("torch", "keras"):
        raise ModelLoadError(f'framework is "torch" or "keras", not {framework!r}')
    for name, value in {"epochs": epochs, "batch_size": batch_size, "patience": patience}.items():
        if value is not None and (not isinstance(value, int) or value < 1):
            raise RunError(f"{name} is a whole number from 1 on, not {value!r}")


def _size(images: Sequence[Any], model: str | Classifier, size: Any) -> tuple[int, int]:
    from limelight.images import read

    if size is None and isinstance(model, Classifier):
        size = model.preprocess.size
    elif size is None and model != SMALL:
        size = _USUAL
    elif size is None:
        first = images[0].read() if hasattr(images[0], "read") else read(images[0])
        size = (first.height, first.width)
    return (size, size) if isinstance(size, int) else tuple(size)


def _trainer(
    backbone: Backbone,
    classes: int,
    freeze: bool,
    training: Batches,
    validation: Batches,
    epochs: int,
    learning_rate: float,
    weight_decay: float,
) -> Trainer:
    model = backbone.make(classes)
    factor = 1.0 if backbone.whole else _HEAD_FACTOR
    if backbone.framework == "torch":
        from limelight.training.torch_trainer import TorchTrainer

        head = list(model.head.parameters())
        rest = [p for p in model.parameters() if all(p is not each for each in head)]
        if freeze:
            model.freeze()
            rest = []
        groups = [(rest, learning_rate), (head, factor * learning_rate)]
        if backbone.whole:
            groups = [(rest + head, learning_rate)]
        return TorchTrainer(model, training, validation, epochs, groups, weight_decay)
    from limelight.training.keras_head import freeze as freeze_keras
    from limelight.training.keras_trainer import KerasTrainer

    if freeze:
        freeze_keras(model)
    return KerasTrainer(model, training, validation, epochs, learning_rate, weight_decay, factor)


@contextmanager
def _kept(out: str | Path | None) -> Iterator[Path]:
    """The folder to write to; one that vanishes afterwards where none was named."""
    if out is not None:
        yield Path(out)
    else:
        with tempfile.TemporaryDirectory(prefix="limelight-") as folder:
            yield Path(folder)


@contextmanager
def _seeded(seed: int, framework: str) -> Iterator[None]:
    """Whatever is drawn inside is drawn from `seed`; the caller's generators are put back."""
    import numpy as np

    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        if framework == "torch":
            import torch

            with torch.random.fork_rng():
                torch.manual_seed(seed)
                yield
        else:
            import keras

            keras.utils.set_random_seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
