"""What an image processor of transformers does, measured on the processor itself.

Its options have other names and other meanings from class to class. What it does to a few made
images says the same for all of them: plain colours tell the numbers, a ramp tells the geometry,
and the result is compared with what the processor makes of another image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limelight.models.conventions import build

if TYPE_CHECKING:
    import numpy as np

_SHAPE = (480, 600)  # of the made images
_CLOSE = 0.01  # of the range of values, on average: as far as two ways of resizing may differ


def read_processor(processor: Any) -> tuple[dict[str, Any], tuple[int, int]] | None:
    """The preprocessing as `load` takes it, and the size (height, width) of the model's input.

    None where the processor does something else than resize, cut out the centre, and normalize.
    """
    import numpy as np
    from PIL import Image

    black = _run(processor, np.zeros((*_SHAPE, 3), np.uint8))
    if black.ndim != 3 or black.shape[0] != 3:
        return None
    numbers = _numbers(processor, black[:, 0, 0])
    if numbers is None:
        return None
    size = (black.shape[1], black.shape[2])
    resample = getattr(processor, "resample", None)
    filter_ = Image.Resampling.BILINEAR if resample is None else Image.Resampling(int(resample))
    numbers["interpolation"] = filter_.name.lower()
    waves = _waves()
    expected = _run(processor, waves)
    span = float(expected.max() - expected.min())
    best: tuple[float, dict[str, Any] | None] = (_CLOSE * span, None)
    for geometry in _geometries(_run(processor, _ramp()), black, numbers, size):
        settings = {**numbers, **geometry}
        ours, _ = build(settings, size, None, channels_first=True)(waves)
        error = float(np.abs(ours - expected).mean())
        if error < best[0]:
            best = error, settings
    return None if best[1] is None else (best[1], size)


def _run(processor: Any, pixels: np.ndarray) -> np.ndarray:
    """The processor's array (3, H, W) of one RGB image, in float64."""
    import numpy as np
    from PIL import Image

    result = processor(images=Image.fromarray(pixels), return_tensors="np")["pixel_values"]
    return np.asarray(result[0], np.float64)


def _numbers(processor: Any, black: np.ndarray) -> dict[str, Any] | None:
    """Mean, std and order of the channels, from black and the three pure colours."""
    import numpy as np

    gain = np.zeros((3, 3))  # of output channel by colour
    for colour in range(3):
        pixels = np.zeros((*_SHAPE, 3), np.uint8)
        pixels[..., colour] = 255
        gain[:, colour] = _run(processor, pixels)[:, 0, 0] - black
    order = np.abs(gain).argmax(axis=0)  # the output channel of red, green and blue
    straight, turned = order.tolist() == [0, 1, 2], order.tolist() == [2, 1, 0]
    scale = gain[order, range(3)]
    mixed = np.abs(gain).sum() - np.abs(scale).sum()
    if not (straight or turned) or mixed > 1e-4 * np.abs(scale).sum() or scale.min() <= 0:
        return None
    std = 1 / scale
    mean = -black[order] * std
    return {
        "mean": [round(float(m), 7) for m in mean],
        "std": [float(f"{s:.7g}") for s in std],
        "channels": "RGB" if straight else "BGR",
    }


def _ramp() -> np.ndarray:
    """Red rises from left to right, green from top to bottom."""
    import numpy as np

    h, w = _SHAPE
    pixels = np.zeros((h, w, 3), np.uint8)
    pixels[..., 0] = np.rint((np.arange(w) + 0.5) / w * 255)[None, :]
    pixels[..., 1] = np.rint((np.arange(h) + 0.5) / h * 255)[:, None]
    return pixels


def _waves() -> np.ndarray:
    """A smooth image in which every place looks different."""
    import numpy as np

    h, w = _SHAPE
    y, x = np.mgrid[:h, :w] / min(h, w)
    channels = [np.sin(9 * x + 2 * y), np.cos(8 * y - x), np.sin(7 * (x + y))]
    return np.rint(127.5 + 127.5 * np.stack(channels, -1)).astype(np.uint8)


def _geometries(
    ramp: np.ndarray, black: np.ndarray, numbers: dict[str, Any], size: tuple[int, int]
) -> list[dict[str, Any]]:
    """What the ramp leaves possible: how much of each side is seen tells what was resized to."""
    import numpy as np

    height, width = size
    red = 0 if numbers["channels"] == "RGB" else 2
    std = np.asarray(numbers["std"])
    across = (ramp[red] - black[red]).mean(axis=0) * std[0]
    down = (ramp[1] - black[1]).mean(axis=1) * std[1]
    per_row, per_column = _slope(down), _slope(across)
    if per_row <= 0 or per_column <= 0:
        return []
    # The shorter side that `size` has in the resized image, before the centre is cut out.
    resize = round(min(1 / per_row / height, 1 / per_column / width) * min(size))
    near = [resize + step for step in (0, 1, -1, 2, -2) if resize + step >= min(size)]
    return [
        {"mode": "squash"},
        *({"mode": "crop", "resize": side} for side in near),
        *({"mode": "squash", "resize": side} for side in near),
    ]


def _slope(values: np.ndarray) -> float:
    """Of a line through the middle of `values`, where no edge disturbs it."""
    import numpy as np

    margin = len(values) // 10
    middle = values[margin : len(values) - margin]
    return float(np.polyfit(np.arange(len(middle)), middle, 1)[0])
