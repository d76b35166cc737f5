"""What makes two runs the same run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from limelight.data.arrays import from_arrays
from limelight.models import Classifier
from limelight.runs.configuration import absolute, describe_data, describe_model
from limelight.runs.folder import digest


def test_data_sets_are_told_apart_by_their_entries() -> None:
    def sample(labels: list[int], boxes: np.ndarray) -> str:
        images = np.zeros((3, 8, 8), np.uint8)
        return describe_data(from_arrays(images, labels, boxes))["sample"]

    boxes = np.array([[0, 0, 4, 4.0]] * 3)
    moved = boxes + np.array([[0], [0], [1]])
    assert sample([0, 1, 2], boxes) == sample([0, 1, 2], boxes.copy())
    assert sample([0, 1, 2], boxes) != sample([0, 1, 1], boxes)
    assert sample([0, 1, 2], boxes) != sample([0, 1, 2], moved)


def test_models_are_told_apart_by_their_contents(classifier: Classifier, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"weights")
    loaded = replace(classifier, source=str(file))
    first = describe_model(loaded)
    assert first["name"] == "model.safetensors"
    file.write_bytes(b"weightS")
    second = describe_model(loaded)
    assert first["sha256"] != second["sha256"]
    assert {**first, "sha256": 0} == {**second, "sha256": 0}


def test_models_without_a_file_are_told_apart_by_their_weights(classifier: Classifier) -> None:
    first = describe_model(classifier)["sha256"]
    head = next(iter(classifier.model.parameters()))
    kept = head.data.clone()
    head.data[0, 0, 0, 0] += 1
    try:
        assert describe_model(classifier)["sha256"] != first
    finally:
        head.data = kept
    assert describe_model(classifier)["sha256"] == first


def test_folders_of_models_are_told_apart_by_their_files(
    classifier: Classifier, tmp_path: Path
) -> None:
    (tmp_path / "trained").mkdir()
    (tmp_path / "trained" / "weights").write_bytes(b"1")
    loaded = replace(classifier, source=str(tmp_path / "trained"))
    first = describe_model(loaded)["sha256"]
    (tmp_path / "trained" / "weights").write_bytes(b"2")
    assert describe_model(loaded)["sha256"] != first


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": [2, 3]}) == digest({"b": [2, 3], "a": 1})
    assert digest({"a": 1, "b": [2, 3]}) != digest({"a": 1, "b": [3, 2]})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("here", "{folder}/here"),
        ("voc:here", "voc:{folder}/here"),
        ("coco:here?per=class", "coco:{folder}/here?per=class"),
        ("here?per=class", "{folder}/here?per=class"),
        ("digits", "digits"),
        ("digits?seed=3", "digits?seed=3"),
        ("tfds:cars196", "tfds:cars196"),
        (Path("here"), "{folder}/here"),
        (None, None),
    ],
)
def test_sources_are_found_from_any_folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str | Path | None,
    expected: str | None,
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    wanted = None if expected is None else expected.format(folder=tmp_path.resolve())
    assert absolute(source) == wanted
