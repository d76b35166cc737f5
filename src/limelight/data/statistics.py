"""What is in a data set: counts, its boxes, and how far guessing gets without looking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limelight.data.dataset import Dataset, Example, Problem
from limelight.errors import LimelightError

if TYPE_CHECKING:
    import numpy as np

_QUANTILES = (0.05, 0.5, 0.95)
_SHARES = 100  # sizes of the centre box that are tried


@dataclass(frozen=True)
class Spread:
    """The mean and the 5 %, 50 % and 95 % quantiles of something."""

    mean: float
    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float] | np.ndarray) -> Spread | None:
        """Of some values; None of none."""
        import numpy as np

        if not len(values):
            return None
        low, median, high = np.quantile(values, _QUANTILES).tolist()
        return cls(float(np.mean(values)), low, median, high)


@dataclass(frozen=True)
class Statistics:
    """What `describe` counts.

    Attributes:
        images: how many examples there are.
        labels: how many examples each class has, by its index.
        unlabelled: examples without a class, or with boxes of several.
        boxes: how many boxes there are.
        without_boxes: examples without a box.
        with_mask: examples with a mask.
        boxes_per_image: of the images with boxes.
        area_share: of each box, as a share of its image.
        aspect: width / height of each box.
        height, width: of the images, in pixels.
        centre_share: the share of each side that the best centred box has.
        centre_iou: the mean over images of its IoU with the best of the image's boxes.
        whole_iou: the same of the box of the whole image.
        problems: images that are missing or cannot be read.
    """

    images: int
    labels: dict[int, int]
    unlabelled: int
    boxes: int
    without_boxes: int
    with_mask: int
    boxes_per_image: Spread | None
    area_share: Spread | None
    aspect: Spread | None
    height: Spread | None
    width: Spread | None
    centre_share: float | None
    centre_iou: float | None
    whole_iou: float | None
    problems: list[Problem] = field(default_factory=list)


def describe(
    dataset: Dataset,
    decode: bool = False,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> Statistics:
    """Count what is in a data set.

    Args:
        dataset: any.
        decode: whether to decode every image, which finds truncated files; otherwise only headers
            are read, where sizes are not declared.
        progress: wraps the indices that are gone through.

    Returns:
        `Statistics`. Images that cannot be read are counted and listed in its `problems`.
    """
    import numpy as np

    labels: Counter[int | None] = Counter()
    sizes: list[tuple[int, int]] = []
    boxes: list[np.ndarray] = []
    fractions: list[np.ndarray] = []
    problems: list[Problem] = []
    masks = 0
    for index in progress(range(len(dataset))):
        try:
            example = dataset[index]
        except LimelightError as error:
            problems.append(Problem(dataset.name, None, str(error)))
            continue
        labels[example.label] += 1
        masks += example.load_mask is not None
        boxes.append(example.boxes)
        try:
            height, width = _size(example, decode) or (0, 0)
        except LimelightError as error:
            problems.append(Problem(dataset.name, None, str(error)))
            continue
        if height and width:
            sizes.append((height, width))
            fractions.append(example.boxes / (width, height, width, height))
    counts = [len(rows) for rows in boxes if len(rows)]
    flat = np.concatenate([np.zeros((0, 4)), *boxes])
    relative = np.concatenate([np.zeros((0, 4)), *fractions])
    extent = flat[:, 2:] - flat[:, :2]
    share, centre, whole = _guesses([rows for rows in fractions if len(rows)])
    return Statistics(
        images=len(dataset),
        labels={label: labels[label] for label in sorted(k for k in labels if k is not None)},
        unlabelled=labels[None],
        boxes=len(flat),
        without_boxes=len(boxes) - len(counts),
        with_mask=masks,
        boxes_per_image=Spread.of(counts),
        area_share=Spread.of((relative[:, 2:] - relative[:, :2]).prod(1)),
        aspect=Spread.of(extent[:, 0] / extent[:, 1]),
        height=Spread.of([height for height, _ in sizes]),
        width=Spread.of([width for _, width in sizes]),
        centre_share=share,
        centre_iou=centre,
        whole_iou=whole,
        problems=problems,
    )


def _size(example: Example, decode: bool) -> tuple[int, int] | None:
    """(height, width); None where only annotations are at hand, and no size in them."""
    if example.image is None:
        return example.size
    if decode:
        width, height = example.read().size
        return height, width
    return example.measure()


def _guesses(boxes: list[np.ndarray]) -> tuple[float | None, float | None, float | None]:
    """The best centred box's share of each side, its mean IoU, and that of the whole image.

    `boxes` are each image's, (n, 4) as fractions of its size; the best of them counts.
    """
    import numpy as np

    from limelight.boxes import iou

    if not boxes:
        return None, None, None
    shares = np.arange(1, _SHARES + 1) / _SHARES
    centred = np.stack([0.5 - shares / 2] * 2 + [0.5 + shares / 2] * 2, 1)
    total = np.zeros(_SHARES)
    for rows in boxes:
        total += iou(rows, centred).max(0)
    mean = total / len(boxes)
    best = int(mean.argmax())
    return float(shares[best]), float(mean[best]), float(mean[-1])
