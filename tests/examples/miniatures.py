"""Cars196 and Stanford Dogs in small: drawn objects in the real files' layouts.

Each class is a shape of its own colour, at a random place and size of a cluttered photograph of a
random size; its box is known exactly. The classes' names are as people have them: in several
scripts, with quotes and with angle brackets.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

CARS = ("현대 쏘나타 2010", "比亚迪 F3 2009", 'Acura "TL" <Sedan> 2012', "Audi A5 Coupe 2012")
DOGS = ("n02085620-Chihuahua", "n02113978-Mexican_hairless", "n02107142-Doberman")
COLORS = ((220, 40, 40), (40, 190, 60), (60, 80, 230), (230, 200, 40))
CORNERS = (3, 4, 6, 40)  # of the shape of each class; 40: as good as a circle


@dataclass(frozen=True)
class Drawing:
    """A picture with its class and its boxes, x0, y0, x1, y1, half-open."""

    picture: Image.Image
    label: int
    boxes: list[tuple[int, int, int, int]]


def draw(rng: np.random.Generator, label: int, objects: int = 1) -> Drawing:
    """A picture of `objects` objects of the class `label`."""
    height, width = (int(side) for side in rng.integers(90, 180, 2))
    coarse = rng.integers(60, 160, (height // 12 + 1, width // 12 + 1, 1), np.uint8)
    clutter = Image.fromarray(coarse.repeat(3, -1)).resize((width, height), 2)
    pen = ImageDraw.Draw(clutter)
    boxes = []
    for number in range(objects):
        radius = int(rng.integers(14, 22 if objects > 1 else 38))
        half = width // objects  # each object in its own part of the picture
        x = int(rng.integers(number * half + radius, (number + 1) * half - radius + 1))
        y = int(rng.integers(radius, height - radius + 1))
        turn = rng.uniform(0, 2 * math.pi)
        points = [
            (x + radius * math.cos(turn + a), y + radius * math.sin(turn + a))
            for a in np.arange(CORNERS[label]) * 2 * math.pi / CORNERS[label]
        ]
        before = np.asarray(clutter).copy()
        pen.polygon(points, fill=COLORS[label])
        ys, xs = np.nonzero((np.asarray(clutter) != before).any(-1))
        boxes.append((int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1))
    return Drawing(clutter, label, boxes)


def drawings(count: int, classes: int, seed: int, most: int = 1) -> Iterator[Drawing]:
    """`count` pictures of the classes in turn, of 1 to `most` objects."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        yield draw(rng, number % classes, 1 + number % most)


def cars196(folder: Path, train: int, test: int) -> Path:
    """The folders of photographs and the devkit, boxes counted from 1 as published."""
    from scipy.io import savemat

    corners = [f"bbox_{side}" for side in ("x1", "y1", "x2", "y2")]
    kinds = [(name, object) for name in (*corners, "class", "fname")]
    devkit = folder / "devkit"
    devkit.mkdir(parents=True)
    for seed, (split, count) in enumerate({"train": train, "test": test}.items()):
        (folder / f"cars_{split}").mkdir()
        rows = []
        for i, drawing in enumerate(drawings(count, len(CARS), seed), 1):
            name = f"{i:05d}.jpg"
            drawing.picture.save(folder / f"cars_{split}" / name, quality=92)
            ((x0, y0, x1, y1),) = drawing.boxes
            rows.append((x0 + 1, y0 + 1, x1, y1, drawing.label + 1, name))
        content = {"annotations": np.array(rows, dtype=kinds)}
        ending = "" if split == "train" else "_withlabels"
        savemat(devkit / f"cars_{split}_annos{ending}.mat", content)
    savemat(devkit / "cars_meta.mat", {"class_names": np.array(CARS, dtype=object)[None]})
    return folder


def stanford_dogs(folder: Path, train: int, test: int) -> Path:
    """Images, VOC-like annotations and the lists of the splits."""
    from scipy.io import savemat

    for seed, (split, count) in enumerate({"train": train, "test": test}.items()):
        names = []
        for i, drawing in enumerate(drawings(count, len(DOGS), seed, most=2)):
            breed = DOGS[drawing.label]
            name = f"{breed}/{breed.partition('-')[0]}_{seed}{i:03d}.jpg"
            names.append(name)
            image, annotation = folder / "Images" / name, folder / "Annotation" / name[:-4]
            for file in (image, annotation):
                file.parent.mkdir(parents=True, exist_ok=True)
            drawing.picture.save(image, quality=92)
            objects = "".join(
                f"<object><name>{breed}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin>"
                f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>\n"
                for x0, y0, x1, y1 in drawing.boxes
            )
            annotation.write_text(
                f"<annotation><filename>%s</filename><size><width>{drawing.picture.width}</width>"
                f"<height>{drawing.picture.height}</height></size>\n{objects}</annotation>"
            )
        content = {"file_list": np.array(names, dtype=object)[:, None]}
        savemat(folder / f"{split}_list.mat", content)
    return folder


def prepared_by_tfds(kind: str, folder: Path, train: int, test: int) -> Path:
    """ "cars196" or "stanford_dogs" as TensorFlow Datasets prepares them, by that library."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow_datasets as tfds

        f = tfds.features
        names = CARS if kind == "cars196" else DOGS
        shift = 1 if kind == "cars196" else 0  # the devkit's numbers count from 1
        features: dict[str, Any] = {"image": f.Image(), "label": f.ClassLabel(names=list(names))}
        if kind == "cars196":
            features["bbox"] = f.BBoxFeature()
        else:
            features["image/filename"] = f.Text()
            features["objects"] = f.Sequence({"bbox": f.BBoxFeature()})

        def box(corners: tuple[int, int, int, int], size: tuple[int, int]) -> Any:
            (x0, y0, x1, y1), (width, height) = corners, size
            return f.BBox((y0 + shift) / height, (x0 + shift) / width, y1 / height, x1 / width)

        class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
            VERSION = tfds.core.Version("2.1.0")
            name = kind
            code_path = None

            def _info(self) -> Any:
                return tfds.core.DatasetInfo(builder=self, features=f.FeaturesDict(features))

            def _split_generators(self, manager: Any) -> Any:
                return {
                    "train": self._generate_examples(train, 0),
                    "test": self._generate_examples(test, 1),
                }

            def _generate_examples(self, count: int, seed: int) -> Iterator[Any]:
                most = 1 if kind == "cars196" else 2
                for i, drawing in enumerate(drawings(count, len(names), seed, most)):
                    boxes = [box(b, drawing.picture.size) for b in drawing.boxes]
                    entry = {"image": np.asarray(drawing.picture), "label": drawing.label}
                    if kind == "cars196":
                        yield i, entry | {"bbox": boxes[0]}
                    else:
                        objects = [{"bbox": each} for each in boxes]
                        yield i, entry | {"image/filename": f"{i}.jpg", "objects": objects}

        tfds.disable_progress_bar()
        Builder(data_dir=str(folder)).download_and_prepare()
    return folder / kind
