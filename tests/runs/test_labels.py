"""Which class of the model a label of the data set is: by a map, by names, or by number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from limelight.data.arrays import from_arrays
from limelight.errors import DatasetError
from limelight.models import Classifier
from limelight.models.class_names import read
from limelight.models.preprocess import Preprocess
from limelight.runs.labels import match_labels, read_class_map


def classes_of(names: Any, data: Any, class_map: Any = None) -> list[int | None]:
    """The model's class of each label of a data set whose classes are `data`."""
    model = Classifier(None, Preprocess((8, 8)), None if names is None else tuple(names))
    labels = match_labels(from_arrays([], class_names=data), model, class_map)
    return [labels(label) for label in range(len(data or "abc"))]


@pytest.mark.parametrize(
    ("model", "data", "expected"),
    [
        (["ant", "bee", "cat"], ["ant", "bee", "cat"], [0, 1, 2]),
        (["ant", "bee", "cat"], ["cat", "ant"], [2, 0]),
        (["golden retriever", "tabby"], ["Tabby", "Golden_Retriever"], [1, 0]),
        (["eins", "zwei", "drei"], ["one", "two", "three"], [0, 1, 2]),
        (None, ["ant", "bee", "cat"], [0, 1, 2]),
        (["ant", "bee", "cat"], None, [0, 1, 2]),
        # names as a manifest gives them where it has some classes only
        (["tench", "goldfish", "shark"], ["0", "goldfish, Carassius auratus", "shark"], [0, 1, 2]),
    ],
)
def test_names_decide_where_both_have_them(model: Any, data: Any, expected: list[int]) -> None:
    assert classes_of(model, data) == expected


def test_imagenet_in_its_own_order_is_recognized() -> None:
    """Also where a class is called like a part of another's name."""
    names = read("imagenet")
    long = [name if i % 3 else f"{name}, {name.upper()} sp." for i, name in enumerate(names)]
    assert classes_of(names, long) == list(range(1000))


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (["kangaroo"], "'kangaroo'"),
        (["ant", "wolf"], "1 of its 2 classes .*'wolf'"),
        (["bee", "wolf", "cow"], "2 of its 3"),
    ],
)
def test_names_that_do_not_agree_are_an_error(data: list[str], named: str) -> None:
    with pytest.raises(DatasetError, match=named):
        classes_of(["bee", "ant", "wallaby"], data)


@pytest.mark.parametrize(
    "mapping",
    [{"kangaroo": "wallaby", "dog": 0}, {0: 1, 1: "bee"}, {"0": "Wallaby", "dog": "0"}],
)
def test_a_map_decides_before_names(mapping: Any) -> None:
    assert classes_of(["bee", "wallaby"], ["kangaroo", "dog"], mapping) == [1, 0]


def test_a_class_that_the_map_leaves_out_is_not_known() -> None:
    assert classes_of(["bee", "dog"], ["dog", "bee"], {"bee": "bee"}) == [None, 0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("map.csv", "kangaroo,wallaby\n\n7, 3\n"),
        ("map.csv", "dataset,model\nkangaroo,wallaby\n7,3\n"),
        ("map.csv", '\ufeff"kangaroo","wallaby"\r\n7,3'),
        ("map.json", '{"kangaroo": "wallaby", "7": 3}'),
    ],
)
def test_files_of_maps(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_class_map(tmp_path / name) == {"kangaroo": "wallaby", "7": "3"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("map.csv", "kangaroo,wallaby\nkoala\n", r"map\.csv, line 2: expected two values, got 1"),
        ("map.csv", "", "is empty"),
        ("map.json", '{"kangaroo": }', r"map\.json, line 1: not JSON"),
        ("map.json", '["kangaroo"]', "a class map is an object"),
    ],
)
def test_broken_files_of_maps(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_class_map(tmp_path / name)
    with pytest.raises(DatasetError, match=r"none\.csv cannot be read"):
        read_class_map(tmp_path / "none.csv")
