"""Class names: the bundled thousand, files and lists."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from limelight.errors import ModelLoadError
from limelight.models.class_names import read


def test_the_bundled_names_are_a_thousand_different_ones() -> None:
    names = read("imagenet")
    assert len(names) == len(set(names)) == 1000
    assert (names[0], names[104], names[243], names[281], names[282], names[999]) == (
        "tench", "wallaby", "bull mastiff", "tabby", "tiger cat", "toilet tissue",
    )  # fmt: skip


def test_they_stand_in_the_order_of_the_real_annotations(data: Path) -> None:
    names = read("imagenet")
    with (data / "ilsvrc_val" / "index.csv").open() as file:
        rows = {int(r["class_index"]): r["class_name"] for r in csv.DictReader(file)}
    agree = sum(names[i].lower() in synonyms.lower() for i, synonyms in rows.items())
    assert agree >= 0.97 * len(rows)  # a few are told apart or spelled otherwise, as the two cranes


def test_a_file_and_a_list(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes('\ufeff고양이\r\n dog \r\n<b>"quoted"\n\n'.encode())
    assert read(path) == read(str(path)) == ("고양이", "dog", '<b>"quoted"')
    assert read(["a", "b"]) == read(name for name in "ab") == ("a", "b")


def test_what_is_no_list_of_names(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"classes='.*none\.txt' is not a text file"):
        read(tmp_path / "none.txt")
    (tmp_path / "picture.txt").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ModelLoadError, match="is not a text file"):
        read(tmp_path / "picture.txt")
    (tmp_path / "empty.txt").write_text("\n\n")
    with pytest.raises(ModelLoadError, match="classes are empty"):
        read(tmp_path / "empty.txt")
    (tmp_path / "gap.txt").write_text("a\n\nb\n")
    with pytest.raises(ModelLoadError, match="class 1 has no name"):
        read(tmp_path / "gap.txt")
    with pytest.raises(ModelLoadError, match="class 1 has no name: 3"):
        read(["a", 3])
