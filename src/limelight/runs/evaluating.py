"""From an image with its maps to its row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from limelight.runs.cuts import Cut
from limelight.runs.explaining import Explained, Explaining
from limelight.runs.rows import Found, Row
from limelight.runs.scoring import MapScorer, diagnose

if TYPE_CHECKING:
    import numpy as np

    from limelight.data import Dataset
    from limelight.frames import Frame


@dataclass
class Evaluator:
    """Explains images and scores what was found.

    Attributes:
        explaining: makes the maps.
        cuts: by method, and by folder of maps.
        metrics: names of the scorers that are wanted.
    """

    explaining: Explaining
    cuts: Mapping[str, Cut]
    metrics: Sequence[str]

    def __post_init__(self) -> None:
        self._scorer = MapScorer(self.metrics)

    def rows(self, dataset: Dataset, indices: Sequence[int]) -> Iterator[Row]:
        """The row of each image at `indices`, in their order; a bad image's has its error.

        Raises:
            LimelightError: the model or a method does not work at all.
        """
        for explained in self.explaining(dataset, indices):
            yield self._row(explained)

    def _row(self, image: Explained) -> Row:
        if image.error is not None or image.frame is None or image.boxes is None:
            return Row(image.index, image.id, image.error, image.label, image.truth)
        found = {
            name: self._scorer.method(
                values,
                image.stretched.get(name, image.frame),
                image.boxes,
                self.cuts[name],
                image.diagnoses[name] if name in image.diagnoses else diagnose(values),
                keep=name not in image.stretched,
                guide=image.guides[name],
            )
            for name, values in image.maps.items()
        }
        for name, rows in image.measured.items():
            found[name] = replace(found[name], scores={**found[name].scores, **rows})
        return Row(
            index=image.index,
            id=image.id,
            label=image.label,
            truth=image.truth,
            target=image.target,
            predicted=image.top[0] if image.top else None,
            top=image.top,
            top_scores=image.top_scores,
            target_score=image.target_score,
            probability=image.probability,
            boxes=image.boxes,
            frame=image.frame,
            found=found | self._baselines(image.frame, image.boxes),
        )

    def _baselines(self, frame: Frame, boxes: np.ndarray) -> dict[str, Found]:
        """What the baselines score; nothing where no score is wanted."""
        return self._scorer.baselines(frame.original_size, boxes) if self.metrics else {}
