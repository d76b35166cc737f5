"""Preprocessing against PIL by hand, torchvision's own transforms, and its own inverse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from limelight.errors import ImageError, ModelLoadError
from limelight.frames import Frame
from limelight.models import Preprocess

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def picture(h: int, w: int, seed: int = 0) -> np.ndarray:
    """Smooth noise, so that resizing keeps something."""
    small = np.random.default_rng(seed).integers(0, 256, (max(h // 8, 2), max(w // 8, 2), 3))
    return np.asarray(Image.fromarray(small.astype(np.uint8)).resize((w, h), 3))


def test_at_the_models_size_the_pixels_are_only_normalized() -> None:
    image = picture(20, 30)
    array, frame = Preprocess((20, 30), **IMAGENET)(image)
    expected = np.zeros((20, 30, 3))
    for i in range(20):
        for j in range(30):
            for c in range(3):
                expected[i, j, c] = (image[i, j, c] / 255 - IMAGENET["mean"][c]) / IMAGENET["std"][
                    c
                ]
    np.testing.assert_allclose(array, expected, atol=1e-6)
    assert array.dtype == np.float32
    assert frame == Frame.identity((20, 30))


def test_order_and_place_of_the_channels() -> None:
    image = picture(6, 7)
    base, _ = Preprocess((6, 7), **IMAGENET)(image)
    bgr, _ = Preprocess((6, 7), channels="BGR", **IMAGENET)(image)
    first, _ = Preprocess((6, 7), channels_first=True, **IMAGENET)(image)
    np.testing.assert_array_equal(bgr, base[..., ::-1])
    np.testing.assert_array_equal(first, np.moveaxis(base, -1, 0))
    grey, _ = Preprocess((6, 7), channels="L")(image)
    luma = np.asarray(Image.fromarray(image).convert("L")) / 255
    np.testing.assert_allclose(grey[..., 0], luma, atol=1e-6)
    assert grey.shape == (6, 7, 1)
    every = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    np.testing.assert_array_equal(
        np.rint(255 * Preprocess((300, 400), channels="L").normalize(every)[..., 0]),
        np.asarray(Image.fromarray(every).convert("L")),
    )


@pytest.mark.parametrize("function", [None, lambda pixels: pixels / 51.0])
@pytest.mark.parametrize("first", [False, True])
def test_a_batch_is_normalized_as_its_images(function: object, first: bool) -> None:
    if function is not None and first:
        function = lambda pixels: pixels.transpose(2, 0, 1) / 51.0  # noqa: E731
    preprocess = Preprocess((6, 7), **IMAGENET, channels_first=first, function=function)
    images = np.stack([picture(6, 7, seed) for seed in range(3)])
    one_by_one = np.stack([preprocess(image)[0] for image in images])
    np.testing.assert_array_equal(preprocess.normalize(images), one_by_one)


def test_squash_is_a_resize_by_pillow() -> None:
    image = picture(60, 40)
    for name, filter_ in (("bilinear", 2), ("bicubic", 3)):
        array, frame = Preprocess((32, 48), interpolation=name)(image)
        expected = np.asarray(Image.fromarray(image).resize((48, 32), filter_)) / 255
        np.testing.assert_allclose(array, expected, atol=1e-6)
    assert frame == Frame.identity((60, 40)).resize((32, 48))
    np.testing.assert_allclose(frame.to_original([0, 0, 48, 32]), [0, 0, 40, 60])


@pytest.mark.torch
@pytest.mark.parametrize("size", [(300, 600), (600, 300), (257, 401), (224, 224), (100, 151)])
@pytest.mark.parametrize(("resize", "side"), [(256, 224), (232, 224), (224, 224)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_centre_crop_equals_torchvisions_transforms(
    size: tuple[int, int], resize: int, side: int, interpolation: str
) -> None:
    transforms = pytest.importorskip("torchvision.transforms")
    image = picture(*size)
    theirs = transforms.Compose(
        [
            transforms.Resize(resize, transforms.InterpolationMode(interpolation)),
            transforms.CenterCrop(side),
            transforms.ToTensor(),
            transforms.Normalize(**IMAGENET),
        ]
    )(Image.fromarray(image))
    ours, frame = Preprocess(
        (side, side),
        mode="crop",
        resize=resize,
        interpolation=interpolation,
        channels_first=True,
        **IMAGENET,
    )(image)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)
    assert frame.input_size == (side, side) and frame.original_size == size


def test_squashed_to_more_than_what_is_cut_out() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 90, 3), np.uint8))
    pixels, frame = Preprocess((28, 42), mode="squash", resize=32).fit(image)
    expected = image.resize((48, 32), Image.Resampling.BILINEAR).crop((3, 2, 45, 30))
    np.testing.assert_array_equal(pixels, np.asarray(expected))
    corners = frame.to_original(np.array([[0.0, 0.0, 42.0, 28.0]]))
    expected_corners = [3 * 90 / 48, 2 * 50 / 32, 45 * 90 / 48, 30 * 50 / 32]
    np.testing.assert_allclose(corners[0], expected_corners)


@pytest.mark.parametrize("size", [(300, 600), (600, 300), (90, 91), (33, 200)])
@pytest.mark.parametrize("mode", ["squash", "crop", "letterbox"])
@pytest.mark.parametrize("target", [(64, 64), (64, 96), (96, 48)])
def test_the_frame_leads_back_to_what_the_model_sees(
    size: tuple[int, int], mode: str, target: tuple[int, int]
) -> None:
    """Each channel is a ramp over the original, so that a pixel's colour tells where it is from."""
    h, w = size
    ys, xs = np.mgrid[0:h, 0:w] + 0.5
    image = np.stack([xs * 200 / w + 20, ys * 200 / h + 20, np.full(size, 255)], -1).astype(
        np.uint8
    )
    array, frame = Preprocess(target, mode=mode)(image)
    pixels = array * 255
    inside = pixels[..., 2] > 254
    assert inside.mean() > (0.05 if mode == "letterbox" else 0.999)
    for i, j in [(32, 24), (20, 30), (31, 40), (5, 7), (60, 45)]:
        if not inside[i, j]:
            continue
        x, y, *_ = frame.to_original([j + 0.5, i + 0.5, j + 0.5, i + 0.5])
        assert pixels[i, j, 0] == pytest.approx(x * 200 / w + 20, abs=2.5)
        assert pixels[i, j, 1] == pytest.approx(y * 200 / h + 20, abs=2.5)
    # The part that was seen is the part that the frame says.
    box = frame.to_input([0, 0, w, h])
    ys, xs = np.nonzero(inside)
    seen = [max(box[0], 0), max(box[1], 0), min(box[2], target[1]), min(box[3], target[0])]
    np.testing.assert_allclose([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], seen, atol=1)


def test_letterbox_keeps_proportions_and_pads_with_zeros() -> None:
    image = np.full((20, 40, 3), 200, np.uint8)
    array, frame = Preprocess((32, 32), mode="letterbox", **IMAGENET)(image)
    assert (abs(array[:8]) < 0.01).all() and (abs(array[24:]) < 0.01).all()
    assert (array[8:24] > 0.5).all()
    np.testing.assert_allclose(frame.to_original([0, 8, 32, 24]), [0, 0, 40, 20])
    same, _ = Preprocess((20, 40), mode="letterbox")(image)
    np.testing.assert_allclose(same, 200 / 255, atol=1e-6)


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.sampled_from(["squash", "crop", "letterbox"]),
)
def test_every_image_fits_every_model(
    size: tuple[int, int], target: tuple[int, int], mode: str
) -> None:
    array, frame = Preprocess(target, mode=mode)(np.full((*size, 3), 255, np.uint8))
    assert array.shape == (*target, 3)
    box = frame.to_input([0, 0, size[1], size[0]])
    if mode == "crop":  # nothing but image is seen
        assert array.min() == 1
        assert (box[:2] <= 0.5).all() and box[2] >= target[1] - 0.5 and box[3] >= target[0] - 0.5
    elif mode == "squash":
        np.testing.assert_allclose(box, [0, 0, target[1], target[0]])
    else:  # the whole image is seen
        assert (
            (box[:2] >= -0.51).all() and box[2] <= target[1] + 0.51 and box[3] <= target[0] + 0.51
        )


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(["RGB", "BGR", "L"]),
    st.booleans(),
    st.lists(st.floats(-1, 1), min_size=3, max_size=3),
    st.lists(st.floats(0.004, 2), min_size=3, max_size=3),
)
def test_display_is_the_inverse(
    channels: str, first: bool, mean: list[float], std: list[float]
) -> None:
    count = 1 if channels == "L" else 3
    preprocess = Preprocess(
        (5, 4), tuple(mean[:count]), tuple(std[:count]), channels=channels, channels_first=first
    )
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3), np.uint8)
    if channels == "L":
        images = np.repeat(images[..., :1], 3, -1)
    batch = np.stack([preprocess(image)[0] for image in images])
    np.testing.assert_array_equal(preprocess.display(batch), images)


def test_a_function_gets_rgb_at_the_models_size_and_its_result_is_taken() -> None:
    given_to = []

    def prepare(pixels: np.ndarray) -> np.ndarray:
        given_to.append(pixels.copy())
        pixels[:] = 0  # its own copy
        return given_to[-1].transpose(2, 0, 1) / 127.5 - 1

    image = picture(40, 30)
    preprocess = Preprocess((20, 30), function=prepare, channels_first=True)
    array, _ = preprocess(image)
    expected = np.asarray(Image.fromarray(image).resize((30, 20), 2))
    np.testing.assert_array_equal(given_to[0], expected)
    np.testing.assert_allclose(array, expected.transpose(2, 0, 1) / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(preprocess(image)[0], array)
    with pytest.raises(ImageError, match="cannot be turned back"):
        preprocess.display(array[None])


@pytest.mark.parametrize("shape", [(1, 4, 4, 3), (4, 5, 3), (4, 4), (3, 4, 4)])
def test_a_function_that_returns_another_shape(shape: tuple[int, ...]) -> None:
    preprocess = Preprocess((4, 4), function=lambda pixels: np.zeros(shape))
    with pytest.raises(ImageError, match=r"this model takes \(4, 4, C\), without a batch axis"):
        preprocess(np.zeros((4, 4, 3), np.uint8))


def test_display_refuses_another_layout() -> None:
    with pytest.raises(ImageError, match=r"shape \(N, 4, 4, 3\), not \(1, 3, 4, 4\)"):
        Preprocess((4, 4)).display(np.zeros((1, 3, 4, 4)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "stretch"}, "mode is one of squash, crop, letterbox, not 'stretch'"),
        ({"interpolation": "cubic"}, "interpolation is one of .*bicubic.*, not 'cubic'"),
        ({"channels": "RGBA"}, "channels is one of RGB, BGR, L"),
        ({"size": (0, 4)}, r"size is \(height, width\)"),
        ({"mean": (0.5, 0.5)}, "mean has 2 numbers; expected 1 or 3"),
        ({"channels": "L", "std": (1, 1, 1)}, "std has 3 numbers; expected 1 for"),
        ({"std": (0.0,)}, "std must be positive"),
        ({"mean": (123.675, 116.28, 103.53)}, r"units of \[0, 1\].*\(0.485, 0.456, 0.406\)"),
        ({"mode": "letterbox", "resize": 20}, 'belongs to mode "crop" or "squash"'),
        ({"mode": "crop", "resize": 3}, "resize must not be smaller"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ModelLoadError, match=message):
        Preprocess(**{"size": (4, 4), **settings})
