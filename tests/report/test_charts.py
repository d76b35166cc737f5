"""Histograms against a plain count."""

from __future__ import annotations

import statistics

from hypothesis import given, settings
from hypothesis import strategies as st

from limelight.report.charts import BINS, histograms

IOUS = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@settings(deadline=None, max_examples=200)
@given(IOUS, IOUS)
def test_shares_means_and_hits(one: list[float], other: list[float]) -> None:
    bars = histograms({"one": one, "other": other})
    for bar, values in zip(bars, (one, other), strict=True):
        counts = [0] * BINS
        for value in values:
            place = next((n for n in range(BINS) if value < (n + 1) / BINS), BINS - 1)
            counts[place] += 1
        assert [round(share * len(values)) for share in bar.shares] == counts
        assert abs(bar.mean - statistics.fmean(values)) < 1e-9
        assert abs(bar.median - statistics.median(values)) < 1e-9
        assert abs(bar.hits - sum(value >= 0.5 for value in values) / len(values)) < 1e-9
        assert bar.count == len(values)
        assert bar.highest == max(max(bar.shares) for bar in bars)


def test_the_words_say_what_the_bars_show() -> None:
    (bar,) = histograms({"cam": [0.25, 0.5, 1.0]})
    assert bar.words == "IoU of cam over 3 images: mean 0.58, median 0.50, at least 0.5 in 67%"


def test_nothing_has_no_histogram() -> None:
    assert histograms({}) == []
