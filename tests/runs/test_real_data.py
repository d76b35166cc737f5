"""Real models on real photographs: kangaroos with MobileNetV2, and the table in the documents."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limelight.arrays import to_numpy
from limelight.data import open as open_dataset
from limelight.explainer import explain
from limelight.methods import find_method
from limelight.models import load
from limelight.runs import evaluate_methods

ROOT = Path(__file__).parents[2]
WALLABY = 104


@pytest.mark.compiles
def test_kangaroos_through_voc_and_a_class_map(mobilenet: Any, data: Path) -> None:
    """The truncated photograph is a row with its reason; the others are explained as wallabies."""
    dataset = open_dataset(f"voc:{data / 'kangaroo'}")
    assert len(dataset) == 164
    (at,) = (i for i, example in enumerate(dataset) if example.id == "00090.jpg")
    part = dataset[at - 3 : at + 3]
    classifier = load(mobilenet)
    evaluation = evaluate_methods(
        classifier, part, ["gradcam"], class_map={"kangaroo": "wallaby"}, max_box_acc=False
    )
    (bad,) = evaluation.errors
    assert bad.id == "00090.jpg" and "truncated" in str(bad.error)
    assert len(evaluation.scored) == 5
    for row in evaluation.scored:
        assert row.target == row.truth == WALLABY
        maps = explain(classifier, [part[row.index].read()], target=WALLABY)
        np.testing.assert_allclose(row.found["gradcam"].box, maps.boxes()[0], atol=3)
        assert row.predicted == int(to_numpy(maps.scores).argmax())
    assert evaluation.true_name(evaluation.scored[0]) == "wallaby"
    assert evaluation.table()[0].results["mean-iou"].value > 0.2


@pytest.fixture
def benchmark(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A script of benchmarks/, "localization" where no other is named."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    name = getattr(request, "param", "localization")
    spec = importlib.util.spec_from_file_location(
        f"{name}_benchmark", ROOT / "benchmarks" / f"{name}.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_in_the_documents_is_that_of_the_results(benchmark: Any) -> None:
    results = json.loads(benchmark.RESULTS.read_text("utf-8"))
    assert benchmark.render(results) in benchmark.PAGE.read_text("utf-8")
    assert benchmark.far_off(results) == []
    for name, runs in benchmark.RUNS.items():
        lines = [line["name"] for line in results["models"][name]["table"]]
        methods = [method for _, part in runs for method in part]
        assert lines == [*methods, "centre-box", "whole-image"]


@pytest.mark.parametrize("benchmark", ["recipes"], indirect=True)
def test_affinitycam_wins_on_the_classes_that_it_was_not_chosen_on(benchmark: Any) -> None:
    """As the committed results say, on both models; the page shows them."""
    results = json.loads(benchmark.RESULTS.read_text("utf-8"))
    assert benchmark.render(results) in benchmark.PAGE.read_text("utf-8")
    for table in results["models"].values():
        (line,) = (line for line in table if line["name"] == "affinitycam")
        assert line["gain"][1] > 0
        best = max(each["scores"]["maxboxacc-v2"] for each in table if each is not line)
        assert line["scores"]["maxboxacc-v2"] > best


@pytest.mark.parametrize("benchmark", ["pointing"], indirect=True)
def test_the_pointing_game_in_the_documents_is_that_of_the_results(benchmark: Any) -> None:
    results = json.loads(benchmark.RESULTS.read_text("utf-8"))
    assert set(results["methods"]) == {method.name for method in benchmark.shown()}
    for name, line in results["methods"].items():
        assert line["options"] == benchmark.options_of(find_method(name)), name
        assert line["images"] == benchmark.IMAGES, name
        above = line["interval"][0] > results["centre"]["15"]["pointing"]
        assert above == (not line["why"]), name
        assert line["why"] == benchmark.reason(name, results)


@pytest.mark.parametrize("benchmark", ["pointing"], indirect=True)
def test_the_centre_of_the_pointing_game_is_that_of_its_photographs(
    benchmark: Any, data: Path
) -> None:
    results = json.loads(benchmark.RESULTS.read_text("utf-8"))
    assert benchmark.centre() == results["centre"]
    low, high = results["centre"]["0"]["interval"]
    assert low <= benchmark.KNOWN_CENTRE <= high
