"""Benchmarks on the engine of runs: what they measure of each image, killed and resumed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import limelight
from limelight.data import Dataset
from limelight.errors import MetricError, RunError
from limelight.explainer.sanity import stage_names
from limelight.models import Classifier
from limelight.runs import open_run, status
from limelight.runs.benching import MEMORY, SECONDS, STAGES, usable_methods
from limelight.runs.leaderboard import Leaderboard, leaderboard
from limelight.runs.metric_rows import GROUPS, scorers
from runs import examples, processes

pytest.importorskip("pyarrow")
METHODS = ["gradcam", "layercam", "random"]
IMAGES = 12
MEASURED = [name for name, scorer in scorers().items() if scorer.measured]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    out = tmp_path_factory.mktemp("bench") / "RUN"
    return limelight.bench(
        examples.classifier(), examples.dataset(IMAGES), METHODS, out=out, batch_size=5
    )


def arrays(classifier: Classifier, dataset: Dataset) -> tuple[list[int], np.ndarray]:
    good = [i for i in range(IMAGES) if i != examples.BROKEN]
    return good, classifier.prepare([dataset[i].read() for i in good])[0]


def test_faithfulness_is_that_of_the_front_door(
    board: Leaderboard, classifier: Classifier, dataset: Dataset
) -> None:
    good, images = arrays(classifier, dataset)
    classes = [dataset[i].label for i in good]
    for standing in board.standings:
        expected = limelight.score_faithfulness(
            classifier, images, standing.name, target=classes, resamples=1000, labels=classes
        )
        for name, result in expected.items():
            found = standing.results[name]
            assert found.value == pytest.approx(result.value, abs=1e-5), (standing.name, name)
            assert found.interval == pytest.approx(result.interval, abs=1e-5)
            assert found.details == pytest.approx(result.details, abs=1e-5)
            assert found.images == result.images  # those without a box too


def test_sanity_is_that_of_the_front_door(
    board: Leaderboard, classifier: Classifier, dataset: Dataset
) -> None:
    good, images = arrays(classifier, dataset)
    classes = [dataset[i].label for i in good]
    for similarity in ("rank", "ssim"):
        expected = limelight.check_randomization(
            classifier, images, METHODS, target=classes, stages=STAGES, similarity=similarity
        )
        for standing in board.standings:
            found = standing.results[f"model-randomization-{similarity}"]
            assert found.value == pytest.approx(expected[standing.name].value, abs=1e-4)
            assert list(found.details) == stage_names(STAGES)
    floor = next(each for each in board.standings if each.name == "random")
    assert floor.results["model-randomization-rank"].value == pytest.approx(1)


def test_the_rest_is_that_of_an_evaluation(
    board: Leaderboard, classifier: Classifier, dataset: Dataset
) -> None:
    whole = limelight.evaluate(classifier, dataset, METHODS, batch_size=5)
    lines = {line.name: line for line in whole.table()}
    for standing in board.standings:
        line = lines[standing.name]
        assert standing.layer == line.layer
        for column, result in line.results.items():
            assert standing.results[column].value == pytest.approx(result.value, abs=1e-6)
            assert standing.results[column].interval == pytest.approx(result.interval, abs=1e-6)


def test_rows_keep_curves_and_costs(board: Leaderboard) -> None:
    rows = board.evaluation.rows
    assert rows[examples.BROKEN].error is not None and rows[examples.BROKEN].found == {}
    for row in board.evaluation.scored:
        for name in METHODS:
            scores = row.found[name].scores
            # of a map of zeros there is no relative change
            assert set(MEASURED) - {"max-sensitivity"} <= set(scores)
            assert len(scores["insertion"]) == len(scores["deletion"]) == 21
            assert len(scores["road"]) == 18
            assert 0 < scores[SECONDS][0] < 60
            assert MEMORY not in scores or scores[MEMORY][0] >= 0
            # before anything is deleted, and after all is inserted: the probability itself
            assert scores["deletion"][0] == pytest.approx(scores["insertion"][-1], abs=1e-5)
        plain = row.as_dict()[METHODS[0]]
        assert plain["infidelity"] == pytest.approx(row.found[METHODS[0]].scores["infidelity"][0])


def test_ranks(board: Leaderboard) -> None:
    assert [column.group for column in board.columns] == sorted(
        (column.group for column in board.columns), key=GROUPS.index
    )
    assert board.groups == GROUPS
    for column in board.columns:
        values = {s.name: float(f"{s.results[column.key].value:.4g}") for s in board.standings}
        for standing in board.standings:
            mine = values[standing.name]
            if column.group == "sanity":
                better = [abs(v) < abs(mine) for v in values.values()]
                equal = [abs(v) == abs(mine) for v in values.values()]
            else:
                better = [v < mine if column.lower else v > mine for v in values.values()]
                equal = [v == mine for v in values.values()]
            assert standing.ranks[column.key] == sum(better) + (sum(equal) + 1) / 2
    for standing in board.standings:
        for group in GROUPS:
            own = [standing.ranks[c.key] for c in board.columns if c.group == group]
            assert standing.by_group[group] == pytest.approx(np.mean(own))
        judged = [rank for group, rank in standing.by_group.items() if group != "cost"]
        assert standing.rank == pytest.approx(np.mean(judged))
    assert [s.rank for s in board.standings] == sorted(s.rank for s in board.standings)


def test_directions_are_those_of_the_metrics() -> None:
    for name in MEASURED:
        metric: Any = scorers()[name].make()
        assert scorers()[name].lower == (not metric.greater_is_better)
    assert {n for n in MEASURED if scorers()[n].lower and scorers()[n].group == "faithfulness"} == {
        "average-drop", "deletion", "infidelity", "max-sensitivity",
    }  # fmt: skip


def test_without_boxes_and_classes(classifier: Classifier, tmp_path: Path) -> None:
    """A folder of plain images: no localization; the predicted class is explained."""
    from PIL import Image

    folder = tmp_path / "plain"
    folder.mkdir()
    for i, picture in enumerate(examples.pictures(8)):
        if i != examples.BROKEN:
            Image.fromarray(picture).save(folder / f"{i}.png")
    found = limelight.bench(
        classifier, folder, ["gradcam"], out=tmp_path / "RUN", target="predicted",
        metrics=["deletion", "model-randomization-rank"],
    )  # fmt: skip
    assert found.groups == ("faithfulness", "sanity", "cost")
    assert [each.name for each in found.standings if each.name != "random"] == ["gradcam"]
    again = leaderboard(open_run(tmp_path / "RUN"))
    assert again.as_dict() == found.as_dict()
    with pytest.raises(RunError, match="metrics was"):
        limelight.bench(
            classifier, folder, ["gradcam"], out=tmp_path / "RUN", target="predicted",
            metrics=["insertion"],
        )  # fmt: skip


def test_unknown_metric(classifier: Classifier, dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(MetricError, match="no metric 'delation'; did you mean 'deletion'"):
        limelight.bench(
            classifier, dataset, ["gradcam"], out=tmp_path / "RUN", metrics=["delation"]
        )


def test_all_methods_are_those_that_run(classifier: Classifier, dataset: Dataset) -> None:
    image = classifier.prepare([dataset[0].read()])[0]
    with pytest.warns(UserWarning, match="left out: .*rollout"):
        found = usable_methods(classifier, image, ["all"])
    assert {"gradcam", "cam", "scorecam", "random"} <= set(found)
    assert "rollout" not in found
    assert usable_methods(classifier, image, ["cam"]) == ["cam", "random"]


@pytest.mark.keras
@pytest.mark.compiles
def test_keras_and_torch_are_measured_alike(tmp_path: Path) -> None:
    """The same weights in both frameworks: the same rows, apart from what they cost."""
    pytest.importorskip("keras")
    from limelight.models import load
    from oracles import networks

    keras = load(
        networks.keras_model(), size=networks.SIZE, preprocess="-1-1", classes=examples.NAMES
    )
    asked = {"batch_size": 4, "metrics": ["deletion", "road", "max-sensitivity", "pointing-game"]}
    found = limelight.bench(
        keras, examples.dataset(9), ["gradcam"], out=tmp_path / "keras", **asked
    )
    expected = limelight.bench(
        examples.classifier(), examples.dataset(9), ["gradcam"], out=tmp_path / "torch", **asked
    )
    by_name = {each.name: each for each in expected.standings}
    for standing in found.standings:
        for key in ("deletion", "road", "max-sensitivity", "pointing-game"):
            wanted = by_name[standing.name].results[key].value
            assert standing.results[key].value == pytest.approx(wanted, abs=2e-3, rel=2e-3)


def test_faithfulness_on_some_of_the_images(
    board: Leaderboard, classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    """Rows of the chosen images are those of the whole benchmark; the others have no such row."""
    some = [0, 3, 6, 9]
    found = limelight.bench(
        classifier, dataset, METHODS, out=tmp_path / "RUN", batch_size=5, faithfulness_images=4
    )
    for row, whole in zip(found.evaluation.rows, board.evaluation.rows, strict=True):
        for name in METHODS if row.error is None else ():
            scores, expected = row.found[name].scores, whole.found[name].scores
            assert SECONDS in scores
            assert {*scores} & {*MEASURED} == (
                {*expected} & {*MEASURED} if row.index in some else set()
            )
            for key in {*scores} - {SECONDS, MEMORY}:
                np.testing.assert_allclose(scores[key], expected[key], atol=1e-4)
    located = [i for i in range(IMAGES) if i != examples.BROKEN]
    for standing in found.standings:
        assert standing.results["deletion"].images == len({*some} & {*located})
        assert standing.results[SECONDS].images == len(located)
        whole_mean = {each.name: each for each in board.standings}[standing.name]
        assert standing.results["mean-iou"] == whole_mean.results["mean-iou"]
    with pytest.raises(RunError, match="asked_again"):
        limelight.bench(
            classifier, dataset, METHODS, out=tmp_path / "RUN", batch_size=5, faithfulness_images=3
        )
    with pytest.raises(MetricError, match="faithfulness_images=0: at least one"):
        limelight.bench(classifier, dataset, METHODS, out=tmp_path / "other", faithfulness_images=0)


def test_sensitivity_of_methods_of_many_passes(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    """Left out with a notice; measured where it is named."""
    few = dataset.subset([0, 1])
    with pytest.warns(UserWarning, match="max-sensitivity is left out for reciprocam: .* 10 times"):
        found = limelight.bench(
            classifier, few, ["eigencam", "reciprocam"], out=tmp_path / "spared",
            faithfulness_images=1,
        )  # fmt: skip
    by_name = {each.name: each.results for each in found.standings}
    assert "max-sensitivity" not in by_name["reciprocam"]
    assert "deletion" in by_name["reciprocam"] and "max-sensitivity" in by_name["eigencam"]
    named = limelight.bench(
        classifier, few, "reciprocam", out=tmp_path / "named", metrics=["max-sensitivity"]
    )
    results = {each.name: each.results for each in named.standings}
    assert "max-sensitivity" in results["reciprocam"]


def test_several_benchmarks_together(
    board: Leaderboard, classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    """One benchmark of all methods, or one of each: the same leaderboard, apart from costs."""
    parts = [
        limelight.bench(
            classifier, dataset, name, out=tmp_path / name, batch_size=5, metrics=["pointing-game"]
        ).evaluation
        for name in METHODS
    ]
    found = leaderboard(*parts)
    together = limelight.bench(
        classifier, dataset, METHODS, out=tmp_path / "all", batch_size=5, metrics=["pointing-game"]
    )
    assert found.as_dict() == together.as_dict()
    assert len(leaderboard(board.evaluation, *parts).standings) == len(METHODS)
    assert leaderboard(board.evaluation, *parts).as_dict() == board.as_dict()


# -- killed ---------------------------------------------------------------------------------------

_SCRIPT = f"""
import sys
sys.path.insert(0, {str(processes.TESTS)!r})
import limelight
from limelight.runs import job
from runs import examples

job.shard_size = lambda batch, seconds: batch
limelight.bench(
    examples.classifier(), examples.dataset({IMAGES}), {METHODS}, out=sys.argv[1], batch_size=2,
)
"""


def test_killed_and_called_again(board: Leaderboard, tmp_path: Path) -> None:
    out = tmp_path / "RUN"
    command = [sys.executable, "-c", _SCRIPT, str(out)]
    process = subprocess.Popen(command)
    limit = time.monotonic() + 120
    while processes.parts(out) < 2 and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert 2 <= len(status(out).parts) < IMAGES / 2, "not killed in the middle"
    assert subprocess.run(command, check=False).returncode == 0
    found = open_run(out, examples.dataset(IMAGES))
    assert [row.index for row in found.rows] == list(range(IMAGES))
    for row, whole in zip(found.rows, board.evaluation.rows, strict=True):
        assert (row.id, row.error) == (whole.id, whole.error)
        for name in METHODS if row.error is None else ():
            for key, expected in whole.found[name].scores.items():
                if key not in (SECONDS, MEMORY):
                    # other batches: sums in another order
                    np.testing.assert_allclose(row.found[name].scores[key], expected, atol=1e-4)
