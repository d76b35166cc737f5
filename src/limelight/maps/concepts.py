"""The result of `limelight.concepts`: what a batch of images is made of, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limelight.arrays import to_numpy
from limelight.errors import TargetError
from limelight.maps.result import Maps

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Concepts:
    """K concepts that N images share: where each is, and which classes it speaks for.

    The activations of the layer are Σ_k map_k · vector_k, as far as `explained` says. The concepts
    come in the order of their share in them, the largest first. All arrays are on the host.

    Attributes:
        maps: `Maps` of values (N, K, h, w): 1 where a concept is strongest in all the images.
        vectors: (K, C), what the C channels are where a concept is strongest.
        explained: the share of the activations' energy that the concepts hold: one less the squared
            error over the sum of squares.
        scores: (K, classes), what the model makes of a layer that is a concept everywhere, before
            the last activation.
        probability: (K, classes), the same after it.
    """

    maps: Maps
    vectors: np.ndarray
    explained: float
    scores: np.ndarray
    probability: np.ndarray

    def __len__(self) -> int:
        return len(self.vectors)

    def __repr__(self) -> str:
        return (
            f"Concepts({len(self)} in {len(self.maps)} images, layer={self.maps.layer!r}, "
            f"explained={self.explained:.3f})"
        )

    def labels(self, count: int = 3) -> list[list[tuple[str, float]]]:
        """Of each concept the `count` classes that it speaks for: names and probabilities.

        The highest first; indices, as text, where names are not known.

        Raises:
            TargetError: there are not so many classes.
        """
        classes = int(self.scores.shape[1])
        if not 1 <= count <= classes:
            raise TargetError(f"labels({count}): the model has {classes} classes; give 1 or more")
        names = self.maps.class_names
        best = (-self.scores).argsort(axis=1, kind="stable")[:, :count]
        return [
            [(str(c) if names is None else names[c], float(row[c])) for c in classes_]
            for classes_, row in zip(best.tolist(), self.probability, strict=True)
        ]

    def overlay(self, images: Any, alpha: float = 0.8, mean: Any = None, std: Any = None) -> Any:
        """Each pixel in the colour of its strongest concept, as far as that is there; uint8.

        Args:
            images: what `limelight.concepts` took; see `Maps.pictures`, also for `mean` and `std`.
            alpha: 0 shows the image alone, 1 the colour alone where a concept is strongest.

        Returns:
            (N, H, W, 3); a list of N where the images differ in size. What the model has not seen
            is grey.
        """
        import numpy as np

        from limelight import draw

        drawn = [
            draw.overlay_concepts(picture, to_numpy(maps), alpha, frame.seen())
            for picture, maps, frame in zip(
                self.maps.pictures(images, mean, std),
                self.maps.resized(),
                self.maps.frames,
                strict=True,
            )
        ]
        return np.stack(drawn) if len({each.shape for each in drawn}) == 1 else drawn

    def show(
        self,
        images: Any,
        count: int = 2,
        alpha: float = 0.8,
        mean: Any = None,
        std: Any = None,
    ) -> Figure:
        """A matplotlib figure: the images, below them their concepts, and what the colours are.

        `count`: how many classes the legend says of each concept. Needs the extra ``[plot]``;
        everything else as for `overlay`.
        """
        from limelight import draw

        said = [
            ", ".join(f"{name} {share:.2f}" for name, share in concept)
            for concept in self.labels(min(count, int(self.scores.shape[1])))
        ]
        pictures = self.maps.pictures(images, mean, std)
        return draw.concept_figure(pictures, list(self.overlay(pictures, alpha)), said)
