"""Batches and augmentation: everything drawn from the seed, images changed as they say."""

from __future__ import annotations

import numpy as np
import pytest

from limelight.errors import RunError
from limelight.models import Preprocess
from limelight.training.augmentation import AUGMENTATIONS, compose
from limelight.training.batches import Batches
from limelight.training.samples import Samples

PREPROCESS = Preprocess((6, 5), (0.5,), (0.5,), channels_first=True)


def batches(count: int = 11, size: int = 4, **options: object) -> Batches:
    images = np.stack([np.full((6, 5, 3), 10 * i, np.uint8) for i in range(count)])
    return Batches(Samples(list(images), np.arange(count), PREPROCESS), PREPROCESS, size, **options)


def test_an_epoch_shows_each_image_at_most_once_and_another_epoch_others() -> None:
    made = batches(seed=3)
    assert made.steps == 2 and made.validation_steps == 3
    seen = []
    for epoch in range(30):
        labels = np.concatenate([made.training(epoch, step)[1] for step in range(made.steps)])
        assert len(set(labels)) == 8
        seen.append(tuple(labels))
    assert len(set(seen)) == 30 and set().union(*map(set, seen)) == set(range(11))


def test_images_belong_to_their_labels_and_are_normalized() -> None:
    images, labels = batches(seed=1).training(0, 1)
    assert images.shape == (4, 3, 6, 5) and images.dtype == np.float32
    np.testing.assert_allclose(images[:, 0, 0, 0], labels * 10 / 127.5 - 1, atol=1e-6)


def test_the_seed_decides_everything() -> None:
    options = {"augment": ("flip", "shift", "light")}
    for epoch, step in ((0, 0), (0, 1), (5, 0)):
        first, again = (batches(seed=3, **options).training(epoch, step) for _ in range(2))
        np.testing.assert_array_equal(first[0], again[0])
        np.testing.assert_array_equal(first[1], again[1])
        other = batches(seed=4, **options).training(epoch, step)
        assert not np.array_equal(first[1], other[1])


def test_validation_leaves_nothing_out_and_changes_nothing() -> None:
    made = batches(seed=3, augment=("light",))
    parts = [made.validation(step) for step in range(made.validation_steps)]
    assert np.concatenate([labels for _, labels in parts]).tolist() == list(range(11))
    values = np.concatenate([images[:, 0, 0, 0] for images, _ in parts])
    np.testing.assert_allclose(values, np.arange(11) * 10 / 127.5 - 1, atol=1e-6)


def test_fewer_images_than_a_batch() -> None:
    made = batches(count=3)
    assert made.steps == 1 and sorted(made.training(0, 0)[1]) == [0, 1, 2]


# --- augmentation -----------------------------------------------------------------------------

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 32, 48, 3), np.uint8)


def changed(name: str) -> np.ndarray:
    return AUGMENTATIONS[name](IMAGES.copy(), np.random.default_rng(7))


def test_flip_mirrors_about_half_of_the_images() -> None:
    mirrored = 0
    for before, after in zip(IMAGES, changed("flip"), strict=True):
        if not np.array_equal(before, after):
            np.testing.assert_array_equal(after, np.fliplr(before))
            mirrored += 1
    assert 10 <= mirrored <= 30


def test_shift_moves_and_repeats_the_edge() -> None:
    """Against cutting a window out of the image padded by its edge."""
    offsets = set()
    for before, after in zip(IMAGES, changed("shift"), strict=True):
        padded = np.pad(before, ((2, 2), (3, 3), (0, 0)), mode="edge")
        hits = [
            (y, x)
            for y in range(5)
            for x in range(7)
            if np.array_equal(padded[y : y + 32, x : x + 48], after)
        ]
        assert len(hits) == 1
        offsets.add(hits[0])
    assert len(offsets) > 20


def test_light_changes_brightness_and_contrast_alone() -> None:
    for before, after in zip(IMAGES, changed("light"), strict=True):
        inside = (after > 0) & (after < 255)
        gain, offset = np.polyfit(before[inside].astype(float), after[inside].astype(float), 1)
        assert 0.79 < gain < 1.21
        expected = np.clip(before * gain + offset, 0, 255)
        np.testing.assert_allclose(after, expected, atol=2)


def test_augmentations_by_name() -> None:
    rng, again = (np.random.default_rng(3) for _ in range(2))
    both = compose(["flip", "light"])(IMAGES.copy(), rng)
    by_hand = AUGMENTATIONS["light"](AUGMENTATIONS["flip"](IMAGES.copy(), again), again)
    np.testing.assert_array_equal(both, by_hand)
    np.testing.assert_array_equal(compose([])(IMAGES, rng), IMAGES)
    with pytest.raises(RunError, match="no augmentation 'filp'; did you mean 'flip'"):
        compose(["filp"])
