"""A run that is opened: rows and maps by id against what the run itself found; tables; COCO."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limelight.data import open as open_dataset
from limelight.data.arrays import from_arrays
from limelight.errors import RunError
from limelight.explainer import explain
from limelight.models import Classifier
from limelight.runs import evaluate_methods, job, open, run, store
from runs.examples import NAMES

pytest.importorskip("pyarrow")
METHODS = ("cam", "gradcam")
IMAGES, BAD = 23, 9


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(IMAGES):
        pixels = np.random.default_rng(i).integers(0, 255, (30 + i, 40, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02}.png")
    (folder / f"{BAD:02}.png").write_bytes(b"no image")
    return folder


@pytest.fixture(autouse=True)
def _many_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of eight images, row groups of three."""
    monkeypatch.setattr(job, "shard_size", lambda batch, seconds: 8)
    monkeypatch.setattr(store, "GROUP", 3)


def test_rows_and_maps_by_id_are_those_of_the_images(
    classifier: Classifier, photos: Path, tmp_path: Path
) -> None:
    found = run(classifier, photos, METHODS, out=tmp_path / "run", batch_size=4)
    assert len(found) == IMAGES
    memory = evaluate_methods(
        classifier, open_dataset(photos), METHODS, target="predicted", batch_size=4
    )
    chance = np.random.default_rng(0)
    for i in chance.permutation(IMAGES).tolist():  # in no order: each part is read again and again
        row, expected = found.row(f"{i:02}.png"), memory.rows[i]
        assert row.index == i and found.row(i).id == f"{i:02}.png"
        assert (row.top, row.target, row.probability) == (
            expected.top, expected.target, expected.probability,
        )  # fmt: skip
        if i == BAD:
            assert "not an image" in str(row.error)
            with pytest.raises(RunError, match=r"has no map: .*not an image"):
                found.maps(i, "cam")
            continue
        for method in METHODS:
            maps = found.maps(f"{i:02}.png", method)
            alone = explain(classifier, [photos / f"{i:02}.png"], method)
            largest = np.abs(alone.numpy()).max()
            np.testing.assert_allclose(maps.numpy(), alone.numpy(), atol=1e-3 * largest)
            assert maps.frames == alone.frames and maps.layer == alone.layer
            assert maps.class_names == classifier.class_names
    assert [row.id for row in found.errors] == [f"{BAD:02}.png"]
    several = found.maps(["03.png", 5], "cam")
    np.testing.assert_array_equal(several.numpy()[1], found.maps("05.png", "cam").numpy()[0])
    with pytest.raises(RunError, match=r"no image '99\.png' is done"):
        found.row("99.png")
    with pytest.raises(RunError, match="position 99 is not done"):
        found.row(99)
    with pytest.raises(RunError, match="did you mean 'cam'"):
        found.maps(3, "camm")


def test_little_of_a_run_is_read(
    classifier: Classifier, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(classifier, photos, METHODS, out=tmp_path / "run", batch_size=4)
    from pyarrow.parquet import ParquetFile

    read: list[tuple[int, int]] = []
    whole = ParquetFile.read_row_group

    def counted(self: ParquetFile, i: int, *args: object, **kwargs: object) -> object:
        table = whole(self, i, *args, **kwargs)
        read.append((table.num_rows, table.num_columns))
        return table

    monkeypatch.setattr(ParquetFile, "read_row_group", counted)
    found = open(tmp_path / "run")
    assert read == []
    found.maps(7, "cam")
    assert [rows for rows, _ in read] == [3, 3]  # a group of rows, a group of maps
    assert read[1][1] == 3  # of one method
    found.row(8)  # of the same group
    assert len(read) == 2
    found.row(6)
    assert len(read) == 3


def test_several_images_of_one_id(classifier: Classifier, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (3, 20, 20, 3)).astype(np.uint8)
    dataset = from_arrays(images, ids=["a", "b", "a"])
    found = run(classifier, dataset, "cam", out=tmp_path / "run")
    assert found.row("b").index == 1
    with pytest.raises(RunError, match=r"2 images have the id 'a': give a position of \[0, 2\]"):
        found.row("a")


def test_the_table_of_pandas(classifier: Classifier, photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    found = run(classifier, photos, METHODS, out=tmp_path / "run", batch_size=4)
    table = found.to_pandas()
    assert list(table["index"]) == list(range(IMAGES))
    for row in found:
        line = table.iloc[row.index]
        assert line["id"] == row.id
        if row.error is None:
            assert line["target"] == row.target and line["probability"] == row.probability
            box = row.found["cam"].box
            assert np.isnan(box).any() or list(line["cam.box"]) == box.tolist()
        else:
            assert line["error"] == row.error


def test_boxes_as_coco_are_read_by_the_reader_of_coco(
    classifier: Classifier, photos: Path, tmp_path: Path
) -> None:
    found = run(classifier, photos, METHODS, out=tmp_path / "run", batch_size=4)
    path = found.to_coco(tmp_path / "boxes.json", "gradcam")
    content = json.loads(path.read_text("utf-8"))
    assert {each["name"] for each in content["categories"]} <= set(NAMES)
    back = open_dataset(f"coco:{path}?images={photos}")
    good = [row for row in found if row.error is None]
    assert [example.id for example in back] == [row.id for row in good]
    for example, row in zip(back, good, strict=True):
        box = row.found["gradcam"].box
        if np.isnan(box).any():
            assert len(example.boxes) == 0
            continue
        np.testing.assert_allclose(example.boxes, box[None])
        assert back.class_names is not None and example.label is not None
        assert back.class_names[example.label] == NAMES[row.target]
    scores = {each["image_id"]: each["score"] for each in content["annotations"]}
    assert all(scores[i] == found.row(i).probability for i in scores)


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run"):
        open(tmp_path)
