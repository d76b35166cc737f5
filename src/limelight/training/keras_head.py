"""A Keras network with the head that class activation maps want, and an optimizer for it."""

from __future__ import annotations

from typing import Any

import keras

from limelight.errors import ModelLoadError

HEAD = "head"


def with_cam_head(model: Any, classes: int) -> Any:
    """`model` cut at its last feature map; then global average pooling, and logits.

    Its layers and weights are used, not copied.

    Raises:
        ModelLoadError: it is not functional, or has no feature map.
    """
    for layer in reversed(getattr(model, "layers", [])):
        try:
            output = layer.output
        except (AttributeError, ValueError):
            continue
        shape = getattr(output, "shape", ())
        spatial = shape[1:3] if keras.config.image_data_format() == "channels_last" else shape[2:]
        if len(shape) == 4 and all(side is None or side > 1 for side in spatial):
            pooled = keras.layers.GlobalAveragePooling2D(name="pool")(output)
            scores = keras.layers.Dense(classes, name=HEAD)(pooled)
            return keras.Model(model.inputs[0], scores, name=f"cam_{model.name}")
    raise ModelLoadError(f"the model {model.name!r} has no feature map to put a head on")


def finer(model: Any) -> Any | None:
    """A copy of a model of `with_cam_head` whose last stage no longer halves the map.

    The strides of the layers that end at the last map's size become 1; the weights fit as before.
    None where no layer of the model itself has such strides.
    """
    axes = slice(1, 3) if keras.config.image_data_format() == "channels_last" else slice(2, 4)
    last = tuple(model.get_layer("pool").input.shape[axes])
    strided = {
        layer.name
        for layer in model.layers
        if getattr(layer, "strides", (1, 1)) not in (1, (1, 1), [1, 1])
        and tuple(layer.output.shape[axes]) == last
    }
    if not strided:
        return None

    def clone(layer: Any) -> Any:
        changed = {"strides": (1, 1)} if layer.name in strided else {}
        return layer.__class__.from_config({**layer.get_config(), **changed})

    copy = keras.models.clone_model(model, clone_function=clone)
    copy.set_weights(model.get_weights())
    return copy


def freeze(model: Any) -> None:
    """Train the head alone from now on; norms keep their statistics."""
    for layer in model.layers:
        layer.trainable = layer.name == HEAD


@keras.saving.register_keras_serializable(package="limelight")
class HeadFirst(keras.optimizers.AdamW):
    """AdamW whose learning rate for the head is `head_factor` times that for the rest."""

    def __init__(self, *args: Any, head_factor: float = 1.0, **options: Any) -> None:
        super().__init__(*args, **options)
        self.head_factor = head_factor

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One variable's step."""
        # On TensorFlow the variable here is TensorFlow's own, which does not know its path.
        if f"{HEAD}/" in self._trainable_variables[self._get_variable_index(variable)].path:
            learning_rate = learning_rate * self.head_factor
        super().update_step(gradient, variable, learning_rate)

    def get_config(self) -> dict[str, Any]:
        """What a file keeps of it."""
        return {**super().get_config(), "head_factor": self.head_factor}
