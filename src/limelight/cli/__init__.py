"""The command line: one command a module, found by itself.

A module of this package that has a function `command` is the command of its name. Nothing but
Typer is imported before it is known which command is meant.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from limelight._version import __version__
from limelight.errors import LimelightError, LimelightWarning


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"limelight {__version__}")
        raise typer.Exit


def build_app() -> typer.Typer:
    """The application with every command."""
    app = typer.Typer(
        name="limelight",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Show what an image classifier looked at, and score whether it was the right place.",
    )

    @app.callback()
    def options(
        version: bool = typer.Option(
            False, "--version", callback=_version, is_eager=True, help="Print the version."
        ),
    ) -> None:
        """Typer needs a function to hang the common options on."""

    for found in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{found.name}")
        if hasattr(module, "command"):
            app.command(found.name)(module.command)
    return app


@contextmanager
def _plain_notes() -> Iterator[None]:
    """What Limelight warns of is one line on stderr, without the place in the code."""
    with warnings.catch_warnings():
        of_others = warnings.showwarning

        def show(message: Any, category: type[Warning], *place: Any, **options: Any) -> None:
            if issubclass(category, LimelightWarning):
                typer.echo(f"note: {message}", err=True)
            else:
                of_others(message, category, *place, **options)

        warnings.showwarning = show
        yield


def main() -> None:
    """Run the command line; exit code 2 for a bad call, 1 where a part of the work failed."""
    try:
        with _plain_notes():
            build_app()()
    except LimelightError as error:
        typer.echo(f"limelight: {error}", err=True)
        sys.exit(2)
    except SystemExit as stop:
        # Typer has turned Ctrl-C into an exit code already, without a word.
        if isinstance(getattr(stop.__context__, "__cause__", None), KeyboardInterrupt):
            typer.echo("limelight: interrupted", err=True)
            sys.exit(130)
        raise
