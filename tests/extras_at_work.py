"""Each extra does its work once, in an environment that has it alone.

    python -I extras_at_work.py EXTRA FOLDER MODULE …

runs there what is marked with the extra's name, then imports the modules. `tests/test_packaging.py`
makes the environments and calls it.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

Work = Callable[[Path], None]
WORK: dict[str, Work] = {}
LONG: set[str] = set()
"""Extras whose work takes more than a few seconds, most of them for imports."""


def work(*extras: str, long: bool = False) -> Callable[[Work], Work]:
    """Marks what shows that these extras are enough for what they are for."""

    def keep(function: Work) -> Work:
        WORK.update(dict.fromkeys(extras, function))
        LONG.update(extras if long else ())
        return function

    return keep


def photograph(seed: int = 0) -> Any:
    from PIL import Image

    pixels = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8)
    return Image.fromarray(pixels)


def check_gradcam(maps: Any, features: np.ndarray, weights: np.ndarray) -> None:
    """Grad-CAM before global average pooling and a linear head, from the formula.

    `features` are (N, C, H, W), `weights` (classes, C).
    """
    target = np.asarray(maps.target)
    expected = np.einsum("nc,nchw->nhw", weights[target], features).clip(0)
    expected /= features[0, 0].size
    assert expected.max() > 0
    np.testing.assert_allclose(maps.numpy(), expected, atol=1e-5 * expected.max())


@work("torch")
def explain_in_torch(folder: Path) -> None:
    import torch

    import limelight

    torch.manual_seed(0)
    features = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, stride=2), torch.nn.ReLU())
    head = torch.nn.Linear(4, 5)
    model = torch.nn.Sequential(
        features, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), head
    ).eval()
    images = torch.rand(2, 3, 16, 16)
    maps = limelight.explain(model, images)
    with torch.no_grad():
        check_gradcam(maps, features(images).numpy(), head.weight.numpy())


@work("tensorflow", "jax", long=True)
def explain_in_keras(folder: Path) -> None:
    import limelight
    from limelight.models.keras_backend import import_keras

    keras = import_keras()
    assert keras.backend.backend() == sys.argv[1]  # of its own accord the only one that is there
    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((16, 16, 3)),
        keras.layers.Conv2D(4, 3, strides=2, activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(5),
    ]
    keras.Sequential(layers).save(folder / "model.keras")
    classifier = limelight.load(folder / "model.keras", preprocess="0-1")
    images = [photograph(0), photograph(1)]
    maps = limelight.explain(classifier, images)
    batch, _ = classifier.prepare(images)
    convolution, _, head = classifier.model.layers
    features = np.asarray(convolution(batch)).transpose(0, 3, 1, 2)
    check_gradcam(maps, features, np.asarray(head.kernel).T)


@work("keras")
def name_what_keras_needs_too(folder: Path) -> None:
    """Keras is one of two: a sentence says what brings the other, which is all that it misses."""
    import limelight
    from limelight.errors import MissingExtra

    try:
        limelight.load("keras:MobileNetV2", pretrained=False)
    except MissingExtra as error:
        sentence = str(error)
    else:
        sentence = ""
    assert all(f"limelight[{name}]" in sentence for name in ("tensorflow", "jax", "torch"))
    try:
        importlib.import_module("keras")
    except ModuleNotFoundError as error:
        missing = error.name
    assert missing == "tensorflow"  # which Keras asks for where nothing else was said


def check_scores(classifier: Any) -> None:
    """The scores beside a map are those that the model itself gives the photograph."""
    import torch

    import limelight

    maps = limelight.explain(classifier, photograph())
    batch, _ = classifier.prepare(photograph())
    with torch.no_grad():
        plain = classifier.model(torch.from_numpy(batch))
    scores = getattr(plain, "logits", plain)
    torch.testing.assert_close(maps.scores, scores)
    # The weights are random: what does not speak for the class speaks against it.
    against = limelight.explain(classifier, photograph(), negative=True)
    assert float((maps.values + against.values).max()) > 0


@work("torchvision", long=True)
def explain_a_model_of_torchvision(folder: Path) -> None:
    import limelight

    check_scores(limelight.load("torchvision:squeezenet1_1", pretrained=False))


@work("timm", long=True)
def explain_a_model_of_timm(folder: Path) -> None:
    import limelight

    check_scores(limelight.load("timm:test_resnet", pretrained=False))


@work("hf", long=True)
def explain_a_model_of_transformers(folder: Path) -> None:
    import transformers

    import limelight

    config = transformers.ViTConfig(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        image_size=(32, 48), patch_size=16,
    )  # fmt: skip
    transformers.ViTForImageClassification(config).save_pretrained(folder / "vit")
    check_scores(limelight.load(f"hf:{folder / 'vit'}", preprocess="0-1", size=(32, 48)))


@work("opencv")
def find_a_rotated_box(folder: Path) -> None:
    from limelight import localization

    y, x = np.mgrid[:40, :40] + 0.5
    diamond = (abs(x - 20) + abs(y - 20) < 10).astype(np.float32)
    corners = localization.locate(diamond, 0.5, rotated=True)
    np.testing.assert_allclose(corners.mean(0), [20, 20], atol=0.1)
    sides = np.linalg.norm(corners - np.roll(corners, 1, 0), axis=1)
    assert (sides < 17).all()  # the upright box's are 20


@work("plot")
def draw_a_figure(folder: Path) -> None:
    from PIL import Image

    from limelight import draw

    red = np.full((20, 30, 3), (255, 0, 0), np.uint8)
    draw.figure(red, np.eye(20, 30)).savefig(folder / "figure.png")
    drawn = np.asarray(Image.open(folder / "figure.png").convert("RGB"))
    assert (drawn == red[0, 0]).all(-1).mean() > 0.05


def score_maps(folder: Path, *more: str) -> None:
    """`limelight evaluate` of maps made elsewhere, and what it keeps."""
    from limelight import runs
    from limelight.cli import main

    (folder / "photos" / "cat").mkdir(parents=True)
    photograph().save(folder / "photos" / "cat" / "0.png")
    values = np.zeros((64, 64), np.float32)
    values[8:24, 16:56] = 1
    (folder / "mine" / "cat").mkdir(parents=True)
    np.save(folder / "mine" / "cat" / "0.npy", values)
    names = [f"folder:{folder / 'photos'}", "--maps", folder / "mine", "--out", folder / "RUN"]
    sys.argv = ["limelight", "evaluate", *map(str, names), *more]
    with suppress(SystemExit):  # which it ends with, whatever comes of it
        main()
    (row,) = runs.open(folder / "RUN")
    assert row.error is None and row.found["mine"].box.tolist() == [16, 8, 56, 24]


@work("runs")
def keep_a_run(folder: Path) -> None:
    score_maps(folder)


@work("ray", long=True)
def keep_a_run_of_ray(folder: Path) -> None:
    score_maps(folder, "--engine", "ray")


@work("data")
def read_a_data_set_of_hugging_face(folder: Path) -> None:
    import datasets

    from limelight import data

    content = {"image": [photograph(i) for i in range(3)], "label": [0, 1, 0]}
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["ant", "bee"])}
    datasets.Dataset.from_dict(content, datasets.Features(features)).save_to_disk(folder / "kept")
    opened = data.open(folder / "kept")
    assert [opened.class_names[e.label] for e in opened] == ["ant", "bee", "ant"]
    np.testing.assert_array_equal(np.asarray(opened[1].read()), np.asarray(photograph(1)))


@work("web")
def serve_the_page(folder: Path) -> None:
    """The server answers; there is nothing to explain with, for no framework is here."""
    import threading
    import time
    import urllib.request

    from limelight.web.app import build_app
    from limelight.web.limits import Limits
    from limelight.web.pictures import Pictures
    from limelight.web.serving import address, listen, make_server

    limits = Limits()
    bound = listen("127.0.0.1", 0)
    where = {"data": "", "split": None, "class_names": None}
    server = make_server(build_app([], Pictures(limits), "127.0.0.1", limits, where), limits)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    while thread.is_alive() and not server.started:
        time.sleep(0.01)
    with urllib.request.urlopen(address(bound), timeout=20) as answer:
        page = answer.read().decode()
    server.should_exit = True
    thread.join(20)
    assert "<title>Limelight" in page and not thread.is_alive()


@work("demo")
def draw_the_digits(folder: Path) -> None:
    from limelight import data, draw

    digits = data.open("digits", "test", count=2, cache=False)
    picture = np.asarray(digits[0].read())
    (box,) = digits[0].boxes.astype(int)
    ink = picture.max(-1) if picture.ndim == 3 else picture
    assert ink[box[1] : box[3], box[0] : box[2]].max() > 128
    draw.figure(picture, np.eye(*picture.shape[:2])).savefig(folder / "figure.png")


@work("all", long=True)
def do_all_of_it(folder: Path) -> None:
    """Two extras together: a Keras model runs on the PyTorch that is there, and is kept."""
    from limelight.models.keras_backend import import_keras

    assert import_keras().backend.backend() == "torch"
    explain_in_torch(folder)
    keep_a_run(folder)


if __name__ == "__main__":
    extra, given, *modules = sys.argv[1:]
    sys.path.insert(0, str(Path(__file__).parent))
    from torchvision_registration import prepare_torchvision

    del sys.path[0]
    prepare_torchvision()
    WORK[extra](Path(given))
    for module in modules:
        if (extra, module) != ("keras", "keras"):  # it cannot be imported without a backend
            importlib.import_module(module)
