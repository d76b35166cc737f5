"""What a request asks for, checked against what there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from limelight.explainer.choice import share_options
from limelight.methods import find_method
from limelight.web.answering import Refusal
from limelight.web.explaining import Question
from limelight.web.limits import Limits

Value = bool | int | float | str | None


class Explain(BaseModel):
    """The body of ``POST /api/explain``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    image: str = Field(max_length=64)
    model: str | None = Field(None, max_length=64)
    methods: list[str] = Field(["gradcam"], min_length=1)
    layer: str | None = Field(None, max_length=1000)
    target: int | None = Field(None, ge=0, lt=2**31)
    options: dict[str, Value | dict[str, Value]] = {}
    wait: float = Field(0.0, ge=0, allow_inf_nan=False)


def question_of(asked: Explain, layers: Sequence[dict[str, Any]], limits: Limits) -> Question:
    """The body as a question whose every name is known; `layers` are those of its model.

    Raises:
        MethodError: no such method or option, or one that cannot be so.
        Refusal: too many methods, no such layer, or a number that is too large (422).
    """
    if len(asked.methods) > limits.methods:
        raise Refusal(422, f"at most {limits.methods} methods stand side by side")
    methods = [find_method(name) for name in dict.fromkeys(asked.methods)]
    if asked.layer is not None and asked.layer not in {layer["layer"] for layer in layers}:
        raise Refusal(422, "the model has no such layer that can be explained")
    options = share_options(methods, asked.options)
    for method in methods:
        for name, value in options[method.name].items():
            if isinstance(value, int | float) and abs(value) > limits.option:
                raise Refusal(422, f"{name} is at most {limits.option} here")
    return Question(asked.image, asked.layer, asked.target, options)
