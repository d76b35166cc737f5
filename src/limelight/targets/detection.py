"""A detected object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from limelight.arrays import namespace
from limelight.targets.outputs import check_index, tensor_of


@dataclass(frozen=True)
class Detection:
    """A class's score in one detection: what makes the model find that object.

    For a detector with one row of class scores per query, (N, queries, classes), alone or in a
    dict as "logits" (DETR, YOLOS and their kin in transformers).

    Attributes:
        class_index: which class.
        query: which detection; None: each image's own best one for the class.
    """

    class_index: int
    query: int | None = None

    def __call__(self, output: Any) -> Any:
        """The scores (N,). Raises TargetError where the output has another shape."""
        expected = "class scores per query, (N, queries, classes),"
        scores = tensor_of(output, ("logits", "pred_logits"), (3,), expected)
        check_index("class", self.class_index, int(scores.shape[2]))
        of_class = scores[:, :, self.class_index]
        if self.query is None:
            return namespace(scores).max(of_class, axis=1)
        check_index("query", self.query, int(scores.shape[1]))
        return of_class[:, self.query]
