"""The smallest example of each layout, as the page shows it, is read as the page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limelight import data

PAGE = (Path(__file__).parents[2] / "docs" / "data-sets.md").read_text("utf-8")
SECTIONS = {
    part.partition("\n")[0]: part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
}
SAID = re.compile(r"`limelight data ([^`]+)` reads (\d+) images?, (\d+) class(?:es)?, (\d+) box")
BLOCK = re.compile(r"(?:^`([^`\n]+)`:\n\n)?^```text\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("title", [title for title, text in SECTIONS.items() if SAID.search(text)])
def test_an_example_is_read_as_the_page_says(
    title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in BLOCK.findall(SECTIONS[title]):
        for path in [name] if name else content.split():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            if name:
                Path(path).write_text(content, "utf-8")
            else:
                Image.new("RGB", (100, 60)).save(path)
    ((source, images, classes, boxes),) = SAID.findall(SECTIONS[title])
    (source,) = shlex.split(source)
    read = data.open(source)
    assert read.verify() == []
    labels = {example.label for example in read} - {None}
    found = [box for example in read for box in example.boxes.tolist()]
    assert (len(read), len(labels), len(found)) == (int(images), int(classes), int(boxes))
    if title == "YOLO":  # fractions of 100 × 60 pixels
        np.testing.assert_allclose(found, [[20, 12, 60, 48], [40, 24, 60, 36]])
    elif found:  # one box is the same in all other forms
        assert [20, 10, 60, 50] in found


def test_layouts_that_anybody_can_make_are_shown() -> None:
    shown = {source.strip('"').partition(":")[0] for source, *_ in SAID.findall(PAGE)}
    for reader in data.list_readers():
        if reader.general:  # layouts of no data set in particular
            assert reader.name in shown
        for option in re.findall(rf"\b{reader.name}:[\w/.]+\?(\w+)=", PAGE):
            assert option in reader.options
