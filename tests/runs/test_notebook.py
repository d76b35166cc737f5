"""What a notebook shows of an evaluation, and what a figure says of itself."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

from limelight.data import Dataset
from limelight.metrics import Result
from limelight.models import Classifier
from limelight.runs import COLUMNS, evaluate_methods


class Cells(HTMLParser):
    """The texts of each row of the table in a page, and its caption."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.caption, self._within = "", ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._within = tag
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within in ("td", "th"):
            self.rows[-1][-1] += data
        elif self._within == "caption":
            self.caption += data


def test_a_notebook_shows_the_table(dataset: Dataset, classifier: Classifier) -> None:
    found = evaluate_methods(classifier, dataset, ["cam", "gradcam"])
    found = replace(found, data="<b>")
    shown = Cells(found._repr_html_())
    columns = [name for name in COLUMNS if any(name in each.results for each in found.table())]
    assert shown.rows[0] == ["%", "cut at", *(COLUMNS[name] for name in columns)]
    assert [row[0] for row in shown.rows[1:]] == [line.name for line in found.table()]
    for row, line in zip(shown.rows[1:], found.table(), strict=True):
        assert line.cut is not None
        assert float(row[1]) == round(line.cut.threshold, 2)
        for text, name in zip(row[2:], columns, strict=True):
            result = line.results.get(name)
            if result is None:
                assert text == "–"
                continue
            assert result.interval is not None
            low, high = result.interval
            assert text == f"{100 * result.value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
    assert found.accuracy is not None
    assert shown.caption == (
        "11 images of <b>, and 1 that could not be evaluated; accuracy "
        f"{found.accuracy.in_percent()} %"
    )


def test_a_figure_says_what_it_is() -> None:
    found = Result("mean-iou", 0.3283, 1000, 3, {"threshold": 0.2}, (0.3216, 0.3329))
    assert repr(found) == "<mean-iou 32.8 [32.2, 33.3] % of 1,000 images>"
    assert found.in_percent(interval=False) == "32.8"
    assert replace(found, interval=None).in_percent() == "32.8"
