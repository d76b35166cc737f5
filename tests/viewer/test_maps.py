"""The script that shows raw maps gives the numbers of the library."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from limelight import boxes, draw, viewer
from limelight.draw.colors import color_table
from limelight.frames import Frame
from limelight.localization import locate, normalize

FRAMES = {
    "identity": Frame.identity((40, 56)),
    "squashed": Frame.identity((61, 97)).resize((32, 32)),
    "centre crop": Frame.identity((50, 90)).resize((36, 65)).crop(2, 16, (32, 32)),
    "letterbox": Frame.identity((30, 80)).resize((12, 32)).crop(-10, 0, (32, 32)),
    **{f"turned {exif}": Frame.identity((44, 70)).orient(exif).resize((32, 48)) for exif in range(2, 9)},
}  # fmt: skip


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context()
    page = context.new_page()
    page.add_script_tag(content=viewer.script())
    yield page
    context.close()


def as_json(frame: Frame) -> dict[str, Any]:
    return {
        "matrix": frame.matrix,
        "input_size": frame.input_size,
        "original_size": frame.original_size,
    }


def carried(map_: np.ndarray, frame: Frame) -> np.ndarray:
    rows, columns, swapped = frame.resampling(map_.shape)
    return rows @ (map_.T if swapped else map_) @ columns.T


def smooth(seed: int, shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.3, 0.5, shape).astype(np.float32)


@pytest.mark.parametrize("name", FRAMES)
def test_maps_at_the_image_s_size_and_their_boxes(page: Any, name: str) -> None:
    frame = FRAMES[name]
    for seed, shape in enumerate([(7, 7), (4, 9), (14, 3), (1, 5)]):
        raw = smooth(seed, shape)
        found = page.evaluate(
            """([text, shape, frame, thresholds]) => {
                const values = limelight.normalize(limelight.floats(text));
                const large = limelight.resize(values, shape, frame);
                return [[...large], thresholds.map(limelight.boxes(values, shape, frame)),
                        [...limelight.seen(frame).rows], [...limelight.seen(frame).columns]];
            }""",
            [base64.b64encode(raw.tobytes()).decode(), shape, as_json(frame), [0.0, 0.2, 0.5, 0.9]],
        )
        expected = carried(normalize(raw), frame)
        np.testing.assert_allclose(
            np.reshape(found[0], frame.original_size), expected, atol=2e-6, rtol=1e-5
        )
        for threshold, box in zip([0.0, 0.2, 0.5, 0.9], found[1], strict=True):
            known = locate(expected, threshold)
            assert (box is None) == np.isnan(known).any()
            if box is not None and threshold:  # at 0 rounding decides what is positive
                np.testing.assert_array_equal(box, known)
        seen = np.outer(found[2], found[3])
        np.testing.assert_array_equal(seen.astype(bool), frame.seen())


def test_boxes_in_photographs_of_many_pixels(page: Any) -> None:
    thresholds = [0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95]
    for seed, frame in enumerate(
        [
            Frame.identity((1500, 2100)).resize((224, 224)),
            Frame.identity((1200, 1800)).resize((256, 384)).crop(16, 80, (224, 224)),
            Frame.identity((1400, 1100)).orient(6).resize((160, 224)),
        ]
    ):
        raw = smooth(seed + 7, (7, 7) if seed else (14, 14))
        found = page.evaluate(
            """([text, shape, frame, thresholds]) => {
                const values = limelight.normalize(limelight.floats(text));
                return thresholds.map(limelight.boxes(values, shape, frame));
            }""",
            [base64.b64encode(raw.tobytes()).decode(), raw.shape, as_json(frame), thresholds],
        )
        map_ = carried(normalize(raw), frame)
        expected = [locate(map_, threshold) for threshold in thresholds]
        np.testing.assert_array_equal(np.asarray(found, float), expected)


def test_components_touch_at_corners_and_of_equal_ones_the_first_counts(page: Any) -> None:
    random = np.random.default_rng(0)
    for _ in range(60):
        h, w = random.integers(1, 12, 2)
        map_ = (random.random((h, w)) < 0.45).astype(np.float32)
        box = page.evaluate(
            "([values, frame]) => limelight.boxes(values, frame.original_size, frame)(0.5)",
            [map_.ravel().tolist(), as_json(Frame.identity((int(h), int(w))))],
        )
        known = locate(map_, 0.5)
        assert (box is None) == np.isnan(known).any()
        if box is not None:
            np.testing.assert_array_equal(box, known)


def test_values_that_are_not_numbers_become_zeros(page: Any) -> None:
    for raw in ([1.0, float("nan"), 2.0], [1.0, float("inf"), 0.0], [-1.0, -2.0, 0.0]):
        text = base64.b64encode(np.asarray(raw, "<f4").tobytes()).decode()
        found = page.evaluate("(text) => [...limelight.normalize(limelight.floats(text))]", text)
        assert found == normalize(np.asarray([raw], np.float32)).ravel().tolist()


def test_iou_is_the_library_s(page: Any) -> None:
    random = np.random.default_rng(1)
    for _ in range(50):
        one, two = (np.sort(random.uniform(0, 50, (2, 2)), 0).ravel() for _ in range(2))
        found = page.evaluate("([a, b]) => limelight.iou(a, b)", [one.tolist(), two.tolist()])
        assert found == pytest.approx(float(boxes.iou(one[None], two[None])[0, 0]))
    assert page.evaluate("limelight.iou(null, [0, 0, 1, 1])") == 0


def test_colours_are_the_library_s(page: Any) -> None:
    frame = FRAMES["centre crop"]
    map_ = carried(normalize(smooth(3, (7, 7))), frame)
    table = base64.b64encode(color_table("viridis").tobytes()).decode()
    pixels = page.evaluate(
        """([values, frame, table]) => {
            const canvas = document.createElement("canvas");
            limelight.paint(canvas, values, frame.original_size, limelight.bytes(table), frame);
            const context = canvas.getContext("2d");
            return [...context.getImageData(0, 0, canvas.width, canvas.height).data];
        }""",
        [map_.ravel().tolist(), as_json(frame), table],
    )
    shown = np.reshape(pixels, (*frame.original_size, 4))
    np.testing.assert_array_equal(shown[..., 3] > 0, frame.seen())
    expected = draw.colorize(np.clip(map_, 0, 1), "viridis")
    off = np.abs(shown[..., :3].astype(int) - expected.astype(int)).max(-1)[frame.seen()]
    assert (
        off == 0
    ).mean() > 0.999 and off.max() <= 4  # one step of the table where 256·v is whole
