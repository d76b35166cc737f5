"""What every request passes first, and what every answer carries.

A page on another site can make a browser send requests to this server, and a name that it owns can
be made to point here (DNS rebinding). So requests must name this server (Host), and those that
change something must come from its own page or from no page at all (Origin).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from limelight.web.answering import Refusal
from limelight.web.limits import Limits

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

#: With every answer.
HEADERS = {
    "content-security-policy": "default-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_SAFE = ("GET", "HEAD")


class Guard:
    """ASGI middleware: hosts, origins, the size and the time of bodies, security headers.

    Args:
        app: what is guarded.
        refuse: the answer to a refusal, as an ASGI application.
        host: the address that the server is bound to.
        limits: of bodies.
        large: the path of what may have `upload_bytes`; others have `body_bytes`.
    """

    def __init__(
        self, app: App, refuse: Callable[[Refusal], App], host: str, limits: Limits, large: str
    ) -> None:
        self._app, self._refuse, self._limits, self._large = app, refuse, limits, large
        self._names = {"localhost", host.lower(), socket.gethostname().lower()}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Let through what may pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        dressed = _dressed(send)
        try:
            headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
            self._check(scope["method"], headers)
            limit = self._limits.body_bytes
            if scope["path"] == self._large:
                limit = self._limits.upload_bytes
            body = _body(receive, headers, limit, self._limits.body_seconds)
            await self._app(scope, body, dressed)
        except Refusal as refusal:
            if refusal.status == 413:
                await _drain(receive, 4 * self._limits.upload_bytes)
            await self._refuse(refusal)(scope, receive, dressed)

    def _check(self, method: str, headers: dict[bytes, str]) -> None:
        host = headers.get(b"host", "")
        if not self._is_here(host):
            raise Refusal(421, "this server is not what the request calls it (Host)")
        if method in _SAFE:
            return
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            raise Refusal(403, "requests from pages of other sites are not served (Origin)")
        if headers.get(b"sec-fetch-site", "none") not in ("same-origin", "none"):
            raise Refusal(403, "requests from pages of other sites are not served")

    def _is_here(self, host: str) -> bool:
        """Whether a Host names this machine; an address cannot be made to point elsewhere."""
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in self._names
        return True


def _dressed(send: Send) -> Send:
    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            known = {name for name, _ in message["headers"]}
            more = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            message["headers"] = [*message["headers"], *(m for m in more if m[0] not in known)]
        await send(message)

    return dressed


def _body(receive: Receive, headers: dict[bytes, str], limit: int, seconds: float) -> Receive:
    """`receive`, which refuses a body that is too large or too slow."""
    told = headers.get(b"content-length", "0")
    if not told.isdigit() or int(told) > limit:
        raise _too_large(limit)
    received, deadline = 0, asyncio.get_running_loop().time() + seconds
    whole = False

    async def counted() -> Message:
        nonlocal received, whole
        if whole:  # what is still to come is that the other side hangs up
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise Refusal(408, f"the request was not there after {seconds:g} seconds") from None
        if message["type"] == "http.request":
            received += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if received > limit:
                raise _too_large(limit)
        return message

    return counted


async def _drain(receive: Receive, limit: int) -> None:
    """Read on and keep nothing, for who still sends does not read the answer."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            while limit > 0:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                limit -= len(message.get("body", b""))


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"the request has more than {limit / 2**20:.3g} MiB, which is the limit")
