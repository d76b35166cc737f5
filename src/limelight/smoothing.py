"""Variants of an image whose maps are averaged: with noise, mirrored, brighter and darker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from limelight.arrays import like
from limelight.errors import MethodError

KINDS = ("noise", "flips", "flips+scales")
_SCALES = (0.9, 1.0, 1.1)


@dataclass(frozen=True)
class Smooth:
    """What is averaged over.

    Attributes:
        kind: "noise" (`samples` copies of the input with Gaussian noise), "flips" (the input and
            its mirror image, whose map is mirrored back), or "flips+scales" (both of them times
            0.9, 1 and 1.1).
        samples: how many noisy copies.
        sigma: the standard deviation of the noise, in the units of the model's input.
        seed: of the noise. Every image meets the same noise, whatever batch it is in.

    Example:
        >>> import limelight
        >>> limelight.explain(model, images, smooth=Smooth("noise", samples=2)).values.shape
        torch.Size([5, 4, 4])
    """

    kind: str = "noise"
    samples: int = 4
    sigma: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise MethodError(
                f"smooth={self.kind!r} is no smoothing; choose one of {', '.join(map(repr, KINDS))}"
            )
        if self.samples < 1 or self.sigma < 0:
            raise MethodError(
                f"smoothing with samples={self.samples} and sigma={self.sigma} is not possible; "
                "samples is 1 or more, sigma 0 or more"
            )

    @classmethod
    def of(cls, given: str | Smooth) -> Smooth:
        """The `Smooth` that a user means by a kind, or by one of his own."""
        return given if isinstance(given, cls) else cls(str(given))

    def variants(self, xp: Any, images: Any) -> Iterator[tuple[Any, Callable[[Any], Any]]]:
        """Each variant of `images` (N, channels, H, W), and what brings its maps (…, w) back."""
        if self.kind == "noise":
            import numpy as np

            shape = (self.samples, *(int(side) for side in images.shape[1:]))
            noise = np.random.default_rng(self.seed).normal(0, self.sigma, shape)
            for sample in noise.astype(np.float32):
                yield images + xp.astype(like(sample, images), images.dtype), _as_it_is
            return
        for scale in _SCALES if self.kind == "flips+scales" else (1.0,):
            yield scale * images, _as_it_is
            yield scale * xp.flip(images, axis=-1), lambda maps: xp.flip(maps, axis=-1)


def _as_it_is(maps: Any) -> Any:
    return maps
