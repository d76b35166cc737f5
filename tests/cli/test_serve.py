"""`limelight serve`: what it says, what it serves, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cli.conftest import Call, write_side_file

pytest.importorskip("fastapi")
SCRIPT = """
from torchvision_registration import prepare_torchvision
prepare_torchvision()
from limelight.cli import main
main()
"""


def asked(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def test_it_serves_what_is_named_and_ends_with_ctrl_c(tmp_path: Path, weights: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(folder / "one & two.png")
    second = tmp_path / "second.safetensors"
    second.write_bytes(weights.read_bytes())
    write_side_file(second)
    command = [sys.executable, "-c", SCRIPT, "serve", "--port", "0", "--no-open"]
    command += ["--model", str(weights), "--model", str(second), "--examples", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            line = process.stdout.readline()
            url, _, rest = line.partition(" ")
            assert url.startswith("http://127.0.0.1:") and "Ctrl-C" in rest, line
            models = asked(f"{url}api/models")["models"]
            assert [model["load"] for model in models] == [
                {"path": str(weights)},
                {"path": str(second)},
            ]
            (example,) = asked(f"{url}api/examples")["examples"]
            assert example["name"] == "one & two.png"
            question = {"image": example["id"], "model": models[1]["id"], "wait": 20.0}
            request = urllib.request.Request(
                f"{url}api/explain",
                json.dumps(question).encode(),
                {"content-type": "application/json"},
            )
            assert asked(request)["state"] == "done"  # type: ignore[arg-type]
            process.send_signal(signal.SIGINT)
            told = process.stderr.read()
            assert process.wait(30) in (0, 130), told
        finally:
            process.kill()  # where something above has failed
    assert str(weights) in told and "Traceback" not in told


def test_a_port_that_is_taken(call: Callable[..., Call]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = call("serve", "--port", taken.getsockname()[1])
    assert result.code == 2
    assert "--port 0 takes a free port" in result.err


def test_options_of_one_model_beside_two(call: Callable[..., Call], weights: Path) -> None:
    options = ("--model", weights, "--model", "other.keras", "--size", "64", "--port", "0")
    result = call("serve", *options)
    assert result.code == 2 and "--size belongs to one --model, and 2 were given" in result.err


def test_without_the_extra_the_command_to_install_it_is_said(
    call: Callable[..., Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = call("serve")
    assert result.code == 2 and 'pip install "limelight[web]"' in result.err


def test_without_scikit_learn_there_are_no_examples_and_all_else(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from limelight.cli.serve import _examples
    from limelight.errors import MissingExtra

    monkeypatch.setenv("LIMELIGHT_CACHE", "/nowhere")
    for name in [name for name in sys.modules if name.partition(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert _examples(None, None) is None
    assert "no examples" in capsys.readouterr().err
    with pytest.raises(MissingExtra):
        _examples("digits", None)
