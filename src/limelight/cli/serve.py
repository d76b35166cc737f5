"""`limelight serve`: the page."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limelight.cli import options
from limelight.errors import MissingExtra, ModelLoadError, require

if TYPE_CHECKING:
    from socket import socket

    from limelight.data import Dataset
    from limelight.models import Classifier
    from limelight.web.limits import Limits

_PORT = 8765
_DIGITS = "digits"
_HERE = ("127.0.0.1", "localhost", "::1")


def command(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help="As of `limelight explain`; repeatable. The demo's model if absent, trained first "
            "where it is not there.",
        ),
    ] = None,
    arch: options.Arch = None,
    preprocess: options.Preprocess = "auto",
    size: options.Size = None,
    classes: options.Classes = None,
    examples: Annotated[
        str | None,
        typer.Option(
            help="Images to choose from: a folder of images or any data set, as --data of "
            "`limelight explain`; the embedded digits if absent."
        ),
    ] = None,
    split: options.Split = None,
    host: Annotated[
        str, typer.Option(help="The address to listen at; others than this machine's own see it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = _PORT,
    open_page: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page where there is a screen.")
    ] = True,
) -> None:
    """Open a page to explain images with the mouse; nothing leaves this machine.

    Drop or paste an image or choose an example; maps, boxes and their code, side by side.
    """
    for module in ("fastapi", "uvicorn"):
        require(module, "web", "pages")
    from limelight.web.limits import Limits
    from limelight.web.serving import listen

    limits = Limits()
    with listen(host, port) as bound:
        opened = _examples(examples, split)
        models = _models(model, arch, preprocess, size, classes)
        _serve(bound, host, models, examples or _DIGITS, opened, limits, open_page)


def _examples(named: str | None, split: str | None) -> Dataset | None:
    """The images to choose from; None where none are named and the embedded ones cannot be made."""
    if named is not None:
        return options.open_data(
            named, split or ("test" if named == _DIGITS else None), False, False
        )
    try:
        return options.open_data(_DIGITS, split or "test", False, False)
    except MissingExtra as error:
        typer.echo(f"no examples: {error}", err=True)
        return None


def _serve(
    bound: socket,
    host: str,
    models: list[tuple[dict[str, Any], Classifier]],
    examples: str,
    opened: Dataset | None,
    limits: Limits,
    open_page: bool,
) -> None:
    """Serve until Ctrl-C."""
    from limelight.cli.demo import has_screen
    from limelight.web.app import build_app
    from limelight.web.pictures import Pictures
    from limelight.web.served import Served
    from limelight.web.serving import address, make_server

    served = [
        Served(f"model-{number}", classifier, said, limits)
        for number, (said, classifier) in enumerate(models)
    ]
    names = None if opened is None else opened.class_names
    where = {
        "data": examples,
        "split": None if opened is None else opened.split,
        "class_names": None if names is None else list(names),
    }
    app = build_app(served, Pictures(limits, opened), host, limits, where)
    url = address(bound)
    if host not in _HERE:
        typer.echo(f"Everybody who reaches {host} can use these models.", err=True)
    typer.echo(f"{url} (Ctrl-C ends it)")
    if open_page and has_screen():
        webbrowser.open(url)
    try:
        make_server(app, limits).run(sockets=[bound])
    finally:
        for each in served:
            each.worker.close()


def _models(
    named: list[str] | None,
    arch: str | None,
    preprocess: str,
    size: str | None,
    classes: str | None,
) -> list[tuple[dict[str, Any], Classifier]]:
    """Each model with how `limelight.load` makes it again."""
    given = {"arch": arch, "preprocess": preprocess, "size": size, "classes": classes}
    said = {
        option: value
        for option, value in given.items()
        if value is not None and (option, value) != ("preprocess", "auto")
    }
    if said and len(named or ()) != 1:
        raise ModelLoadError(
            f"--{next(iter(said))} belongs to one --model, and {len(named or ())} were given; a "
            "file <model>.limelight.json beside each says the same"
        )
    if not named:
        from limelight.cli.demo import demo_model

        folder, classifier = demo_model()
        return [({"path": str(folder)}, classifier)]
    found = []
    for name in dict.fromkeys(named):
        classifier = options.open_model(name, arch, preprocess, size, classes, quiet=False)
        found.append(({"path": name, **said}, classifier))
    return found
