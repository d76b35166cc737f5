"""`load` on the real weights, through side files, folders and objects, and what it refuses."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from limelight.errors import ModelLoadError
from limelight.models import Classifier, load

SQUEEZENET = {"mean": [123 / 255, 117 / 255, 104 / 255], "std": [1 / 255] * 3}


def photographs(data: Path, step: int = 7) -> tuple[list[Path], np.ndarray]:
    """Every `step`-th photograph of the real validation set, and its class."""
    with (data / "ilsvrc_val" / "index.csv").open() as file:
        rows = list(csv.DictReader(file))[::step]
    files = [data / "ilsvrc_val" / row["file"] for row in rows]
    return files, np.array([int(row["class_index"]) for row in rows])


def torch_scores(model: Any, batch: np.ndarray) -> np.ndarray:
    import torch

    with torch.inference_mode():
        return torch.cat([model(x) for x in torch.from_numpy(batch).split(16)]).numpy()


# --- SqueezeNet, real ---------------------------------------------------------------------------


def build_squeezenet() -> Any:
    from torchvision.models import squeezenet1_0

    model = squeezenet1_0()
    model.classifier[1].padding = (1, 1)
    return model


@pytest.fixture(scope="module")
def real_squeezenet(data: Path) -> Classifier:
    return load(
        data / "models" / "squeezenet1_0.safetensors",
        arch=build_squeezenet,
        preprocess=SQUEEZENET,
        size=227,
    )


@pytest.mark.torch
def test_squeezenet_classifies_as_a_plain_loop_does(
    real_squeezenet: Classifier, squeezenet: Any, data: Path
) -> None:
    import torch

    files, labels = photographs(data)
    batch, frames = real_squeezenet.prepare(files)
    scores = torch_scores(real_squeezenet.model, batch)
    for file, ours in zip(files, scores, strict=True):
        with Image.open(file) as image:
            pixels = torch.from_numpy(np.array(image.convert("RGB"))).float()
        with torch.no_grad():
            theirs = squeezenet((pixels - torch.tensor([123.0, 117, 104])).permute(2, 0, 1)[None])
        np.testing.assert_allclose(ours, theirs[0].numpy(), rtol=1e-3, atol=1e-3)
    accuracy = (scores.argmax(1) == labels).mean()
    assert accuracy > 0.7, accuracy  # 70.1 % over all 666
    assert not real_squeezenet.model.training
    assert all(frame.original_size == (227, 227) for frame in frames)
    assert real_squeezenet.preprocess.assumed == "squashed to 227×227, bilinear (no mode was given)"


@pytest.mark.torch
def test_squeezenet_through_its_side_file(
    real_squeezenet: Classifier, data: Path, tmp_path: Path
) -> None:
    weights = tmp_path / "squeezenet1_0.safetensors"
    weights.symlink_to((data / "models" / weights.name).resolve())
    with pytest.raises(ModelLoadError, match="holds weights alone: say what they belong to"):
        load(weights)
    arch = "torchvision:squeezenet1_0"
    first = load(
        weights,
        arch=arch,
        attributes={"classifier.1.padding": (1, 1)},
        preprocess=SQUEEZENET,
        size=227,
        classes="imagenet",
    )
    assert first.save_side_file() == tmp_path / f"{weights.name}.limelight.json"
    again = load(weights)
    batch, _ = again.prepare(data / "photos" / "both.png")
    expected = torch_scores(real_squeezenet.model, batch)
    np.testing.assert_array_equal(torch_scores(again.model, batch), expected)
    assert again.preprocess.mapping() == first.preprocess.mapping()
    assert again.preprocess.size == (227, 227)
    assert again.class_names is not None and again.class_names[expected.argmax()] == "tiger"
    assert again.arch == arch
    # What is said in the call wins over the file.
    said = load(weights, preprocess="imagenet", size=224, classes=[str(i) for i in range(1000)])
    assert said.preprocess.mean == (0.485, 0.456, 0.406) and said.preprocess.size == (224, 224)
    assert said.name_to_index("17") == 17


@pytest.mark.torch
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"arch": "os:system"}', "names no source of models"),
        ('{"arch": "torchvision:fasterrcnn_resnet50_fpn"}', "torchvision has no model"),
        ('{"arch": "torchvision:squeezenet"}', "did you mean 'squeezenet1_"),
        ('{"arch": 3}', "arch cannot be 3"),
        ('{"attributes": [1]}', r"attributes cannot be \[1\]"),
        ('{"arhc": "torchvision:squeezenet1_0"}', "an entry 'arhc'; did you mean 'arch'"),
        ('{"preprocess": "eval(1)"}', "is not known; expected"),
        ("{'arch': 1}", "cannot be read"),
        ("[1]", "must hold a JSON object"),
    ],
)
def test_broken_side_files(data: Path, tmp_path: Path, content: str, message: str) -> None:
    weights = tmp_path / "w.safetensors"
    weights.symlink_to((data / "models" / "squeezenet1_0.safetensors").resolve())
    (tmp_path / "w.safetensors.limelight.json").write_text(content)
    arch = "torchvision:squeezenet1_0" if "preprocess" in content else None
    with pytest.raises(ModelLoadError, match=message):
        load(weights, arch=arch)


@pytest.mark.torch
def test_a_side_file_names_its_class_file_relative_to_itself(data: Path, tmp_path: Path) -> None:
    weights = tmp_path / "w.safetensors"
    weights.symlink_to((data / "models" / "squeezenet1_0.safetensors").resolve())
    (tmp_path / "labels.txt").write_text("\n".join(f"name {i}" for i in range(1000)))
    side = {"arch": "torchvision:squeezenet1_0", "classes": "labels.txt", "preprocess": "auto"}
    (tmp_path / "w.safetensors.limelight.json").write_text(json.dumps(side))
    classifier = load(weights)
    assert classifier.name_to_index("name 999") == 999
    assert "SqueezeNet1_0_Weights" in classifier.preprocess.assumed


@pytest.mark.torch
def test_auto_takes_the_sources_metadata_and_says_so(data: Path) -> None:
    weights = data / "models" / "squeezenet1_0.safetensors"
    classifier = load(weights, arch="torchvision:squeezenet1_0")
    made = classifier.preprocess
    assert (made.size, made.mode, made.resize) == ((224, 224), "crop", 256)
    assert (made.mean, made.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert "assumed from torchvision's SqueezeNet1_0_Weights.IMAGENET1K_V1" in made.assumed
    assert classifier.name_to_index("Tiger Cat") == 282
    wider = load(weights, arch="torchvision:squeezenet1_0", size=448).preprocess
    assert (wider.size, wider.resize) == ((448, 448), 512)
    with pytest.raises(ModelLoadError, match=r"nothing says how .*'SqueezeNet'.*\"imagenet\""):
        load(weights, arch=build_squeezenet)


# --- MobileNetV2, real --------------------------------------------------------------------------


@pytest.mark.keras
@pytest.mark.compiles
def test_mobilenet_needs_nothing_but_its_file(data: Path) -> None:
    keras = pytest.importorskip("keras")
    classifier = load(data / "models" / "mobilenet_v2.keras")
    made = classifier.preprocess
    assert (made.size, made.mode, made.interpolation) == ((224, 224), "squash", "bilinear")
    assert "keras:mobilenetv2" in made.assumed and "'mobilenetv2_1.00_224'" in made.assumed
    assert (classifier.framework, classifier.activation) == ("keras", "softmax")
    names = classifier.class_names
    assert names is not None

    batch, _ = classifier.prepare(data / "photos" / "both.png")
    order = classifier.model.predict(batch, verbose=0)[0].argsort()[::-1]
    assert names[order[0]] == "bull mastiff"
    assert "tiger cat" in [names[i] for i in order[:4]]

    files, labels = photographs(data, step=14)
    batch, _ = classifier.prepare(files)
    scores = classifier.model.predict(batch, batch_size=16, verbose=0)
    accuracy = (scores.argmax(1) == labels).mean()
    assert accuracy > 0.78, accuracy  # 78.5 % over all 666
    by_hand = np.stack(
        [
            np.asarray(Image.open(f).convert("RGB").resize((224, 224), 2), np.float32) / 127.5 - 1
            for f in files[:16]
        ]
    )
    np.testing.assert_allclose(batch[:16], by_hand, atol=1e-6)
    applied = keras.applications.mobilenet_v2.preprocess_input((by_hand + 1) * 127.5)
    np.testing.assert_allclose(batch[:16], applied, atol=1e-5)
    np.testing.assert_array_equal(
        classifier.display(batch[:16]), np.rint((by_hand + 1) * 127.5).astype(np.uint8)
    )


@pytest.mark.keras
def test_a_keras_file_reads_its_side_file(data: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.keras"
    model.symlink_to((data / "models" / "mobilenet_v2.keras").resolve())
    said = load(model, preprocess="0-1", classes=[f"class {i}" for i in range(1000)])
    said.save_side_file()
    again = load(model)
    assert again.preprocess.mean == (0.0,) and again.name_to_index("CLASS 3") == 3
    with pytest.raises(ModelLoadError, match="2 class names for a model with 1000 outputs"):
        load(model, classes=["a", "b"])


# --- sources --------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize(
    ("arch", "classes"),
    [
        ("torchvision:mobilenet_v3_small", 5),
        ("torchvision:inception_v3", 7),
        ("torchvision:resnet18", 1000),
        ("timm:mobilenetv3_small_050", 5),
        ("timm:vit_tiny_patch16_224", 7),
        ("timm:resnet18.a1_in1k", 1000),
    ],
)
def test_a_weights_file_with_an_architecture(arch: str, classes: int, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_model

    source, _, name = arch.partition(":")
    torch.manual_seed(0)
    if source == "timm":
        import timm

        trained = timm.create_model(name, num_classes=classes)
        size = trained.pretrained_cfg["input_size"][1]
    else:
        import torchvision

        options = {"init_weights": False} if "inception" in name else {}
        trained = torchvision.models.get_model(name, num_classes=classes, **options)
        size = 299 if "inception" in name else 224
    save_model(trained, tmp_path / "w.safetensors")
    classifier = load(tmp_path / "w.safetensors", arch=arch)
    assert classifier.preprocess.size == (size, size)
    image = np.random.default_rng(0).integers(0, 256, (250, 300, 3), np.uint8)
    batch, _ = classifier.prepare(image)
    expected = torch_scores(trained.eval(), batch)
    assert expected.shape == (1, classes)
    np.testing.assert_array_equal(torch_scores(classifier.model, batch), expected)
    assert (classifier.class_names is not None) == (classes == 1000)


@pytest.mark.torch
def test_timms_own_transforms_are_reproduced() -> None:
    timm = pytest.importorskip("timm")
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 420, 3), np.uint8))
    for name in ("resnet18.a1_in1k", "mobilenetv3_small_050"):
        model = timm.create_model(name)
        transform = timm.data.create_transform(
            **timm.data.resolve_model_data_config(model), is_training=False
        )
        ours, _ = load(model).preprocess(image)
        np.testing.assert_allclose(ours, transform(image).numpy(), atol=1e-5)


@pytest.mark.torch
def test_ids_that_name_nothing(tmp_path: Path) -> None:
    import torch

    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "w.pt")
    with pytest.raises(ModelLoadError, match=r"'resnet' names no source.*\"timm:resnet50\""):
        load(tmp_path / "w.pt", arch="resnet")
    with pytest.raises(ModelLoadError, match="timm has no model 'resnet5O'; did you mean"):
        load(tmp_path / "w.pt", arch="timm:resnet5O")
    with pytest.raises(ModelLoadError, match="do not fit torchvision:alexnet: the file lacks"):
        load(tmp_path / "w.pt", arch="torchvision:alexnet")
    with pytest.raises(ModelLoadError, match="limelight publishes no weights: give a weights file"):
        load("limelight:small_cnn")
    with pytest.raises(ModelLoadError, match="no source of models 'timmm'; did you mean 'timm'"):
        load("timmm:resnet50")
    with pytest.raises(ModelLoadError, match="pretrained=False goes with an id"):
        load(tmp_path / "w.pt", pretrained=False)
    small = load("limelight:small_cnn", pretrained=False)
    assert small.arch == small.source == "limelight:small_cnn" and not small.model.training


# --- objects, folders and files that are none -----------------------------------------------------


@pytest.mark.torch
def test_a_model_object_stays_as_it_is() -> None:
    import torch

    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(4 * 36, 1)
    ).train()
    classifier = load(model, preprocess="0-1", size=8)
    assert classifier.model is model and model.training
    assert classifier.preprocess.channels == "L"  # the first convolution takes one channel
    assert classifier.activation == "sigmoid" and classifier.class_names is None
    assert load(model, preprocess="0-1", size=8, activation="softmax").activation == "softmax"
    with pytest.raises(ModelLoadError, match=r"does not take images as \(N, 1, 9, 9\)"):
        load(model, preprocess="0-1", size=9)
    with pytest.raises(ModelLoadError, match="arch= goes with a weights file"):
        load(model, arch="timm:resnet50")
    with pytest.raises(ModelLoadError, match="activation is"):
        load(model, preprocess="0-1", size=8, activation="relu")
    with pytest.raises(ModelLoadError, match="size is a number of pixels"):
        load(model, preprocess="0-1", size=(8, 8, 3))
    with pytest.raises(ModelLoadError, match="size is a number of pixels"):
        load(model, preprocess="0-1", size=8.5)


def test_objects_that_are_no_model() -> None:
    keras_2 = type("Functional", (), {"__module__": "tf_keras.src.engine.functional"})
    old = type("Model", (), {"__module__": "tensorflow.python.keras.engine.training"})
    for kind in (keras_2, old, type("Mine", (keras_2,), {"__module__": "script"})):
        with pytest.raises(ModelLoadError, match=r"Keras 2 \(tf_keras\) model; save it"):
            load(kind())
    with pytest.raises(ModelLoadError, match=r"a builtins\.int is no model"):
        load(3)


def test_paths_that_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"no file resnet50; .* 'torchvision:resnet50'"):
        load("resnet50")
    with pytest.raises(ModelLoadError, match=r"there is no file .*none\.keras$"):
        load(tmp_path / "none.keras")
    (tmp_path / "model.onnx").write_bytes(b"x")
    with pytest.raises(ModelLoadError, match=r"expected \.keras, .*\.safetensors"):
        load(tmp_path / "model.onnx")
    with pytest.raises(ModelLoadError, match="is a folder, but not one that Limelight's training"):
        load(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"x")
    with pytest.raises(ModelLoadError, match="a TensorFlow SavedModel, which Keras 3 cannot load"):
        load(tmp_path)


@pytest.mark.torch
def test_a_folder_as_training_makes_it(data: Path, tmp_path: Path) -> None:
    shutil.copy(data / "models" / "squeezenet1_0.safetensors", tmp_path / "model.safetensors")
    config = {
        "format": "limelight-classifier",
        "arch": "torchvision:squeezenet1_0",
        "size": 128,
        "preprocess": "-1-1",
        "classes": "imagenet",
        "training": {"epochs": 3},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    classifier = load(tmp_path)
    assert classifier.preprocess.size == (128, 128) and classifier.preprocess.mean == (0.5,) * 1
    assert classifier.source == str(tmp_path)


@pytest.mark.parametrize("names", [["tumour"], ["not tumour", "tumour"]])
def test_one_output_has_the_names_of_two_classes(names: list[str]) -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 1))
    found = load(model, preprocess="0-1", size=8, classes=names)
    assert found.class_names == ("not tumour", "tumour")
    assert found.activation == "sigmoid" and found.name_to_index("tumour") == 1
    with pytest.raises(ModelLoadError, match="3 class names for a model with 1 output"):
        load(model, preprocess="0-1", size=8, classes=["a", "b", "c"])
