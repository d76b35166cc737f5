"""The Hugging Face hub's cache, and the hub itself, as tests prepare them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def cached(repository: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty snapshot of `repository` in a cache of its own, to be filled."""
    constants = pytest.importorskip("huggingface_hub").constants
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(root / "hub"))
    home = root / "hub" / f"models--{repository.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(COMMIT)
    folder = home / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    return folder


@contextmanager
def serving(root: Path) -> Iterator[str]:
    """A web server on this machine that answers as the hub does: root/user/name/FILE."""

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(False)

        def do_GET(self) -> None:
            self.answer(True)

        def answer(self, whole: bool) -> None:
            repository, _, rest = self.path.lstrip("/").partition("/resolve/")
            file = root / repository / rest.partition("/")[2].partition("?")[0]
            if not file.is_file():
                kind = "EntryNotFound" if file.parent.is_dir() else "RepoNotFound"
                self.send_response(404)
                self.send_header("X-Error-Code", kind)
                self.send_header("Content-Length", "0")
                if kind == "EntryNotFound":
                    self.send_header("X-Repo-Commit", COMMIT)
                self.end_headers()
                return
            content = file.read_bytes()
            self.send_response(200)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if whole:
                self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
