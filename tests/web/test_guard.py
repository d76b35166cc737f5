"""Who is served, and what every answer carries."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from web.conftest import Client, Site, picture, png, serving

PATHS = ["/", "/page.js", "/page.css", "/maps.js", "/api/models", "/nowhere", "/api/maps/x.png"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_headers(client: Client, path: str) -> None:
    headers = client.get(path).headers
    policy = dict(
        part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'self'" and policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:8765", 200),
        ("LOCALHOST", 200),
        ("[::1]:8765", 200),
        ("192.168.1.7:8765", 200),
        (socket.gethostname(), 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example:80", 421),
        ("evil.example@localhost", 200),  # what follows the @ is the host
        ("[::1", 421),
        ("", 421),
    ],
)
def test_names_that_anybody_can_own_are_not_served(client: Client, host: str, status: int) -> None:
    assert client.get("/api/models", host=host).status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "{here}"}, 200),
        ({"origin": "{here}", "sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:1"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
def test_other_sites_can_change_nothing(site: Site, headers: dict[str, str], status: int) -> None:
    here = site.url.rstrip("/")
    given = {name: value.format(here=here) for name, value in headers.items()}
    assert site.client.upload(png(picture(0)), **given).status == status
    assert site.client("DELETE", "/api/jobs/x", headers=given).status == (
        404 if status == 200 else status
    )
    assert site.client.get("/api/models", **given).status == 200  # what only tells is read by none


@pytest.mark.parametrize(
    "path",
    [
        "/../app.py",
        "/..%2fapp.py",
        "/static/../../app.py",
        "//etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/api/images/..%2f..%2fetc%2fpasswd",
        "/api/images/example-0%00/file",
        "/api/images/example-00000000000000000001/file",
        "/api/maps/..%2f..%2fetc%2fpasswd.npz",
        "/api/models/..%2f../layers",
        "/docs",
        "/openapi.json",
        "/redoc",
    ],
)
def test_no_path_leads_anywhere(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status == 404
    assert b"root:" not in answer.content and b"import" not in answer.content


def test_a_request_that_never_ends_is_ended(small_model: Path) -> None:
    with serving([small_model], body_seconds=0.3) as site:
        with socket.create_connection(("127.0.0.1", site.port), 10) as connection:
            connection.sendall(
                b"POST /api/images HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
                b"Content-Length: 1000\r\n\r\nsome"
            )
            start = time.monotonic()
            assert connection.recv(1000).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - start < 5
        assert site.client.get("/api/models").status == 200


def test_large_requests_that_are_no_images(client: Client) -> None:
    answer = client.explain("x" * 100_000)
    assert answer.status == 413
    assert "MiB" in answer.json["error"]["message"]
