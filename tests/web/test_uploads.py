"""What people may send instead of a photograph."""

from __future__ import annotations

import io
import socket
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from web.conftest import Client, Site, picture, png

SECONDS = 3.0  # on a machine where everything else runs too; on a quiet one they take 0.1


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    with io.BytesIO() as stream:
        image.save(stream, kind, **options)
        return stream.getvalue()


def photo(mode: str = "RGB") -> Image.Image:
    return Image.fromarray(picture(1, (60, 80))).convert(mode)


def chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def png_of(width: int, height: int, *more: bytes) -> bytes:
    """A PNG of zeros, one bit a pixel, as small as it gets, with `more` chunks."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    rows = zlib.compressobj(9)
    row = bytes((width + 7) // 8 + 1)
    data = (
        b"".join(rows.compress(row) for _ in range(min(height, 10**8 // len(row)))) + rows.flush()
    )
    return (
        b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def scans_bomb() -> bytes:
    """A progressive JPEG whose last scan stands there thousands of times."""
    content = saved(photo(), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * 5000 + content[-2:]


def zipped() -> bytes:
    with io.BytesIO() as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("bomb", bytes(50_000_000))
        return stream.getvalue()


HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'

HOSTILE: dict[str, tuple[Callable[[], bytes], set[int]]] = {
    "nothing": (lambda: b"", {422}),
    "text": (lambda: b"hello", {415}),
    "html named png": (lambda: HTML, {415}),
    "svg with a script": (lambda: SVG, {415}),
    "50 MB": (lambda: bytes(50_000_000), {413}),
    "50 MB of png": (lambda: png(picture(0)) + bytes(50_000_000), {413}),
    "bomb": (lambda: png_of(30_000, 30_000), {413}),
    "bomb in Pillow's grey zone": (lambda: png_of(12_000, 9_000), {413}),
    "bomb that only claims its size": (lambda: png_of(2**31 - 1, 2**31 - 1)[:200], {413}),
    "bomb of text": (
        lambda: png_of(8, 8, chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(60_000_000), 9))),
        {422},
    ),
    "bomb of a colour profile": (
        lambda: png_of(8, 8, chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(60_000_000), 9))),
        {200, 422},
    ),
    "bomb of scans": (scans_bomb, {413}),
    "zip bomb": (zipped, {415}),
    "truncated jpeg": (lambda: saved(photo(), "JPEG")[:700], {422}),
    "truncated png": (lambda: png(picture(2))[:-500], {422}),
    "truncated webp": (lambda: saved(photo(), "WEBP")[:300], {415, 422}),
    "png with a wrong checksum": (
        lambda: png(picture(2)).replace(b"IDAT", b"IDAt", 1), {415, 422}
    ),
    "gif that begins a script": (lambda: b"GIF89a/*<script>alert(1)</script>*/=1;", {413, 415, 422}),
    "huge gif": (lambda: b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(6) + b";", {413, 415, 422}),
    "bmp of a negative size": (
        lambda: b"BM" + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, -5, -5, 1, 24, 0, 0, 0, 0, 0, 0),
        {413, 415, 422},
    ),
    "tiff": (lambda: saved(photo(), "TIFF"), {415}),
    "ico": (lambda: saved(photo(), "ICO"), {415}),
    "postscript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n", {415}),
    "pdf": (lambda: saved(photo(), "PDF"), {415}),
    "pickle": (lambda: b"\x80\x04cos\nsystem\n(S'id'\ntR.", {415}),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_quickly(client: Client, name: str) -> None:
    make, statuses = HOSTILE[name]
    content = make()
    start = time.monotonic()
    answer = client.upload(content)
    assert time.monotonic() - start < SECONDS
    assert answer.status in statuses, answer
    if answer.status != 200:
        message = answer.json["error"]["message"]
        assert len(message) < 300 and "<script>" not in message
    assert client.get("/api/models").status == 200


@pytest.mark.parametrize(
    ("content", "mode"),
    [
        (saved(photo("CMYK"), "JPEG"), "CMYK jpeg"),
        (saved(photo("P"), "PNG"), "palette png"),
        (saved(photo("P"), "PNG", transparency=0), "palette png with transparency"),
        (saved(photo("LA"), "PNG"), "grey with transparency"),
        (saved(photo("1"), "BMP"), "one bit"),
        (saved(photo("RGBA"), "WEBP"), "webp with transparency"),
        (saved(Image.fromarray(np.arange(4800, dtype=np.uint16).reshape(60, 80)), "PNG"), "16 bit"),
        (saved(photo(), "JPEG", progressive=True), "progressive jpeg"),
        (
            saved(photo("P"), "GIF", save_all=True, append_images=[photo("P")] * 300),
            "animation of 301 images",
        ),
        (saved(photo(), "JPEG", exif=b"Exif\0\0broken"), "broken exif"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_unusual_images_are_fine(client: Client, content: bytes, mode: str) -> None:
    answer = client.upload(content, "application/octet-stream")
    assert answer.status == 200, (mode, answer)
    assert (answer.json["width"], answer.json["height"]) == (80, 60)
    assert client.explain(answer.json["id"]).json["state"] == "done"


def test_an_image_that_is_a_page_too_is_never_given_back(client: Client) -> None:
    both = png(picture(3)) + HTML
    id = client.upload(both).json["id"]
    for path in (f"/api/images/{id}/file", f"/api/images/{id}/preview"):
        answer = client.get(path)
        assert answer.status == 200 and answer.headers["content-type"] == "image/png"
        assert b"script" not in answer.content


def test_a_turned_photograph_is_upright(client: Client) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    told = client.upload(saved(photo(), "JPEG", exif=exif)).json
    assert (told["width"], told["height"]) == (60, 80)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 100000\r\n",  # more than is sent
        b"Content-Length: 3\r\n",  # less
        b"Content-Length: -5\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Content-Length: many\r\n",
        b"Transfer-Encoding: chunked\r\n",  # and then no chunks
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    ],
)
def test_lengths_that_lie(site: Site, head: bytes) -> None:
    with socket.create_connection(("127.0.0.1", site.port), 10) as connection:
        request = b"POST /api/images HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
        connection.sendall(request + head + b"\r\n" + png(picture(1))[:2000])
        connection.shutdown(socket.SHUT_WR)
        answered = connection.recv(100)
    assert answered == b"" or answered.split(b" ")[1].startswith(b"4"), answered
    assert site.client.get("/api/models").status == 200


def test_chunks_without_end_stop_at_the_limit(site: Site) -> None:
    sent = 0
    with socket.create_connection(("127.0.0.1", site.port), 20) as connection:
        connection.sendall(
            b"POST /api/images HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        block = b"100000\r\n" + bytes(2**20) + b"\r\n"
        try:
            while sent < 400:
                connection.sendall(block)
                sent += 1
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert 20 <= sent < 300
    assert site.client.get("/api/models").status == 200


def test_the_images_kept_are_bounded_and_the_examples_come_back() -> None:
    from limelight import data
    from limelight.web.answering import Refusal
    from limelight.web.limits import Limits
    from limelight.web.pictures import Pictures

    pictures = Pictures(
        Limits(image_bytes=3 * 112 * 112 * 4), data.open("digits", "test", count=3, cache=False)
    )
    pictures.get("example-1")
    ids = [pictures.add(png(picture(seed)))[0] for seed in range(6)]
    assert len(set(ids)) == 6
    for id in ids[:2]:
        with pytest.raises(Refusal, match="send it again"):
            pictures.get(id)
    for id, seed in list(zip(ids, range(6), strict=True))[2:]:
        assert (np.asarray(pictures.get(id)) == picture(seed)).all()
    assert pictures.get("example-1").size == (112, 112)
    assert len(pictures._kept) <= 4
