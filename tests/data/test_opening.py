"""From what a user writes to a reader: names, paths, layouts, options, and what goes wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import limelight.data
from limelight.data.registry import list_readers
from limelight.errors import DatasetError


def classes(folder: Path) -> Path:
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(folder / name / "1.png")
    return folder


def test_a_data_set_is_returned_as_it_is(tmp_path: Path) -> None:
    dataset = limelight.data.open(classes(tmp_path))
    assert limelight.data.open(dataset) is dataset
    with pytest.raises(DatasetError, match="no split 'test'"):
        limelight.data.open(dataset, split="test")


def test_an_unknown_reader_names_the_close_ones(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"'cars195' of data sets; did you mean 'cars196'"):
        limelight.data.open(f"cars195:{tmp_path}")
    with pytest.raises(DatasetError, match=r"the readers are .*, voc, wsol, yolo"):
        limelight.data.open("qqq:/x")
    with pytest.raises(DatasetError, match="did you mean 'digits'"):
        limelight.data.open("digit")


def test_the_dead_download_of_cars196_is_answered() -> None:
    with pytest.raises(DatasetError) as caught:
        limelight.data.open("cars196:/nowhere")
    for words in ("there is no /nowhere", "cars_train/", "cars_test/", "devkit",
                  "TFDS's prepared cars196", "original download is gone"):  # fmt: skip
        assert words in str(caught.value)


@pytest.mark.parametrize("reader", [r for r in list_readers() if r.needs_path])
def test_a_missing_path_says_what_is_expected(reader: object, tmp_path: Path) -> None:
    name, expects = reader.name, reader.expects  # type: ignore[attr-defined]
    with pytest.raises(DatasetError) as caught:
        limelight.data.open(f"{name}:{tmp_path}/none")
    assert expects in str(caught.value)
    with pytest.raises(DatasetError) as caught:
        limelight.data.open(f"{name}:")
    assert expects in str(caught.value)


@pytest.mark.parametrize("reader", [r for r in list_readers() if r.needs_path])
def test_an_empty_folder_is_no_data_set(reader: object, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=str(tmp_path)):
        limelight.data.open(f"{reader.name}:{tmp_path}")  # type: ignore[attr-defined]


def test_an_unknown_layout_is_one_sentence(tmp_path: Path) -> None:
    """What was found, what is read, and where the layouts are told; not all of them."""
    for name in ("notes.txt", "part-0.parquet", "part-1.parquet", "part-2.parquet"):
        (tmp_path / name).write_text("nothing")
    found = r"notes\.txt, part-0\.parquet, part-1\.parquet and 1 more has the layout of no known"
    with pytest.raises(DatasetError, match=found) as caught:
        limelight.data.open(tmp_path)
    assert all(each.name in str(caught.value) for each in list_readers() if each.recognizes)
    assert "`limelight data` says how" in str(caught.value)
    assert len(str(caught.value)) < 400
    with pytest.raises(DatasetError, match="there is no file or folder"):
        limelight.data.open(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"the folder .*empty is empty"):
        limelight.data.open(tmp_path / "empty")
    (tmp_path / "cat.JPG").write_bytes(b"")
    with pytest.raises(DatasetError, match=f"one image; give the folder .* images:{tmp_path}"):
        limelight.data.open(tmp_path / "cat.JPG")


def test_two_layouts_at_once_ask_for_a_name(tmp_path: Path) -> None:
    (tmp_path / "image_ids.txt").write_text("a.png")
    (tmp_path / "class_labels.txt").write_text("a.png,0")
    (tmp_path / "a.xml").write_text("<annotation><filename>a.png</filename></annotation>")
    with pytest.raises(DatasetError, match=f"write voc:{tmp_path} and wsol:{tmp_path}"):
        limelight.data.open(tmp_path)


def test_a_plain_path_says_what_was_recognized(tmp_path: Path) -> None:
    dataset = limelight.data.open(str(classes(tmp_path)))
    assert (
        dataset.recognized
        == f"{tmp_path} is read as folder: a folder of classes, with an optional CSV of boxes"
    )
    assert limelight.data.open(f"folder:{tmp_path}").recognized is None


def test_options_in_the_text_and_as_arguments(tmp_path: Path) -> None:
    classes(tmp_path)
    (tmp_path / "places.csv").write_text("file,boxes\ncat/1.png,1 1 2 2\n")
    for dataset in (
        limelight.data.open(f"folder:{tmp_path}?boxes=places.csv&format=xywh"),
        limelight.data.open(tmp_path, boxes="places.csv", format="xywh"),
    ):
        assert dataset[0].boxes.tolist() == [[1, 1, 3, 3]]
    with pytest.raises(DatasetError, match="no option 'bxes'; did you mean 'boxes'"):
        limelight.data.open(f"folder:{tmp_path}?bxes=places.csv")


def test_arrays_in_a_dictionary_or_a_file(tmp_path: Path) -> None:
    images = np.arange(2 * 4 * 6, dtype=np.uint8).reshape(2, 4, 6)
    content = {"images": images, "labels": np.array([1, 0]), "class_names": np.array(["a", "b"])}
    np.savez(tmp_path / "some.npz", **content)
    for source in (content, tmp_path / "some.npz", f"arrays:{tmp_path}/some.npz"):
        dataset = limelight.data.open(source)
        np.testing.assert_array_equal(dataset[1].image, images[1])
        assert dataset[0].label == 1
        assert dataset.class_names == ("a", "b")
    with pytest.raises(DatasetError, match="got images, lables"):
        limelight.data.open({"images": images, "lables": [1, 0]})
    with pytest.raises(DatasetError, match=r"got builtins\.int"):
        limelight.data.open(7)


def test_a_pickle_in_a_npz_is_not_executed(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", images=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DatasetError, match="plain arrays"):
        limelight.data.open(tmp_path / "bad.npz")
    (tmp_path / "not.npz").write_bytes(b"PK nothing")
    with pytest.raises(DatasetError, match="plain arrays"):
        limelight.data.open(f"arrays:{tmp_path}/not.npz")


def test_the_readers_of_the_issue_are_all_there() -> None:
    """A new reader needs no change here; one that disappears does."""
    wanted = {
        "cars196", "stanford_dogs", "cub", "wsol", "coco", "voc", "yolo", "folder", "csv", "mnist",
        "arrays", "huggingface", "tfds", "digits",
    }  # fmt: skip
    assert wanted <= {reader.name for reader in list_readers()}


def test_a_reader_without_a_path_goes_before_a_folder_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    classes(tmp_path / "digits")
    classes(tmp_path / "folder")
    assert limelight.data.open("digits?count=2&cache=false", split="test").name == "digits"
    assert limelight.data.open("./digits").class_names == ("cat", "dog")
    assert limelight.data.open("folder").class_names == ("cat", "dog")
