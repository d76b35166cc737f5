"""Every measured figure in running text is in a results file, or is given by somebody else.

A figure is a number with a unit, or with decimals. It must be in the results of a script that its
own section of the page names, rounded as it is printed; on a page whose figures a test computes
from its code; or in a phrase of `GIVEN`, which says what it is, if it was not measured.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs.test_figures import PAGES, ROOT, SECTION, computed_by_their_page, text

#: Phrases with figures that nobody has measured here, by what they are.
GIVEN = {
    "a setting of ours, or a definition": [
        "alternate 60 times",
        "alternates 60 times",
        "95 % bootstrap interval",
        "cut at 0.2 of the map",
        "cut at 0.2 of the maximum",
        "cut at the 0.5 that it declares",
        "Cut at 0.2, CAM",
        "IoU is at least 0.5",
        "boxes with IoU ≥ 0.5 at each library's own",
        "mean over 10 %, 20 % … 90 % of the pixels",
        "noise of at most 0.02",
        "noise of 0.01",
        "jet at alpha 0.4",
        "256 times red, green and blue",
        "at most 20 MiB",
        "Decoded images (512 MiB)",
        "32 MB for each core",
        "shift every map by 3.5 pixels",
        "took with 256 MB",
        "p = 1.000 and the score",
        "mean with its 95 % interval",
        "itself runs on 3.11",
    ],
    "counted or derived, not measured": [
        "0.56 of the forward pass's arithmetic",
        "an uncertainty of about 3.5 points",
        "a standard error of 6 points",
    ],
    "what others have published": [
        "ROAD begins at 1 % and ends at 99 %",
        "scores at 10 … 90 %",
        "CAM at IoU 0.81 and Grad-CAM at 0.69",
    ],
    "a bound that a test of the project asks for": [
        "reach the 97 % that the tests",
        "make a file below 30 MB",
        "pytorch-grad-cam's to 1e-3",
    ],
}
PHRASES = [phrase for phrases in GIVEN.values() for phrase in phrases]

_UNIT = r"×|%|per cent\b|ms\b|s\b|MB\b|GB\b|MiB\b|(?:CPU-)?seconds?\b|minutes?\b|times\b|points\b"
_FIGURE = re.compile(
    rf"(?<![\w.,/-])(\d[\d,]*\.\d+|\d[\d.]*e-\d+|\d[\d,]*(?= ?(?:{_UNIT})))( ?(?:{_UNIT}))?"
    r"(?![.\d\w])"
)
_SIZE = re.compile(r"\d[\d,]*(?: ?× ?\d[\d,]*)+")  # 7 × 7
_VERSION = re.compile(
    r"(?:Python|PyTorch|Keras|SqueezeNet|Apache|pip|NumPy|arXiv:?)[ -]?(?:≥ )?\d[\w.]*"
)
_BLOCK = re.compile(rf"{SECTION.pattern}|^```.*?^```|^    [^\n]*", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`]*`")
_SOURCE = re.compile(r"benchmarks/(?:results/)?(\w+)\.(?:py|json)")


def test_figures_are_found() -> None:
    """What counts as one, and what does not."""
    line = "1.05 ×, 7 × 7 cells, 95 % of 2,000 images in 3 s and 0.5, 7e-7 and 9 per cent; Python 3.11, `0.7`, 4 classes"
    assert [found for found, _, _ in figures(_CODE.sub("``", line))] == [
        "1.05",
        "95",
        "3",
        "0.5",
        "7e-7",
        "9",
    ]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_figures_in_running_text_have_a_source(page: Path) -> None:
    if page.name in computed_by_their_page():
        return
    unknown = []
    for part in re.split(r"^(?=#+ )", _BLOCK.sub(sources, text(page)), flags=re.MULTILINE):
        measured = results(set(_SOURCE.findall(part)))
        prose = " ".join(_CODE.sub("``", part).split())
        for phrase in PHRASES:
            prose = prose.replace(phrase, "…")
        for figure, unit, context in figures(prose):
            if not is_among(figure, unit, measured):
                unknown.append(context)
    assert unknown == []


_IN_WORDS = re.compile(
    r"\b(?:takes?|took|needs?|lasts?|(?:with)?in|after)(?: about| some| only| under| less than)*"
    r" (?:half )?(?:an?|one|two|three|four|five|ten|few|some) (?:few )?(?:second|minute|hour)s?\b"
)


def test_times_in_words_are_found() -> None:
    assert _IN_WORDS.findall("all of the rest take a minute and a half, that takes about two hours")
    assert not _IN_WORDS.search("shards of at most a minute; a page of ten minutes")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_times_in_words_are_not_measured(page: Path) -> None:
    prose = " ".join(_CODE.sub("``", _BLOCK.sub("", text(page))).split())
    assert _IN_WORDS.findall(prose) == []


@pytest.mark.parametrize("phrase", PHRASES)
def test_what_is_given_stands_somewhere(phrase: str) -> None:
    pages = (" ".join(_CODE.sub("``", _BLOCK.sub("", text(page))).split()) for page in PAGES)
    assert any(phrase in page for page in pages)


def sources(block: re.Match[str]) -> str:
    """Of code, or of what a script writes: the scripts and results that it names."""
    return " ".join(f"`{found[0]}`" for found in _SOURCE.finditer(block[0]))


def figures(prose: str) -> list[tuple[str, str, str]]:
    """Each number that may have been measured, with its unit and the words around it."""
    plain = _SIZE.sub("…", _VERSION.sub("…", prose))
    return [
        (found[1], (found[2] or "").strip(), plain[max(0, found.start() - 50) : found.end() + 30])
        for found in _FIGURE.finditer(plain)
    ]


def results(names: set[str]) -> list[float]:
    """All numbers in the results files called so."""
    found: list[float] = []
    for name in names:
        file = ROOT / "benchmarks" / "results" / f"{name}.json"
        if file.is_file():
            found += numbers(json.loads(file.read_text("utf-8")))
    return found


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from numbers(each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def is_among(figure: str, unit: str, measured: list[float]) -> bool:
    """Whether `figure` is one of `measured`, rounded as it is printed; % and points of a share."""
    wanted = float(figure.replace(",", ""))
    decimals = len(figure.partition(".")[2])
    scales = (1, 100) if unit in ("%", "points") else (1,)
    near = 0.5 * 10.0**-decimals + 1e-9
    return any(abs(each * scale - wanted) <= near for each in measured for scale in scales)
