"""However a model is wrapped, called or answered: the same map as of the plain model."""

from __future__ import annotations

import os
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from limelight import Explainer, explain
from limelight.arrays import to_numpy
from limelight.errors import ImageError, MethodError, ModelError
from oracles import networks

IMAGES = torch.as_tensor(networks.images(3))
TARGET = [1, 3, 0]


def maps_of(model: Any, images: Any = IMAGES, **options: Any) -> np.ndarray:
    return explain(model, images, "hirescam", target=TARGET, **options).numpy()


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    a, g, _ = networks.plain_evidence(networks.images(3), networks.LAST, np.array(TARGET))
    return (a * g).sum(1)


# -- outputs ----------------------------------------------------------------------------------


class Returning(nn.Module):
    """The small network, whose logits and features `wrap` packs."""

    def __init__(self, wrap: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.features = nn.Sequential(networks.torch_layers())
        self.head = networks.torch_head()
        self.wrap = wrap

    def forward(self, images: Tensor) -> Any:
        features = self.features(images)
        return self.wrap(self.head(features.mean((2, 3))), features)


Outputs = namedtuple("Outputs", ["logits", "aux_logits"])
Other = namedtuple("Other", ["features", "logits"])


@pytest.mark.parametrize(
    "wrap",
    [
        lambda logits, features: (logits, features),
        lambda logits, features: [logits, None],
        lambda logits, features: {"logits": logits, "features": features},
        lambda logits, features: {"aux": 2 * logits, "out": logits},
        lambda logits, features: {"scores": logits},
        lambda logits, features: Outputs(logits, 2 * logits),
        lambda logits, features: Other(features, logits),
    ],
)
def test_the_scores_are_found_in_what_is_returned(wrap: Any, expected: np.ndarray) -> None:
    model = Returning(wrap).eval()
    found = explain(model, IMAGES, "hirescam", target=TARGET)
    assert found.layer == "features.relu3"
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)
    raw = explain(
        model, IMAGES, "hirescam", target=lambda output: model.wrap is wrap and first(output)
    )
    np.testing.assert_allclose(raw.numpy(), maps_of_class(0), atol=1e-5)


def first(output: Any) -> Tensor:
    """The first class's logit, taken from whatever the user's model returns."""
    assert not isinstance(output, Tensor), "a callable is given the output as it is"
    if isinstance(output, dict):
        return next(output[name] for name in ("logits", "out", "scores") if name in output)[:, 0]
    return getattr(output, "logits", output[0])[:, 0]


def maps_of_class(number: int) -> np.ndarray:
    return explain(networks.torch_model(), IMAGES, "hirescam", target=number).numpy()


def test_an_output_of_transformers(expected: np.ndarray) -> None:
    outputs = pytest.importorskip("transformers.modeling_outputs")
    model = Returning(
        lambda logits, features: outputs.ImageClassifierOutput(
            logits=logits, hidden_states=(features,)
        )
    )
    np.testing.assert_allclose(maps_of(model.eval()), expected, atol=1e-5)


def test_an_ambiguous_dict_is_said_so() -> None:
    model = Returning(lambda logits, features: {"one": logits, "two": 2 * logits}).eval()
    with pytest.raises(ModelError, match=r"dict of 'one', 'two'.*target=lambda output: output\['o"):
        maps_of(model)
    chosen = explain(model, IMAGES, "hirescam", target=lambda output: output["one"][:, 0])
    np.testing.assert_allclose(chosen.numpy(), maps_of_class(0), atol=1e-5)


def test_an_auxiliary_head_that_runs_last_is_not_explained(expected: np.ndarray) -> None:
    class WithAuxiliary(Returning):
        def __init__(self) -> None:
            super().__init__(lambda logits, features: (logits, self.auxiliary(features)))
            self.auxiliary = nn.Sequential(nn.Conv2d(7, 4, 1), nn.ReLU())

    found = explain(WithAuxiliary().eval(), IMAGES, "hirescam", target=TARGET)
    assert found.layer == "features.relu3"
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


# -- wrappers ---------------------------------------------------------------------------------


@pytest.fixture
def group(tmp_path: Path) -> Iterator[None]:
    """A process group of this process alone, as DistributedDataParallel needs one."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1
    )
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize(
    "wrapped_in", ["DataParallel", "DistributedDataParallel", "compile", "all"]
)
def test_wrappers_are_looked_through(wrapped_in: str, group: None, expected: np.ndarray) -> None:
    """Layers have the names, and are the objects, of the model inside; it is not compiled."""
    inner = networks.torch_model()
    wrapped: Any = inner
    if wrapped_in in ("compile", "all"):
        wrapped = torch.compile(wrapped, backend="eager")
    if wrapped_in in ("DataParallel", "all"):
        wrapped = nn.DataParallel(wrapped)
    if wrapped_in == "DistributedDataParallel":
        wrapped = nn.parallel.DistributedDataParallel(wrapped)
    for layer in (None, "relu3", inner.relu3):
        found = explain(wrapped, IMAGES, "hirescam", target=TARGET, layer=layer)
        assert found.layer == "relu3"
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_channels_last_memory(expected: np.ndarray) -> None:
    model = networks.torch_model().to(memory_format=torch.channels_last)
    given = IMAGES.contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(maps_of(model, given), expected, atol=1e-5)
    np.testing.assert_allclose(maps_of(model), expected, atol=1e-5)


class Reused(nn.Module):
    """One convolution and one activation that run three times."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act, self.head = nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.Linear(3, 4)

    def forward(self, images: Tensor) -> Tensor:
        for _ in range(3):
            images = self.act(self.conv(images))
        return self.head(images.mean((2, 3)))


def test_of_a_reused_module_the_last_call_is_explained() -> None:
    torch.manual_seed(0)
    model = Reused().eval()
    found = explain(model, IMAGES, "hirescam", target=TARGET)
    assert found.layer == "act"
    with torch.no_grad():
        features = IMAGES
        for _ in range(3):
            features = model.conv(features).clamp(min=0)
        weights = model.head.weight[TARGET][:, :, None, None] / features[0, 0].numel()
        by_hand = (weights * features).sum(1)
    assert by_hand.abs().max() > 0
    np.testing.assert_allclose(found.numpy(), by_hand.numpy(), atol=1e-6)


def test_a_model_elsewhere_than_the_images_is_said_so() -> None:
    model = networks.torch_model()
    with pytest.raises(ImageError, match=r"images are on meta and the model on cpu; move one"):
        maps_of(model, IMAGES.to("meta"))
    with pytest.raises(ImageError, match=r"images are on cpu and the model on meta; move one"):
        maps_of(networks.torch_model().to("meta"))


def test_probabilities_made_inside_forward() -> None:
    """Such an output is explained as it is: the gradient of the probability."""
    model = Returning(lambda logits, features: logits.softmax(1)).eval()
    reference = explain(
        networks.torch_model(), IMAGES, "hirescam", target=TARGET, score="probability"
    )
    np.testing.assert_allclose(maps_of(model), reference.numpy(), atol=1e-6)


# -- several inputs ---------------------------------------------------------------------------


class WithMeta(nn.Module):
    """The small network, its features scaled by a row of numbers for each image."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(networks.torch_layers())
        self.head = networks.torch_head()

    def forward(self, images: Tensor, meta: Tensor, double: bool = False) -> Tensor:
        assert len(images) == len(meta)
        scaled = self.features(images).mean((2, 3)) * meta
        return self.head(scaled * 2 if double else scaled)


class MetaFirst(WithMeta):
    def forward(self, meta: Tensor, images: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(images, meta)


META = np.random.default_rng(3).uniform(0.5, 2, (3, 7)).astype(np.float32)


def with_meta(expected_factor: float = 1) -> np.ndarray:
    """Σ_c w_c m_c A_c / Z, plainly."""
    a, g, _ = networks.plain_evidence(networks.images(3), networks.LAST, np.array(TARGET))
    return expected_factor * (a * g * META[:, :, None, None]).sum(1)


@pytest.mark.parametrize("batch_size", [1, 2, 32])
@pytest.mark.parametrize("inputs", [(META,), {"meta": META}, {"meta": torch.as_tensor(META)}])
def test_inputs_go_with_their_images(inputs: Any, batch_size: int) -> None:
    found = maps_of(WithMeta().eval(), inputs=inputs, batch_size=batch_size)
    np.testing.assert_allclose(found, with_meta(), atol=1e-5)


def test_inputs_before_the_images_and_inputs_that_are_no_arrays() -> None:
    found = maps_of(MetaFirst().eval(), inputs={"meta": META})
    np.testing.assert_allclose(found, with_meta(), atol=1e-5)
    found = maps_of(WithMeta().eval(), inputs={"meta": META, "double": True})
    np.testing.assert_allclose(found, with_meta(2), atol=1e-5)
    found = maps_of(WithMeta().eval(), inputs=(META, True))
    np.testing.assert_allclose(found, with_meta(2), atol=1e-5)


def test_inputs_are_those_of_one_call() -> None:
    explainer = Explainer(WithMeta().eval(), "hirescam")
    one = explainer(IMAGES, target=TARGET, inputs=(META,)).numpy()
    two = explainer(IMAGES, target=TARGET, inputs=(2 * META,)).numpy()
    np.testing.assert_allclose(two, 2 * one, rtol=1e-5, atol=1e-7)
    with pytest.raises(TypeError, match="meta"):
        explainer(IMAGES, target=TARGET)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (META, r"tuple or a dict.*ndarray was given"),
        ((META[:2],), r"inputs\[0\] has 2 rows for 3 images"),
        ({"meta": META[:2]}, r"inputs\['meta'\] has 2 rows for 3 images"),
    ],
)
def test_inputs_that_do_not_fit_are_said_so(inputs: Any, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        maps_of(WithMeta().eval(), inputs=inputs)


@pytest.mark.keras
def test_several_inputs_of_a_keras_model() -> None:
    import keras

    given, meta = keras.Input((*networks.SIZE, 3), name="image"), keras.Input((7,), name="meta")
    features = networks.chain([networks.keras_layer(name) for name in networks.LAYERS], given)
    gap, head = networks.keras_head()
    product = keras.layers.Multiply()([gap(features), meta])
    model = networks.fill(keras.Model([given, meta], head(product)))
    by_name = keras.Model({"meta": meta, "image": given}, model.output)
    images = networks.keras_images(3)
    for called, inputs in ((model, (META,)), (model, {"meta": META}), (by_name, {"meta": META})):
        found = maps_of(called, images, inputs=inputs, batch_size=2)
        np.testing.assert_allclose(found, with_meta(), atol=1e-5)
    explainer = Explainer(model, "hirescam")  # what is compiled serves other numbers
    one, two = (explainer(images, target=TARGET, inputs=(k * META,)).numpy() for k in (1, 2))
    np.testing.assert_allclose(two, 2 * one, atol=1e-5)
    with pytest.raises(MethodError, match="scorecam runs the model on changed copies"):
        explain(model, images, "scorecam", inputs=(META,))


# -- Keras outputs ----------------------------------------------------------------------------


@pytest.mark.keras
@pytest.mark.parametrize("kind", ["dict", "list", "channels_first"])
def test_outputs_and_layouts_of_keras(kind: str, expected: np.ndarray) -> None:
    import keras

    if kind == "channels_first":
        if os.environ["KERAS_BACKEND"] == "tensorflow":
            pytest.skip("TensorFlow has no channels_first convolution on a CPU")
        model = networks.keras_model(data_format="channels_first")
        np.testing.assert_allclose(maps_of(model, networks.images(3)), expected, atol=1e-5)
        return
    plain = networks.keras_model("softmax")
    features = plain.get_layer("relu3").output
    outputs = {"logits": plain.output, "features": features}
    model = keras.Model(plain.input, outputs if kind == "dict" else [plain.output, features])
    found = explain(model, networks.keras_images(3), "hirescam", target=TARGET)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)
    logits = networks.plain_evidence(networks.images(3), networks.LAST, np.array(TARGET))[2]
    np.testing.assert_allclose(to_numpy(found.scores), logits, atol=1e-5)
    rescored, alone = (
        explain(each, networks.keras_images(3), "reciprocam", layer="conv2", target=TARGET).numpy()
        for each in (model, plain)
    )
    np.testing.assert_allclose(rescored, alone, atol=1e-5)


def test_of_a_segmentation_model_the_scores_are_not_the_map() -> None:
    """The last feature map is chosen, not the map of class scores made of it or its enlargement."""

    class Segmenting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(networks.torch_layers())
            self.scores, self.enlarge = nn.Conv2d(7, 4, 1), nn.Upsample(scale_factor=4)

        def forward(self, images: Tensor) -> dict[str, Tensor]:
            features = self.features(images)
            return {"out": self.enlarge(self.scores(features)), "aux": features}

    model = Segmenting().eval()
    found = explain(
        model, IMAGES, "hirescam", target=lambda output: output["out"][:, 2].sum((1, 2))
    )
    assert found.layer == "features.relu3"
    with torch.no_grad():
        by_hand = 16 * model.scores(model.features(IMAGES))[:, 2] - 16 * model.scores.bias[2]
    np.testing.assert_allclose(found.numpy(), by_hand.numpy(), rtol=1e-4, atol=1e-5)
