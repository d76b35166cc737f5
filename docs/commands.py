"""The page of the command line: every command, argument and option, as the commands declare them.

What `limelight COMMAND --help` prints in a terminal, as a page; nothing here is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from limelight.cli import build_app

HEAD = """\
# The command line

{about} This page is made of the commands' own declarations; `limelight COMMAND --help` prints the
same in a terminal.

{commands}

**Exit codes**: 0 where all went well, 1 where a part of the work failed (an image that could not be
read: it is told, and the rest is done), 2 for a call that cannot be carried out, 130 after Ctrl-C.
Results go to standard output; notes, errors and progress to standard error.

{common}
"""
# What stands in brackets behind a help text: the default, the range, that it is required.
_EXTRA = re.compile(r"\s+\[([^\]]*)\]$")
_RANGE = re.compile(r"(?:(\S+)<=)?x([<>])=(\S+)$")
_CODE = re.compile(r"(`[^`]*`)")
# --data DATASET --index 7 is one piece of code.
_OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*(?: (?:--[a-z][\w-]*|[A-Z]{2,}\b|\d+\b))*")
_NAME = re.compile(r"`limelight ([a-z]+)[^`]*`")
# Typer's words for kinds of values -> those of a reader.
_KINDS = {"str": "TEXT", "int": "NUMBER", "float": "NUMBER", "path": "PATH"}


def page() -> str:
    """The Markdown of the page."""
    application = get_command(build_app())
    commands: dict[str, Any] = application.commands  # type: ignore[attr-defined]
    context = application.context_class(application, info_name="limelight")
    rows = [
        f"| [`limelight {name}`](#{name}) | {text(summary(command), commands)} |"
        for name, command in commands.items()
    ]
    listed = "\n".join(["| command | what it does |", "| --- | --- |", *rows])
    common = "\n".join(entries(application, context, "limelight", commands))
    head = HEAD.format(about=application.help, commands=listed, common=common)
    parts = [section(name, command, context, commands) for name, command in commands.items()]
    return "\n".join([head, *parts])


def section(name: str, command: Any, parent: Any, commands: Any) -> str:
    """A command: what it does, how it is called, its arguments and its options."""
    context = command.context_class(command, info_name=name, parent=parent)
    usage = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
    usage = re.sub(r"[{[](\w+)[]}]", lambda found: found[0].upper().strip("{}"), usage)
    prose = [text(" ".join(part.split()), commands) for part in command.help.split("\n\n")]
    return "\n\n".join(
        [
            f"## limelight {name} {{ #{name} }}",
            *prose,
            f"```\n{usage}\n```",
            *entries(command, context, name, commands),
        ]
    )


def summary(command: Any) -> str:
    """The first paragraph of a command's help, in one line."""
    return " ".join(command.help.split("\n\n")[0].split())


def entries(command: Any, context: Any, name: str, commands: Any) -> Iterator[str]:
    """An entry of a definition list for each argument and option but --help."""
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None or "--help" in parameter.opts:
            continue
        said, extras = record[1], []
        while found := _EXTRA.search(said):
            said = said[: found.start()]
            extras.insert(0, f"*{in_words(found[1])}.*")
        told = " ".join([text(said, commands), *extras])
        yield f"`{declared(record[0])}`{{ #{anchor(name, parameter)} }}\n:   {told}"


def declared(record: str) -> str:
    """What is typed: `-o, --out PATH` of an option, `IMAGES...` of an argument."""
    names, _, kind = record.partition(" <")
    if not names.startswith("-"):
        return names.upper()
    words = re.findall(r"\w+", kind.lower().removeprefix("list["))
    return f"{names} {_KINDS[words[0]]}" if words else names


def anchor(command: str, parameter: Any) -> str:
    """Where a link to a parameter leads: explain-method, explain-images."""
    return f"{command}-{max(parameter.opts, key=len).strip('-')}"


def in_words(extra: str) -> str:
    """What stands in brackets behind a help text, as a sentence."""
    words = []
    for part in extra.split("; "):
        key, found, value = part.partition(": ")
        if limits := _RANGE.match(part):
            low, sign, bound = limits.groups()
            word = {">": "at least", "<": "to" if low else "at most"}[sign]
            words.append(" ".join(filter(None, (low, word, bound))))
        else:
            words.append(f"{key} `{value}`" if found and " " not in value else part)
    joined = "; ".join(words)
    return joined[0].upper() + joined[1:]


def text(said: str, commands: Any) -> str:
    """Plain text as Markdown: options as code, commands as links, nothing taken for HTML."""
    parts = []
    for part in _CODE.split(said):
        if not part.startswith("`"):
            part = part.replace("<", "&lt;").replace("*", r"\*").replace("|", r"\|")
            part = _OPTION.sub(lambda found: f"`{found[0]}`", part)
        elif (found := _NAME.match(part)) and found[1] in commands:
            part = f"[{part}](#{found[1]})"
        parts.append(part)
    return "".join(parts)
