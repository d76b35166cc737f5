"""Label randomization with a pair that was really trained, on true labels and on permuted ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import limelight
from limelight.data import open as open_dataset

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

IMAGES, STEPS, EDGES = 48, 300, "0"


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Located digits at a quarter of their resolution, (N, 1, h, w) in [0, 1], and their classes."""
    data = open_dataset(f"digits?count={IMAGES}", split="train")
    read = [np.asarray(each.read(), np.float32) for each in data]
    gray = np.stack([each.mean(axis=2) if each.ndim == 3 else each for each in read]) / 255
    height, width = (side // 4 for side in gray.shape[1:])
    small = gray.reshape(IMAGES, height, 4, width, 4).mean((2, 4))
    return small[:, None], np.array([each.label for each in data])


def trained(images: np.ndarray, labels: Sequence[int]) -> Any:
    """A network that has learned every one of the labels; always from the same first weights."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 32, 3, padding=1), nn.ReLU(), nn.Flatten(),
        nn.Linear(32 * images.shape[2] * images.shape[3] // 4, 10),
    )  # fmt: skip
    x, y = torch.as_tensor(images), torch.as_tensor(labels)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(STEPS):
        optimizer.zero_grad()
        logits = model(x)
        if bool((logits.argmax(1) == y).all()) and functional.cross_entropy(logits, y) < 0.05:
            break
        functional.cross_entropy(logits, y).backward()
        optimizer.step()
    assert bool((model(x).argmax(1) == y).all()), "not every label was learned"
    return model.eval()


@pytest.fixture(scope="module")
def pair() -> tuple[Any, Any, np.ndarray, np.ndarray]:
    """The model, its twin of permuted labels, the images and their true classes."""
    images, labels = digits()
    permuted = np.random.default_rng(0).permutation(labels)
    return trained(images, labels), trained(images, permuted), images, labels


def test_a_class_map_changes_with_the_labels_and_an_edge_detector_does_not(pair: Any) -> None:
    model, twin, images, labels = pair
    learned = limelight.check_label_randomization(
        model, twin, images, "gradcam", target=labels.tolist()
    )
    edges = limelight.check_label_randomization(
        model, twin, images, "eigencam", target=labels.tolist(), layer=EDGES
    )
    noise = limelight.check_label_randomization(model, twin, images, "random")
    assert abs(learned.value) < 0.6
    assert edges.value > 0.9
    assert noise.value == pytest.approx(1)
