"""Reading images: against PIL's own operations, arithmetic on the pixels, and real broken files."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from limelight import images
from limelight.errors import ImageError

# Pillow announces some broken TIFF files by a warning before it raises.
PILLOW_WARNS = pytest.mark.filterwarnings("ignore::UserWarning")


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def pixels(source: object) -> np.ndarray:
    image = images.read(source)
    assert image.mode == "RGB"
    return np.asarray(image)


# --- what is read rightly ---------------------------------------------------------------------


def test_one_image_given_in_every_way_has_the_same_pixels(tmp_path: Path) -> None:
    array = noise(7, 11, 3)
    path = tmp_path / "ein Bild, größer.png"
    Image.fromarray(array).save(path)
    sources = [
        path,
        str(path),
        path.read_bytes(),
        bytearray(path.read_bytes()),
        memoryview(path.read_bytes()),
        Image.open(path),
        array,
        array[:, ::-1][:, ::-1],
    ]
    for source in sources:
        np.testing.assert_array_equal(pixels(source), array)


def test_grey_arrays_of_both_shapes_repeat_their_channel() -> None:
    array = noise(5, 4)
    expected = np.stack([array] * 3, -1)
    np.testing.assert_array_equal(pixels(array), expected)
    np.testing.assert_array_equal(pixels(array[..., None]), expected)
    np.testing.assert_array_equal(pixels(encoded(Image.fromarray(array))), expected)


def test_transparency_is_composited_on_white() -> None:
    rgba = noise(6, 5, 4)
    alpha = rgba[..., 3:] / 255
    expected = rgba[..., :3] * alpha + 255 * (1 - alpha)
    for source in (rgba, Image.fromarray(rgba), encoded(Image.fromarray(rgba))):
        np.testing.assert_allclose(pixels(source), expected, atol=1)


def test_a_palette_with_a_transparent_colour() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 100, 50] + [0] * 756)
    palette.putdata([0, 1])
    opaque = pixels(encoded(palette))
    transparent = pixels(encoded(palette, transparency=1))
    np.testing.assert_array_equal(opaque, [[[10, 20, 30], [200, 100, 50]]])
    np.testing.assert_array_equal(transparent, [[[10, 20, 30], [255, 255, 255]]])
    gif = pixels(encoded(palette, "GIF", transparency=0))
    np.testing.assert_array_equal(gif, [[[255, 255, 255], [200, 100, 50]]])


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_clipped(format: str) -> None:
    values = np.array([[0, 128, 129, 257, 32768, 65278, 65535]], np.uint16)
    expected = np.round(values / 257).astype(np.uint8)
    result = pixels(encoded(Image.fromarray(values), format))
    np.testing.assert_array_equal(result, np.stack([expected] * 3, -1))


def test_big_endian_sixteen_bits_and_old_pillows_integer_mode() -> None:
    values = np.array([[0, 257, 65535]], np.uint16)
    big_endian = Image.frombytes("I;16B", (3, 1), values.astype(">u2").tobytes())
    for image in (big_endian, Image.fromarray(values.astype(np.int32))):
        np.testing.assert_array_equal(pixels(image)[0, :, 0], [0, 1, 255])


def test_cmyk_and_bilevel() -> None:
    ink = Image.new("CMYK", (3, 2), (0, 255, 255, 0))
    np.testing.assert_array_equal(pixels(encoded(ink, "TIFF"))[0, 0], [255, 0, 0])
    jpeg = pixels(encoded(ink, "JPEG", quality=100))
    np.testing.assert_allclose(jpeg, np.broadcast_to([255, 0, 0], jpeg.shape), atol=4)
    bilevel = Image.fromarray(np.array([[0, 1]], np.uint8) * 255).convert("1")
    np.testing.assert_array_equal(pixels(encoded(bilevel)), [[[0] * 3, [255] * 3]])


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP"])
def test_an_animation_gives_its_first_frame(format: str) -> None:
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if format == "WEBP" else {}
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(pixels(data), np.broadcast_to([255, 0, 0], (3, 4, 3)))


@pytest.mark.parametrize("format", ["PNG", "TIFF", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_gives_the_upright_image(
    tmp_path: Path, orientation: int, format: str
) -> None:
    array = np.kron(noise(3, 5, 3), np.ones((16, 16, 1), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"photo.{format.lower()}"
    Image.fromarray(array).save(path, exif=exif)
    with Image.open(path) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    upright = images.read(path)
    np.testing.assert_array_equal(np.asarray(upright), expected)
    assert upright.size == ((48, 80) if orientation >= 5 else (80, 48))
    # Once upright it stays so: reading what was read, or saving it, turns nothing again.
    np.testing.assert_array_equal(pixels(upright), expected)
    np.testing.assert_array_equal(pixels(encoded(upright)), expected)
    with Image.open(path) as opened:
        np.testing.assert_array_equal(pixels(opened), expected)


def test_sixteen_bit_images_are_turned_upright_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(np.array([[0, 65535]], np.uint16)), exif=exif)
    np.testing.assert_array_equal(pixels(data)[..., 0], [[0], [255]])


def test_a_broken_exif_block_does_not_hide_the_image() -> None:
    image = Image.fromarray(noise(2, 3, 3))
    data = encoded(image, exif=b"Exif\x00\x00not a tiff header")
    np.testing.assert_array_equal(pixels(data), np.asarray(image))


def test_a_pil_image_is_left_as_it_was() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    image = Image.open(io.BytesIO(encoded(Image.fromarray(noise(4, 4, 4)), exif=exif)))
    image.load()
    before = image.tobytes()
    assert images.read(image) is not image
    assert image.mode == "RGBA" and image.tobytes() == before
    assert image.getexif()[0x0112] == 3


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["L", "LA", "RGB", "RGBA", "P", "CMYK", "YCbCr", "HSV", "1", "I;16", "I"]),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(0, 2**32 - 1),
)
def test_every_mode_becomes_rgb_of_the_same_size(mode: str, h: int, w: int, seed: int) -> None:
    grey = Image.fromarray(noise(h, w, seed=seed))
    image = grey.convert("I").convert(mode) if mode == "I;16" else grey.convert(mode)
    result = images.read(image)
    assert result.mode == "RGB" and result.size == (w, h)
    if mode in ("L", "RGB", "P", "LA", "RGBA", "CMYK"):  # exact round trips of grey
        np.testing.assert_array_equal(np.asarray(result)[..., 1], np.asarray(grey))


def test_real_photographs_keep_their_size(data: Path) -> None:
    for name in ("both.png", "dog_cat.jfif", "dogs.png", "horses.jpg"):
        with Image.open(data / "photos" / name) as image:
            np.testing.assert_array_equal(pixels(data / "photos" / name), np.asarray(image))


# --- what is refused --------------------------------------------------------------------------


def test_a_truncated_photograph(data: Path) -> None:
    with pytest.raises(ImageError, match=r"00090\.jpg is damaged or truncated: .*truncated"):
        images.read(data / "kangaroo" / "images" / "00090.jpg")


@PILLOW_WARNS
@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_every_truncation_is_an_image_error(format: str) -> None:
    data = encoded(Image.fromarray(noise(40, 40, 3)), format)
    for length in (1, 10, 30, len(data) // 3, len(data) // 2, len(data) * 9 // 10):
        with pytest.raises(ImageError):
            images.read(data[:length])


@PILLOW_WARNS
@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_flipped_byte_gives_an_image_or_an_image_error(draw: st.DataObject) -> None:
    format = draw.draw(st.sampled_from(["PNG", "GIF", "BMP", "TIFF", "JPEG"]))
    data = bytearray(encoded(Image.fromarray(noise(9, 8, 3)).convert("P").convert("RGB"), format))
    data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    with contextlib.suppress(ImageError):  # anything else fails the test
        assert images.read(data).mode == "RGB"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no file"),
        (b"", r"is empty \(0 bytes\)"),
        (b"These are words.", "is not an image in a format that Pillow reads"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not an image"),
    ],
)
def test_files_that_are_no_image(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "cat.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=message) as caught:
        images.read(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_folders_addresses_and_impossible_names(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is a folder, not an image"):
        images.read(tmp_path)
    with pytest.raises(ImageError, match="download the image"):
        images.read("https://example.org/cat.jpg")
    with pytest.raises(ImageError, match="not a regular file"):
        images.read("/dev/null")
    with pytest.raises(ImageError):
        images.read("cat\0.jpg")
    with pytest.raises(ImageError):
        images.read("c" * 5000)
    with pytest.raises(ImageError, match="bytes are empty"):
        images.read(b"")


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(Image.new("RGB", (2, 2))))

    def refuse(self: Path, *args: object) -> None:  # the tests may run as root, who may read all
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImageError, match="permission denied"):
        images.read(path)


@pytest.mark.parametrize("share", [0.9, 0.4])  # Pillow warns up to twice its limit, then raises
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_decompression_bomb(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    data = encoded(Image.new("1", (100, 100)))
    images.read(data)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", int(100 * 100 * share))
    with pytest.raises(ImageError, match="decompression bombs"):
        images.read(data)


def test_a_bomb_that_warnings_turn_into_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.new("1", (100, 100)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 9000)
    with pytest.raises(ImageError, match="decompression bombs"):  # pytest: warnings are errors
        images.read(data)


def test_the_limit_on_pixels_is_pillows_and_can_be_lifted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert images.read(encoded(Image.new("1", (100, 100)))).size == (100, 100)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 4, 3), np.float32), r"got float32 of shape \(4, 4, 3\)"),
        (np.zeros((4, 4, 3), np.int64), "got int64"),
        (np.zeros((4, 4, 3), bool), "got bool"),
        (np.zeros((4, 4, 2), np.uint8), r"got uint8 of shape \(4, 4, 2\)"),
        (np.zeros((3, 4, 5), np.uint8), r"channels come last here"),
        (np.zeros((1, 4, 4, 3), np.uint8), "this is a batch, not an image"),
        (np.zeros(4, np.uint8), r"got uint8 of shape \(4,\)"),
        (np.zeros((0, 4, 3), np.uint8), "the image is empty"),
        (np.array("cat.jpg"), "got <U7"),
    ],
)
def test_arrays_outside_the_contract(array: np.ndarray, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        images.read(array)


@pytest.mark.parametrize("source", [None, 3, ["a.png", "b.png"], {"image": 1}, object()])
def test_things_that_are_no_image(source: object) -> None:
    with pytest.raises(ImageError, match=f"got .*{type(source).__name__}"):
        images.read(source)


def test_pil_images_that_cannot_be_read() -> None:
    with pytest.raises(ImageError, match="empty: 0×3"):
        images.read(Image.new("RGB", (0, 3)))
    with pytest.raises(ImageError, match="floating-point"):
        images.read(Image.new("F", (2, 2)))
    with pytest.raises(ImageError, match="32-bit pixels from 0 to 70000"):
        images.read(Image.fromarray(np.array([[0, 70000]], np.int32)))
    whole = encoded(Image.fromarray(noise(40, 40, 3)), "JPEG")
    with pytest.raises(ImageError, match="the PIL image is damaged or truncated"):
        images.read(Image.open(io.BytesIO(whole[:-200])))
