"""A server on a free port of this machine, over small models, and a plain client for it."""

from __future__ import annotations

import base64
import http.client
import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from limelight import Classifier, data, load

NAMES = ["<script>alert('1')</script>", "\"quoted\" & 'more'", "개 中文", *"3456789"]


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


@dataclass
class Client:
    """Requests to a server; 503 is asked again when the server says, where `patient`."""

    port: int
    patient: bool = False
    busy: list[str] = field(default_factory=list)

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        timeout: float = 60,
    ) -> Answer:
        headers = dict(headers or {})
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            headers.setdefault("content-type", "application/json")
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
            try:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                told = {name.lower(): value for name, value in response.getheaders()}
                answer = Answer(response.status, told, response.read())
            finally:
                connection.close()
            if answer.status != 503 or not self.patient:
                return answer
            self.busy.append(answer.headers["retry-after"])
            time.sleep(0.05)

    def get(self, path: str, **headers: str) -> Answer:
        return self("GET", path, headers=headers)

    def upload(self, content: bytes, kind: str = "image/png", **headers: str) -> Answer:
        return self("POST", "/api/images", content, {"content-type": kind} | headers)

    def image(self, picture: np.ndarray) -> str:
        answer = self.upload(png(picture))
        assert answer.status == 200, answer
        return answer.json["id"]

    def explain(self, image: str, *methods: str, **more: Any) -> Answer:
        asked = {"image": image, "methods": list(methods or ["gradcam"]), "wait": 20.0}
        return self("POST", "/api/explain", asked | more)


def png(picture: np.ndarray) -> bytes:
    with io.BytesIO() as stream:
        Image.fromarray(picture).save(stream, "PNG")
        return stream.getvalue()


def values_of(told: dict[str, Any]) -> np.ndarray:
    """The raw map (h, w) in the JSON of a map."""
    return np.frombuffer(base64.b64decode(told["values"]), "<f4").reshape(told["shape"])


def picture(seed: int, size: tuple[int, int] = (112, 112)) -> np.ndarray:
    """A smooth picture of a few blots."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]] / max(size)
    made = np.zeros((*size, 3))
    for _ in range(4):
        cx, cy, spread = *random.uniform(0.1, 0.9, 2), random.uniform(0.005, 0.05)
        blot = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / spread)
        made += blot[..., None] * random.uniform(0, 255, 3)
    return np.clip(made, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Site:
    """A server that runs, and what it serves."""

    port: int
    files: list[Path]
    classifiers: list[Classifier]

    @property
    def client(self) -> Client:
        return Client(self.port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@contextmanager
def serving(files: list[Path], **changed: Any) -> Iterator[Site]:
    """Serve the models in `files`, with other limits where they are given."""
    pytest.importorskip("fastapi")
    from limelight.web.app import build_app
    from limelight.web.limits import Limits
    from limelight.web.pictures import Pictures
    from limelight.web.served import Served
    from limelight.web.serving import listen, make_server

    limits = Limits(**changed)
    classifiers = [load(file) for file in files]
    served = [
        Served(f"model-{i}", classifier, {"path": str(file)}, limits)
        for i, (file, classifier) in enumerate(zip(files, classifiers, strict=True))
    ]
    examples = data.open("digits", "test", count=6, cache=False)
    where = {"data": "digits", "split": "test", "class_names": list(examples.class_names or ())}
    app = build_app(served, Pictures(limits, examples), "127.0.0.1", limits, where)
    bound = listen("127.0.0.1", 0)
    server = make_server(app, limits)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Site(bound.getsockname()[1], files, classifiers)
    finally:
        for each in served:
            each.worker.close()
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network with random weights and class names that are no names, as files."""
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    from limelight.models.small_network import small_cnn

    torch.manual_seed(1)
    file = tmp_path_factory.mktemp("model") / "small.safetensors"
    save_file(small_cnn(10).state_dict(), file)
    said = {"arch": "limelight:small_cnn", "classes": NAMES}
    file.with_name(f"{file.name}.limelight.json").write_text(json.dumps(said))
    return file


@pytest.fixture(scope="session")
def site(small_model: Path) -> Iterator[Site]:
    """A server over the small network."""
    with serving([small_model]) as site:
        yield site


@pytest.fixture
def client(site: Site) -> Client:
    return site.client
