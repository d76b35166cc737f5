"""Maps that another program made, scored without a model or beside one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from limelight.data import Dataset
from limelight.data.arrays import from_arrays
from limelight.errors import ImageError, MethodError
from limelight.localization import locate, normalize
from limelight.metrics import max_box_acc, protocol_boxes
from limelight.models import Classifier
from limelight.runs import evaluate_methods
from limelight.runs.made_elsewhere import read_map
from runs.examples import BROKEN, NAMES, true_boxes


def made(folder: Path, count: int = 10) -> tuple[Dataset, list[np.ndarray]]:
    """A data set of 60 × 40 images, and a map for each: at half, whole and twice the resolution."""
    random = np.random.default_rng(2)
    maps = [random.normal(0, 1, (30 * 2 ** (i % 3), 20 * 2 ** (i % 3))) for i in range(count)]
    ids = [f"val/{i}.jpg" for i in range(count)]
    (folder / "val").mkdir(parents=True)
    for name, values in zip(ids, maps, strict=True):
        np.save(folder / f"{name}.npy", values.astype(np.float32))
    boxes = [np.clip(b, 0, (40, 60, 40, 60)) for b in true_boxes(count)]
    images = np.zeros((count, 60, 40), np.uint8)
    labels = [i % 4 for i in range(count)]
    return from_arrays(images, labels, boxes, class_names=NAMES, ids=ids), maps


def test_maps_alone_are_scored_without_a_model(tmp_path: Path) -> None:
    dataset, maps = made(tmp_path)
    evaluation = evaluate_methods(None, dataset, maps={"mine": tmp_path}, thresholds=0.6)
    assert evaluation.accuracy is None
    (line, *_) = evaluation.table()
    assert line.name == "mine"
    for i, row in enumerate(evaluation.rows):
        if maps[i].shape == (60, 40):
            expected = locate(normalize(maps[i].astype(np.float32)), 0.6)
            np.testing.assert_array_equal(row.found["mine"].box, expected)
        assert row.predicted is None and row.correct is None
        kept = evaluation.map(row, "mine")
        assert kept is not None
        np.testing.assert_array_equal(kept[0], maps[i].astype(np.float32))
    assert "top-1" not in line.results


def test_square_maps_are_scored_as_the_published_evaluator_does(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    coarse = random.uniform(0, 1, (6, 4, 4))
    maps = np.kron(coarse, np.ones((56, 56))).astype(np.float32)
    boxes = [np.array([[5.0, 9, 60, 50]]) + 7 * i for i in range(6)]
    images = np.zeros((6, 120, 160), np.uint8)
    for i, values in enumerate(maps):
        np.save(tmp_path / f"{i}.npy", values)
    evaluation = evaluate_methods(None, from_arrays(images, boxes=boxes), maps={"a": tmp_path})
    scaled = [protocol_boxes(each, (120, 160)) for each in boxes]
    for version in (1, 2):
        expected = max_box_acc(normalize(maps, "minmax"), scaled, version=version)
        assert evaluation.table()[0].results[f"maxboxacc-v{version}"].value == expected.value


def test_beside_a_model(classifier: Classifier, dataset: Dataset, tmp_path: Path) -> None:
    for i in range(len(dataset)):
        np.save(tmp_path / f"{i}.npy", np.eye(5, dtype=np.float32))
    (tmp_path / "6.npy").unlink()
    evaluation = evaluate_methods(
        classifier, dataset, ["cam"], maps={"eye": tmp_path}, max_box_acc=False
    )
    assert [line.name for line in evaluation.table()][:2] == ["cam", "eye"]
    assert [row.index for row in evaluation.errors] == [BROKEN, 6]
    assert "there is no map" in str(evaluation.errors[1].error)


def test_the_ending_of_the_image_may_be_left_out(tmp_path: Path) -> None:
    np.save(tmp_path / "cat.npy", np.ones((1, 3, 2)))
    values, frame = read_map(tmp_path, "cat.png", (30, 40))
    assert values.shape == (3, 2)
    assert frame.original_size == (30, 40)
    np.testing.assert_array_equal(frame.to_original([0, 0, 2, 3]), [0, 0, 40, 30])


def test_a_map_that_is_not_there_names_both_files(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"no map .*cat/1\.jpg\.npy and no 1\.npy$"):
        read_map(tmp_path, "cat/1.jpg", (3, 4))


@pytest.mark.parametrize("values", [np.ones(3), np.ones((2, 3, 4)), np.array([["a"]])])
def test_what_is_no_map(tmp_path: Path, values: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(ImageError, match="expected a map"):
        read_map(tmp_path, "a", (3, 4))


def test_files_that_are_not_to_be_read(tmp_path: Path) -> None:
    np.save(tmp_path / "pickled.npy", np.array([{"a": 1}], object), allow_pickle=True)
    (tmp_path / "text.npy").write_text("no array")
    for name in ("pickled", "text"):
        with pytest.raises(ImageError, match="cannot be read as a NumPy array"):
            read_map(tmp_path, name, (3, 4))
    inner = tmp_path / "inner"
    inner.mkdir()
    with pytest.raises(ImageError, match="leads out of"):
        read_map(inner, "../text", (3, 4))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    dataset, _ = made(tmp_path / "maps")
    with pytest.raises(MethodError, match="there is no folder"):
        evaluate_methods(None, dataset, maps={"none": tmp_path / "none"})
    (tmp_path / "bare" / "cat").mkdir(parents=True)
    with pytest.raises(MethodError, match=r"bare holds no \.npy file; expected one for each image"):
        evaluate_methods(None, dataset, maps={"bare": tmp_path / "bare"})
    with pytest.raises(MethodError, match="neither a method nor a folder"):
        evaluate_methods(None, dataset)
    with pytest.raises(MethodError, match="a model is needed"):
        evaluate_methods(None, dataset, ["cam"], maps={"a": tmp_path})
