"""Files that others publish: caches, downloads from a server on this machine, and no network."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from limelight.errors import ModelLoadError
from limelight.models import hub
from models.local_hub import serving

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

NOWHERE = "http://127.0.0.1:9"  # a port on which nothing listens


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "home" / "hub" / "checkpoints"


def test_a_download_is_made_once_and_checked(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = os.urandom(1000)
    digest = hashlib.sha256(content).hexdigest()[:8]
    served = tmp_path / "web" / "models" / "public"
    served.mkdir(parents=True)
    good, bad = f"good-{digest}.pth", "bad-00000000.pth"
    for name in (good, bad):
        (served / name).write_bytes(content)
    with serving(tmp_path / "web") as url:
        base = f"{url}/models/public/resolve/main"
        file = hub.torch_file(f"{base}/{good}", "torchvision:good")
        assert file == home / good and file.read_bytes() == content
        printed = capsys.readouterr()
        assert printed.out == "" and f"Downloading {base}/{good} to {file}" in printed.err
        with pytest.raises(ModelLoadError, match=r"'torchvision:bad'.*invalid hash"):
            hub.torch_file(f"{base}/{bad}", "torchvision:bad")
        with pytest.raises(ModelLoadError, match="404"):
            hub.torch_file(f"{base}/none-00000000.pth", "torchvision:none")
    assert [p.name for p in home.iterdir()] == [good]  # nothing is left of what failed
    capsys.readouterr()
    assert hub.torch_file(f"{base}/{good}", "torchvision:good") == file  # the server is gone
    assert capsys.readouterr().err == ""


def test_no_network_is_one_sentence_at_once(home: Path) -> None:
    start = time.monotonic()
    with pytest.raises(ModelLoadError) as caught:
        hub.torch_file(f"{NOWHERE}/w-00000000.pth", "torchvision:w")
    assert time.monotonic() - start < 3
    assert str(caught.value) == (
        f"'torchvision:w' is not on this machine and could not be fetched from {NOWHERE}/"
        f"w-00000000.pth (Connection refused): put the file at {home}/w-00000000.pth, or give "
        "weights that you have: load('weights.safetensors', arch='torchvision:w')"
    )
    (home / "w-00000000.pth").parent.mkdir(parents=True, exist_ok=True)
    (home / "w-00000000.pth").write_bytes(b"put there")
    assert hub.torch_file(f"{NOWHERE}/w-00000000.pth", "torchvision:w").is_file()


def test_a_server_is_asked_once_and_a_proxy_is_left_to_itself(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hub.unreachable(NOWHERE) == "Connection refused"
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert hub.unreachable(f"http://127.0.0.1:{server.getsockname()[1]}") is None
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert hub.unreachable("http://example.invalid") is None
    monkeypatch.setenv("no_proxy", "example.invalid")
    assert hub.unreachable("http://example.invalid") is not None


SCRIPT = """
import json, sys, time
from torchvision_registration import prepare_torchvision
prepare_torchvision()
import timm, transformers
import limelight
said = []
for name in sys.argv[1:]:
    start = time.monotonic()
    try:
        said.append(type(limelight.load(name).model).__name__)
    except limelight.LimelightError as error:
        said.append(f"{type(error).__name__}: {error}")
    said.append(time.monotonic() - start)
print(json.dumps(said))
"""


def loaded(endpoint: str, cache: Path, *names: str) -> list[str]:
    """What loading each name answers, in a process with that hub; none may take long."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, *names],
        env=os.environ | {
            "HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "HF_HUB_OFFLINE": "0",
            "PYTHONPATH": str(Path(__file__).parents[1]), "HF_HUB_DISABLE_XET": "1",
        },
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    answers = json.loads(result.stdout)
    assert max(answers[1::2]) < 20, answers  # the libraries alone would retry for 23 s and more
    return answers[::2]


def test_models_of_a_hub_then_of_its_cache_then_offline(home: Path, tmp_path: Path) -> None:
    transformers, timm = pytest.importorskip("transformers"), pytest.importorskip("timm")
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1])
    resnet = transformers.ResNetForImageClassification(config)
    web = tmp_path / "web" / "somebody"
    resnet.save_pretrained(web / "resnet")
    transformers.ViTImageProcessor().save_pretrained(web / "resnet")
    timm.models.save_for_hf(timm.create_model("test_resnet"), web / "timm", safe_serialization=True)
    shutil.copytree(web / "resnet", web / "pickled")
    (web / "pickled" / "model.safetensors").unlink()
    torch.save(resnet.state_dict(), web / "pickled" / "pytorch_model.bin")
    shutil.copytree(web / "pickled", web / "empty")
    (web / "empty" / "pytorch_model.bin").unlink()
    known = ["hf:somebody/resnet", "hf:somebody/pickled", "timm:hf-hub:somebody/timm"]
    kinds = ["ResNetForImageClassification"] * 2 + ["ResNet"]
    cache = tmp_path / "cache"
    with serving(tmp_path / "web") as url:
        answers = loaded(url, cache, *known, "hf:somebody/empty", "hf:somebody/none")
    assert answers[:3] == kinds
    assert "'somebody/empty' of the Hugging Face hub has no weights of PyTorch" in answers[3]
    assert "ModelLoadError: the Hugging Face hub has no repository 'somebody/none'" in answers[4]
    answers = loaded(NOWHERE, cache, *known, "hf:somebody/later", "timm:test_vit")
    assert answers[:3] == kinds
    assert answers[3].startswith(
        f"ModelLoadError: 'hf:somebody/later' is not on this machine and could not be fetched from "
        f"{NOWHERE}/somebody/later (Connection refused): "
    )
    assert "give 'hf:FOLDER', or copy" in answers[3] and "\n" not in answers[3]
    assert "'timm:test_vit'" in answers[4] and "give 'timm:local-dir:FOLDER'" in answers[4]
    assert "arch='timm:test_vit'" in answers[4]
