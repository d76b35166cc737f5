"""From a photograph to what the model takes, and the frame that leads back.

Geometry (squash, crop or letterbox), then the order of the channels, then ``(x − mean) / std``,
all as data, so that a `Preprocess` can be shown, kept in a side file and undone for display.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from limelight.errors import ImageError, ModelLoadError
from limelight.frames import Frame, Size
from limelight.images import read

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

Mode = Literal["squash", "crop", "letterbox"]
Channels = Literal["RGB", "BGR", "L"]
MODES: tuple[str, ...] = get_args(Mode)
CHANNELS: tuple[str, ...] = get_args(Channels)


@dataclass(frozen=True)
class Preprocess:
    """What is done to an image before the model sees it.

    Attributes:
        size: (height, width) of the model's input.
        mean, std: per channel in the order red, green, blue (one number serves all), in units of
            [0, 1]: the model takes ``(pixel / 255 − mean) / std``.
        mode: "squash" resizes both sides to `size`; "crop" resizes so that `resize` is the shorter
            side and cuts the centre (torchvision, timm); "letterbox" keeps the proportions and
            pads, with what becomes zero in the model's input.
        resize: the shorter side before a centre crop, in pixels; by default that of `size`. With
            "squash", the shorter side of what the image is squashed to before the centre is cut
            out (DeiT of transformers).
        interpolation: one of Pillow's filters, by name: "bilinear", "bicubic" …
        channels: "RGB", "BGR" or "L" (one grey channel).
        channels_first: the array is (C, H, W), as torch has it, and not (H, W, C).
        function: instead of mean, std and channels: takes the uint8 (H, W, 3) RGB array at the
            model's size and returns the array the model takes, without a batch axis.
        assumed: what was not said by the user and had to be taken from elsewhere, and from where;
            empty where everything was said.
    """

    size: Size
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    mode: Mode = "squash"
    resize: int | None = None
    interpolation: str = "bilinear"
    channels: Channels = "RGB"
    channels_first: bool = False
    function: Callable[[np.ndarray], Any] | None = None
    assumed: str = ""

    def __post_init__(self) -> None:
        from PIL import Image

        filters = [f.name.lower() for f in Image.Resampling]
        _one_of("mode", self.mode, MODES)
        _one_of("channels", self.channels, CHANNELS)
        _one_of("interpolation", self.interpolation, filters)
        if len(self.size) != 2 or min(self.size) < 1:
            raise ModelLoadError(f"size is (height, width) in pixels, not {self.size!r}")
        wanted = (1,) if self.channels == "L" else (1, 3)
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in wanted:
                raise ModelLoadError(
                    f"{name} has {len(values)} numbers; expected {' or '.join(map(str, wanted))} "
                    f'for channels "{self.channels}"'
                )
        if min(self.std) <= 0:
            raise ModelLoadError(f"std must be positive, not {self.std}")
        if max(map(abs, self.mean)) > 2:
            raise ModelLoadError(
                f"mean is in units of [0, 1], not of 0..255: {self.mean} divided by 255 is "
                f"{tuple(round(m / 255, 4) for m in self.mean)}, and std goes the same way"
            )
        if self.resize is not None and self.mode == "letterbox":
            raise ModelLoadError(
                f'resize={self.resize} belongs to mode "crop" or "squash", not "letterbox"'
            )
        if self.resize is not None and self.resize < min(self.size):
            raise ModelLoadError(
                f"an image resized to {self.resize} pixels has no centre of {self.size}: "
                "resize must not be smaller than size"
            )

    def __call__(self, image: Any) -> tuple[np.ndarray, Frame]:
        """The float32 array that the model takes, without a batch axis, and its `Frame`.

        `image` is whatever `limelight.images.read` takes.

        Raises:
            ImageError: the image cannot be read, or the user's function returns another shape.
        """
        pixels, frame = self.fit(read(image))
        return self.normalize(pixels), frame

    def fit(self, image: Image.Image) -> tuple[np.ndarray, Frame]:
        """The geometry alone: RGB pixels at the model's size, uint8 (H, W, 3), and the frame."""
        import numpy as np
        from PIL import Image

        (h, w), (height, width) = (image.height, image.width), self.size
        frame = Frame.identity((h, w))
        # The sides that `size` has when its shorter one is `resize`.
        factor = (self.resize or min(self.size)) / min(self.size)
        cover_h, cover_w = round(height * factor), round(width * factor)
        if self.mode == "squash":
            inner = (cover_h, cover_w)
        elif self.mode == "crop":
            # They are covered by the image. Rounding and offsets are torchvision's, so that its
            # accuracy is ours.
            if cover_h * w >= cover_w * h:
                inner = (cover_h, max(int(cover_h * w / h), cover_w))
            else:
                inner = (max(int(cover_w * h / w), cover_h), cover_w)
        else:
            scale = min(height / h, width / w)
            inner = (max(1, round(h * scale)), max(1, round(w * scale)))
        if inner != (h, w):
            filter_ = Image.Resampling[self.interpolation.upper()]
            image = image.resize(inner[::-1], filter_)
            frame = frame.resize(inner)
        if inner != self.size:
            top, left = round((inner[0] - height) / 2), round((inner[1] - width) / 2)
            canvas = Image.new("RGB", (width, height), self._padding())
            canvas.paste(image, (-left, -top))
            image, frame = canvas, frame.crop(top, left, self.size)
        return np.asarray(image), frame

    def _padding(self) -> tuple[int, ...]:
        means = (0.5,) if self.function else self.mean
        colour = tuple(min(max(round(255 * m), 0), 255) for m in means)
        return colour if len(colour) == 3 else colour * 3

    def normalize(self, pixels: np.ndarray) -> np.ndarray:
        """RGB pixels at the model's size, uint8 (H, W, 3) or (N, H, W, 3), as the model takes them.

        Raises:
            ImageError: the user's function returns another shape.
        """
        import numpy as np

        if self.function is not None:
            if pixels.ndim == 4:
                return np.stack([self.normalize(image) for image in pixels])
            return self._checked(self.function(pixels.copy()))
        if self.channels == "L":
            pixels = _luma(pixels)
        scale = (1 / (255 * np.asarray(self.std))).astype(np.float32)
        shift = (np.asarray(self.mean) / np.asarray(self.std)).astype(np.float32)
        values = pixels * scale - shift
        if self.channels == "BGR":
            values = values[..., ::-1]
        return np.ascontiguousarray(np.moveaxis(values, -1, -3) if self.channels_first else values)

    def _checked(self, result: Any) -> np.ndarray:
        import numpy as np

        array = np.asarray(result, np.float32)
        spatial = array.shape[1:] if self.channels_first else array.shape[:-1]
        if array.ndim != 3 or spatial != self.size:
            h, w = self.size
            expected = f"(C, {h}, {w})" if self.channels_first else f"({h}, {w}, C)"
            raise ImageError(
                f"preprocess returned an array of shape {array.shape}; this model takes "
                f"{expected}, without a batch axis"
            )
        return array

    def display(self, batch: Any) -> np.ndarray:
        """A prepared batch as pictures again: uint8 (N, H, W, 3), what the model saw.

        Raises:
            ImageError: the images were prepared by the user's own function, which has no inverse,
                or `batch` is not (N, C, H, W) or (N, H, W, C) as this `Preprocess` makes it.
        """
        import numpy as np

        if self.function is not None:
            raise ImageError(
                "images prepared by a function cannot be turned back into pictures; "
                "give the original images, or a preprocess with mean and std"
            )
        values = np.asarray(batch, np.float64)
        channels = 1 if self.channels == "L" else 3
        shape = (channels, *self.size) if self.channels_first else (*self.size, channels)
        if values.ndim != 4 or values.shape[1:] != shape:
            raise ImageError(f"a prepared batch has the shape (N, {', '.join(map(str, shape))}), "
                             f"not {values.shape}")  # fmt: skip
        if self.channels_first:
            values = values.transpose(0, 2, 3, 1)
        if self.channels == "BGR":
            values = values[..., ::-1]
        mean, std = (np.asarray(v, np.float64) for v in (self.mean, self.std))
        pixels = np.clip(np.rint((values * std + mean) * 255), 0, 255).astype(np.uint8)
        return np.broadcast_to(pixels, (*pixels.shape[:-1], 3)).copy()

    def mapping(self) -> dict[str, Any]:
        """What a side file keeps: all but the size, as plain numbers, strings and lists.

        Raises:
            ModelLoadError: this preprocessing is a function, which no file can keep.
        """
        if self.function is not None:
            raise ModelLoadError(
                "preprocessing by a function cannot be kept in a file; use mean and std, "
                "or a name such as 'imagenet'"
            )
        kept: dict[str, Any] = {
            "mean": list(self.mean),
            "std": list(self.std),
            "mode": self.mode,
            "interpolation": self.interpolation,
            "channels": self.channels,
        }
        if self.resize is not None:
            kept["resize"] = self.resize
        return kept

    def describe(self) -> str:
        """The geometry in words: "squashed to 224×224, bilinear"."""
        h, w = self.size
        ways = {
            "squash": f"squashed to {h}×{w}"
            if self.resize is None
            else f"squashed to a shorter side of {self.resize}, centre {h}×{w} cut out",
            "crop": f"shorter side to {self.resize or min(h, w)}, centre {h}×{w} cut out",
            "letterbox": f"fitted into {h}×{w} and padded",
        }
        return f"{ways[self.mode]}, {self.interpolation}"

    def assuming(self, words: str) -> Preprocess:
        """The same with other words in `assumed`."""
        return replace(self, assumed=words)


def _one_of(name: str, value: Any, allowed: tuple[str, ...] | list[str]) -> None:
    if value not in allowed:
        raise ModelLoadError(f"{name} is one of {', '.join(allowed)}, not {value!r}")


def _luma(pixels: np.ndarray) -> np.ndarray:
    """RGB (…, 3) as one channel of grey (…, 1), with ITU-R 601-2 luma as Pillow computes it."""
    import numpy as np

    r, g, b = (pixels[..., i].astype(np.uint32) for i in range(3))
    return ((19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16).astype(np.uint8)[..., None]
