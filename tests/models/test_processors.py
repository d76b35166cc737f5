"""What is measured of an image processor, against the processor itself on a photograph's like."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from limelight.models.conventions import build
from limelight.models.processors import read_processor

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.torch


def picture(height: int, width: int) -> Image.Image:
    """Blots of light of many sizes: smooth enough that two filters agree."""
    rng = np.random.default_rng(height)
    pixels = np.zeros((height, width, 3))
    for side in (4, 9, 17):
        small = Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8))
        pixels += np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)) / 3
    return Image.fromarray(pixels.round().astype(np.uint8))


PROCESSORS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("ViTImageProcessor", {}, {"mode": "squash"}),
    ("ViTImageProcessor", {"size": {"height": 192, "width": 256}}, {"mode": "squash"}),
    ("ViTImageProcessor", {"do_normalize": False}, {"mode": "squash", "mean": [0.0] * 3}),
    ("BitImageProcessor", {}, {"mode": "crop", "resize": 224}),
    ("BitImageProcessor", {"size": {"shortest_edge": 256}}, {"mode": "crop", "resize": 256}),
    ("DeiTImageProcessor", {}, {"mode": "squash", "resize": 256}),
    ("ConvNextImageProcessor", {}, {"mode": "squash"}),
    ("ConvNextImageProcessor", {"size": {"shortest_edge": 224}, "crop_pct": 0.875},
     {"mode": "crop", "resize": 256}),
    ("LevitImageProcessor", {}, {"mode": "crop", "resize": 256}),
    ("PoolFormerImageProcessor", {}, {"mode": "crop", "resize": 248}),
    ("EfficientNetImageProcessor", {}, {"mode": "squash", "std": [0.25] * 3}),
    ("MobileNetV2ImageProcessor", {}, {"mode": "crop", "resize": 256, "interpolation": "bilinear"}),
    ("MobileViTImageProcessor", {"size": {"shortest_edge": 288}},
     {"mode": "crop", "resize": 288, "channels": "BGR", "std": [1.0] * 3}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "expected"), PROCESSORS)
def test_what_is_read_does_the_same(
    name: str, options: dict[str, Any], expected: dict[str, Any]
) -> None:
    processor = getattr(transformers, name)(**options)
    found = read_processor(processor)
    assert found is not None
    settings, size = found
    assert settings | expected == settings
    for shape in ((333, 500), (512, 400)):
        image = picture(*shape)
        theirs = np.asarray(processor(images=image, return_tensors="np")["pixel_values"][0])
        ours, frame = build(settings, size, None, channels_first=True)(image)
        assert ours.shape == theirs.shape == (3, *size) and frame.original_size == shape
        assert np.abs(ours - theirs).mean() < 0.01 * np.ptp(theirs)


def test_what_cannot_be_said_in_numbers_is_not_guessed() -> None:
    grey = transformers.ViTImageProcessor()
    assert read_processor(lambda **given: grey(**given) | {}) is not None

    def turned(images: Any, **given: Any) -> Any:
        return grey(images=images.transpose(Image.Transpose.ROTATE_180), **given)

    def mixed(images: Any, **given: Any) -> Any:
        return grey(images=images.convert("L").convert("RGB"), **given)

    def squared(**given: Any) -> Any:
        return {"pixel_values": grey(**given)["pixel_values"] ** 2}

    for processor in (turned, mixed, squared):
        assert read_processor(processor) is None
    padded = transformers.MobileViTImageProcessor()  # resized to 224, "cut" to 256: black margins
    assert read_processor(padded) is None
