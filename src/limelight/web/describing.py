"""The methods as the page lists them: what is declared, as JSON."""

from __future__ import annotations

from typing import Any

from limelight.methods import Method
from limelight.methods.options import Option


def describe_method(method: Method) -> dict[str, Any]:
    """What the page shows of a method, and asks for."""
    return {
        "name": method.name,
        "title": method.title,
        "paper": method.paper,
        "cost": method.cost,
        "frameworks": list(method.frameworks),
        "class_blind": method.class_blind,
        "of_attention": method.of_attention,
        "several_layers": method.across is not None,
        "default_score": method.default_score,
        "cut": method.cut,
        "options": [_option(option) for option in method.declared_options],
        "description": method.description,
    }


def _option(option: Option) -> dict[str, Any]:
    return {
        "name": option.name,
        "default": option.default,
        "kind": option.kind.__name__,
        "least": option.least,
        "optional": option.optional,
        "choices": option.choices,
    }
