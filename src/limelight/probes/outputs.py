"""The class scores in whatever a classifier returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from limelight.errors import ModelError

# What classifiers call their scores, in dicts and in objects with attributes (transformers'
# ModelOutput, torchvision's InceptionOutputs).
_NAMES = ("logits", "out")


def scores_of(output: Any) -> Any:
    """The tensor of scores in `output`: itself, its "logits" or "out", or the first of a tuple.

    What is none of these is returned as it is.

    Raises:
        ModelError: a dict of several entries, none of them of such a name.
    """
    if hasattr(output, "shape"):
        return output
    if isinstance(output, Mapping):
        for name in _NAMES:
            if name in output:
                return output[name]
        if len(output) == 1:
            return next(iter(output.values()))
        names = ", ".join(map(repr, output)) or "nothing"
        example = repr(next(iter(output), "scores"))
        raise ModelError(
            f"the model's output is a dict of {names}, and which of them are the class scores is "
            f"not known: give target=lambda output: output[{example}][:, class_index]"
        )
    for name in _NAMES:
        if hasattr(output, name):
            return getattr(output, name)
    if isinstance(output, tuple | list) and output:
        return output[0]
    return output


def scores_or_none(output: Any) -> Any:
    """As `scores_of`; None where there is no telling, as for a callable target."""
    try:
        return scores_of(output)
    except ModelError:
        return None


def tensors_in(output: Any) -> Iterator[Any]:
    """Every tensor in nested dicts, tuples and lists."""
    if hasattr(output, "shape"):
        yield output
    elif isinstance(output, Mapping):
        for each in output.values():
            yield from tensors_in(each)
    elif isinstance(output, tuple | list):
        for each in output:
            yield from tensors_in(each)
