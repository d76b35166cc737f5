"""Guided Grad-CAM a second time, with OpenCV's resize."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from limelight.methods import find_method


def test_is_gradcam_times_the_guided_gradient(
    random_evidence: dict[str, np.ndarray], apply: Callable[..., np.ndarray]
) -> None:
    import cv2

    guided = np.random.default_rng(3).normal(0, 1, (3, 2, 23, 17)).astype(np.float32)
    found = apply(find_method("guidedgradcam"), {**random_evidence, "guided": guided})
    coarse = apply(find_method("gradcam"), random_evidence).astype(np.float64)
    assert found.shape == (3, 23, 17)
    for map_, grid, channels in zip(found, coarse, guided, strict=True):
        fine = cv2.resize(grid, (17, 23), interpolation=cv2.INTER_LINEAR)
        expected = fine * (channels[0].astype(float) + channels[1])
        np.testing.assert_allclose(map_, expected, atol=1e-5 * max(np.abs(expected).max(), 1e-9))
