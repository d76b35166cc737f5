"""A number that a model predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from limelight.targets.outputs import check_index, tensor_of


@dataclass(frozen=True)
class Regression:
    """A predicted number itself: what raises it; with ``negative=True`` what lowers it.

    For a model that returns (N, outputs) or (N,) numbers behind no activation. Without it, a
    single output is taken for the logit of a binary classifier, whose negative class is explained
    where the number is below zero.

    Attributes:
        output: which of the numbers.
    """

    output: int = 0

    def __call__(self, output: Any) -> Any:
        """The scores (N,). Raises TargetError where the output has another shape."""
        expected = "one number or one row of numbers per image, (N, D),"
        numbers = tensor_of(output, ("logits", "out"), (1, 2), expected)
        several = len(numbers.shape) == 2
        check_index("output", self.output, int(numbers.shape[1]) if several else 1)
        return numbers[:, self.output] if several else numbers
