"""The server itself: sockets, start and end."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import uvicorn

from limelight.errors import RunError
from limelight.web.limits import Limits


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at `host` and `port`; port 0 is any that is free.

    Raises:
        RunError: the port is taken, or there is no such address here.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with contextlib.ExitStack() as failed:
            bound = failed.enter_context(socket.socket(family, socket.SOCK_STREAM))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((host, port))
            bound.listen()  # who comes before all is ready waits
            failed.pop_all()
    except OSError as error:
        raise RunError(
            f"nothing can be served at {host} port {port}: {error.strerror or error}; --port 0 "
            "takes a free port"
        ) from error
    return bound


def address(bound: socket.socket) -> str:
    """The page's address."""
    host, port = bound.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def make_server(app: Any, limits: Limits) -> uvicorn.Server:
    """What serves `app`: ``run(sockets=[…])`` until Ctrl-C, or until ``should_exit`` is set."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            limit_concurrency=limits.connections,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=3,
        )
    )
