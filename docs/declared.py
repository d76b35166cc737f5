"""What the site says of each method and each metric, from its declaration.

Nothing here is kept: a new method or metric is on its page as soon as the site is built again.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

from limelight import list_methods
from limelight.methods import Method
from limelight.metrics import Metric, list_metrics

HERE = Path(__file__).parent
RESULTS = HERE.parent / "benchmarks" / "results"
MARK = "<!-- each method -->"
NO_TRANSFORMER = (
    "No picture and no score: the weights at hand for this page are those of two convolutional "
    "networks, and this needs a vision transformer."
)
# A symbol and its index, as docstrings write them: A_c, Σ_ab, mean_ij, M_h.
_INDEX = re.compile(r"(?<![\w`])([A-Za-zα-ωΑ-Ω∑Σ]|mean)_(\w{1,3})\b")
# The section of a docstring that shows a call; the reference has it.
_EXAMPLE = re.compile(r"\n*^Example:\n(?:(?: {4}.*)?\n)+(?: {4}.*)?\n*", re.MULTILINE)


def methods() -> str:
    """Every method: formula, source, cost, options, its map of the picture, its measured score."""
    measured, costs = results("pointing")["methods"], ratios()
    parts = []
    for each in list_methods():
        parts.append(f"### {each.title} {{ #{anchor(each.name)} }}\n")
        parts.append(facts(each))
        picture = f"images/methods/{each.name}.jpg"
        if (HERE / picture).is_file():
            parts.append(f"![{each.title}]({picture}){{ align=right }}\n")
        parts.append(prose(each.description))
        if each.of_attention:
            parts.append(f"{NO_TRANSFORMER}\n")
        if line := measured.get(each.name):
            low, high = line["interval"]
            why = f": {line['why']}" if line["why"] else "."
            parts.append(
                f"Pointing game on {line['images']} photographs: {100 * line['pointing']:.1f} "
                f"[{100 * low:.1f}, {100 * high:.1f}]{why}\n"
            )
        if each.name in costs:
            parts.append(f"It takes {costs[each.name]:.2f} times the plain forward pass.\n")
        parts.append('<div style="clear: both"></div>\n')
    return "\n".join(parts)


def results(script: str) -> dict[str, Any]:
    """What a script of `benchmarks/` has measured."""
    found: dict[str, Any] = json.loads((RESULTS / f"{script}.json").read_text("utf-8"))
    return found


def ratios() -> dict[str, float]:
    """By method, its time as a multiple of the forward pass of a ResNet-18."""
    parts = results("methods")["parts"]
    found = {
        part.partition("/")[2]: kept["figures"]["limelight"]["ratio"]
        for part, kept in parts.items()
        if part.startswith("resnet18/")
    }
    edits = {part: kept["figures"] for part, kept in results("rescoring")["parts"].items()}
    closed, whole = edits["ablationcam"]["limelight, closed form"], edits["scorecam"]["limelight"]
    return found | {"ablationcam": closed["ratio"], "scorecam": whole["ratio"]}


def facts(method: Method) -> str:
    """One line: what is typed, its cost, its frameworks and options."""
    options = ", ".join(f"`{name}={value}`" for name, value in method.options.items())
    said = [
        f"`{method.name}`",
        method.cost,
        " and ".join({"torch": "PyTorch", "keras": "Keras"}[name] for name in method.frameworks),
        *(["does not look at the class"] if method.class_blind else []),
        *([f"options {options}"] if options else []),
        *(["with a derivative"] if method.differentiable else []),
    ]
    return " · ".join(said) + "\n"


def metrics() -> str:
    """The page of the metrics."""
    parts = [
        "# Every metric, as it is defined\n",
        "From the docstrings of `limelight.metrics`. How they are used:",
        "[locating objects](localization.md), [is the map true?](faithfulness.md),",
        "[maps of your own](own-maps.md).\n",
    ]
    for each in list_metrics():
        parts.append(f"## {each.name} {{ #{anchor(each.name)} }}\n")
        paper = f" · {each.paper}" if each.paper else ""
        path = f"{each.__module__}.{each.__qualname__}"
        parts.append(f"{each.title} · [`{each.__name__}`][{path}]{paper}\n")
        parts.append(prose(definition(each)))
    return "\n".join(parts)


def definition(metric: type[Metric]) -> str:
    """The docstring of a metric's class, up to its arguments, and its source."""
    text = _EXAMPLE.sub("\n\n", inspect.getdoc(metric) or "")
    before, found, rest = text.partition("Args:")
    _, source, after = rest.partition("Source:")
    return before.rstrip() + (f"\n\nSource:{after}" if found and source else "")


def prose(docstring: str) -> str:
    """A docstring as Markdown, with indices set low."""
    return _INDEX.sub(r"\1<sub>\2</sub>", docstring.replace("``", "`")) + "\n"


def anchor(name: str) -> str:
    """A name that an address can end in."""
    return name.replace("++", "-plus-plus")
