"""The distribution of IoU: what its bars say."""

from __future__ import annotations

from dataclasses import dataclass

BINS = 20


@dataclass(frozen=True)
class Histogram:
    """The IoUs of one method.

    Attributes:
        name: of the method or baseline.
        shares: of the images in each of `BINS` equal parts of [0, 1]; 1 belongs to the last.
        count, mean, median: of the IoUs.
        hits: the share that is at least 0.5.
        highest: the largest share of all histograms shown together, so that they compare.
    """

    name: str
    shares: tuple[float, ...]
    count: int
    mean: float
    median: float
    hits: float
    highest: float

    @property
    def words(self) -> str:
        """What the bars show, for those who do not see them."""
        return (
            f"IoU of {self.name} over {self.count} images: mean {self.mean:.2f}, median "
            f"{self.median:.2f}, at least 0.5 in {self.hits:.0%}"
        )


def histograms(ious: dict[str, list[float]]) -> list[Histogram]:
    """A histogram for each method, none of whose lists is empty."""
    import numpy as np

    shares = {
        name: np.histogram(values, bins=np.arange(BINS + 1) / BINS)[0] / len(values)
        for name, values in ious.items()
    }
    highest = max((float(share.max()) for share in shares.values()), default=1.0)
    return [
        Histogram(
            name,
            tuple(float(share) for share in shares[name]),
            len(values),
            float(np.mean(values)),
            float(np.median(values)),
            float(np.mean(np.asarray(values) >= 0.5)),
            highest or 1.0,
        )
        for name, values in ious.items()
    ]
