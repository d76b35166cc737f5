"""The baselines that look at no image."""

from __future__ import annotations

import numpy as np
import pytest

from limelight.localization import locate
from limelight.metrics import BASELINES, centre_gaussian, max_box_acc, whole_image

SIZE = (60, 100)


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5, 0.8])
def test_the_centre_is_a_centred_box_of_the_images_proportions(threshold: float) -> None:
    x0, y0, x1, y1 = locate(centre_gaussian(SIZE), threshold)
    assert (x0 + x1, y0 + y1) == (SIZE[1], SIZE[0])
    assert (x1 - x0) / (y1 - y0) == pytest.approx(SIZE[1] / SIZE[0], rel=0.08)


def test_the_centre_is_the_gaussian_it_says() -> None:
    got = centre_gaussian((5, 8), centre=(1, 6), sigma=0.5)
    plain = np.array(
        [
            [np.exp(-((y - 1) ** 2) / (2 * 2.5**2) - (x - 6) ** 2 / (2 * 4**2)) for x in range(8)]
            for y in range(5)
        ]
    )
    np.testing.assert_allclose(got, (plain - plain.min()) / np.ptp(plain), atol=1e-6)
    assert got[1, 6] == 1 and got.min() == 0
    assert centre_gaussian((1, 1)).tolist() == [[1]]


def test_the_whole_image_is_its_box() -> None:
    assert locate(whole_image(SIZE)).tolist() == [0, 0, 100, 60]
    truth = [np.array([[0, 0, 100, 31]]), np.array([[0, 0, 50, 29]])]
    result = max_box_acc([whole_image(SIZE)] * 2, truth, version=1, convention="half_open")
    assert result.value == 0.5


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_is_a_map_in_0_to_1(name: str) -> None:
    values = BASELINES[name](SIZE)
    assert values.shape == SIZE
    assert values.max() == 1 and values.min() >= 0
