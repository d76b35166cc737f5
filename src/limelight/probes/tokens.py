"""Where the places of the image are in a layer's output: axes of its own, or tokens in a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """How a layer's output (N, …) becomes (N, C, *spatial).

    Attributes:
        channels_last: the last axis holds the channels, not the second.
        tokens: the rows and columns that the tokens (N, L, C) are; None where the output has
            height and width itself.
        start: the first token of the image; class, distillation and register tokens come before
            it, or after the last.
        special: whether there are such tokens.
    """

    channels_last: bool = False
    tokens: tuple[int, int] | None = None
    start: int = 0
    special: bool = False

    def grid(self, shape: Sequence[int]) -> tuple[int, ...] | None:
        """The spatial axes of an output of `shape`; None where it has none."""
        if self.tokens is not None:
            return self.tokens
        if len(shape) < 4:
            return None
        return tuple(shape[1:-1] if self.channels_last else shape[2:])

    def channels(self, shape: Sequence[int]) -> int:
        """The size of the channel axis of an output of `shape`; 0 where it has none."""
        if len(shape) < 2:
            return 0
        return shape[-1] if self.channels_last or self.tokens is not None else shape[1]


CHANNELS_FIRST, CHANNELS_LAST = Layout(), Layout(channels_last=True)


def tokens_layout(
    image_tokens: Sequence[bool],
    grids: Iterable[tuple[int, int]],
    image: tuple[int, int],
) -> Layout | None:
    """The layout of a row of tokens; None where they are not the places of a grid.

    Args:
        image_tokens: for each token, whether it depends on the image where it first appears.
        grids: the feature maps (h, w) before the tokens, the latest last: the patch embedding's.
        image: the image's height and width.
    """
    places = [number for number, depends in enumerate(image_tokens) if depends]
    count = len(places)
    if not places or places[-1] - places[0] != count - 1:
        return None
    grid = _grid(count, list(grids), image)
    return grid and Layout(tokens=grid, start=places[0], special=count < len(image_tokens))


def _grid(
    count: int, grids: Sequence[tuple[int, int]], image: tuple[int, int]
) -> tuple[int, int] | None:
    """`count` tokens as one of `grids`, or as one that was halved; else in the image's shape."""
    for rows, columns in reversed(grids):
        while rows * columns > count:  # the merging of patches, which pads what is odd
            rows, columns = -(-rows // 2), -(-columns // 2)
        if rows * columns == count:
            return rows, columns
    rows = round((count * image[0] / image[1]) ** 0.5)
    return (rows, count // rows) if rows and count % rows == 0 else None
