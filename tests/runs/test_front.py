"""Rows and figures of an evaluation against one image at a time, explained and scored plainly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from limelight.boxes import iou
from limelight.data import Dataset
from limelight.errors import DatasetError, MethodError, RunError, TargetError
from limelight.explainer import explain
from limelight.localization import Threshold, locate, normalize
from limelight.methods import find_method
from limelight.metrics import centre_gaussian
from limelight.models import Classifier
from limelight.runs import evaluate_methods, tune_methods
from oracles import wsol
from runs import examples
from runs.examples import BROKEN, WITHOUT_BOX

METHODS = ("cam", "gradcam", "layercam")
GOOD = [i for i in range(12) if i != BROKEN]
BOXED = [i for i in GOOD if i != WITHOUT_BOX]


def explained(classifier: Classifier, dataset: Dataset, target: str) -> list[dict[str, Any]]:
    """By image, what `explain` says of it alone; an empty dictionary for the broken one."""
    found: list[dict[str, Any]] = []
    for i, example in enumerate(dataset):
        if i == BROKEN:
            found.append({})
            continue
        wanted = [example.label] if target == "true" else None
        found.append(explain(classifier, [example.read()], METHODS, target=wanted))
    return found


def plain_pointing(whole: np.ndarray, truth: np.ndarray) -> bool:
    """Whether a pixel of a true box lies less than 15 pixels from the maximum."""
    y, x = divmod(int(whole.argmax()), whole.shape[1])
    for x0, y0, x1, y1 in truth:
        for row in range(max(int(np.floor(y0)), 0), min(int(np.ceil(y1)), whole.shape[0])):
            for column in range(max(int(np.floor(x0)), 0), min(int(np.ceil(x1)), whole.shape[1])):
                if (row - y) ** 2 + (column - x) ** 2 < 15**2:
                    return True
    return False


def plain_energy(whole: np.ndarray, truth: np.ndarray) -> float:
    inside = np.zeros(whole.shape, bool)
    for x0, y0, x1, y1 in truth:
        inside[int(np.floor(y0)) : int(np.ceil(y1)), int(np.floor(x0)) : int(np.ceil(x1))] = True
    return float(whole[inside].sum() / whole.sum())


@pytest.mark.parametrize("target", ["true", "predicted"])
def test_rows_are_those_of_single_explanations(
    classifier: Classifier, dataset: Dataset, target: str
) -> None:
    evaluation = evaluate_methods(
        classifier, dataset, METHODS, target=target, thresholds=0.3, batch_size=5
    )
    assert [row.index for row in evaluation.rows] == list(range(12))
    alone = explained(classifier, dataset, target)
    for i in GOOD:
        row, example = evaluation.rows[i], dataset[i]
        scores = np.asarray(alone[i]["cam"].scores)[0]
        odds = np.exp(scores - scores.max())
        assert row.top == tuple(np.argsort(-scores)[:5])
        assert row.probability == pytest.approx(odds.max() / odds.sum(), rel=1e-5)
        assert row.target == (example.label if target == "true" else scores.argmax())
        assert row.correct == (scores.argmax() == example.label)
        for method, maps in alone[i].items():
            found = row.found[method]
            box = maps.boxes(0.3)[0]
            np.testing.assert_allclose(found.box, box, atol=1e-4)
            assert found.diagnosis == maps.diagnosis[0]
            if i == WITHOUT_BOX:
                assert found.iou is None
                continue
            pairs = [iou(box[None], truth[None])[0, 0] for truth in example.boxes]
            assert found.iou == pytest.approx(max(pairs), abs=1e-6)
            whole = np.asarray(maps.resized("max"))[0]
            if whole.max() > 0:
                assert found.scores["pointing-game"][0] == plain_pointing(whole, example.boxes)
                energy = plain_energy(whole, example.boxes)
                assert found.scores["energy-pointing-game"][0] == pytest.approx(energy, abs=1e-5)
            kept = found.map()
            assert kept is not None
            np.testing.assert_allclose(kept, maps.numpy()[0], atol=1e-3 * np.abs(kept).max())


def test_the_table_is_made_of_the_rows(classifier: Classifier, dataset: Dataset) -> None:
    evaluation = evaluate_methods(classifier, dataset, METHODS, thresholds=0.3)
    lines = {line.name: line for line in evaluation.table()}
    assert list(lines) == [*METHODS, "centre-box", "whole-image"]
    assert [line.baseline for line in lines.values()] == [False] * 3 + [True] * 2
    rows = [evaluation.rows[i] for i in BOXED]
    for name, line in lines.items():
        ious = np.array([row.found[name].iou for row in rows])
        mean, known = line.results["mean-iou"], line.results["gt-known"]
        assert mean.value == pytest.approx(ious.mean())
        assert (mean.images, mean.excluded) == (len(BOXED), 1)
        assert mean.interval is not None and mean.interval[0] <= mean.value <= mean.interval[1]
        assert known.value == pytest.approx((ious >= 0.5).mean())
        both = [iou >= 0.5 and row.correct for iou, row in zip(ious, rows, strict=True)]
        assert line.results["top-1"].value == pytest.approx(np.mean(both))
        for label in {row.label for row in rows}:
            of_class = np.array([row.label == label for row in rows])
            assert mean.per_class[label] == pytest.approx(ious[of_class].mean())
    assert "pointing-game" not in lines["whole-image"].results
    assert evaluation.accuracy is not None
    assert evaluation.accuracy.value == np.mean([evaluation.rows[i].correct for i in GOOD])
    means = {name: lines[name].results["mean-iou"].value for name in METHODS}
    assert means[evaluation.lead] == max(means.values())
    ranked = [row.found["cam"].iou for row in evaluation.ranked("cam")]
    assert ranked == sorted((row.found["cam"].iou for row in rows), reverse=True)


@pytest.mark.parametrize("version", [1, 2])
def test_max_box_acc_is_that_of_the_published_evaluator(
    classifier: Classifier, dataset: Dataset, version: int
) -> None:
    evaluation = evaluate_methods(classifier, dataset, ["cam", "gradcam"])
    step, deltas = {1: (0.01, [0.5]), 2: (0.001, [0.3, 0.5, 0.7])}[version]
    alone = explained(classifier, dataset, "true")
    for line in evaluation.table():
        curves = []
        for i in BOXED:
            height, width = (width_height := dataset[i].read().size)[1], width_height[0]
            truth = dataset[i].boxes * 224 / np.array([width, height, width, height])
            if line.name == "centre-box":
                square = centre_gaussian((224, 224))
            elif line.name == "whole-image":
                square = np.ones((224, 224), np.float32)
            else:
                small = normalize(alone[i][line.name].numpy()[0], "minmax")
                square = bilinear(small, 224)
            curves.append(wsol.best_ious(square, truth.astype(int), version, step))
        hits = np.array(curves)[:, None] >= np.array(deltas)[None, :, None]
        expected = hits.mean(0).max(1).mean()
        assert line.results[f"maxboxacc-v{version}"].value == pytest.approx(expected, abs=1e-9)


def bilinear(values: np.ndarray, side: int) -> np.ndarray:
    """`values` (h, w) at side × side, half-pixel bilinear, by torch."""
    torch = pytest.importorskip("torch")
    tensor = torch.as_tensor(values)[None, None]
    resized = torch.nn.functional.interpolate(tensor, size=(side, side), mode="bilinear")
    return resized[0, 0].clamp(0, 1).numpy()


def test_a_broken_image_is_a_row_with_its_reason(classifier: Classifier, dataset: Dataset) -> None:
    evaluation = evaluate_methods(classifier, dataset, ["cam"], max_box_acc=False)
    (bad,) = evaluation.errors
    assert bad.index == BROKEN
    assert "not an image" in str(bad.error)
    assert bad.found == {}
    kept = evaluation.as_dict()
    assert kept["errors"] == [{"id": "4", "error": bad.error}]
    assert kept["rows"][BROKEN]["error"] == bad.error
    assert "maxboxacc-v1" not in kept["table"][0]["results"]


def test_batches_do_not_matter(classifier: Classifier, dataset: Dataset) -> None:
    done: list[tuple[int, int]] = []
    whole, single = (
        evaluate_methods(
            classifier, dataset, METHODS, batch_size=size, max_box_acc=False,
            progress=lambda i, n: done.append((i, n)),
        )
        for size in (32, 1)
    )  # fmt: skip
    for a, b in zip(whole.rows, single.rows, strict=True):
        for name in a.found:
            np.testing.assert_allclose(a.found[name].box, b.found[name].box, atol=1.01)
    assert done == [(i + 1, 12) for i in range(12)] * 2


def test_the_centre_box_is_cut_at_its_best(classifier: Classifier, dataset: Dataset) -> None:
    """Or where it was tuned; never at a threshold that somebody chose for something else."""

    def mean_of(threshold: float) -> float:
        values = []
        for i in BOXED:
            width, height = dataset[i].read().size
            box = locate(centre_gaussian((height, width)), threshold)
            values.append(iou(box[None], dataset[i].boxes).max())
        return float(np.mean(values))

    every = [mean_of(t / 100) for t in range(100)]
    given = evaluate_methods(classifier, dataset, ["cam"], thresholds=0.9, max_box_acc=False)
    line = given.table()[1]
    assert line.results["mean-iou"].value == pytest.approx(max(every))
    assert line.cut is not None and line.cut.threshold == np.argmax(every) / 100
    tuned = tune_methods(classifier, dataset, ["cam"])
    assert tuned["centre-box"].value == np.argmax(every) / 100
    other = {"cam": 0.2, "centre-box": 0.6}
    again = evaluate_methods(classifier, dataset, ["cam"], thresholds=other, max_box_acc=False)
    assert again.table()[1].results["mean-iou"].value == pytest.approx(every[60])


def test_tuned_thresholds_are_the_best_of_all(classifier: Classifier, dataset: Dataset) -> None:
    tuned = tune_methods(classifier, dataset, METHODS, goal="iou", batch_size=4)
    assert set(tuned) == {*METHODS, "centre-box"}
    alone = explained(classifier, dataset, "true")
    for method in METHODS:
        curve = [
            np.mean([iou(alone[i][method].boxes(t / 100), dataset[i].boxes).max() for i in BOXED])
            for t in range(100)
        ]
        assert tuned[method].score == pytest.approx(max(curve), abs=2e-3)
        assert tuned[method].images == len(BOXED)
    evaluation = evaluate_methods(classifier, dataset, METHODS, thresholds=tuned, max_box_acc=False)
    for line in evaluation.table():
        if line.name in tuned:
            score = tuned[line.name].score
            assert line.results["mean-iou"].value == pytest.approx(score, abs=1e-6)
            assert line.cut is not None and "tuned on 10 images of patches" in line.cut.origin


def test_each_method_is_cut_where_it_declares(classifier: Classifier, dataset: Dataset) -> None:
    """Without a threshold: by the declaration in a run, and in the boxes of the maps alike."""
    names = ["cam", "affinitycam"]
    declared = {name: find_method(name).cut for name in names}
    assert declared["cam"] == 0.2 and declared["affinitycam"] != 0.2
    evaluation = evaluate_methods(classifier, dataset, names, max_box_acc=False)
    assert {name: evaluation.cuts[name].threshold for name in names} == declared
    example = dataset[GOOD[0]]
    for name in names:
        maps = explain(classifier, [example.read()], name, target=[example.label])
        box = maps.boxes()[0]
        np.testing.assert_array_equal(box, maps.boxes(declared[name])[0])
        found = evaluation.rows[GOOD[0]].found[name].box
        np.testing.assert_allclose(found, box, atol=1e-3)


def test_one_tuned_threshold_serves_all(classifier: Classifier, dataset: Dataset) -> None:
    tuned: Threshold = tune_methods(classifier, dataset, ["cam"], normalizers=["ivr"])["cam"]
    evaluation = evaluate_methods(
        classifier, dataset, ["cam", "gradcam"], thresholds=tuned, max_box_acc=False
    )
    for line in evaluation.table()[:2]:
        assert line.cut is not None
        assert (line.cut.normalizer, line.cut.threshold) == ("ivr", tuned.value)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"target": "truth"}, TargetError, "did you mean 'true'"),
        ({"thresholds": 1.5}, MethodError, "a fraction of the maximum"),
        ({"thresholds": {"gradcam": 0.2}}, MethodError, "no threshold for 'cam'"),
        ({"normalizer": "maxx"}, MethodError, "did you mean 'max'"),
        ({"class_map": {"wolf": "dog"}}, DatasetError, "'wolf', which is no class of the data set"),
        ({"class_map": {"dog": "wolf"}}, TargetError, "no class is named 'wolf'"),
        ({"class_map": {"dog": 7}}, TargetError, "the class 7, but the model has 4"),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    classifier: Classifier, dataset: Dataset, arguments: Any, error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        evaluate_methods(classifier, dataset, ["cam"], **arguments)


def test_a_ranking_by_what_was_not_evaluated(classifier: Classifier, dataset: Dataset) -> None:
    evaluation = evaluate_methods(classifier, dataset, ["cam"], max_box_acc=False)
    with pytest.raises(RunError, match="'gradcam' was not evaluated"):
        evaluation.ranked("gradcam")


def test_a_result_says_what_it_is_in_one_line() -> None:
    """A notebook shows the last value of a cell, and that must not be thousands of lines."""
    classifier, dataset = examples.classifier(), examples.dataset(8)
    found = evaluate_methods(classifier, dataset, ["gradcam", "cam"])
    assert repr(found) == f"<Evaluation of gradcam, cam on {dataset.name}: 8 images, 1 not read>"
    assert repr(classifier).startswith("<Classifier ") and "4 classes" in repr(classifier)
    assert len(repr(classifier)) < 100
