"""Training in PyTorch: a plain loop."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.errors import RunError, require
from limelight.training.batches import Batches
from limelight.training.folder import Epoch
from limelight.training.loop import OnStep
from limelight.training.schedule import factor

if TYPE_CHECKING:
    import torch


class TorchTrainer:
    """AdamW on the cross-entropy of the logits, learning rates by `schedule.factor`.

    Args:
        model: put on `device` and into train mode.
        groups: (parameters, learning rate) each; a parameter that is in none stays as it is.
    """

    def __init__(
        self,
        model: Any,
        training: Batches,
        validation: Batches,
        epochs: int,
        groups: Sequence[tuple[list[torch.nn.Parameter], float]],
        weight_decay: float,
    ) -> None:
        torch = require("torch", "torch", "PyTorch models")
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = model.to(self._device, memory_format=torch.channels_last)
        self._training = training
        self._validation = validation
        self._total = epochs * training.steps
        self._rates: list[float] = []
        parts = []
        for parameters, rate in groups:
            # Norms and biases are not decayed.
            for decayed in (True, False):
                chosen = [p for p in parameters if (p.ndim > 1) == decayed]
                if chosen:
                    decay = weight_decay if decayed else 0.0
                    parts.append({"params": chosen, "weight_decay": decay})
                    self._rates.append(rate)
        self._optimizer = torch.optim.AdamW(parts)

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
        import torch

        losses, hits, seen = 0.0, 0, 0
        self._model.train()
        # Dropout draws from torch's own generator: seeded for this epoch, put back afterwards.
        with torch.random.fork_rng():
            torch.manual_seed(self._training.seed * 1_000_003 + epoch)
            for step in range(self.steps):
                images, labels = (torch.from_numpy(a) for a in self._training.training(epoch, step))
                images = images.to(self._device, memory_format=torch.channels_last)
                labels = labels.to(self._device)
                scale = factor(epoch * self.steps + step, self._total)
                for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
                    group["lr"] = rate * scale
                with torch.autocast("cuda", enabled=self._device == "cuda", dtype=torch.bfloat16):
                    logits = self._model(images)
                loss = torch.nn.functional.cross_entropy(logits.float(), labels)
                self._optimizer.zero_grad()
                loss.backward()
                self._optimizer.step()
                losses += (value := loss.item())
                hits += int((logits.argmax(1) == labels).sum())
                seen += len(labels)
                on_step(epoch, step, value)
        return losses / self.steps, hits / seen

    def validate(self) -> float:
        """Accuracy over the held-out images."""
        import torch

        self._model.eval()
        hits = 0
        with torch.inference_mode():
            for step in range(self._validation.validation_steps):
                images, labels = self._validation.validation(step)
                scores = self._model(torch.from_numpy(images).to(self._device))
                hits += int((scores.argmax(1).cpu().numpy() == labels).sum())
        return hits / len(self._validation.samples)

    def save_model(self, path: Path) -> None:
        """Write the model alone, as safetensors."""
        from safetensors.torch import save

        path.write_bytes(save(_plain(self._model.state_dict())))

    def save_state(self, path: Path, history: Sequence[Epoch]) -> None:
        """Write model, optimizer and history into one safetensors file."""
        from safetensors.torch import save

        tensors = {f"model.{k}": v for k, v in self._model.state_dict().items()}
        for index, state in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{key}": value for key, value in state.items()}
        metadata = {"history": json.dumps([asdict(row) for row in history])}
        path.write_bytes(save(_plain(tensors), metadata))

    def load_state(self, path: Path) -> list[Epoch]:
        """Take up what `save_state` wrote; the history.

        Raises:
            RunError: the file is damaged.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "pt") as file:
                history = [Epoch(**row) for row in json.loads(file.metadata()["history"])]
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
            raise RunError(
                f"{path} cannot be taken up: {error}; start anew with restart=True (--restart)"
            ) from error
        self._model.load_state_dict(
            {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
        )
        kept: dict[int, dict[str, Any]] = {}
        for key, value in tensors.items():
            kind, _, rest = key.partition(".")
            if kind == "optimizer":
                index, _, name = rest.partition(".")
                kept.setdefault(int(index), {})[name] = value
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": kept, "param_groups": groups})
        return history


def _plain(tensors: dict[str, Any]) -> dict[str, Any]:
    """Tensors as safetensors takes them: on the host, contiguous, none sharing memory."""
    import torch

    return {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in tensors.items()
    }
