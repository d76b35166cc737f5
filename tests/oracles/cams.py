"""Real class activation maps of the two real models on real photographs, computed plainly.

Both models end in global average pooling and a linear head, so that a class's map needs no more
than the last activations: no part of Limelight that computes maps is used.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIDE = 224


@dataclass(frozen=True)
class Photograph:
    path: Path
    label: int
    boxes: np.ndarray  # (n, 4) on the square of 224 × 224, truncated as the protocol does


def photographs(data: Path) -> list[Photograph]:
    """All of `ilsvrc_val` in the order of its index."""
    found = []
    with (data / "ilsvrc_val" / "index.csv").open(newline="") as index:
        for row in csv.DictReader(index):
            size = [int(row["original_width"]), int(row["original_height"])] * 2
            boxes = [
                [int(float(v) * SIDE / extent) for v, extent in zip(box.split(), size, strict=True)]
                for box in row["boxes"].split(";")
            ]
            path = data / "ilsvrc_val" / row["file"]
            found.append(Photograph(path, int(row["class_index"]), np.array(boxes)))
    return found


def squeezenet_cams(model: Any, chosen: list[Photograph]) -> tuple[np.ndarray, np.ndarray]:
    """The label's maps (n, 15, 15) and the classes (n, 5) of the highest scores."""
    import torch

    mean = torch.tensor([123.0, 117.0, 104.0]).reshape(3, 1, 1)
    maps, classes = [], []
    for photograph in chosen:
        pixels = torch.from_numpy(np.array(Image.open(photograph.path).convert("RGB")))
        with torch.no_grad():
            x = (pixels.permute(2, 0, 1).float() - mean)[None]
            cams = torch.relu(model.classifier[1](model.features(x)))[0]
        maps.append(cams[photograph.label].numpy())
        classes.append(cams.mean((1, 2)).topk(5).indices.numpy())
    return np.stack(maps), np.stack(classes)


def mobilenet_cams(model: Any, chosen: list[Photograph]) -> np.ndarray:
    """The label's maps (n, 7, 7), without the ReLU that some draw."""
    import keras

    features = keras.Model(model.inputs, model.get_layer("out_relu").output)
    weights = np.asarray(model.get_layer("predictions").get_weights()[0])
    maps = []
    for first in range(0, len(chosen), 16):
        batch = chosen[first : first + 16]
        images = [
            Image.open(p.path).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
            for p in batch
        ]
        x = np.stack([np.asarray(image, np.float32) for image in images]) / 127.5 - 1
        active = keras.ops.convert_to_numpy(features([x]))
        maps += [a @ weights[:, p.label] for a, p in zip(active, batch, strict=True)]
    return np.stack(maps)


def on_the_square(maps: np.ndarray) -> np.ndarray:
    """Maps (n, h, w) resized to 224 × 224 by OpenCV and minmax-normalized, as published."""
    import cv2

    large = [cv2.resize(m, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) for m in maps]
    return np.stack([(m - m.min()) / (m.max() - m.min()) for m in large])
