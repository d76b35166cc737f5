"""`limelight explain`: the files it writes, the JSON it prints, its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.conftest import Call, write_side_file
from limelight.explainer import explain
from limelight.localization import Threshold
from limelight.models import load
from limelight.runs import write_thresholds

Run = Callable[..., Call]


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def pixels_of(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


def test_files_and_json_hold_what_explain_returns(
    call: Run, weights: Path, photographs: list[Path], tmp_path: Path
) -> None:
    result = call(
        "explain", *photographs, "-m", weights, "-x", "cam,gradcam", "-t", "281", "-o", "maps",
        "--threshold", "0.4", "--json",
    )  # fmt: skip
    assert result.code == 0
    classifier = load(weights)
    expected = explain(classifier, photographs, ["cam", "gradcam"], target=281)
    rows = result.json
    assert [row["image"] for row in rows] == [str(path) for path in photographs]
    for i, (row, path) in enumerate(zip(rows, photographs, strict=True)):
        assert json.loads((tmp_path / "maps" / f"{path.stem}.json").read_text()) == row
        width, height = size_of(path)
        assert (row["width"], row["height"]) == (width, height)
        for found in row["results"]:
            maps = expected[found["method"]]
            assert (found["class"], found["name"]) == (281, "tabby")
            assert found["layer"] == maps.layer
            assert found["probability"] == pytest.approx(float(maps.probability[i]), abs=1e-5)
            assert found["score"] == pytest.approx(float(maps.scores[i, 281]), abs=1e-4)
            box = maps.boxes(0.4)[i]
            assert found["box"] == (None if np.isnan(box).any() else pytest.approx(box, abs=0.01))
            assert found["diagnosis"] == maps.diagnosis[i]
            with np.load(found["map"]) as stored:
                np.testing.assert_allclose(stored["values"], maps.numpy()[i], rtol=1e-4, atol=1e-7)
            overlay = pixels_of(found["overlay"])
            difference = np.abs(overlay - maps.overlay(photographs)[i])
            assert overlay.shape == (height, width, 3)
            assert np.quantile(difference, 0.999) <= 3


def test_plain_lines_name_class_box_and_file(
    call: Run, weights: Path, photographs: list[Path]
) -> None:
    result = call("explain", photographs[0], "-m", weights, "-t", "tabby", "--layer", "features.12")
    assert result.code == 0
    (line, *notes) = result.out.splitlines()
    assert str(photographs[0]) in line and "tabby (281)" in line
    assert "gradcam at features.12" in line
    assert line.endswith("photo-0.gradcam.png")
    assert all(note.startswith("  note: ") for note in notes)
    assert "ImageNet" in result.err or "imagenet" in result.err or "squashed" in result.err


def test_several_classes_and_layers_have_files_of_their_own(
    call: Run, weights: Path, photographs: list[Path], tmp_path: Path
) -> None:
    result = call(
        "explain", photographs[0], "-m", weights, "-t", "1,2,3", "-l", "features.9",
        "-l", "features.12", "-o", "maps",
    )  # fmt: skip
    assert result.code == 0
    names = {path.name for path in (tmp_path / "maps").iterdir()}
    pictures = {
        f"photo-0.gradcam.{layer}.{c}.png"
        for layer in ("features.9", "features.12")
        for c in (1, 2, 3)
    }
    arrays = {f"photo-0.gradcam.{layer}.npz" for layer in ("features.9", "features.12")}
    assert names == pictures | arrays | {"photo-0.json"}


def test_good_images_are_done_and_bad_ones_listed_at_the_end(
    call: Run,
    weights: Path,
    photographs: list[Path],
    bad_photographs: dict[Path, str],
    tmp_path: Path,
) -> None:
    mixed = [photographs[0], *bad_photographs, *photographs[1:]]
    result = call("explain", *mixed, "-m", weights, "--batch-size", 3, "-o", tmp_path / "maps")
    assert result.code == 1
    assert {path.name for path in (tmp_path / "maps").glob("*.json")} == {
        f"{path.stem}.json" for path in photographs
    }
    start, *listed = result.err.splitlines()[-1 - len(bad_photographs) :]
    assert start == f"{len(bad_photographs)} of {len(mixed)} images could not be explained:"
    for (path, reason), line in zip(bad_photographs.items(), listed, strict=True):
        assert line.startswith(f"  {path}: ") and reason in line
    as_json = call("explain", *mixed, "-m", weights, "--json", "-o", tmp_path / "maps")
    assert as_json.code == 1
    assert {row["image"] for row in as_json.json if "error" in row} == set(
        map(str, bad_photographs)
    )


def test_a_bad_image_alone_is_one_sentence(
    call: Run, weights: Path, bad_photographs: dict[Path, str]
) -> None:
    for path, reason in bad_photographs.items():
        result = call("explain", path, "-m", weights)
        assert result.code == 2
        assert result.err.splitlines()[-1].startswith("limelight: ")
        assert reason in result.err
        assert "Traceback" not in result.err
        assert result.out == ""


def test_nothing_but_bad_images(call: Run, weights: Path, bad_photographs: dict[Path, str]) -> None:
    result = call("explain", *bad_photographs, "-m", weights)
    assert result.code == 2
    assert "5 of 5 images could not be explained" in result.err


def test_the_truncated_kangaroo(call: Run, weights: Path, data: Path) -> None:
    result = call("explain", data / "kangaroo" / "images" / "00090.jpg", "-m", weights)
    assert result.code == 2
    assert "00090.jpg is damaged or truncated" in result.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-t", "1000"], "class 1000 was asked for, but the model has 1000 classes, 0 to 999"),
        (["-t", "-1"], "class -1 was asked for"),
        (["-t", "tiger cap"], "no class is named 'tiger cap'; did you mean 'tiger cat'"),
        (["-t", "top2000"], "the top 2000 classes were asked for"),
        (["-l", "feature.12"], "did you mean 'features.12'"),
        (["-l", "classifier.3"], "classifier.3"),
        (["-x", "gradcamm"], "did you mean 'gradcam'"),
        (["-x", "random:seeds=3"], "random has no option 'seeds'"),
        (["-x", "random:3"], "an option of a method is written name=value"),
        (["--score", "logits"], "'logits' is not a score"),
        (["--fuse", "sum", "-l", "features.9", "-l", "features.12"], "'sum' is not a fusion"),
        (["--threshold", "2"], "threshold"),
        (["--threshold-file", "none.json"], "no thresholds can be read from none.json"),
        (["--size", "wide"], "--size wide is neither a number nor HEIGHTxWIDTH"),
        (["--preprocess", "{mean"], "--preprocess is not a JSON object"),
        (["--preprocess", "imagenette"], "imagenet"),
        (["--arch", "torchvision:squeezenet9"], "squeezenet"),
        (["--classes", "none.txt"], "none.txt"),
        (["--index", "3"], "--index chooses items of a data set: give --data too"),
        (["--colormap", "jets"], "jet"),
    ],
)
def test_a_bad_call_is_one_sentence_and_exit_code_2(
    call: Run, weights: Path, photographs: list[Path], arguments: list[str], sentence: str
) -> None:
    result = call("explain", photographs[0], "-m", weights, *arguments)
    assert result.code == 2
    assert result.err.splitlines()[-1].startswith("limelight: ")
    assert sentence in result.err
    assert result.out == ""


def test_a_layer_without_space_is_said_to_have_none(
    call: Run, weights: Path, photographs: list[Path]
) -> None:
    result = call("explain", photographs[0], "-m", weights, "-l", "classifier.3")
    assert result.code == 2
    assert "1 × 1" in result.err or "1×1" in result.err or "no height and width" in result.err


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("none.safetensors", None, "there is no file"),
        ("broken.safetensors", b"no weights", "broken.safetensors"),
        ("model.txt", b"", "no model file that is known here"),
    ],
)
def test_a_bad_model_is_one_sentence(
    call: Run,
    photographs: list[Path],
    tmp_path: Path,
    name: str,
    content: bytes | None,
    sentence: str,
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    result = call(
        "explain", photographs[0], "-m", tmp_path / name, "--arch", "torchvision:resnet18"
    )
    assert result.code == 2
    assert sentence in result.err


def spoilt(weights: Path, folder: Path, value: float) -> Path:
    """The weights with the last layer's all of one value."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(weights)
    for name in ("classifier.1.weight", "classifier.1.bias"):
        tensors[name].fill_(value)
    save_file(tensors, folder / "spoilt.safetensors")
    write_side_file(folder / "spoilt.safetensors")
    return folder / "spoilt.safetensors"


def test_a_model_that_returns_no_numbers(
    call: Run, weights: Path, photographs: list[Path], tmp_path: Path
) -> None:
    result = call("explain", photographs[0], "-m", spoilt(weights, tmp_path, float("nan")))
    assert result.code == 2
    assert "the model's output is not a number (NaN or infinite)" in result.err


def test_an_empty_map_is_explained_in_words(
    call: Run, weights: Path, photographs: list[Path], tmp_path: Path
) -> None:
    model = spoilt(weights, tmp_path, 0.0)
    result = call("explain", photographs[0], "-m", model, "-t", "3", "--layer", "features.12")
    assert result.code == 0
    assert "no box" in result.out
    assert "note: the gradient at this layer is zero everywhere" in result.out


def test_tuned_thresholds_cut_each_method_at_its_own(
    call: Run, weights: Path, photographs: list[Path], tmp_path: Path
) -> None:
    def tuned(value: float) -> Threshold:
        return Threshold(value, "max", "minmax", "iou", 0.5, 9, "digits", (value,))

    file = write_thresholds(tmp_path / "t.json", {"cam": tuned(0.3), "gradcam": tuned(0.7)})
    arguments = ["explain", photographs[0], "-m", weights, "-t", "5", "-l", "features.12"]
    result = call(*arguments, "-x", "gradcam,layercam", "--threshold-file", file, "-o", "out")
    assert result.code == 2
    assert "no threshold for 'layercam'" in result.err
    result = call(*arguments, "--threshold-file", file, "--json")
    assert result.code == 0
    maps = explain(load(weights), photographs[:1], target=5, layer="features.12")
    (found,) = result.json[0]["results"]
    assert found["box"] == pytest.approx(maps.boxes(0.7, normalizer="minmax")[0].tolist(), abs=0.01)


def test_an_unwritable_folder_is_one_sentence(
    call: Run, weights: Path, photographs: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file")
    result = call("explain", photographs[0], "-m", weights, "-o", tmp_path / "taken")
    assert result.code == 2
    assert "taken cannot be written" in result.err


def test_images_of_one_name_do_not_overwrite_each_other(
    call: Run, weights: Path, photographs: list[Path], tmp_path: Path
) -> None:
    paths = [tmp_path / name for name in ("a/x.jpg", "b/x.jpg", "x-2.jpg", "x.png")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        with Image.open(photographs[0]) as image:
            image.save(path)
    result = call("explain", *paths, "-m", weights, "-o", "maps", "--json")
    assert result.code == 0
    files = [row["results"][0]["map"] for row in result.json]
    assert len(set(files)) == 4
    assert len(list((tmp_path / "maps").glob("*.json"))) == 4


def test_interrupted_is_said_in_a_word(
    call: Run, weights: Path, photographs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("limelight.images.read", stop)
    result = call("explain", photographs[0], "-m", weights)
    assert result.code == 130
    assert result.err.splitlines()[-1] == "limelight: interrupted"


@pytest.mark.keras
@pytest.mark.compiles
def test_a_keras_file_and_a_photograph_are_enough(call: Run, data: Path, tmp_path: Path) -> None:
    photo, model = data / "photos" / "both.png", data / "models" / "mobilenet_v2.keras"
    result = call("explain", photo, "--model", model)
    assert result.code == 0
    (line,) = result.out.splitlines()  # no note: nothing is wrong with the map
    assert "bull mastiff (243)" in line and "gradcam at out_relu" in line
    assert "assumed from the model's name" in result.err
    folder = tmp_path / "limelight-maps"
    assert {path.name for path in folder.iterdir()} == {
        "both.gradcam.png", "both.gradcam.npz", "both.json",
    }  # fmt: skip
    (found,) = json.loads((folder / "both.json").read_text())["results"]
    assert found["diagnosis"] is None
    dog, cat = (75, 10, 165, 118), (45, 120, 205, 222)
    x0, y0, x1, y1 = found["box"]
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    assert dog[0] < x < dog[2] and dog[1] < y < dog[3] and y < cat[1]
    difference = pixels_of(found["overlay"]) - pixels_of(str(photo))[..., :3]
    rows, columns = np.indices(difference.shape[:2])
    redder = np.clip(difference[..., 0] - difference[..., 2], 0, None)
    middle = (redder * columns).sum() / redder.sum(), (redder * rows).sum() / redder.sum()
    assert dog[0] < middle[0] < dog[2] and dog[1] < middle[1] < dog[3], "red over the dog"


@pytest.mark.keras
def test_both_classes_of_one_output_and_the_note(
    call: Run, photographs: list[Path], tmp_path: Path
) -> None:
    keras = pytest.importorskip("keras")
    features = keras.layers.Conv2D(1, 4, 4, kernel_initializer="ones", name="features")
    ending = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential([keras.Input((32, 32, 3)), features, *ending])
    model.layers[-1].set_weights([np.array([[0.01]], np.float32), np.array([0.0], np.float32)])
    model.save(tmp_path / "binary.keras")
    (tmp_path / "names.txt").write_text("empty\nfull\n")
    options = ["-m", tmp_path / "binary.keras", "--preprocess", "0-255", "--json"]
    options += ["--classes", tmp_path / "names.txt", photographs[0]]
    (row,) = call("explain", *options, "-t", "1,0").json
    full, empty = row["results"]
    assert (full["class"], full["name"], empty["class"], empty["name"]) == (1, "full", 0, "empty")
    assert full["score"] == pytest.approx(-empty["score"]) and full["score"] > 20
    assert full["diagnosis"] is None and "nothing at this layer speaks" in empty["diagnosis"]
    (row,) = call("explain", *options, "--score", "probability").json
    assert "p = 1.000 and the score is a probability" in row["results"][0]["diagnosis"]
    said = call("explain", *(o for o in options if o != "--json"), "--score", "probability").out
    assert "  note: p = 1.000 and the score is a probability, so the gradient vanished" in said
