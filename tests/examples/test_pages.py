"""The pages: their pictures are there, their numbers are the benchmark's."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from examples import miniatures
from examples.conftest import EXAMPLES
from limelight.cli import build_app

ROOT = EXAMPLES.parent
PAGES = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
OTHERS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SOURCES = [*PAGES, *OTHERS, *sorted(EXAMPLES.glob("*.py"))]

_COMMAND = r"(?:[A-Z0-9]+=\S+ )*(?:limelight|python) [^`\n]*"


def commands(source: Path) -> list[list[str]]:
    """The words of each command that a page, or a comment of an example, shows.

    In blocks, and in the running text where more than the command's name is said.
    """
    text = source.read_text("utf-8")
    if source.suffix == ".py":
        text = re.sub(r"^# ?", "", text, flags=re.MULTILINE)
    text = text.replace("\\\n", " ")
    lines = re.findall(rf"^ *({_COMMAND})$", text, re.MULTILINE)
    lines += [line for line in re.findall(rf"`({_COMMAND}?)`", text) if line.count(" ") > 1]
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    for picture in re.findall(r"!\[.+\]\((\S+)\)", text):
        assert (page.parent / picture).is_file(), picture
    for file in re.findall(r"`((?:examples|benchmarks|tests)/\S+\.py)`", text):
        assert (ROOT / file).is_file(), file


def test_every_example_has_a_page() -> None:
    texts = "".join(page.read_text("utf-8") for page in PAGES)
    for script in EXAMPLES.glob("*.py"):
        assert f"`examples/{script.name}`" in texts


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_the_commands_that_a_page_shows_are_understood(source: Path) -> None:
    """Options and values are those of the command line, settings those of the example."""
    app: Any = typer.main.get_command(build_app())
    for words in commands(source):
        settings = [word.partition("=")[0] for word in words if re.match(r"[A-Z0-9]+=", word)]
        program, *arguments = words[len(settings) :]
        if program == "limelight":
            command = app.commands[arguments[0]]
            command.make_context(arguments[0], arguments[1:])  # raises what the user would read
        elif arguments[0].startswith("examples/"):
            code = (ROOT / arguments[0]).read_text("utf-8")
            for setting in settings:
                assert f'environ.get("{setting}"' in code, setting


def test_every_page_shows_commands() -> None:
    for page in PAGES:
        assert commands(page) or page.stem == "keras-nested", page
    shown = {words[1] for page in PAGES for words in commands(page) if words[0] == "limelight"}
    assert {"train", "evaluate", "explain", "data"} <= shown


@pytest.mark.soak
def test_the_commands_of_the_first_page_run(tmp_path: Path) -> None:
    """In their order, on drawn cars; smaller images, one epoch, no weights to download."""
    cars = miniatures.cars196(tmp_path / "cars", train=8, test=4)
    ran = []
    for words in commands(ROOT / "docs" / "tutorials" / "cars196.md"):
        if words[0] != "limelight":
            continue
        changed = [
            word.replace("/data/cars", str(cars)) for word in words if word != "--pretrained"
        ]
        if "--epochs" in changed:
            changed[changed.index("--epochs") + 1] = "1"
            changed += ["--size", "64"]
        done = subprocess.run(
            [sys.executable, "-c", "from limelight.cli import main; main()", *changed[1:]],
            cwd=tmp_path,
            env=os.environ | {"KERAS_BACKEND": "torch"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        ran.append(changed[1])
    assert ran == ["data", "train", "evaluate"]
    assert "centre-box" in done.stdout
    report = (tmp_path / "FOUND" / "report.html").read_text("utf-8")
    assert "gradcam" in report
    assert miniatures.CARS[0] in report


def test_cam_and_gradcam_have_the_same_boxes_as_the_page_says() -> None:
    """Behind global average pooling; `tests/docs/test_figures.py` compares the table."""
    file = ROOT / "benchmarks" / "results" / "cam_or_gradcam.json"
    results = json.loads(file.read_text("utf-8"))
    cam, gradcam = (results["ways"][way] for way in ("CAM", "Grad-CAM"))
    assert cam["iou"] == gradcam["iou"]
    assert gradcam["above_cam"] == gradcam["below_cam"] == 0
