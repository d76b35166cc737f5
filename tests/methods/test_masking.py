"""Score-CAM and its kin a second time: mask by mask, resized by OpenCV, in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from limelight.arrays import to_numpy
from limelight.errors import MethodError
from limelight.methods import find_method
from oracles.rescored import PlainRescoring, evidence, softmax

SIZE = (13, 10)
IMAGES = np.random.default_rng(1).normal(0, 1, (3, 2, *SIZE)).astype(np.float32)
MIXING = np.random.default_rng(2).normal(0, 0.2, (2, 2, *SIZE))

Vary = Callable[[np.ndarray], list[np.ndarray]]


def scores(image: np.ndarray, number: int) -> np.ndarray:
    return (1 + number) * np.sin((MIXING * image).sum((1, 2, 3))) + image.mean()


def noisy(mask: np.ndarray) -> list[np.ndarray]:
    draws = [np.random.default_rng((4, s)).normal(0, 0.2, SIZE) for s in range(3)]
    return [mask + noise for noise in draws]


VARIANTS: dict[str, tuple[dict[str, Any], Vary]] = {
    "scorecam": ({}, lambda mask: [mask]),
    "sscam": ({"samples": 3, "sigma": 0.2, "seed": 4}, noisy),
    "iscam": ({"steps": 4}, lambda mask: [j / 4 * mask for j in (1, 2, 3, 4)]),
}


def plain(activations: np.ndarray, vary: Vary) -> np.ndarray:
    """(N, C, h, w) → (N, K, h, w)."""
    import cv2

    n, _, h, w = activations.shape
    found = np.zeros((n, 2, h, w))
    for image in range(n):
        rows, kept = [], []
        for channel in activations[image]:
            if channel.max() == channel.min():
                continue
            mask = cv2.resize(channel, SIZE[::-1], interpolation=cv2.INTER_LINEAR)
            mask = (mask - mask.min()) / (mask.max() - mask.min())
            each = [scores(IMAGES[image].astype(np.float64) * m, image) for m in vary(mask)]
            rows.append(np.mean(each, axis=0))
            kept.append(channel)
        for k in range(2 if rows else 0):
            weights = softmax(np.array(rows)[:, k])
            for weight, channel in zip(weights, kept, strict=True):
                found[image, k] += weight * channel
    return np.maximum(found, 0)


@pytest.mark.parametrize("name", list(VARIANTS))
def test_equals_the_plain_formula(
    name: str, random_evidence: dict[str, np.ndarray], convert: Callable[[np.ndarray], Any]
) -> None:
    options, vary = VARIANTS[name]
    a = random_evidence["activations"]
    given = convert(a)
    rescoring = PlainRescoring(inputs=scores)
    found = to_numpy(
        find_method(name)(evidence(given, rescoring, images=convert(IMAGES)), **options)
    )
    expected = plain(a.astype(np.float64), vary)
    if not a.any():
        assert not found.any() and not rescoring.jobs
        return
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_constant_channels_are_not_scored() -> None:
    a = np.random.default_rng(0).normal(size=(2, 3, 4, 4)).astype(np.float32)
    a[0, 1], a[1, 2] = 7, 0
    rescoring = PlainRescoring(inputs=scores)
    found = find_method("scorecam")(evidence(a, rescoring, images=IMAGES[:2]))
    assert [image for image, _ in rescoring.jobs] == [0, 0, 1, 1]
    without = a.copy()
    without[0, 1] = 0
    np.testing.assert_allclose(
        found,
        find_method("scorecam")(
            evidence(without, PlainRescoring(inputs=scores), images=IMAGES[:2])
        ),
    )


def test_without_noise_or_in_one_step_it_is_scorecam() -> None:
    a = np.random.default_rng(0).normal(size=(3, 3, 4, 4)).astype(np.float32)

    def maps(name: str, **options: Any) -> np.ndarray:
        rescoring = PlainRescoring(inputs=scores)
        return find_method(name)(evidence(a, rescoring, images=IMAGES), **options)

    np.testing.assert_allclose(maps("sscam", sigma=0.0, samples=2), maps("scorecam"), rtol=1e-5)
    np.testing.assert_allclose(maps("iscam", steps=1), maps("scorecam"), rtol=1e-5)
    assert not np.allclose(maps("sscam", seed=0), maps("sscam", seed=1), rtol=1e-4)


def mixed(n: int = 2, count: int = 30) -> np.ndarray:
    """Activations with a constant channel, and with one that is there twice."""
    a = np.random.default_rng(5).gamma(0.5, size=(n, count, 5, 4)).astype(np.float32)
    a[0, 3], a[1, 8] = 2, 0
    a[:, 11] = 0.9 * a[:, 10]
    return a


def plain_groups(a: np.ndarray, image: int, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """The score (C, K) that each channel takes, and how far held-out ones are off (K,)."""
    live = [c for c in range(len(a)) if a[c].max() > a[c].min()]
    live.sort(key=lambda c: -np.abs(a[c]).mean())
    scaled = {c: (a[c] - a[c].min()) / (a[c].max() - a[c].min()) for c in live}
    taken = {c: c for c in live[:channels]}
    for c in live[channels:]:
        taken[c] = min(live[:channels], key=lambda own: ((scaled[own] - scaled[c]) ** 2).sum())
    rest = live[channels:]
    ends = sorted({round(at) for at in np.linspace(0, len(rest) - 1, min(8, len(rest)))})
    held = [(rest[at], taken[rest[at]]) for at in ends]
    taken |= {c: c for c, _ in held}
    import cv2

    own = {}
    for c in set(taken.values()):
        mask = cv2.resize(a[c], SIZE[::-1], interpolation=cv2.INTER_LINEAR)
        mask = (mask - mask.min()) / (mask.max() - mask.min())
        own[c] = scores(IMAGES[image].astype(np.float64) * mask, image)
    found = np.full((len(a), 2), -np.inf)
    for c in live:
        found[c] = own[taken[c]]
    errors = [(own[c] - own[leader]) ** 2 for c, leader in held]
    return found, np.sqrt(np.mean(errors, axis=0))


@pytest.mark.parametrize("channels", [1, 6, 25])
def test_a_budget_of_channels_equals_the_plain_formula(channels: int) -> None:
    a, told = mixed(), dict[str, Any]()
    rescoring = PlainRescoring(inputs=scores)
    given = replace(evidence(a, rescoring, images=IMAGES[:2]), tell=told.__setitem__)
    found = find_method("scorecam")(given, channels=channels)
    for image in range(2):
        taken, deviation = plain_groups(a[image].astype(np.float64), image, channels)
        for k in range(2):
            weights = softmax(taken[:, k])
            expected = np.maximum((weights[:, None, None] * a[image]).sum(0), 0)
            np.testing.assert_allclose(found[image, k], expected, rtol=1e-4)
        np.testing.assert_allclose(told["deviation"][image], deviation, rtol=1e-4)
    assert len(rescoring.jobs) == 2 * (channels + min(8, 29 - channels))


@pytest.mark.parametrize("name", list(VARIANTS))
def test_a_budget_of_every_channel_is_the_map_without_one(name: str) -> None:
    a, told = mixed(), dict[str, Any]()
    given = replace(
        evidence(a, PlainRescoring(inputs=scores), images=IMAGES[:2]), tell=told.__setitem__
    )
    options = VARIANTS[name][0]
    whole = find_method(name)(given, **options)
    assert not told
    np.testing.assert_allclose(find_method(name)(given, channels=30, **options), whole, rtol=1e-5)
    assert not told["deviation"].any()


@pytest.mark.parametrize("channels", [0, -1, 2.5, True])
def test_a_budget_is_a_positive_number(channels: Any) -> None:
    given = evidence(mixed(), PlainRescoring(inputs=scores), images=IMAGES[:2])
    with pytest.raises(MethodError, match="whole number of 1 or more as channels"):
        find_method("scorecam")(given, channels=channels)
