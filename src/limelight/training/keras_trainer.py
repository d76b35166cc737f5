"""Training in Keras, on any backend: `fit`, an epoch at a time."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from limelight.errors import RunError
from limelight.models.keras_backend import import_keras
from limelight.training.batches import Batches
from limelight.training.folder import Epoch
from limelight.training.loop import OnStep
from limelight.training.schedule import warm_up_steps

_HISTORY = "limelight_history.json"


class KerasTrainer:
    """AdamW on the cross-entropy of the logits, with Keras's own warm-up and cosine decay.

    The head's learning rate is `head_factor` times that of the rest. On a GPU the steps are
    computed in bfloat16; validation is not.
    """

    def __init__(
        self,
        model: Any,
        training: Batches,
        validation: Batches,
        epochs: int,
        learning_rate: float,
        weight_decay: float,
        head_factor: float = 1.0,
    ) -> None:
        keras = import_keras()
        from limelight.training.keras_head import HeadFirst

        self._model = model
        self._training = training
        self._validation = validation
        total = epochs * training.steps
        warm_up = warm_up_steps(total)
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0, max(1, total - warm_up), warmup_target=learning_rate, warmup_steps=warm_up
        )
        optimizer = HeadFirst(
            schedule, weight_decay=weight_decay, epsilon=1e-8, head_factor=head_factor
        )
        self._compile(optimizer)

    def _compile(self, optimizer: Any) -> None:
        import keras

        # Norms and biases are not decayed.
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self._model.compile(optimizer, loss, metrics=["accuracy"])

    @property
    def model(self) -> Any:
        """What is trained."""
        return self._model

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return self._training.steps

    def train(self, epoch: int, on_step: OnStep) -> tuple[float, float]:
        """Train one epoch; mean loss and accuracy over its batches."""
        import keras

        from limelight.training import keras_precision

        class Steps(keras.callbacks.Callback):
            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                on_step(epoch, batch, float((logs or {}).get("loss", float("nan"))))

        with keras_precision.mixed(self._model, keras_precision.has_gpu()):
            result = self._model.fit(
                _sequence(self._training, epoch),
                epochs=epoch + 1,
                initial_epoch=epoch,
                shuffle=False,  # `Batches` has shuffled
                verbose=0,
                callbacks=[Steps()],
            )
        return float(result.history["loss"][0]), float(result.history["accuracy"][0])

    def validate(self) -> float:
        """Accuracy over the held-out images."""
        scores = self._model.predict(_sequence(self._validation, None), verbose=0)
        return float((scores.argmax(1) == self._validation.samples.labels).mean())

    def save_model(self, path: Path) -> None:
        """Write the model alone, as `.keras`."""
        self._model.save(path, include_optimizer=False)

    def save_state(self, path: Path, history: Sequence[Epoch]) -> None:
        """Write model, optimizer and history into one `.keras` file."""
        self._model.save(path)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(_HISTORY, json.dumps([asdict(row) for row in history]))

    def load_state(self, path: Path) -> list[Epoch]:
        """Take up what `save_state` wrote; the history.

        Raises:
            RunError: the file is damaged.
        """
        import keras

        import limelight.training.keras_head  # noqa: F401  registers the optimizer

        try:
            with zipfile.ZipFile(path) as archive:
                history = [Epoch(**row) for row in json.loads(archive.read(_HISTORY))]
            self._model = keras.saving.load_model(path, safe_mode=True)
        except (zipfile.BadZipFile, OSError, KeyError, ValueError, TypeError) as error:
            raise RunError(
                f"{path} cannot be taken up: {error}; start anew with restart=True (--restart)"
            ) from error
        self._compile(self._model.optimizer)
        return history


def _sequence(batches: Batches, epoch: int | None) -> Any:
    """The batches of an epoch of training, or of all samples in their order, for `fit`."""
    import keras

    class Sequence(keras.utils.PyDataset):
        def __len__(self) -> int:
            return batches.validation_steps if epoch is None else batches.steps

        def __getitem__(self, step: int) -> Any:
            return batches.validation(step) if epoch is None else batches.training(epoch, step)

    return Sequence()
