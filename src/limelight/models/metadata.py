"""What the source of a model says about it, as opposed to what the user says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Metadata:
    """A source's own statement about a model.

    Attributes:
        why: where it stands, in words that complete "assumed from …".
        preprocess: a name or a mapping, as `load` takes it; None where the source does not say.
        size: (height, width) of the model's input.
        classes: "imagenet", or the names; None where the source does not say.
        activation: "softmax" or "sigmoid"; None where the source does not say.
    """

    why: str = ""
    preprocess: str | Mapping[str, Any] | None = None
    size: tuple[int, int] | None = None
    classes: str | tuple[str, ...] | None = None
    activation: Literal["softmax", "sigmoid"] | None = None
