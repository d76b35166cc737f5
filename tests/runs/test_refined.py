"""Runs with refined maps: what is cut and scored is the refined map, whoever made it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limelight import Maps, report
from limelight.boxes import iou
from limelight.data import Dataset
from limelight.errors import MethodError, RunError
from limelight.explainer import explain
from limelight.frames import Frame
from limelight.localization import find_refinement, normalize
from limelight.metrics.protocol import protocol_boxes
from limelight.models import Classifier
from limelight.runs import (
    evaluate_in_folder,
    evaluate_methods,
    open_run,
    read_thresholds,
    tune_methods,
    write_thresholds,
)
from oracles import wsol
from runs.examples import BROKEN, WITHOUT_BOX

REFINE = "guided-filter:radius=0.15"
METHODS = ["gradcam", "layercam"]
GOOD = [i for i in range(12) if i != BROKEN]


def alone(classifier: Classifier, dataset: Dataset, i: int) -> tuple[Any, dict[str, Maps]]:
    """One image and its maps, by `explain`."""
    image = dataset[i].read()
    return image, explain(classifier, [image], METHODS, target=[dataset[i].label])


def test_boxes_are_those_of_maps_of_single_images(classifier: Classifier, dataset: Dataset) -> None:
    found = evaluate_methods(classifier, dataset, METHODS, thresholds=0.4, refine=REFINE)
    plain = evaluate_methods(classifier, dataset, METHODS, thresholds=0.4)
    moved = 0
    for i in GOOD:
        image, maps = alone(classifier, dataset, i)
        for name in METHODS:
            box = maps[name].boxes(0.4, refine=REFINE, images=[image])[0]
            np.testing.assert_allclose(found.rows[i].found[name].box, box, atol=1e-6)
            moved += (plain.rows[i].found[name].box != box).any()
            # what is kept is the map itself, as small as it was
            kept, _ = found.map(found.rows[i], name) or (None, None)
            np.testing.assert_array_equal(kept, plain.map(plain.rows[i], name)[0])
    assert moved > 10


def test_the_protocol_scores_the_refined_map(classifier: Classifier, dataset: Dataset) -> None:
    found = evaluate_methods(classifier, dataset, ["gradcam"], refine=REFINE)
    squares, truth = [], []
    for i in GOOD:
        if i == WITHOUT_BOX:
            continue
        image, maps = alone(classifier, dataset, i)
        refined = maps["gradcam"].refined([image], REFINE)
        frame, size = maps["gradcam"].frames[0], (image.height, image.width)
        (a, b, c), (d, e, f) = frame.matrix
        x, y = 224 / size[1], 224 / size[0]
        squash = Frame(((a * x, b * x, c * x), (d * y, e * y, f * y)), frame.input_size, (224, 224))
        rows, columns, _ = squash.resampling(refined.values.shape[-2:])
        small = normalize(refined.numpy()[0], "minmax")
        squares.append(np.clip(rows @ small @ columns.T, 0, 1))
        truth.append(protocol_boxes(dataset[i].boxes, size))
    best = [wsol.best_ious(s, t, 2, 0.001) for s, t in zip(squares, truth, strict=True)]
    expected = np.mean([(np.array(best) >= d).mean(0).max() for d in (0.3, 0.5, 0.7)])
    line = next(line for line in found.table() if line.name == "gradcam")
    assert line.results["maxboxacc-v2"].value == pytest.approx(expected, abs=1e-9)


def test_maps_made_elsewhere_are_refined_with_the_whole_image(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    made = {i: rng.random((5, 6)).astype(np.float32) for i in GOOD}
    for i, values in made.items():
        np.save(tmp_path / f"{dataset[i].id}.npy", values)
    for model, methods in ((None, ()), (classifier, ["gradcam"])):
        found = evaluate_methods(
            model, dataset, methods, maps={"mine": tmp_path}, thresholds=0.5, refine=REFINE
        )
        for i in GOOD:
            image = dataset[i].read()
            whole = Frame.identity((image.height, image.width))
            maps = Maps(made[i][None], None, None, None, "mine", "", (whole,))
            box = maps.boxes(0.5, refine=REFINE, images=[image])[0]
            np.testing.assert_allclose(found.rows[i].found["mine"].box, box, atol=1e-6)


def test_a_tuned_threshold_brings_its_refinement(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    tuned = tune_methods(classifier, dataset, METHODS, refine=REFINE)
    write_thresholds(tmp_path / "thresholds.json", tuned)
    read = read_thresholds(tmp_path / "thresholds.json")
    assert read == tuned and tuned["gradcam"].refine == REFINE
    found = evaluate_methods(classifier, dataset, METHODS, thresholds=read)
    assert {found.cuts[name].refine for name in METHODS} == {REFINE}
    for name in METHODS:  # tuned on these very images: the mean IoU is the one that was found
        line = next(line for line in found.table() if line.name == name)
        assert line.results["mean-iou"].value == pytest.approx(tuned[name].score, abs=1e-9)
    image, maps = alone(classifier, dataset, 0)
    options = tuned["gradcam"].options()
    box = maps["gradcam"].boxes(**options, images=[image])
    np.testing.assert_allclose(found.rows[0].found["gradcam"].box, box[0], atol=1e-6)
    assert iou(box, dataset[0].boxes).max() == pytest.approx(found.rows[0].found["gradcam"].iou)


def test_a_folder_remembers_it(classifier: Classifier, dataset: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    out = tmp_path / "run"
    first = evaluate_in_folder(classifier, dataset, METHODS, out, refine=REFINE)
    assert (
        json.loads((out / "config.json").read_text())["configuration"]["cuts"]["gradcam"]["refine"]
        == REFINE
    )
    again = open_run(out, dataset)
    assert again.cuts["gradcam"].refine == REFINE
    assert again.as_dict()["table"] == first.as_dict()["table"]
    with pytest.raises(RunError, match=r"cuts"):
        evaluate_in_folder(classifier, dataset, METHODS, out)


def test_the_report_shows_what_was_cut(classifier: Classifier, dataset: Dataset) -> None:
    found = evaluate_methods(classifier, dataset, ["gradcam"], refine=REFINE)
    page = report.report_of(found, "refined")
    by_id = {dataset[i].id: i for i in GOOD}
    for item in page.items:
        image, maps = alone(classifier, dataset, by_id[item.id])
        refined = maps["gradcam"].refined([image], REFINE).normalized()[0]
        # maps are kept in half precision
        np.testing.assert_allclose(item.maps["gradcam"], refined.numpy(), atol=5e-3)


def test_an_unknown_refiner_is_told_before_the_work(
    classifier: Classifier, dataset: Dataset
) -> None:
    said: list[int] = []
    for call in (evaluate_methods, tune_methods):
        with pytest.raises(MethodError, match="did you mean 'guided-filter'"):
            call(
                classifier, dataset, METHODS, refine="guided-filte",
                progress=lambda done, all_of_them: said.append(done),
            )  # fmt: skip
    assert not said


def test_nothing_is_refined_unless_it_is_asked_for(
    classifier: Classifier, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    refiner = find_refinement(REFINE).refiner
    monkeypatch.setattr(type(refiner), "with_options", lambda *_: pytest.fail("refined"))
    evaluate_methods(classifier, dataset, ["gradcam"])
    tune_methods(classifier, dataset, ["gradcam"])
