"""`limelight tune`, `evaluate` and `status`: one data set through all three."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.conftest import Call
from limelight.data import open as open_dataset
from limelight.models import load
from limelight.runs import COLUMNS, evaluate_methods, open_run, read_thresholds, tune_methods

Run = Callable[..., Call]
pytest.importorskip("pyarrow")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A CSV manifest of 8 images in two splits, one of them no image; classes of their own."""
    folder = tmp_path / "photos"
    folder.mkdir()
    lines = ["file,class,boxes,split"]
    for i in range(8):
        pixels = np.random.default_rng(i).integers(0, 255, (40, 60, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
        split = "validation" if i < 3 else "test"
        lines.append(f"{i}.png,{'roo' if i % 2 else 'cat'},{i} {i} {i + 30} {i + 25},{split}")
    (folder / "5.png").write_bytes(b"no image")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "classes.csv").write_text("roo,wallaby\ncat,tabby\n")
    return folder


CLASSES = {"roo": "wallaby", "cat": "tabby"}


def test_tune_evaluate_status(call: Run, weights: Path, photos: Path, tmp_path: Path) -> None:
    model = ["-m", weights, "--class-map", "classes.csv", "--layer", "features.12"]
    methods = ["--methods", "gradcam,layercam"]
    tuned = call("tune", photos, *model, *methods, "--out", "t.json")
    assert tuned.code == 0, tuned.err
    assert "bilinear (no mode was given)" in tuned.err
    classifier = load(weights)
    validation = open_dataset(photos, split="validation")
    arguments = {"class_map": CLASSES, "layer": "features.12"}
    expected = tune_methods(classifier, validation, ["gradcam", "layercam"], **arguments)
    assert read_thresholds(tmp_path / "t.json") == expected
    assert f"gradcam: {expected['gradcam'].value:.2f} of the maximum" in tuned.out

    arguments_of_run = [
        "evaluate", photos, "--split", "test", *model, *methods, "--threshold-file", "t.json",
        "--out", "RUN",
    ]  # fmt: skip
    evaluated = call(*arguments_of_run)
    assert evaluated.code == 1, evaluated.err  # 5.png is no image
    assert "all splits" not in evaluated.err
    assert evaluated.out.splitlines()[-1] == str(Path("RUN") / "report.html")
    assert "evaluating: 5 of 5 images" in evaluated.err
    test = open_dataset(photos, split="test")
    memory = evaluate_methods(
        classifier, test, ["gradcam", "layercam"], thresholds=expected, **arguments
    )
    kept = open_run("RUN").as_dict()
    wanted = memory.as_dict()
    for found in (kept, wanted):
        del found["settings"]
    assert kept == wanted
    with Path("RUN/errors.csv").open(newline="") as stream:
        (bad,) = csv.DictReader(stream)
    assert bad["id"] == "5.png" and "not an image" in bad["error"]
    page = Path("RUN/report.html").read_text()
    assert "gradcam" in page and "centre-box" in page and "data:image/" in page

    state = call("status", "RUN", "--json")
    assert state.code == 0
    assert {name: state.json[name] for name in ("images", "done", "errors", "finished")} == {
        "images": 5, "done": 5, "errors": 1, "finished": True,
    }  # fmt: skip
    assert "5 of 5 images (100%)" in call("status", "RUN").out

    reported = call("report", "RUN", "--out", "other.html", "--images", "3", "--title", "<Ours>")
    assert reported.code == 0, reported.err
    assert reported.out.strip() == "other.html"
    page = Path("other.html").read_text()
    data = json.loads(page.split('id="report-data">')[1].split("</script>")[0])
    assert len(data["items"]) == 3 and data["methods"] == ["gradcam", "layercam"]
    assert "<title>&lt;Ours&gt;</title>" in page
    unlike = call("report", "RUN", "--out", "other.pdf")
    assert (unlike.code, unlike.err) == (
        2, "limelight: --out other.pdf: the report is an HTML file, other.html\n",
    )  # fmt: skip
    assert (
        call("report", "nothing").err == "limelight: nothing holds no run: it has no config.json\n"
    )

    refused = call(*arguments_of_run, "--target", "predicted")
    assert refused.code == 2
    assert 'target was "true", and is now "predicted"' in refused.err
    again = call(*arguments_of_run, "--json")
    assert again.code == 1
    assert again.json["table"] == memory.as_dict(rows=False)["table"]


def test_without_boxes_and_with_many_errors(call: Run, tmp_path: Path) -> None:
    """No table of nothing; of many errors the first ones, how many more, and where they all are."""
    for name in ("album", "mine"):
        (tmp_path / name).mkdir()
    for i in range(13):
        Image.new("RGB", (60, 40)).save(tmp_path / "album" / f"{i:02}.png")
    np.save(tmp_path / "mine" / "00.npy", np.eye(4))
    result = call("evaluate", "images:album", "--maps", "mine", "--out", "RUN")
    assert result.code == 1
    lines = result.out.splitlines()
    assert lines[0].startswith("no true boxes, so that maps have no scores")
    assert lines[1] == "12 images could not be evaluated:"
    assert lines[2] == "  01.png: there is no map mine/01.png.npy and no 01.npy"
    assert lines[-2:] == ["  and 2 more, in errors.csv", str(Path("RUN") / "report.html")]
    assert len(lines) == 14
    (tmp_path / "mine" / "00.npy").rename(tmp_path / "mine" / "other.npy")
    result = call("evaluate", "images:album", "--maps", "mine", "--out", "RUN2")
    assert "no true boxes" not in result.out  # nothing is known of what failed


def test_the_table_is_printed_with_intervals(
    call: Run, weights: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "220")
    (photos / "5.png").unlink()
    Image.new("RGB", (60, 40)).save(photos / "5.png")
    result = call(
        "evaluate", photos, "-m", weights, "--class-map", "classes.csv", "--methods", "cam",
        "--no-max-box-acc", "--out", "RUN",
    )  # fmt: skip
    assert result.code == 0, result.err
    assert "all splits, validation, test; --split takes one of them" in result.err
    figures = json.loads(Path("RUN/metrics.json").read_text())
    for line in figures["table"]:
        mean = line["results"]["mean-iou"]
        (printed,) = (text for text in result.out.splitlines() if text.startswith(line["name"]))
        low, high = (f"{100 * end:.1f}" for end in mean["interval"])
        assert f"{100 * mean['value']:.1f} [{low}, {high}]" in printed

    # In a narrow terminal no heading is cut, nor any figure; intervals are in the report.
    monkeypatch.setenv("COLUMNS", "60")
    narrow = call(
        "evaluate", photos, "-m", weights, "--class-map", "classes.csv", "--methods", "cam",
        "--no-max-box-acc", "--out", "RUN",
    ).out.splitlines()  # fmt: skip
    line = figures["table"][0]
    (printed,) = (text for text in narrow if text.startswith(line["name"]))
    shown = [f"{100 * line['results'][column]['value']:.1f}" for column in line["results"]]
    assert printed.split()[2:] == shown
    words = " ".join(COLUMNS[column] for column in line["results"]).split()
    headings = " ".join(narrow[1 : narrow.index(printed)]).split()
    assert sorted(headings) == sorted(["%", "cut", "at", *words])


def test_maps_made_elsewhere_without_a_model(call: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    for i in range(8):
        np.save(
            tmp_path / "theirs" / f"{i}.png.npy", np.random.default_rng(i).uniform(0, 1, (7, 7))
        )
    result = call("evaluate", photos, "--maps", "theirs", "--out", "RUN", "--json")
    assert result.code == 1, result.err
    names = [line["name"] for line in result.json["table"]]
    assert names == ["theirs", "centre-box", "whole-image"]
    assert result.json["accuracy"] is None
    assert [error["id"] for error in result.json["errors"]] == ["5.png"]
    assert "data:image/" in Path("RUN/report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--class-map", "none.csv"], "none.csv cannot be read"),
        ([], "cannot be matched to the model's classes"),
        (["--class-map", "classes.csv", "--methods", "kam"], "there is no method 'kam'"),
        (["--class-map", "classes.csv", "--split", "train"], "has no split 'train'"),
        (["--class-map", "classes.csv", "--target", "truth"], "did you mean 'true'"),
        (["--class-map", "classes.csv", "--threshold", "1.2"], "a fraction of the maximum"),
        (["--class-map", "classes.csv", "--maps", "a/x", "--maps", "b/x"], "told apart by their"),
        (["--class-map", "classes.csv", "--maps", "nowhere"], "there is no folder nowhere"),
    ],
)
def test_a_bad_call_is_one_sentence(
    call: Run, weights: Path, photos: Path, arguments: list[str], sentence: str
) -> None:
    result = call("evaluate", photos, "-m", weights, "--out", "RUN", *arguments)
    assert result.code == 2
    assert result.err.splitlines()[-1].startswith("limelight: ")
    assert sentence in result.err
    assert not Path("RUN").exists()


def test_the_predicted_class_asks_for_no_classes(call: Run, weights: Path, photos: Path) -> None:
    """Boxes are scored; where classes are not the model's, nothing is said of right and wrong."""
    asked = ["evaluate", photos, "-m", weights, "--methods", "cam", "--no-max-box-acc", "--json"]
    result = call(*asked, "--target", "predicted", "--out", "RUN")
    assert result.code == 1, result.err  # 5.png is no image
    assert result.json["accuracy"] is None
    lines = {line["name"]: line["results"] for line in result.json["table"]}
    assert "top-1" not in lines["cam"]
    mapped = call(*asked, "--target", "predicted", "--class-map", "classes.csv", "--out", "RUN2")
    assert mapped.json["accuracy"] is not None
    known = {line["name"]: line["results"] for line in mapped.json["table"]}
    assert "top-1" in known["cam"]
    assert lines["cam"]["mean-iou"]["value"] == known["cam"]["mean-iou"]["value"]
    assert "--target predicted" in call(*asked, "--out", "RUN3").err


def test_neither_a_model_nor_maps(call: Run, photos: Path) -> None:
    result = call("evaluate", photos, "--out", "RUN")
    assert result.code == 2
    assert "give --model, or --maps" in result.err


def test_an_interrupted_evaluation_says_so_and_goes_on(
    call: Run, weights: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from limelight.runs.evaluating import Evaluator

    arguments = [
        "evaluate", photos, "-m", weights, "--class-map", "classes.csv", "--methods", "cam",
        "--no-max-box-acc", "--out", "RUN", "--batch-size", "2",
    ]  # fmt: skip
    score = Evaluator._row

    def interrupted(self: Evaluator, image: object) -> object:
        if getattr(image, "index", 0) == 6:
            raise KeyboardInterrupt
        return score(self, image)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Evaluator, "_row", interrupted)
        result = call(*arguments)
    assert result.code == 130
    assert result.err.splitlines()[-1] == "limelight: interrupted; the same call goes on from here"
    assert "goes on from here" in call("status", "RUN").out
    assert call(*arguments).code == 1
    assert call("status", "RUN", "--json").json["done"] == 8
