"""Training on backbones: heads, what is frozen, what is loaded again; and the command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import limelight
from examples import miniatures
from limelight.errors import ModelLoadError
from limelight.training import train_classifier
from limelight.training.backbones import find_backbone

torch = pytest.importorskip("torch")


def drawn(count: int) -> tuple[list[Any], np.ndarray]:
    made = list(miniatures.drawings(count, 2, seed=0))
    return [each.picture for each in made], np.array([each.label for each in made])


def weights(model: Any, prefix: str) -> dict[str, Any]:
    return {k: v.clone() for k, v in model.state_dict().items() if k.startswith(prefix)}


def test_frozen_the_head_alone_learns_and_the_folder_is_a_model(tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    options: dict[str, Any] = {"size": 64, "batch_size": 4, "progress": False, "freeze": True}
    short = train_classifier(drawn(8), "torchvision:resnet18", validation=0.25, epochs=1, **options)
    longer = train_classifier(
        drawn(8), "torchvision:resnet18", validation=0.25, epochs=4, out=tmp_path / "run", **options
    )
    one, two = weights(short.model, "features"), weights(longer.model, "features")
    assert all(torch.equal(one[k], two[k]) for k in one), "one seed, one backbone"
    assert not torch.equal(short.model.head.weight, longer.model.head.weight)
    again = limelight.load(tmp_path / "run")
    picture = drawn(1)[0][0]
    np.testing.assert_array_equal(
        limelight.explain(again, picture, "cam").numpy(),
        limelight.explain(longer, picture, "cam").numpy(),
    )


def test_a_head_on_learnt_weights_learns_ten_times_as_fast(tmp_path: Path) -> None:
    """Adam's first step is the learning rate, whatever the gradient."""
    from safetensors.torch import save_file

    from limelight.training.backbones import find_backbone
    from limelight.training.classifier import _trainer

    pytest.importorskip("torchvision")
    from torchvision.models import resnet18

    save_file(resnet18(weights=None).state_dict(), tmp_path / "w.safetensors")
    given = limelight.load(tmp_path / "w.safetensors", arch="torchvision:resnet18", size=64)
    backbone = find_backbone(given, "torch", (64, 64))
    from limelight.training.batches import Batches
    from limelight.training.samples import Samples

    images, labels = drawn(4)
    batches = Batches(Samples(images, labels, backbone.preprocess), backbone.preprocess, 4)
    trainer: Any = _trainer(backbone, 2, False, batches, batches, 1, 1e-3, 0.0)
    assert set(trainer._rates) == {1e-3, 1e-2}
    start = weights(given.model, "conv1")["conv1.weight"]
    kept = trainer._model.features.conv1.weight
    torch.testing.assert_close(start, kept.detach().contiguous())
    trainer.train(0, lambda *_: None)
    torch.testing.assert_close(start, given.model.conv1.weight.detach())  # a copy was trained


@pytest.mark.keras
def test_weights_that_cannot_be_fetched_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    keras = pytest.importorskip("keras")
    url = "https://storage.googleapis.com/tensorflow/weights_notop.h5"

    def unreachable(**options: Any) -> Any:
        """As `keras.utils.get_file` fails, which raises no other class."""
        assert options["weights"] == "imagenet" and options["include_top"] is False
        raise Exception(f"URL fetch failure on {url}: None -- [Errno -2] Name or service not known")

    unreachable.__module__ = keras.applications.MobileNetV2.__module__
    monkeypatch.setattr(keras.applications, "MobileNetV2", unreachable)
    with pytest.raises(ModelLoadError, match=r"could not be fetched from https.*put the file at "):
        train_classifier(
            drawn(8), "keras:mobilenetv2", pretrained=True, size=32, validation=0.25, progress=False
        )


@pytest.mark.keras
def test_in_keras(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((64, 64, 3)),
            layers.Conv2D(8, 3, 2, activation="relu", name="one"),
            layers.Conv2D(8, 3, 2, activation="relu", name="two"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    before = [np.asarray(v) for v in model.get_weights()]
    given = limelight.load(model, preprocess="0-1")
    options: dict[str, Any] = {"validation": 0.25, "batch_size": 4, "progress": False}
    trained = train_classifier(drawn(8), given, epochs=2, out=tmp_path / "run", **options)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    again = limelight.load(tmp_path / "run")
    maps = limelight.explain(again, drawn(1)[0][0], "cam")
    assert maps.layer == "two"
    expected = limelight.explain(trained, drawn(1)[0][0], "cam")
    np.testing.assert_array_equal(maps.numpy(), expected.numpy())
    frozen = train_classifier(drawn(8), given, epochs=2, freeze=True, **options)
    np.testing.assert_array_equal(
        np.asarray(frozen.model.get_layer("two").get_weights()[0]), before[2]
    )

    # Adam's first step is the learning rate itself: the head's is ten times the other's.
    from limelight.training.keras_head import HeadFirst, with_cam_head

    net = with_cam_head(keras.models.clone_model(model), 2)
    optimizer = HeadFirst(0.001, weight_decay=0.0, epsilon=1e-12, head_factor=10.0)
    variables = [net.get_layer("two").kernel, net.get_layer("head").kernel]
    start = [np.asarray(keras.ops.convert_to_numpy(v)).copy() for v in variables]
    optimizer.apply([keras.ops.ones(v.shape) for v in variables], variables)
    steps = [
        float(np.abs(keras.ops.convert_to_numpy(v) - s).mean())
        for v, s in zip(variables, start, strict=True)
    ]
    assert steps == pytest.approx([0.001, 0.01], rel=1e-2)


def saved(name: str, path: Path) -> Path:
    """The random weights of a torchvision model, as a file."""
    from safetensors.torch import save_model

    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    save_model(models.get_model(name), path)
    return path


OPTIONS: dict[str, Any] = {"validation": 0.25, "batch_size": 4, "epochs": 1, "progress": False}


def test_attributes_that_were_set_are_still_set_after_training_and_loading(tmp_path: Path) -> None:
    """Padding and strides are not weights: a folder that forgot them would load without a word."""
    given = limelight.load(
        saved("squeezenet1_0", tmp_path / "w.safetensors"),
        arch="torchvision:squeezenet1_0",
        attributes={"features.0.padding": (3, 3), "classifier.1.padding": (1, 1)},
        size=64,
    )
    trained = train_classifier(drawn(8), given, out=tmp_path / "run", **OPTIONS)
    assert trained.model.features[0].padding == (3, 3)
    assert list(trained.attributes) == ["features.0.padding"]  # the other went with the old head


def test_finer_maps_stay_fine_when_the_trained_model_is_trained_again(tmp_path: Path) -> None:
    given = limelight.load(
        saved("mobilenet_v3_small", tmp_path / "w.safetensors"),
        arch="torchvision:mobilenet_v3_small",
        size=64,
    )
    coarse = train_classifier(drawn(8), given, **OPTIONS)
    first = train_classifier(drawn(8), given, fine=True, out=tmp_path / "one", **OPTIONS)
    again = train_classifier(drawn(8), first, out=tmp_path / "two", **OPTIONS)
    picture = drawn(1)[0][0]
    sides = [
        limelight.explain(model, picture, "cam").values.shape[-1]
        for model in (coarse, first, again, limelight.load(tmp_path / "two"))
    ]
    assert sides == [2, 4, 4, 4]
    finest = train_classifier(drawn(8), first, fine=True, **OPTIONS)
    assert limelight.explain(finest, picture, "cam").values.shape[-1] == 8


@pytest.mark.keras
def test_finer_maps_in_keras(tmp_path: Path) -> None:
    """Only the stride changes: the fine map, read at every second cell, is the coarse one."""
    keras = pytest.importorskip("keras")
    from limelight.training.keras_head import finer, with_cam_head

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(4, 3, 2, padding="same", activation="relu"),
            layers.Conv2D(5, 1, 2, activation="relu", name="last"),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    coarse = with_cam_head(model, 3)
    fine = finer(coarse)
    image = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    maps = []
    for each in (coarse, fine):
        part = keras.Model(each.inputs[0], each.get_layer("pool").input)
        maps.append(np.asarray(keras.ops.convert_to_numpy(part(image))))
    assert maps[0].shape == (2, 8, 8, 5) and maps[1].shape == (2, 16, 16, 5)
    np.testing.assert_allclose(maps[1][:, ::2, ::2], maps[0], atol=1e-6)
    assert (
        finer(with_cam_head(keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3)]), 2))
        is None
    )

    given = limelight.load(model, preprocess="0-1")
    trained = train_classifier(drawn(8), given, fine=True, out=tmp_path / "run", **OPTIONS)
    assert limelight.explain(trained, drawn(1)[0][0], "cam").values.shape[-1] == 16


def test_nothing_to_make_finer(tmp_path: Path) -> None:
    from limelight.errors import ModelLoadError

    given = limelight.load(
        saved("squeezenet1_0", tmp_path / "w.safetensors"),
        arch="torchvision:squeezenet1_0",
        size=64,
    )
    for model in (given, "limelight:small_cnn"):
        with pytest.raises(ModelLoadError, match="no convolution with a stride in its last stage"):
            train_classifier(drawn(8), model, fine=True, out=tmp_path / "run", **OPTIONS)
    assert not (tmp_path / "run").exists()


class Evil:
    """Pickled, it makes a file when it is read as code."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


def test_published_weights_are_read_as_tensors_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come from the source, as `limelight.load` takes them, where torch.hub keeps them."""
    models = pytest.importorskip("torchvision").models
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    url = models.SqueezeNet1_1_Weights.DEFAULT.url
    file = tmp_path / "hub" / "checkpoints" / url.rpartition("/")[2]
    file.parent.mkdir(parents=True)
    trained = models.squeezenet1_1()
    torch.save(trained.state_dict(), file)
    arch = "torchvision:squeezenet1_1"
    made = find_backbone(arch, "torch", (64, 64), pretrained=True).make(2)
    first = next(module for module in made.modules() if isinstance(module, torch.nn.Conv2d))
    assert torch.equal(first.weight, trained.features[0].weight)
    torch.save({"x": Evil(tmp_path / "pwned")}, file)
    with pytest.raises(ModelLoadError, match="would run the code in it, which is not done"):
        find_backbone(arch, "torch", (64, 64), pretrained=True).make(2)
    assert not (tmp_path / "pwned").exists()
