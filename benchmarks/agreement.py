"""The maps of other libraries beside ours: how alike they are, how well each locates and points.

Both real models on photographs of `ilsvrc_val` (folder LIMELIGHT_TEST_DATA), for the class that the
data set gives: SqueezeNet at `features.12` on PyTorch, MobileNetV2 at `out_relu` in Keras on
TensorFlow. Every map, as its library returns it, is brought to 224 × 224 by half-pixel bilinear
interpolation where it is smaller, its negative values cut, and divided by its maximum.

    PYTHONPATH=tests python benchmarks/agreement.py [--part squeezenet1_0]
    python benchmarks/agreement.py --render                              docs/benchmarks.md again

Writes benchmarks/results/agreement.json part by part.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from in_parts import in_parts
from keras_peers import DATA
from measuring import conditions, fresh
from peers import OURS

PACKAGES = ("torch", "keras", "tensorflow-cpu", "grad-cam", "torchcam", "captum", "numpy")
PHOTOGRAPHS, BATCH, SIDE = 60, 10, 224
METHODS = {
    "squeezenet1_0": ("gradcam", "gradcam++", "xgradcam", "hirescam", "layercam", "eigencam"),
    "mobilenet_v2": ("gradcam", "gradcam++", "layercam"),
}
TITLES = {"squeezenet1_0": "SqueezeNet, PyTorch", "mobilenet_v2": "MobileNetV2, Keras"}
Make = Callable[[list[Path], list[int], str], dict[str, Callable[[], Any]]]


def squeezenet() -> Make:
    """The ways of all libraries on PyTorch."""
    import numpy as np
    import torch
    from peers import network, ways
    from PIL import Image
    from safetensors.torch import load_file

    model = network("squeezenet1_0")
    model.load_state_dict(load_file(DATA / "models" / "squeezenet1_0.safetensors"))
    model.classifier[1].padding = (1, 1)
    mean = torch.tensor([123.0, 117.0, 104.0]).reshape(3, 1, 1)

    def make(files: list[Path], classes: list[int], method: str) -> dict[str, Callable[[], Any]]:
        pixels = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - mean
        return ways(model, images, method, ["features.12"], classes)

    return make


def mobilenet() -> Make:
    """The ways of all libraries in Keras."""
    from keras_peers import LAYERS, network, prepared, ways

    model = network("mobilenet_v2")

    def make(files: list[Path], classes: list[int], method: str) -> dict[str, Callable[[], Any]]:
        return ways(model, prepared(files), method, LAYERS["mobilenet_v2"], classes)

    return make


def on_the_square(found: Any) -> Any:
    """What a library returned, as (N, 224, 224) from 0 to 1; NaN where it is."""
    import numpy as np
    import torch
    from torch.nn.functional import interpolate

    if hasattr(found, "numpy") and hasattr(found, "target"):  # ours
        found = found.numpy()
    if isinstance(found, list):  # torchcam's of one layer, the tutorials' of each image
        found = found[0] if len(found) == 1 else np.stack(found)
    maps = torch.as_tensor(np.asarray(found.detach() if hasattr(found, "detach") else found))
    maps = maps.float().reshape(len(maps), 1, *maps.shape[-2:])
    if maps.shape[-1] != SIDE:
        maps = interpolate(maps, (SIDE, SIDE), mode="bilinear", align_corners=False)
    maps = maps[:, 0].clamp(min=0)
    top = maps.amax((1, 2), keepdim=True)
    return (maps / torch.where(top > 0, top, 1)).numpy()


def compare(part: str) -> dict[str, Any]:
    import numpy as np
    from scipy.stats import spearmanr

    from limelight.metrics import gt_known_localization, pointing_game
    from oracles.cams import photographs

    whole = photographs(DATA)
    chosen = [whole[k * len(whole) // PHOTOGRAPHS] for k in range(PHOTOGRAPHS)]
    make = squeezenet() if part == "squeezenet1_0" else mobilenet()
    figures: dict[str, Any] = {}
    for method in METHODS[part]:
        found: dict[str, list[Any]] = {}
        for start in range(0, PHOTOGRAPHS, BATCH):
            some = chosen[start : start + BATCH]
            by = make([each.path for each in some], [each.label for each in some], method)
            for library, run in by.items():
                found.setdefault(library, []).append(on_the_square(run()))
        maps = {library: np.concatenate(batches) for library, batches in found.items()}
        boxes = [each.boxes for each in chosen]
        figures[method] = {}
        for library, theirs in maps.items():
            whole_maps = np.nan_to_num(theirs)
            alike = [
                float(spearmanr(a.ravel(), b.ravel()).statistic) if a.std() and b.std() else 0.0
                for a, b in zip(maps[OURS], whole_maps, strict=True)
            ]
            apart = np.abs(maps[OURS] - whole_maps).max((1, 2))
            figures[method][library] = {
                "rank correlation": round(float(np.median(alike)), 4),
                "largest difference": round(float(np.median(apart)), 4),
                "GT-known": round(gt_known_localization(whole_maps, boxes).value, 4),
                "pointing": round(pointing_game(whole_maps, boxes).value, 4),
                "not a number": int(np.isnan(theirs).any((1, 2)).sum()),
            }
    return figures


def measure(part: str) -> dict[str, Any]:
    return fresh(compare, part, KERAS_BACKEND="tensorflow")


def render(parts: dict[str, Any]) -> str:
    lines = [
        "| | | | rank correlation with ours | largest difference | GT-known | pointing |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    failing = []
    for part, title in TITLES.items():
        for method, by in parts[part]["figures"].items():
            for library, found in by.items():
                alike = "" if library == OURS else f"{found['rank correlation']:.3f}"
                apart = "" if library == OURS else f"{found['largest difference']:.3f}"
                lines.append(
                    f"| {title} | `{method}` | {library} | {alike} | {apart} | "
                    f"{100 * found['GT-known']:.1f} | {100 * found['pointing']:.1f} |"
                )
                if found["not a number"]:
                    failing.append(f"{library} gives NaN for {found['not a number']} of them")
    return "\n".join([*lines, "", *(f"{each}." for each in failing), conditions(parts)])


if __name__ == "__main__":
    sys.exit(in_parts("agreement", __doc__, METHODS, PACKAGES, measure, render))
