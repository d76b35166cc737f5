"""An evaluation as a report: its figures, its cases, and pictures at the right places."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from limelight.data import Dataset
from limelight.errors import RunError
from limelight.localization import GOALS, Threshold, normalize
from limelight.models import Classifier
from limelight.report import Item, curves_of_tuning, evaluate, report_of
from limelight.report.kept import report_of_run
from limelight.runs import Evaluation, evaluate_methods, open_run
from runs import examples

pytest.importorskip("torch")
METHODS = ("cam", "gradcam")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return examples.classifier()


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return examples.dataset(40)


@pytest.fixture(scope="module")
def evaluation(classifier: Classifier, dataset: Dataset) -> Evaluation:
    return evaluate_methods(classifier, dataset, METHODS, max_box_acc=False)


def test_the_table_is_that_of_the_evaluation(evaluation: Evaluation) -> None:
    report = report_of(evaluation, "a title")
    assert report.title == "a title"
    assert evaluation.accuracy is not None
    for score, line in zip(report.table, evaluation.table(), strict=True):
        assert (score.name, score.baseline) == (line.name, line.baseline)
        assert score.mean_iou == line.results["mean-iou"].value
        assert score.interval == line.results["mean-iou"].interval
        assert score.gt_known == line.results["gt-known"].value
        assert score.accuracy == evaluation.accuracy.value
        pointing = line.results.get("pointing-game")
        assert score.pointing_game == (None if pointing is None else pointing.value)
    assert "39 images of patches (1 more could not be read or explained)" in report.summary
    best = max(line.results["mean-iou"].value for line in evaluation.table()[:2])
    assert f"{best:.3f}" in report.summary


def test_the_best_the_worst_and_some_between(evaluation: Evaluation) -> None:
    report = report_of(evaluation, "", images=12)
    ranked = [row.id for row in evaluation.ranked()]
    shown = [item.id for item in report.items]
    assert len(set(shown)) == 12
    assert shown[:3] == ranked[:3]
    assert shown[-3:] == ranked[-3:]
    assert [ranked.index(name) for name in shown] == sorted(ranked.index(name) for name in shown)
    assert report.lead == evaluation.lead
    everything = report_of(evaluation, "", images=100)
    assert [item.id for item in everything.items] == ranked
    for line in evaluation.table():
        mean = np.mean(everything.ious[line.name])
        assert mean == pytest.approx(line.results["mean-iou"].value)


def test_an_item_is_the_image_with_its_maps(evaluation: Evaluation, dataset: Dataset) -> None:
    report = report_of(evaluation, "", images=100)
    items: dict[str, Item] = {item.id: item for item in report.items}
    for row in evaluation.ranked():
        item, example = items[row.id], dataset[row.index]
        pixels = item.pixels()
        np.testing.assert_array_equal(pixels, np.asarray(example.read()))
        np.testing.assert_array_equal(item.true_boxes, example.boxes)
        assert item.label == examples.NAMES[row.label or 0]
        assert item.predicted == examples.NAMES[row.predicted or 0]
        assert item.correct == row.correct
        assert item.seen is None
        for method in METHODS:
            kept = evaluation.map(row, method)
            assert kept is not None
            np.testing.assert_array_equal(item.maps[method], np.clip(normalize(kept[0]), 0, 1))
            shown = item.whole_map(method)
            assert shown.shape == pixels.shape[:2]
            if kept[0].max() > 0:  # the maximum lies in the cell where the small map has it
                y, x = np.unravel_index(shown.argmax(), shown.shape)
                cell = np.array([y + 0.5, x + 0.5]) / shown.shape * kept[0].shape
                small = normalize(kept[0])
                assert small[tuple(cell.astype(int))] == pytest.approx(1, abs=0.3)
            np.testing.assert_array_equal(item.boxes[method], row.found[method].box)
            assert item.iou[method] == row.found[method].iou


def test_what_was_cut_away_is_not_seen(dataset: Dataset) -> None:
    classifier = examples.classifier()
    crop = replace(classifier.preprocess, mode="crop", size=(13, 13), resize=16)
    cropped = replace(classifier, preprocess=crop)
    evaluation = evaluate_methods(cropped, dataset[:3], ["cam"], max_box_acc=False)
    for item in report_of(evaluation, "").items:
        height, width = item.pixels().shape[:2]
        x0, y0, x1, y1 = item.seen
        side = min(height, width) * 13 / 16
        assert (x1 - x0, y1 - y0) == pytest.approx((side, side), abs=1.5)
        assert (x0 + x1, y0 + y1) == pytest.approx((width, height), abs=4)


def test_without_a_data_set_there_are_no_pictures(evaluation: Evaluation) -> None:
    with pytest.raises(RunError, match="no data set at hand"):
        report_of(replace(evaluation, dataset=None), "")


def test_images_without_boxes(classifier: Classifier, dataset: Dataset) -> None:
    evaluation = evaluate_methods(classifier, dataset[7:8], ["cam"], max_box_acc=False)
    report = report_of(evaluation, "")
    assert report.table == []
    assert report.lead is None
    assert [item.id for item in report.items] == ["7"]


def test_evaluate_writes_a_folder_with_its_report(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow")
    found = evaluate(classifier, dataset, METHODS, out=tmp_path / "RUN", max_box_acc=False)
    page = (tmp_path / "RUN" / "report.html").read_text()
    for line in found.table():
        assert f"{line.results['mean-iou'].value:.3f}" in page
    again = open_run(tmp_path / "RUN", dataset)
    kept = report_of_run(tmp_path / "RUN", dataset)
    assert [item.id for item in kept.items] == [row.id for row in found.ranked()]
    assert kept.table == report_of(found, "").table
    with pytest.raises(RunError, match="does not tell where its images are"):
        report_of_run(tmp_path / "RUN")
    assert again.as_dict()["rows"] == found.as_dict()["rows"]
    in_memory = evaluate(classifier, dataset, "cam", max_box_acc=False)
    assert in_memory.methods == ("cam",)


def test_what_was_tuned_is_a_curve_with_its_choice() -> None:
    tried, accuracy = (0.1, 0.2, 0.3), {"max": (0.2, 0.6, 0.4), "ivr": (0.1, 0.1, 0.5)}
    told = {"goal": "accuracy", "images": 50, "data": "digits", "thresholds": tried}
    cam = Threshold(0.2, "max", "max", score=0.6, curves=accuracy, **told)
    fem = Threshold(0.3, "max", "ivr", score=0.5, curves=accuracy, **told)
    by_hand = Threshold(0.3, "max", "max", score=0.0, **told)
    (chart,) = curves_of_tuning({"cam": cam, "fem": fem, "random": by_hand})
    assert (chart.title, chart.y) == (
        "GT-known localization over thresholds",
        "share with IoU ≥ 0.5",
    )
    assert chart.lines == {
        "cam": [(0.1, 0.2), (0.2, 0.6), (0.3, 0.4)],
        "fem": [(0.1, 0.1), (0.2, 0.1), (0.3, 0.5)],
    }
    assert chart.marks == {"cam": (0.2, 0.6), "fem": (0.3, 0.5)}
    assert "50 images of digits" in chart.words
    assert curves_of_tuning({"random": by_hand}) == []


def test_every_goal_of_tuning_has_its_words() -> None:
    told = {"images": 1, "data": "", "thresholds": (0.1, 0.2), "curves": {"max": (0.0, 1.0)}}
    for goal in GOALS:
        found = Threshold(0.2, "max", "max", goal=goal, score=1.0, **told)
        (chart,) = curves_of_tuning({"cam": found})
        assert "IoU" in chart.y


def test_accuracy_over_thresholds_is_counted_from_the_rows(
    classifier: Classifier, dataset: Dataset
) -> None:
    found = evaluate_methods(classifier, dataset, METHODS)
    curves = {curve.title: curve for curve in report_of(found, "").curves}
    assert list(curves) == ["MaxBoxAcc over thresholds", "MaxBoxAccV2 over thresholds"]
    lines = {line.name: line for line in found.table()}
    for name, points in curves["MaxBoxAcc over thresholds"].lines.items():
        assert [x for x, _ in points] == pytest.approx(np.arange(0, 1, 0.02))
        best = lines[name].results["maxboxacc-v1"]
        at = best.details["threshold@0.5"]
        assert max(y for _, y in points) <= best.value + 1e-9
        on_the_curve = [y for x, y in points if abs(x - at) < 1e-9]
        assert on_the_curve == pytest.approx([best.value] * len(on_the_curve))
