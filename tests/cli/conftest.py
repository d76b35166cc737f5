"""A call of the command line inside the process, and a small model with photographs for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from limelight.cli import main

SIZE = 64


@dataclass(frozen=True)
class Call:
    """What a call of `limelight` left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Call]:
    """Calls ``limelight ARGUMENTS`` in an empty folder, as a shell would."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: Any) -> Call:
        monkeypatch.setattr("sys.argv", ["limelight", *map(str, arguments)])
        code: Any = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        printed = capsys.readouterr()
        return Call(code, printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SqueezeNet 1.1 with random weights and a side file; input 64 × 64, maps 3 × 3."""
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file
    from torchvision.models import squeezenet1_1

    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("model") / "small.safetensors"
    save_file(squeezenet1_1().state_dict(), file)
    write_side_file(file)
    return file


def write_side_file(file: Path, **entries: Any) -> None:
    """Say beside the weights how they are used."""
    said = {
        "arch": "torchvision:squeezenet1_1",
        "size": SIZE,
        "preprocess": "imagenet",
        "classes": "imagenet",
    }
    file.with_name(f"{file.name}.limelight.json").write_text(json.dumps(said | entries))


@pytest.fixture
def photographs(tmp_path: Path) -> list[Path]:
    """Three photographs of different sizes, drawn."""
    made = []
    for i, (height, width) in enumerate([(50, 80), (64, 64), (90, 40)]):
        pixels = np.random.default_rng(i).integers(0, 255, (height, width, 3)).astype(np.uint8)
        made.append(tmp_path / f"photo-{i}.jpg")
        Image.fromarray(pixels).save(made[-1], quality=90)
    return made


@pytest.fixture
def annotated(tmp_path: Path) -> Path:
    """A folder of four blurred pictures of 60 × 40 pixels, with a class and a box each."""
    folder = tmp_path / "annotated"
    folder.mkdir()
    lines = ["file,class,boxes"]
    for i in range(4):
        pixels = np.random.default_rng(i).integers(0, 255, (6, 9, 3)).astype(np.uint8)
        Image.fromarray(pixels).resize((60, 40)).save(folder / f"{i}.png")
        lines.append(f"{i}.png,tabby,{i} {i} {i + 30} {i + 25}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def bad_photographs(tmp_path: Path, photographs: list[Path]) -> dict[Path, str]:
    """Files that are no photographs, each with what is said of it."""
    truncated, text, empty = (tmp_path / f"{name}.jpg" for name in ("cut", "text", "empty"))
    whole = photographs[0].read_bytes()
    truncated.write_bytes(whole[: len(whole) // 2])
    text.write_text("This is no image.")
    empty.touch()
    return {
        truncated: "is damaged or truncated",
        text: "is not an image",
        empty: "is empty (0 bytes)",
        tmp_path / "missing.jpg": "there is no file",
        tmp_path: "is a folder",
    }
