"""A small classifier and a small data set, with what data sets have in real life."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from limelight.data import Dataset
from limelight.data.arrays import from_arrays
from limelight.models import Classifier, load
from oracles import networks

NAMES = ("ant", "bee", "cat", "dog")
BROKEN, WITHOUT_BOX = 4, 7


def pictures(count: int) -> list[Any]:
    """Noise with a bright patch, in sizes of their own; one is no image."""
    made: list[Any] = []
    for i in range(count):
        random = np.random.default_rng((3, i))
        height, width = random.integers(20, 60, 2)
        image = random.integers(0, 120, (height, width, 3))
        top, left = random.integers(0, (height - 8, width - 8))
        image[top : top + 8, left : left + 8] += 130
        made.append(image.astype(np.uint8))
    made[BROKEN] = b"no image"
    return made


def true_boxes(count: int) -> list[np.ndarray]:
    """One to three boxes an image, and none in one."""
    made = []
    for i in range(count):
        random = np.random.default_rng((4, i))
        corners = random.uniform(0, 12, (random.integers(1, 4), 2))
        made.append(np.concatenate([corners, corners + random.uniform(6, 40, corners.shape)], 1))
    made[WITHOUT_BOX] = np.zeros((0, 4))
    return made


def dataset(count: int = 12) -> Dataset:
    labels = np.random.default_rng(5).integers(0, 4, count)
    return from_arrays(
        pictures(count), labels, true_boxes(count), class_names=NAMES, name="patches"
    )


def classifier() -> Classifier:
    return load(networks.torch_model(), size=networks.SIZE, preprocess="-1-1", classes=NAMES)


def slowed(classifier: Classifier) -> Classifier:
    """The same with a preprocessing that takes its time, so that there is some to be killed in."""
    return replace(classifier, preprocess=replace(classifier.preprocess, function=slowly))


def slowly(pixels: np.ndarray) -> np.ndarray:
    """What the classifier takes, channels first, after a moment."""
    time.sleep(0.1)
    return (np.moveaxis(pixels, -1, 0) / 127.5 - 1).astype(np.float32)
