"""Runs in a folder: the same as in memory, resumed as if never interrupted, refused when changed."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limelight.data import Dataset
from limelight.errors import RunError
from limelight.models import Classifier
from limelight.runs import (
    Evaluation,
    evaluate_in_folder,
    evaluate_methods,
    job,
    open_run,
    shards,
    status,
)
from runs.examples import BROKEN

pytest.importorskip("pyarrow")
METHODS = ("cam", "gradcam")


@pytest.fixture(autouse=True)
def _many_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard for each batch, as if one took a minute."""
    monkeypatch.setattr(job, "shard_size", lambda batch, seconds: batch)


def same(a: Evaluation, b: Evaluation) -> None:
    """Every row, map and figure is the same."""
    first, second = a.as_dict(), b.as_dict()
    del first["settings"], second["settings"]
    assert first == second
    for one, other in zip(a.rows, b.rows, strict=True):
        for method in a.methods:
            kept, stored = a.map(one, method), b.map(other, method)
            assert (kept is None) == (stored is None) == (one.error is not None)
            if kept is not None and stored is not None:
                np.testing.assert_array_equal(kept[0], stored[0])
                assert kept[1] == stored[1]


def files(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_a_run_is_what_is_found_in_memory(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    kept = evaluate_in_folder(classifier, dataset, METHODS, out, batch_size=5)
    same(evaluate_methods(classifier, dataset, METHODS, batch_size=5), kept)
    same(kept, open_run(out, dataset))
    parts = [f"part-{i:05}.parquet" for i in range(3)]
    assert sorted(files(out)) == sorted(
        ["config.json", "errors.csv", "metrics.json"]
        + [f"{kind}/{part}" for kind in ("maps", "rows") for part in parts]
    )
    with (out / "errors.csv").open(newline="") as stream:
        (bad,) = csv.DictReader(stream)
    assert bad == {"index": str(BROKEN), "id": "4", "error": kept.errors[0].error}
    figures = json.loads((out / "metrics.json").read_text())
    assert figures["table"][0]["results"]["mean-iou"]["value"] == (
        kept.table()[0].results["mean-iou"].value
    )
    assert "rows" not in figures


@pytest.mark.parametrize("images", [1, 5, 8, 12])
def test_an_interrupted_run_goes_on(
    classifier: Classifier, dataset: Dataset, tmp_path: Path, images: int
) -> None:
    whole = evaluate_in_folder(classifier, dataset, METHODS, tmp_path / "whole", batch_size=5)

    def stop(done: int, total: int) -> None:
        if done == images:
            raise KeyboardInterrupt

    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        evaluate_in_folder(classifier, dataset, METHODS, out, batch_size=5, progress=stop)
    assert not (out / "metrics.json").exists()
    finished = {name: data for name, data in files(out).items() if name.startswith("rows")}
    assert len(finished) == (images - 1) // 5
    calls: list[tuple[int, int]] = []
    again = evaluate_in_folder(
        classifier, dataset, METHODS, out, batch_size=5,
        progress=lambda done, total: calls.append((done, total)),
    )  # fmt: skip
    same(whole, again)
    assert calls[-1] == (12, 12)
    if len(finished) > 1:  # of the first alone it is not known how long it took
        assert {name: files(out)[name] for name in finished} == finished


def test_a_finished_run_is_not_done_again(
    classifier: Classifier, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = evaluate_in_folder(classifier, dataset, METHODS, tmp_path / "run", batch_size=5)

    def fail(*_: Any) -> None:
        raise AssertionError("an image was explained again")

    monkeypatch.setattr("limelight.runs.explaining.Explaining.__call__", fail)
    calls: list[tuple[int, int]] = []
    second = evaluate_in_folder(
        classifier, dataset, METHODS, tmp_path / "run", batch_size=5,
        progress=lambda done, total: calls.append((done, total)),
    )  # fmt: skip
    same(first, second)
    assert calls == [(12, 12)]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"methods": ("cam",)}, 'methods was ["cam", "gradcam"], and is now ["cam"]'),
        ({"target": "predicted"}, 'target was "true", and is now "predicted"'),
        ({"thresholds": 0.5}, "cuts.cam.threshold was 0.2, and is now 0.5"),
        ({"max_box_acc": False}, "metrics was"),
        ({"dataset": slice(0, 6)}, "data.images was 12, and is now 6"),
        ({"class_map": {"ant": 3}}, 'class_map was null, and is now {"0": 3}'),
        ({"layer": "relu3"}, 'layer was null, and is now "relu3"'),
    ],
)
def test_another_configuration_is_refused(
    classifier: Classifier, dataset: Dataset, tmp_path: Path, changed: dict[str, Any], named: str
) -> None:
    out = tmp_path / "run"
    evaluate_in_folder(classifier, dataset, METHODS, out)
    before = files(out)
    other: dict[str, Any] = dict(changed)
    part = dataset[other.pop("dataset", slice(None))]
    with pytest.raises(RunError) as refused:
        evaluate_in_folder(classifier, part, other.pop("methods", METHODS), out, **other)
    assert named in str(refused.value)
    assert files(out) == before


def test_a_folder_with_something_else_is_refused(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(RunError, match="something else than a run"):
        evaluate_in_folder(classifier, dataset, METHODS, tmp_path)
    with pytest.raises(RunError, match="is a file"):
        evaluate_in_folder(classifier, dataset, METHODS, tmp_path / "thesis.tex")
    assert files(tmp_path) == {"thesis.tex": b"years of work"}


def test_what_cannot_be_written_is_one_sentence(
    classifier: Classifier, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate_in_folder(classifier, dataset, METHODS, tmp_path / "run", batch_size=5)
    (tmp_path / "run" / "rows" / "part-00002.parquet").unlink()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    before = files(tmp_path)
    with pytest.raises(RunError, match=r"cannot be written: .*No space left"):
        evaluate_in_folder(classifier, dataset, METHODS, tmp_path / "run", batch_size=5)
    assert files(tmp_path) == before


def test_status(classifier: Classifier, dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(RunError, match="holds no run"):
        status(out)

    def stop(done: int, total: int) -> None:
        if done == 11:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_in_folder(classifier, dataset, METHODS, out, batch_size=5, progress=stop)
    halfway = status(out)
    assert (halfway.images, halfway.done, halfway.errors, halfway.finished) == (12, 10, 1, False)
    assert halfway.parts == {0: (0, 5), 1: (5, 10)}
    assert len(open_run(out, dataset).rows) == 10
    evaluate_in_folder(classifier, dataset, METHODS, out, batch_size=5)
    assert (status(out).done, status(out).finished) == (12, True)
    assert status(out).layers == {"cam": "relu3", "gradcam": "relu3"}


def test_the_folder_of_something_else_is_named(tmp_path: Path) -> None:
    for content in ('{"arch": "limelight:small_cnn"}', "[]", '{"configuration": 3}'):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(RunError, match=r"not the folder of a run: .*--model .* --out RUN"):
            status(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(RunError, match="cannot be read as the configuration of a run"):
        status(tmp_path)


def test_a_damaged_part_is_named(classifier: Classifier, dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "run"
    evaluate_in_folder(classifier, dataset, METHODS, out)
    part = out / "rows" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:500])
    with pytest.raises(RunError, match=r"part-00000\.parquet cannot be read as a part of a run"):
        status(out)


def test_shards_hold_every_image_once() -> None:
    for images in (0, 1, 7, 32, 33, 100):
        for first in (1, 32):
            for size in (1, 5, 64):
                planned = list(shards.plan(images, min(first, images), size))
                covered = [i for shard in planned for i in range(shard.start, shard.stop)]
                assert covered == list(range(images))
                assert [shard.number for shard in planned] == list(range(len(planned)))


def test_a_shard_takes_at_most_a_minute() -> None:
    assert shards.shard_size(32, 4) == 32 * 15
    assert shards.shard_size(32, 61) == 32
    assert shards.shard_size(8, 59) == 8
    assert shards.shard_size(32, 0.01) == 4096  # memory is flat however quick the model is
    assert shards.shard_size(5000, 0.01) == 5000
