"""The page of the command line has every command, argument and option that the commands declare."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import runpy
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import limelight.cli

PAGE = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "commands.py"), run_name="commands")
TEXT: str = PAGE["page"]()


def declared() -> Iterator[tuple[str, Any]]:
    """The commands, found without Typer: functions called `command`, in files of their names."""
    for found in pkgutil.iter_modules(limelight.cli.__path__):
        module = importlib.import_module(f"limelight.cli.{found.name}")
        if hasattr(module, "command"):
            yield found.name, module.command


COMMANDS = dict(declared())


def part(name: str) -> str:
    """The page's text on a command."""
    return TEXT.partition(f"## limelight {name} {{ #{name} }}\n")[2].partition("\n## ")[0]


def parameters(name: str) -> Iterator[tuple[set[str], str, Any]]:
    """Of each argument and option: what is typed, its help, its default."""
    hints = typing.get_type_hints(COMMANDS[name], include_extras=True)
    for key, parameter in inspect.signature(COMMANDS[name]).parameters.items():
        (info,) = typing.get_args(hints[key])[1:]
        if type(info).__name__ == "ArgumentInfo":
            typed = {(info.metavar or key).upper()}
        else:  # of an annotation, the first name is where Typer keeps a default otherwise
            names = [each for each in (info.default, *info.param_decls) if isinstance(each, str)]
            typed = {each for name in names for each in name.split("/")}
            typed = typed or {"--" + key.replace("_", "-")}
        yield typed, info.help or "", parameter.default


def plain(text: str) -> str:
    """Words alone: no marks, no addresses of links."""
    text = re.sub(r"\]\(#\w+\)", "", text).replace("&lt;", "<")
    return " ".join(re.sub(r"[`\\\[\]*]", "", text).split())


def test_every_command_is_on_the_page() -> None:
    assert len(COMMANDS) > 10
    assert re.findall(r"^## limelight (\w+)", TEXT, re.MULTILINE) == list(COMMANDS)
    for name, function in COMMANDS.items():
        assert f"| [`limelight {name}`](#{name}) |" in TEXT
        assert plain(inspect.getdoc(function) or "") in plain(part(name))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_and_option_has_its_entry(name: str) -> None:
    found = re.findall(r"^`(.+?)`\{ #.+? \}\n:   (.+)$", part(name), re.MULTILINE)
    entries = [(set(re.findall(r"[-\w]+", head)), told) for head, told in found]
    known = list(parameters(name))
    assert len(entries) == len(known) > 0
    for typed, said, default in known:
        (told,) = (told for words, told in entries if typed <= words)
        assert plain(re.sub(r"\s+\[.*\]$", "", said)) in plain(told), typed
        if default is inspect.Parameter.empty:
            assert told.endswith("*Required.*"), typed
        elif isinstance(default, str | int | float | Path) and not isinstance(default, bool):
            assert f"Default `{default}`" in told, typed


def test_places_to_link_to_are_there_once() -> None:
    places = re.findall(r"\{ #([\w.-]+) \}", TEXT)
    assert len(set(places)) == len(places) > 100
    assert {"explain", "explain-methods", "explain-images", "limelight-version"} <= set(places)


def test_nothing_of_a_help_text_is_taken_for_html() -> None:
    assert "keras:&lt;application>" in TEXT and "keras:<application>" not in TEXT
    assert not re.search(r"<\w", TEXT)
