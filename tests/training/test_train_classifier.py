"""Training end to end, tiny: it learns, keeps the best, reproduces, goes on after a kill."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limelight.data import Example, from_arrays
from limelight.errors import DatasetError, ModelLoadError, RunError
from limelight.models import Classifier, load
from limelight.training import folder as folder_module
from limelight.training import train_classifier
from limelight.training.progress import Progress
from training.shapes import shapes

FRAMEWORKS = [
    pytest.param("torch", marks=pytest.mark.torch),
    pytest.param("keras", marks=pytest.mark.keras),
]
OPTIONS: dict[str, Any] = {"epochs": 4, "batch_size": 16, "augment": (), "progress": False}


def scores(classifier: Classifier, images: Any) -> np.ndarray:
    batch, _ = classifier.prepare(images)
    if classifier.framework == "keras":
        return classifier.model.predict(batch, verbose=0)
    import torch

    with torch.inference_mode():
        return classifier.model(torch.from_numpy(batch)).numpy()


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_it_learns_and_keeps_what_it_learned(framework: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train, test = shapes(160), shapes(60, seed=1)
    trained = train_classifier(
        train, framework=framework, validation=test, out=out, **{**OPTIONS, "epochs": 6}
    )
    accuracy = (scores(trained, test[0]).argmax(1) == test[1]).mean()
    assert accuracy > 0.9
    history = rows(out)
    assert [int(row["epoch"]) for row in history] == list(range(1, 7))
    validated = [float(row["validation_accuracy"]) for row in history]
    assert accuracy == pytest.approx(max(validated), abs=1e-6)  # the best epoch, not the last
    assert float(history[-1]["loss"]) < float(history[0]["loss"]) / 2

    result = json.loads((out / "result.json").read_text())
    best = max(i + 1 for i, value in enumerate(validated) if value == max(validated))
    assert result["best_epoch"] == best and result["epochs"] == 6
    suffix = "safetensors" if framework == "torch" else "keras"
    assert sorted(path.name for path in out.iterdir()) == [
        "config.json", "metrics.csv", "metrics.png", f"model.{suffix}", "result.json",
    ]  # fmt: skip

    times = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    again = train_classifier(  # the same call: nothing is trained again
        train, framework=framework, validation=test, out=out, **{**OPTIONS, "epochs": 6}
    )
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == times
    np.testing.assert_array_equal(scores(again, test[0]), scores(trained, test[0]))
    assert again.framework == framework and again.activation == "softmax"
    assert again.preprocess.size == (24, 24) and again.preprocess.assumed == ""
    assert again.source == str(out)


@pytest.mark.torch
def test_restart_trains_again(tmp_path: Path) -> None:
    call = {"out": tmp_path / "run", **OPTIONS, "epochs": 1}
    first = train_classifier(shapes(40), **call)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()}
    second = train_classifier(shapes(40), **call, restart=True)
    images = shapes(5)[0]
    np.testing.assert_array_equal(scores(first, images), scores(second, images))
    assert all(path.stat().st_mtime_ns > time for path, time in times.items())


@pytest.mark.torch
def test_a_seed_reproduces() -> None:
    call = {**OPTIONS, "epochs": 2, "augment": ("shift", "light")}
    first, again, other = (train_classifier(shapes(48), **call, seed=s) for s in (3, 3, 4))
    images = shapes(8)[0]
    np.testing.assert_array_equal(scores(first, images), scores(again, images))
    assert np.abs(scores(first, images) - scores(other, images)).max() > 1e-3
    assert first.source == ""


@pytest.mark.torch
def test_torchs_generator_is_left_alone() -> None:
    import torch

    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    train_classifier(shapes(32), **{**OPTIONS, "epochs": 1})
    assert torch.equal(torch.rand(3), expected)


# --- going on ---------------------------------------------------------------------------------


def interrupt_at(monkeypatch: pytest.MonkeyPatch, epoch: int, step: int) -> None:
    def stop(self: Progress, at_epoch: int, at_step: int, loss: float) -> None:
        if (at_epoch, at_step) == (epoch, step):
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "step", stop)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.compiles
def test_after_ctrl_c_the_same_call_goes_on_to_the_same_result(
    framework: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = {"framework": framework, **OPTIONS, "augment": ("shift",)}
    state = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    whole = train_classifier(shapes(64), **call, out=tmp_path / "whole")
    assert (random.getstate(), np.random.get_state()[1].tolist()) == state  # noqa: NPY002
    out = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        interrupt_at(patch, epoch=2, step=1)
        with pytest.raises(KeyboardInterrupt, match="stopped in epoch 3 of 4; 2 finished epochs"):
            train_classifier(shapes(64), **call, out=out)
    assert len(rows(out)) == 2 and not (out / "result.json").exists()
    load(out)  # the best so far can be used
    (file,) = out.glob("state.*")
    content = file.read_bytes()
    file.write_bytes(content[:1000])
    with pytest.raises(RunError, match=r"state\..* cannot be taken up.*restart=True"):
        train_classifier(shapes(64), **call, out=out)
    file.write_bytes(content)
    gone_on = train_classifier(shapes(64), **call, out=out)
    images = shapes(10, seed=2)[0]
    np.testing.assert_allclose(scores(gone_on, images), scores(whole, images), atol=2e-5)
    columns = ("epoch", "validation_accuracy", "accuracy")
    assert [[row[c] for c in columns] for row in rows(out)] == [
        [row[c] for c in columns] for row in rows(tmp_path / "whole")
    ]
    assert not list(out.glob("state.*"))


@pytest.mark.torch
@pytest.mark.parametrize("name", ["model.safetensors", "state.safetensors", "metrics.csv"])
def test_a_stop_in_the_middle_of_writing_loses_one_epoch_at_most(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_classifier(shapes(64), **OPTIONS, out=tmp_path / "whole")
    out, replaced = tmp_path / "stopped", []

    def stop(source: Path, target: Path) -> None:
        replaced.append(Path(target).name)
        if replaced.count(name) == 2:
            raise KeyboardInterrupt
        os.rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(folder_module.os, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            train_classifier(shapes(64), **OPTIONS, out=out)
    gone_on = train_classifier(shapes(64), **OPTIONS, out=out)
    images = shapes(10, seed=2)[0]
    np.testing.assert_array_equal(scores(gone_on, images), scores(whole, images))
    assert len(rows(out)) == 4


@pytest.mark.torch
def test_after_a_kill_the_same_call_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "run"
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        "from training.shapes import shapes\n"
        "from limelight.training import train_classifier\n"
        f"train_classifier(shapes(64), epochs=500, batch_size=16, augment=(), out={str(out)!r})\n"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(3)]
        process.send_signal(signal.SIGKILL)
    assert lines[2].startswith("epoch   3/500  loss"), lines
    assert len(rows(out)) >= 2
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(2)]
        process.send_signal(signal.SIGKILL)
    done = int(lines[0].split("going on after epoch ")[1].split(",")[0])
    assert done >= 2 and lines[1].startswith(f"epoch {done + 1:>3}/500")


@pytest.mark.torch
def test_early_stop(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    images, labels = shapes(48)
    labels = np.random.default_rng(1).integers(0, 3, 48)  # nothing to be learned
    options = {**OPTIONS, "epochs": 40, "patience": 2}
    train_classifier((images, labels), **options, out=tmp_path / "run", validation=0.3)
    accuracies = [float(row["validation_accuracy"]) for row in rows(tmp_path / "run")]
    assert len(accuracies) < 40
    assert max(accuracies[-2:]) < max(accuracies[:-2])
    for end in range(3, len(accuracies)):  # and not earlier
        assert max(accuracies[end - 2 : end]) >= max(accuracies[: end - 2])


# --- what the folder refuses ------------------------------------------------------------------


@pytest.mark.torch
def test_another_configuration_on_the_same_folder(tmp_path: Path) -> None:
    out = tmp_path / "run"
    train_classifier(shapes(32), **{**OPTIONS, "epochs": 1}, out=out)
    with pytest.raises(
        RunError, match=r"training\.epochs was 1, is 2; .*training\.seed was 0, is 9"
    ):
        train_classifier(shapes(32), **{**OPTIONS, "epochs": 2}, seed=9, out=out)
    with pytest.raises(RunError, match=r"training\.labels was"):
        train_classifier(shapes(32, seed=3), **{**OPTIONS, "epochs": 1}, out=out)
    train_classifier(shapes(32), **{**OPTIONS, "epochs": 2}, out=out, restart=True)
    assert len(rows(out)) == 2


@pytest.mark.torch
def test_folders_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "important.txt").write_text("keep")
    with pytest.raises(RunError, match=r"holds other files and no config\.json"):
        train_classifier(shapes(32), **OPTIONS, out=tmp_path / "notes", restart=True)
    (tmp_path / "notes" / "config.json").write_text("{}")
    with pytest.raises(RunError, match="holds something else than a training"):
        train_classifier(shapes(32), **OPTIONS, out=tmp_path / "notes", restart=True)
    (tmp_path / "notes" / "config.json").write_text("{")
    with pytest.raises(RunError, match="cannot be read"):
        train_classifier(shapes(32), **OPTIONS, out=tmp_path / "notes")
    assert (tmp_path / "notes" / "important.txt").read_text() == "keep"
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file; expected a folder"):
        train_classifier(shapes(32), **OPTIONS, out=tmp_path / "file")


# --- data sets and bad calls --------------------------------------------------------------------


class LabelsOnly(Example):
    """An example that may not be asked where its object is."""

    def __getattribute__(self, name: str) -> Any:
        assert name not in ("boxes", "box_labels", "mask", "load_mask")
        return super().__getattribute__(name)


@pytest.mark.torch
def test_a_data_set_is_trained_on_by_its_labels_alone() -> None:
    images, labels = shapes(48)
    names = ("rot", "grün", "蓝 <b>")
    dataset = from_arrays(images, labels, np.zeros((48, 4)), class_names=names)
    make = dataset._make

    def hidden(index: int) -> Example:
        example = make(index)
        return LabelsOnly(example.id, example.image, example.label, example.boxes)

    dataset._make = hidden
    trained = train_classifier(dataset, **{**OPTIONS, "epochs": 1})
    assert trained.class_names == names
    assert scores(trained, images[:2]).shape == (2, 3)
    other = from_arrays(images, labels, class_names=("a", "b", "c"))
    with pytest.raises(DatasetError, match="other class names"):
        train_classifier(dataset, validation=other, **OPTIONS)


@pytest.mark.torch
def test_images_of_several_sizes_and_a_size_that_was_said(tmp_path: Path) -> None:
    small, large = shapes(20, size=24), shapes(20, size=40, seed=1)
    images = [*small[0], *large[0]]
    labels = np.concatenate([small[1], large[1]])
    options = {**OPTIONS, "epochs": 1, "validation": 0.25}
    trained = train_classifier((images, labels), size=(32, 16), **options)
    assert trained.preprocess.size == (32, 16)
    assert train_classifier((images, labels), **options).preprocess.size == (24, 24)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"framework": "mxnet"}, ModelLoadError, 'framework is "torch" or "keras"'),
        ({"model": "resnet"}, ModelLoadError, "arch='resnet' names no source of models"),
        ({"epochs": 0}, RunError, "epochs is a whole number from 1 on"),
        ({"batch_size": 2.5}, RunError, "batch_size is a whole number"),
        ({"patience": -1}, RunError, "patience is a whole number"),
        ({"select": "iou"}, RunError, "select is accuracy or localization, not 'iou'"),
        ({"select": "localization"}, DatasetError, "needs held-out images with true boxes"),
        ({"augment": ["filp"]}, RunError, "did you mean 'flip'"),
        ({"validation": 0.001}, DatasetError, "give another share, or what .*--validation test"),
    ],
)
def test_bad_calls(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        train_classifier(shapes(30), **{**OPTIONS, **options})


# --- selection by localization --------------------------------------------------------------------


def boxed(count: int, seed: int = 0) -> Any:
    """`shapes` as a data set, with the patch as its box."""
    images, labels = shapes(count, seed=seed)
    bright = images.max(-1) >= 250
    boxes = []
    for mask in bright:
        ys, xs = np.nonzero(mask)
        boxes.append([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    return from_arrays(images, labels, np.array(boxes, float), class_names=["r", "g", "b"])


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.compiles
def test_the_epoch_that_localizes_best_is_kept(framework: str, tmp_path: Path) -> None:
    """What the table says of the best epoch is what the model that was kept does."""
    from limelight.explainer import explain
    from limelight.localization import tune

    held_out = boxed(24, seed=1)
    trained = train_classifier(
        boxed(64), framework=framework, validation=held_out, select="localization",
        out=tmp_path / "run", **OPTIONS,
    )  # fmt: skip
    found = [float(row["localization"]) for row in rows(tmp_path / "run")]
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["localization"] == pytest.approx(max(found), abs=1e-6)
    assert found[result["best_epoch"] - 1] == max(found)
    examples = list(held_out)
    maps = explain(
        trained, [each.read() for each in examples], "cam", target=[e.label for e in examples]
    )
    again = tune(
        maps.numpy(), [each.boxes for each in examples], maps.frames,
        thresholds=[i / 20 for i in range(20)], goal="iou",
    )  # fmt: skip
    assert again.score == pytest.approx(max(found), abs=1e-3)
    assert max(found) > 0.1


@pytest.mark.torch
def test_selection_by_localization_goes_on_after_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = {"validation": boxed(12, seed=1), "select": "localization", **OPTIONS}
    train_classifier(boxed(48), **call, out=tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_at(patch, epoch=2, step=0)
        with pytest.raises(KeyboardInterrupt):
            train_classifier(boxed(48), **call, out=tmp_path / "stopped")
    train_classifier(boxed(48), **call, out=tmp_path / "stopped")
    columns = ("validation_accuracy", "localization")
    assert [[row[c] for c in columns] for row in rows(tmp_path / "stopped")] == [
        [row[c] for c in columns] for row in rows(tmp_path / "whole")
    ]


# --- what a person sees ---------------------------------------------------------------------------


@pytest.mark.torch
def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    train_classifier(shapes(40), **{**OPTIONS, "epochs": 2, "progress": True})
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == "" and len(lines) == 2
    assert lines[0].startswith("epoch 1/2  loss ") and "(best)" in lines[0]
    train_classifier(shapes(40), **{**OPTIONS, "epochs": 1})
    assert capsys.readouterr() == ("", "")


@pytest.mark.torch
@pytest.mark.parametrize(
    ("names", "said"), [(["cat"], "one class, 'cat'; "), (None, "one class; ")]
)
def test_one_class_is_nothing_to_tell_apart(names: list[str] | None, said: str) -> None:
    images = np.zeros((4, 16, 16, 3), np.uint8)
    data = from_arrays(images, [0, 0, 0, 0], class_names=names)
    with pytest.raises(DatasetError, match=said + "a classifier is trained to tell two or more"):
        train_classifier(data, epochs=1, validation=0.5)
