"""Prepared TFDS data sets: what the library itself reads, cars196 and stanford_dogs included."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import limelight.data
from limelight.errors import DatasetError


def library() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("tensorflow_datasets")


def entries(count: int) -> Iterator[dict[str, Any]]:
    """Images of different sizes, each with a class and up to three boxes in pixels."""
    rng = np.random.default_rng(count)
    for i in range(count):
        height, width = 12 + i, 20 + 2 * i
        pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
        starts = rng.integers(0, 6, (i % 4 or 1, 2))
        boxes = [[x, y, x + 3 + i % 3, y + 4] for x, y in starts.tolist()]
        yield {"pixels": pixels, "label": i % 3, "boxes": boxes, "kinds": [i % 2] * len(boxes)}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """cars196, stanford_dogs and a data set of plain labels, prepared by the library itself."""
    tfds = library()
    f = tfds.features
    folder = tmp_path_factory.mktemp("tensorflow_datasets")

    def relative(box: list[int], pixels: np.ndarray, shift: int) -> Any:
        height, width = pixels.shape[:2]
        x0, y0, x1, y1 = box
        return f.BBox((y0 + shift) / height, (x0 + shift) / width, y1 / height, x1 / width)

    def cars(entry: dict[str, Any]) -> dict[str, Any]:
        # As TFDS does it: the devkit's numbers, counted from 1, divided by the size.
        box = relative(entry["boxes"][0], entry["pixels"], shift=1)
        return {"image": entry["pixels"], "label": entry["label"], "bbox": box}

    def dogs(entry: dict[str, Any]) -> dict[str, Any]:
        boxes = [{"bbox": relative(b, entry["pixels"], shift=0)} for b in entry["boxes"]]
        plain = {"image": entry["pixels"], "image/filename": "x.jpg", "label": entry["label"]}
        return plain | {"objects": boxes}

    def kinds(entry: dict[str, Any]) -> dict[str, Any]:
        pairs = zip(entry["boxes"], entry["kinds"], strict=True)
        boxes = [{"bbox": relative(b, entry["pixels"], 0), "label": k} for b, k in pairs]
        return {"image": entry["pixels"], "objects": boxes}

    sets = {
        "cars196": (
            {"image": f.Image(), "label": f.ClassLabel(names=["Audi", "BMW", "smart"])}
            | {"bbox": f.BBoxFeature()},
            cars,
        ),
        "stanford_dogs": (
            {"image": f.Image(), "image/filename": f.Text()}
            | {"label": f.ClassLabel(names=["n1-a", "n2-b", "n3-c"])}
            | {"objects": f.Sequence({"bbox": f.BBoxFeature()})},
            dogs,
        ),
        "some_objects": (
            {"image": f.Image(shape=(None, None, 3), encoding_format="png")}
            | {
                "objects": f.Sequence(
                    {"bbox": f.BBoxFeature(), "label": f.ClassLabel(num_classes=2)}
                )
            },
            kinds,
        ),
    }

    def builder(kind: str) -> Any:
        features, encode = sets[kind]

        class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
            VERSION = tfds.core.Version("2.1.0")
            name = kind
            code_path = None  # there is no folder of code with checksums

            def _info(self) -> Any:
                return tfds.core.DatasetInfo(builder=self, features=f.FeaturesDict(features))

            def _split_generators(self, manager: Any) -> Any:
                return {"train": self._generate_examples(11), "test": self._generate_examples(5)}

            def _generate_examples(self, count: int) -> Iterator[Any]:
                yield from ((i, encode(entry)) for i, entry in enumerate(entries(count)))

        return Builder(data_dir=str(folder))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tfds.disable_progress_bar()
        for name in sets:
            builder(name).download_and_prepare()
    return folder


def read_by_the_library(folder: Path, split: str) -> list[Any]:
    """The raw features as the library decodes them, in the files' order."""
    tfds = library()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        builder = tfds.builder_from_directory(str(folder))
        config = tfds.ReadConfig(shuffle_seed=0)
        return list(tfds.as_numpy(builder.as_dataset(split=split, read_config=config)))


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", ["cars196", "stanford_dogs", "some_objects"])
def test_equal_to_the_library(name: str, split: str, prepared: Path) -> None:
    dataset = limelight.data.open(f"tfds:{prepared}/{name}", split=split)
    raw = read_by_the_library(prepared / name / "2.1.0", split)
    assert len(dataset) == len(raw) > 0
    assert set(dataset.splits) == {"train", "test"}
    for example, entry in zip(dataset, raw, strict=True):
        np.testing.assert_array_equal(np.asarray(example.read()), entry["image"])
        boxes = entry["bbox"] if "bbox" in entry else entry["objects"]["bbox"]
        y0, x0, y1, x1 = np.asarray(boxes, np.float64).reshape(-1, 4).T
        height, width = entry["image"].shape[:2]
        expected = np.stack([x0 * width, y0 * height, x1 * width, y1 * height], 1)
        if name == "cars196":  # whose pixels count from 1, and TFDS divides them as they are
            expected -= (1, 1, 0, 0)
        np.testing.assert_allclose(example.boxes, expected, rtol=1e-9, atol=1e-9)
        if "label" in entry:
            assert example.label == entry["label"]
        else:
            assert example.box_labels is not None
            np.testing.assert_array_equal(example.box_labels, entry["objects"]["label"])
            assert example.label == entry["objects"]["label"][0]


@pytest.mark.parametrize("name", ["cars196", "stanford_dogs"])
@pytest.mark.parametrize("where", [".", "{name}", "{name}/2.1.0"])
def test_the_readers_of_their_names_take_it(name: str, where: str, prepared: Path) -> None:
    """Boxes come back in the pixels they were made of, of cars196 from its numbers from 1 on."""
    path = prepared / where.format(name=name)
    dataset = limelight.data.open(f"{name}:{path}", split="train")
    written = {entry["pixels"].shape: entry for entry in entries(11)}
    for example in dataset:
        entry = written[np.asarray(example.read()).shape]
        boxes = entry["boxes"][:1] if name == "cars196" else entry["boxes"]
        np.testing.assert_allclose(example.boxes, boxes, atol=1e-5)
        assert example.label == entry["label"]
    assert len(limelight.data.open(f"{name}:{path}")) == 16
    assert dataset.class_names is not None
    assert len(dataset.class_names) == 3


def test_by_name_and_by_layout(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))
    assert len(limelight.data.open("tfds:stanford_dogs")) == 16
    assert "read as tfds" in str(limelight.data.open(prepared / "stanford_dogs").recognized)
    with pytest.raises(
        DatasetError, match=r"no prepared data set caltech.*tfds\.load\('caltech'\)"
    ):
        limelight.data.open("tfds:caltech")
    with pytest.raises(DatasetError) as caught:
        limelight.data.open("tfds:/elsewhere/cars196")
    for words in ("download is gone", "tfds.load('cars196') fails too", "cars196:/path", "7545"):
        assert words in str(caught.value)


def test_nothing_of_tensorflow_is_imported(prepared: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys, limelight.data\n"
        f"d = limelight.data.open('tfds:{prepared}/cars196'); d[3].read(); len(d[0].boxes)\n"
        "assert not {'tensorflow', 'tensorflow_datasets', 'google.protobuf'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def copied(prepared: Path, target: Path) -> Path:
    import shutil

    shutil.copytree(prepared / "cars196" / "2.1.0", target / "2.1.0")
    return target / "2.1.0"


def test_damaged_and_missing_files(prepared: Path, tmp_path: Path) -> None:
    folder = copied(prepared, tmp_path)
    (shard,) = folder.glob("*-test.tfrecord-*")
    shard.write_bytes(shard.read_bytes()[:-10])
    with pytest.raises(DatasetError, match=rf"{shard.name}: record 5 is truncated"):
        limelight.data.open(folder)
    lenient = limelight.data.open(folder, strict=False)
    assert len(lenient) == 15
    assert len(lenient.problems) == 1
    shard.unlink()
    with pytest.raises(DatasetError, match="0 of 1 files of test are there"):
        limelight.data.open(folder)


def test_another_file_format_says_what_to_do(prepared: Path, tmp_path: Path) -> None:
    folder = copied(prepared, tmp_path)
    info = json.loads((folder / "dataset_info.json").read_text())
    (folder / "dataset_info.json").write_text(json.dumps(info | {"fileFormat": "array_record"}))
    with pytest.raises(DatasetError, match="prepared as array_record; expected tfrecord"):
        limelight.data.open(folder)


def test_features_can_be_chosen(prepared: Path) -> None:
    path = f"tfds:{prepared}/stanford_dogs"
    assert limelight.data.open(path, boxes="objects/bbox")[0].boxes.shape[1] == 4
    with pytest.raises(DatasetError, match="has no ClassLabel 'breed'; it has label"):
        limelight.data.open(path, label="breed")


def test_features_json_of_older_versions(prepared: Path, tmp_path: Path) -> None:
    """Before 4.5 the file had "type" and "content"."""
    folder = copied(prepared, tmp_path)
    start = "tensorflow_datasets.core.features"
    old = {
        "type": f"{start}.features_dict.FeaturesDict",
        "content": {
            "image": {"type": f"{start}.image_feature.Image", "content": {"shape": [None] * 3}},
            "label": {"type": f"{start}.class_label_feature.ClassLabel", "num_classes": 3},
            "bbox": {"type": f"{start}.bounding_boxes.BBoxFeature"},
        },
    }
    before = [e.boxes.tolist() for e in limelight.data.open(f"tfds:{folder}")]
    (folder / "features.json").write_text(json.dumps(old))
    after = limelight.data.open(f"tfds:{folder}")
    assert [e.boxes.tolist() for e in after] == before
    assert [e.label is not None for e in after] == [True] * 16


def test_a_record_with_a_broken_image(prepared: Path, tmp_path: Path) -> None:
    folder = copied(prepared, tmp_path)
    (shard,) = folder.glob("*-test.tfrecord-*")
    data = shard.read_bytes()
    shard.write_bytes(data.replace(b"\x89PNG", b"\x00PNG", 1))
    dataset = limelight.data.open(f"tfds:{folder}", split="test")
    (problem,) = dataset.verify()
    assert "record at byte" in str(problem)
