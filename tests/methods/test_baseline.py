"""The random map: noise, and the same noise wherever the image is the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from limelight.methods import find_method

RANDOM = find_method("random")


def evidence(images: np.ndarray, grid: tuple[int, int] = (5, 3)) -> dict[str, np.ndarray]:
    return {"activations": np.zeros((len(images), 2, *grid), np.float32), "inputs": images}


def images(count: int) -> np.ndarray:
    return np.random.default_rng(3).normal(0, 1, (count, 3, 7, 4)).astype(np.float32)


def test_is_uniform_and_differs_between_images(apply: Callable[..., np.ndarray]) -> None:
    found = apply(RANDOM, evidence(images(4), (40, 50))).reshape(4, -1)
    assert found.min() >= 0 and found.max() < 1
    counts = np.stack([np.histogram(map_, bins=10, range=(0, 1))[0] for map_ in found])
    assert np.abs(counts / 200 - 1).max() < 0.3  # 4 standard deviations
    assert np.abs(np.corrcoef(found) - np.eye(4)).max() < 0.1


def test_depends_on_the_image_and_the_seed_alone(apply: Callable[..., np.ndarray]) -> None:
    batch = images(3)
    found = apply(RANDOM, evidence(batch))
    np.testing.assert_array_equal(found[::-1], apply(RANDOM, evidence(batch[::-1])))
    np.testing.assert_array_equal(found[1:2], apply(RANDOM, evidence(batch[1:2])))
    channels_last = np.ascontiguousarray(batch.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(found, apply(RANDOM, evidence(channels_last)))
    np.testing.assert_array_equal(found, apply(RANDOM, evidence(batch), seed=0))
    assert (found != apply(RANDOM, evidence(batch), seed=1)).all()


def test_is_the_same_in_every_framework(apply: Callable[..., np.ndarray]) -> None:
    """The first numbers that NumPy's generator draws for this image, written down."""
    import zlib

    batch = images(2)
    found = apply(RANDOM, evidence(batch))
    for image, map_ in zip(batch, found, strict=True):
        key = zlib.crc32(np.sort(image.ravel()).astype("<f4").tobytes())
        expected = np.random.default_rng((0, key)).random(15, np.float32)
        np.testing.assert_array_equal(map_.ravel(), expected)
