"""Superpixels against scikit-image's SLIC, and a round of it written out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from limelight.localization.refinement.colours import to_lab
from limelight.localization.refinement.superpixels import slic, superpixels


def spread(labels: np.ndarray, lab: np.ndarray) -> float:
    """The mean squared distance of the pixels' colours from the mean of their superpixel."""
    total = 0.0
    for label in np.unique(labels):
        inside = lab[labels == label]
        total += ((inside - inside.mean(0)) ** 2).sum()
    return total / labels.size


def test_lab_against_scikit_image() -> None:
    from skimage.color import rgb2lab

    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    np.testing.assert_allclose(to_lab(image), rgb2lab(image), atol=1e-9)


def test_a_photograph_against_scikit_image(data: Path) -> None:
    """The same number of superpixels, about as even in colour, mostly the same ones."""
    from skimage.segmentation import slic as of_skimage
    from sklearn.metrics import adjusted_rand_score

    picture = Image.open(data / "photos" / "both.png").convert("RGB").resize((160, 160))
    image = np.asarray(picture)
    ours = slic(image, 150, 10.0)
    theirs = of_skimage(image, 150, compactness=10, enforce_connectivity=False, sigma=0)
    assert abs(len(np.unique(ours)) - len(np.unique(theirs))) <= 8
    lab = to_lab(image)
    assert spread(ours, lab) < 1.15 * spread(theirs, lab)
    assert spread(ours, lab) < 0.1 * lab.reshape(-1, 3).var(0).sum()
    assert adjusted_rand_score(ours.ravel(), theirs.ravel()) > 0.6


def test_each_superpixel_has_the_mean_of_the_map(scene: Any) -> None:
    values = np.random.default_rng(1).random((112, 128)).astype(np.float32)
    image = scene.image[:, :128].copy()  # small enough to be taken as it is
    labels = slic(image, 60, 20.0)
    got = superpixels(values, image, segments=60, compactness=20.0)
    for label in np.unique(labels):
        np.testing.assert_allclose(got[labels == label], values[labels == label].mean(), rtol=1e-6)
    assert 40 < len(np.unique(labels)) < 80


def test_compact_superpixels_are_squares() -> None:
    image = np.random.default_rng(2).integers(0, 256, (60, 90, 3)).astype(np.uint8)
    labels = slic(image, 6, 1e6)
    y, x = np.mgrid[:60, :90]
    np.testing.assert_array_equal(labels, (y // 30) * 3 + x // 30)
