"""`limelight train`, and `limelight evaluate` after it, on drawn cars in Cars196's layout."""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import Call
from examples import miniatures
from limelight.cli import build_app
from limelight.training.augmentation import AUGMENTATIONS
from limelight.training.selection import SELECTIONS

Run = Callable[..., Call]
pytestmark = pytest.mark.torch
TINY = ("--size", 64, "--epochs", 2, "--batch-size", 8)


@pytest.fixture
def cars(tmp_path: Path) -> Path:
    return miniatures.cars196(tmp_path / "cars", train=24, test=8)


def test_train_then_evaluate_needs_nothing_else(call: Run, cars: Path, tmp_path: Path) -> None:
    """Preprocessing, class names and architecture are in the folder.

    The names, in several scripts and with quotes and angle brackets, reach terminal and report.
    """
    trained = call("train", cars, "--split", "train", *TINY, "--validation", 0.25, "--out", "run")
    assert trained.code == 0, trained.err
    assert "4 classes" in trained.out
    held_out = json.loads(Path("run/config.json").read_text("utf-8"))["training"][
        "validation_images"
    ]
    assert f"% of {held_out} held-out images, best epoch" in trained.out
    (following,) = re.findall(r"^limelight (evaluate .*)$", trained.out, re.MULTILINE)
    words = shlex.split(following)
    assert "--split test" in following  # images that it was not trained on
    evaluated = call(*words)
    assert evaluated.code == 0, evaluated.err
    html = (tmp_path / "run-scores" / "report.html").read_text("utf-8")
    for name in miniatures.CARS[:2]:
        assert name in html
    assert "<Sedan>" not in html
    assert "&lt;Sedan&gt;" in html
    shown = call(
        *("explain", "--model", "run", "--data", cars, "--split", "test", "--out", "maps"),
        *("--index", 0, "--index", 1, "--index", 2),
    )
    assert shown.code == 0, shown.err
    for name in miniatures.CARS[:3]:
        assert f"(true: {name})" in shown.out


def test_without_a_split_the_test_images_stay_unseen(call: Run, cars: Path) -> None:
    """Where the data set has a split for training, that is what is trained on, and it is said."""
    asked = ("train", cars, "--size", 64, "--epochs", 1, "--validation", 0.25)
    made = call(*asked, "--out", "run")
    assert made.code == 0, made.err
    assert f"{cars} is read as cars196" in made.err
    assert f"{cars}: trained on its split train, 24 images" in made.err
    named = call(*asked, "--split", "train", "--out", "named", "--json")
    trainings = [
        json.loads(Path(out, "config.json").read_text("utf-8")) for out in ("run", "named")
    ]
    assert trainings[0] == trainings[1]
    assert trainings[0]["training"]["images"] + trainings[0]["training"]["validation_images"] == 24
    assert "trained on" not in named.err


def test_random_weights_of_a_published_network_are_said(call: Run, cars: Path) -> None:
    asked = ("train", cars, "--split", "train", "--size", 32, "--epochs", 1, "--validation", 0.25)
    made = call(*asked, "--model", "torchvision:squeezenet1_1", "--freeze", "--out", "run")
    assert made.code == 0, made.err
    said = made.err.splitlines()[-1]
    assert said.startswith("torchvision:squeezenet1_1: it started from random weights, and they")
    assert "--pretrained" in said
    assert "random weights" not in call(*asked, "--out", "small").err


def test_select_by_localization(call: Run, cars: Path, tmp_path: Path) -> None:
    """The table then has each epoch's mean IoU, and the best one is that of the highest."""
    asked = ("train", cars, "--split", "train", "--validation", "test", *TINY)
    made = call(*asked, "--select", "localization", "--out", "run", "--json")
    assert made.code == 0, made.err
    with (tmp_path / "run" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = [float(row["localization"]) for row in rows]
    assert len(found) == 2
    assert 0 < max(found) < 1
    assert found[made.json["best_epoch"] - 1] == max(found)
    following = call(*asked, "--epochs", 1, "--out", "plain").out.splitlines()[-1]
    assert following.startswith("limelight evaluate")
    assert "--split" not in following  # `test` has chosen the epoch
    refused = call(*asked, "--select", "iou", "--out", "other")
    assert refused.code == 2
    assert "select is accuracy or localization, not 'iou'" in refused.err


def test_the_help_lists_what_is_declared() -> None:
    import typer

    options = typer.main.get_command(build_app()).commands["train"].params  # type: ignore[attr-defined]
    said = {option.name: option.help for option in options if hasattr(option, "help")}
    for name in AUGMENTATIONS:
        assert name in said["augment"]
    for name in SELECTIONS:
        assert name in said["select"]


@pytest.mark.parametrize("source", ["tfds:cars196", "cars196:/data/cars"])
def test_the_dead_download(source: str, call: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", "/nothing")
    refused = call("train", source, "--out", "run")
    assert refused.code == 2
    assert not Path("run").exists()
    assert "the original download is gone" in refused.err
    assert "cars_train/, cars_test/ and the devkit" in refused.err
    assert "github.com/pytorch/vision/issues/7545" in refused.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--validation", "1.5"], "a share between 0 and 1"),
        (["--augment", "shift,filp"], "did you mean 'flip'"),
        (["--model", "keras:resnet51"], "keras.applications has no 'resnet51'"),
        (["--model", "torchvision:resnet19"], "did you mean 'resnet18'"),
        (["--framework", "kears"], 'framework is "torch" or "keras", not \'kears\''),
    ],
)
def test_a_bad_call_is_one_sentence(
    arguments: list[str], message: str, call: Run, cars: Path
) -> None:
    refused = call("train", f"cars196:{cars}", "--split", "train", "--out", "run", *arguments)
    assert refused.code == 2
    assert refused.err.startswith("limelight: ")
    assert refused.err.count("\n") == 1
    assert message in refused.err


@pytest.mark.keras
@pytest.mark.compiles
def test_keras_names_in_any_case(call: Run, cars: Path) -> None:
    """Also to go on with: the folder keeps the name that keras.applications has."""
    asked = ("train", cars, "--split", "train", "--size", 64, "--epochs", 1, "--out", "run")
    made = call(*asked, "--model", "keras:mobilenet", "--freeze", "--json")
    assert made.code == 0, made.err
    again = call(*asked, "--model", "keras:MobileNet", "--freeze", "--json")
    assert again.code == 0, again.err
    assert again.json == made.json
