"""`limelight data`: the table, the JSON, the contact sheet, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from limelight.cli import build_app
from limelight.data import list_readers
from limelight.errors import DatasetError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIMELIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(build_app(), ["data", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Two classes, each a white image with one box; the third image of cat is no image."""
    for name, box in (("cat", "2 2 12 8"), ("dog", "0 0 20 10")):
        (tmp_path / "set" / name).mkdir(parents=True)
        Image.new("RGB", (20, 10), "white").save(tmp_path / "set" / name / "1.png")
        with (tmp_path / "set" / "boxes.csv").open("a") as file:
            file.write(f"{'file,boxes' if name == 'cat' else ''}\n{name}/1.png,{box}\n".lstrip())
    (tmp_path / "set" / "cat" / "broken.png").write_bytes(b"nothing")
    return tmp_path / "set"


def test_the_table(classes: Path) -> None:
    result = run(classes)
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert f"{classes} is read as folder" in text
    for part in ("images 3", "2 with 1 to 2 images: cat (2); dog (1)", "boxes 2; 1 images without",
                 "whole image 0.650 mean IoU", "broken.png cannot be read"):  # fmt: skip
        assert part in text
    assert result.stdout.splitlines()[-1] == "contact-sheet.png"


def test_json_says_the_same(classes: Path) -> None:
    result = run(classes, "--json")
    found = json.loads(result.stdout)
    assert found["images"] == 3
    assert found["classes"] == [
        {"index": 0, "name": "cat", "images": 2},
        {"index": 1, "name": "dog", "images": 1},
    ]
    assert found["whole_iou"] == pytest.approx((60 / 200 + 1) / 2)
    assert len(found["problems"]) == 1
    assert not Path("contact-sheet.png").exists()


def test_the_contact_sheet_has_the_boxes_where_they_belong(classes: Path) -> None:
    run(classes, "--out", "sheet.png", "--json")
    with Image.open("sheet.png") as sheet:
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    green = (pixels == (0, 255, 0)).all(2)
    ys, xs = np.nonzero(green[:, : 6 + 176])  # the first tile: 20×10 at 8.8 in 176×88 of 176×176
    top = 6 + (176 - 88) // 2
    assert xs.min() - 6 == pytest.approx(2 * 8.8, abs=1)
    assert xs.max() + 1 - 6 == pytest.approx(12 * 8.8, abs=1)
    assert ys.min() - top == pytest.approx(2 * 8.8, abs=1)
    assert ys.max() + 1 - top == pytest.approx(8 * 8.8, abs=1)
    assert not green[:, 6 + 182 : 6 + 182 + 176].any()  # the broken image is a grey square
    assert green[:, 6 + 2 * 182 :].any()


def test_verify_and_strict(data: Path, classes: Path) -> None:
    result = run(data / "kangaroo", "--verify", "--images", "0")
    assert result.exit_code == 1
    assert "00090.jpg is damaged or truncated" in result.stdout
    assert run(data / "kangaroo", "--images", "0").exit_code == 0
    with (classes / "boxes.csv").open("a") as file:
        file.write("emu/1.png,1 2 3 4\n")
    assert "boxes.csv, line 4: there is no image emu/1.png" in run(classes).stdout
    with pytest.raises(DatasetError, match="line 4"):
        run(classes, "--strict")


def test_splits_of_the_embedded_digits() -> None:
    pytest.importorskip("sklearn")
    result = run("digits?count=30", "--split", "test", "--images", "4")
    text = " ".join(result.stdout.split())
    assert "splits train 30, validation 30, test 30; shown: test" in text
    assert "masks 30 images" in text
    with Image.open("contact-sheet.png") as sheet:
        assert sheet.size == (6 + 4 * 182, 6 + 200)


def test_without_a_data_set_the_readers_are_listed() -> None:
    result = run()
    names = [line.partition(":")[0] for line in result.stdout.splitlines() if line[0] != " "]
    assert names == [reader.name for reader in list_readers()]
    assert "  short: hf:PATH" in result.stdout.splitlines()
    listed = json.loads(run("--json").stdout)
    assert [row["name"] for row in listed] == names
    assert "per" in next(row for row in listed if row["name"] == "coco")["options"]


def test_a_sheet_that_cannot_be_written(classes: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot be written to sheet\.xyz"):
        run(classes, "--out", "sheet.xyz")
