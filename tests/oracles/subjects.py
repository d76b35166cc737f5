"""What the tests of the invariants are run on: a model of either framework, small or real."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from oracles import networks


@dataclass(frozen=True)
class Subject:
    """A model that ends in global average pooling of its last feature map.

    Attributes:
        model: of PyTorch or Keras.
        images: the first n of some images, as the model takes them, NumPy.
        last: the path of the last feature map.
        early: the path of an earlier one.
        head: the path of the layer whose weights are the class's; None where the last feature
            map's channels are the classes.
        framework: "torch" or "keras".
    """

    model: Any
    images: Callable[[int], np.ndarray]
    last: str
    early: str
    head: str | None
    framework: str

    @contextmanager
    def rescaled(self, scale: float, shift: float) -> Iterator[tuple[Any, str]]:
        """A model, and the path of `last` in it, with logits ``scale · logits + shift``."""
        if self.framework == "torch":
            import torch

            class Rescaled(torch.nn.Module):
                def __init__(self, model: torch.nn.Module) -> None:
                    super().__init__()
                    self.model = model

                def forward(self, images: torch.Tensor) -> torch.Tensor:
                    return scale * self.model(images) + shift

            yield Rescaled(self.model).eval(), f"model.{self.last}"
            return
        head = self.model.get_layer(self.head)
        before = head.get_weights()
        head.set_weights([scale * before[0], scale * before[1] + shift])
        try:
            yield self.model, self.last
        finally:
            head.set_weights(before)

    def plain_scores(self, images: np.ndarray) -> np.ndarray:
        """What the model itself returns."""
        if self.framework == "torch":
            import torch

            with torch.no_grad():
                return self.model(torch.as_tensor(images)).numpy()
        return self.model.predict_on_batch(images)


def small(framework: str, **options: Any) -> Subject:
    """The network of `oracles.networks`; `options` are those of its builder."""
    if framework == "torch":
        model, images = networks.torch_model(**options), networks.images
    else:
        model, images = networks.keras_model(**options), networks.keras_images
    return Subject(model, images, networks.LAST, "relu1", "head", framework)


def photographs(data: Any, side: int, count: int = 3) -> np.ndarray:
    """Real photographs (N, side, side, 3) as float32, 0 to 255."""
    from PIL import Image

    files = sorted((data / "ilsvrc_val").glob("*.JPEG"))[:: 666 // count][:count]
    made = [Image.open(file).convert("RGB").resize((side, side), 2) for file in files]
    return np.stack([np.asarray(image, np.float32) for image in made])


def real_squeezenet(model: Any, data: Any) -> Subject:
    found = photographs(data, 227) - np.array([123, 117, 104], np.float32)
    found = np.ascontiguousarray(found.transpose(0, 3, 1, 2))
    return Subject(model, lambda n: found[:n], "classifier.2", "features.12", None, "torch")


def real_mobilenet(model: Any, data: Any) -> Subject:
    found = photographs(data, 224) / 127.5 - 1
    return Subject(
        model, lambda n: found[:n], "out_relu", "block_13_expand_relu", "predictions", "keras"
    )


def state(model: Any, framework: str) -> Mapping[str, Any]:
    """All of a model that an explanation might leave changed, down to the bytes of its weights."""
    found: dict[str, Any] = {}
    if hasattr(model, "named_modules"):  # of PyTorch, or of Keras on PyTorch
        for name, module in model.named_modules(remove_duplicate=False):
            hooks = {
                key: dict(value)
                for key, value in vars(module).items()
                if "hooks" in key and hasattr(value, "items")
            }
            found[f"module {name}"] = (module.training, hooks, _own(module))
        for name, parameter in model.named_parameters():
            found[f"parameter {name}"] = (parameter.requires_grad, parameter.grad is None)
    if framework == "torch":
        for name, tensor in model.state_dict().items():
            found[f"tensor {name}"] = tensor.numpy().tobytes()
        return found
    for layer in model._flatten_layers():
        found[f"layer {layer.path} {id(layer)}"] = (_own(layer), layer.trainable)
        assert "call" not in vars(layer)
    for variable in model.variables:
        found[f"variable {variable.path}"] = np.asarray(variable).tobytes()
    return found


def _own(module: Any) -> dict[str, int]:
    # Keras notes in `_called` that a layer was called at all.
    return {key: id(value) for key, value in vars(module).items() if key != "_called"}


def calling(framework: str, function: Callable[[], None]) -> Any:
    """The small network, with softmax, and behind relu2 a layer that calls `function` and no more.

    Building a Keras model calls it too.
    """
    if framework == "torch":
        import torch

        class Calling(torch.nn.Module):
            def forward(self, values: Any) -> Any:
                function()
                return values

        return networks.torch_model(softmax=True, behind_relu2=Calling())
    import keras

    class CallingLayer(keras.layers.Layer):
        def call(self, values: Any) -> Any:
            function()
            return values

    return networks.keras_model("softmax", behind_relu2=CallingLayer())
