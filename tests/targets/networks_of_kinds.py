"""The small network with the heads of other tasks, in PyTorch, in Keras, and plainly.

"classes": one row of four classes. "number": one number. "pixels": four classes for each of the
4 × 3 cells. "queries": four classes for each of 12 queries.
"""

from __future__ import annotations

from typing import Any

from oracles import networks

SHIFT = 0.18  # so that the one number is above zero for some images and below for others


def plain(features: Any, kind: str) -> Any:
    """The output from the last feature map (N, 7, 4, 3), float64."""
    import torch

    matrix, bias = (torch.as_tensor(a, dtype=torch.float64) for a in networks.weights()["head"])
    scores = torch.einsum("nchw,ck->nkhw", features, matrix) + bias[:, None, None]
    if kind == "pixels":
        return scores
    if kind == "queries":
        return scores.flatten(2).transpose(1, 2)
    pooled = scores.mean((2, 3))
    return pooled[:, 1:2] - SHIFT if kind == "number" else pooled


def torch_network(kind: str) -> Any:
    import torch

    head = networks.torch_head()
    if kind in ("pixels", "queries"):
        pointwise = torch.nn.Conv2d(7, 4, 1)
        pointwise.weight.data = head.weight.data[:, :, None, None]
        pointwise.bias.data = head.bias.data
        tail: list[Any] = [pointwise, *([_Queries()] if kind == "queries" else [])]
    else:
        if kind == "number":
            head.weight.data, head.bias.data = head.weight.data[1:2], head.bias.data[1:2] - SHIFT
        tail = [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), head]
    layers = networks.torch_layers()
    layers |= {f"tail{i}": module for i, module in enumerate(tail)}
    return torch.nn.Sequential(layers).eval()


def keras_network(kind: str) -> Any:
    import keras

    features = [networks.keras_layer(name) for name in networks.LAYERS]
    pooling, dense = networks.keras_head()
    if kind == "number":
        dense = keras.layers.Dense(1, name="number")
    tail = [dense] if kind in ("pixels", "queries") else [pooling, dense]
    if kind == "queries":
        tail.append(keras.layers.Reshape((12, 4)))
    given = networks.keras_input()
    model = networks.fill(keras.Model(given, networks.chain([*features, *tail], given)))
    if kind == "number":
        kernel, bias = networks.weights()["head"]
        dense.set_weights([kernel[:, 1:2], bias[1:2] - SHIFT])
    return model


def _Queries() -> Any:
    import torch

    class Queries(torch.nn.Module):
        def forward(self, scores: Any) -> Any:
            # In a dict, as transformers' detectors return it.
            return {"logits": scores.flatten(2).transpose(1, 2), "pred_boxes": None}

    return Queries()
