"""The search behind `affinitycam` and the recipes: every trial, kept or dropped.

    PYTHONPATH=tests python benchmarks/trials.py            the trials without a result yet
    PYTHONPATH=tests python benchmarks/trials.py --again    all of them
    PYTHONPATH=tests python benchmarks/trials.py --render   render docs/localization.md again

On every second photograph of the half of the classes of `ilsvrc_val` that is for choosing
(`benchmarks/recipes.py` reports the other one), with both real models: MaxBoxAcc of the map after
normalization and refinement, the best mean IoU over all thresholds and that threshold. Writes
benchmarks/results/trials.json after each trial, so that an interrupted search goes on.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("KERAS_BACKEND", "torch")

from measuring import conditions_now
from recipes import PACKAGES, halves
from sections import write_section

from localization import DATA, PAGE, models
from torchvision_registration import prepare_torchvision

prepare_torchvision()

import numpy as np  # noqa: E402

from limelight import Explainer, data  # noqa: E402
from limelight.arrays import like  # noqa: E402
from limelight.cli.progress import counted  # noqa: E402
from limelight.frames import Frame  # noqa: E402
from limelight.localization import Tuner, find_refinement, normalize  # noqa: E402
from limelight.localization.refinement import guide_of  # noqa: E402
from limelight.methods import affinity  # noqa: E402
from limelight.metrics import MaxBoxAcc, centre_gaussian  # noqa: E402
from limelight.metrics.protocol import protocol_boxes  # noqa: E402
from limelight.models import Classifier  # noqa: E402
from limelight.runs.scoring import _squashed, resized  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "trials.json"
BATCH = 32
_WALK = affinity._doubly_normalized
STAGES = {
    "squeezenet1_0": ["features.5", "features.10", "classifier.2"],
    "mobilenet_v2": ["block_6_expand_relu", "block_13_expand_relu", "out_relu"],
}
DEEP = {"squeezenet1_0": "features.12", "mobilenet_v2": "out_relu"}


@dataclass(frozen=True)
class Trial:
    """One way from a model to boxes.

    Attributes:
        words: what the table calls it.
        method, smooth, fuse: as for `limelight.explain`.
        layer: "stages", "middle", "deep", or None for what is chosen.
        normalizer: of the map before it is scored.
        rule: of the thresholds for the mean IoU.
        components: "largest", or "together": the box around all that is foreground.
        refine: as for `Maps.boxes`.
        prior: the weight of a centred Gaussian, which looks at no image.
        constants: of `limelight.methods.affinity`, other than its own.
        passes: forward passes for each image.
        verdict: what became of it.
    """

    words: str
    method: str = "affinitycam"
    layer: str | None = None
    fuse: str | None = None
    smooth: str | None = None
    normalizer: str = "max"
    rule: str = "max"
    components: str = "largest"
    refine: str | None = None
    prior: float = 0.0
    constants: Mapping[str, Any] = field(default_factory=dict)
    passes: int = 1
    verdict: str = "dropped"

    @property
    def maps(self) -> str:
        """What its maps depend on."""
        of = self.method, self.layer, self.fuse, self.smooth, self.words if self.constants else ""
        return repr(of)


def _unparted(xp: Any, flat: Any) -> Any:
    return flat - xp.min(flat, axis=-1, keepdims=True)


def _near(xp: Any, weights: Any) -> Any:
    """The walk only among positions that are near, on a square grid."""
    side = round(weights.shape[-1] ** 0.5)
    places = np.stack(np.divmod(np.arange(side * side), side)).astype(np.float32)
    apart = ((places[:, :, None] - places[:, None]) ** 2).sum(0) / (side / 3.5) ** 2
    return _WALK(xp, weights * like(np.exp(-apart / 2), weights))


def _two_steps(xp: Any, weights: Any) -> Any:
    walk = _WALK(xp, weights)
    return xp.matmul(walk, walk)


TRIALS = (
    Trial("`gradcam`", "gradcam", verdict="reference"),
    Trial("`gradcam`, last spatial features", "gradcam", "deep"),
    Trial("`gradcam++`, last spatial features", "gradcam++", "deep"),
    Trial("`layercam`, last spatial features", "layercam", "deep"),
    Trial("`layercam`, middle stage", "layercam", "middle"),
    Trial("`layercam`, three stages, mean", "layercam", "stages", "mean"),
    Trial("`layercam`, three stages, max", "layercam", "stages", "max"),
    Trial("`eigencam`", "eigencam"),
    Trial("`refinecam`", "refinecam"),
    Trial("`cam`", "cam"),
    Trial("`cam`, minmax", "cam", normalizer="minmax"),
    Trial("`cam`, percentile", "cam", normalizer="percentile"),
    Trial("`cam`, ivr", "cam", normalizer="ivr"),
    Trial("`gradcam`, cut by Otsu", "gradcam", rule="otsu"),
    Trial("`gradcam`, all components together", "gradcam", components="together"),
    Trial("`gradcam`, flips", "gradcam", smooth="flips", passes=2),
    Trial("`gradcam`, flips and brightness", "gradcam", smooth="flips+scales", passes=6),
    Trial("`gradcam`, a centred Gaussian added at 0.3", "gradcam", prior=0.3),
    Trial("`gradcam`, guided filter", "gradcam", refine="guided-filter"),
    Trial("`gradcam`, GrabCut", "gradcam", refine="grabcut"),
    Trial("`gradcam`, random walk", "gradcam", refine="random-walk"),
    Trial(
        "`gradcam`, random walk by the colours alone", "gradcam",
        refine="random-walk:level=0:colours=1:spread=100:weight=1",
    ),
    Trial("`gradcam`, superpixels", "gradcam", refine="superpixels"),
    Trial("`affinitycam`", verdict="**kept**: the default"),
    Trial(
        "`affinitycam` without its two means at 1/2", constants={"_parted_at_half": _unparted}
    ),
    Trial("… affinities to the power 2", constants={"_SHARPNESS": 2}),
    Trial("… affinities to the power 3", constants={"_SHARPNESS": 3}),
    Trial("… affinities to the power 6", constants={"_SHARPNESS": 6}),
    Trial("… peaks cut at the 95th percentile", constants={"_QUANTILE": 0.95}),
    Trial("… at most 16 positions along a side", constants={"_FINEST": 16}),
    Trial("… only among near positions", constants={"_doubly_normalized": _near}),
    Trial("… two steps of the walk", constants={"_doubly_normalized": _two_steps}),
    Trial("… of Grad-CAM", "affinitycam:base=gradcam"),
    Trial("… of HiResCAM", "affinitycam:base=hirescam"),
    Trial("… all components together", components="together"),
    Trial("… flips", smooth="flips", passes=2),
    Trial("… a centred Gaussian added at 0.3", prior=0.3),
    Trial("… guided filter", refine="guided-filter"),
    Trial("… GrabCut", refine="grabcut"),
    Trial("… random walk", refine="random-walk", verdict="**kept**: the recipe best"),
    Trial("… random walk at full weight", refine="random-walk:weight=1"),
    Trial("… random walk without colours", refine="random-walk:colours=0:weight=1"),
    Trial("… superpixels", refine="superpixels"),
)  # fmt: skip


class Together(Tuner):
    """Tunes boxes around all components together."""

    def _locate(self, values: np.ndarray) -> np.ndarray:
        # Beyond a threshold lies what the maximum of its row, or column, is beyond.
        cuts = self._thresholds[:, None] * values.max()
        found = np.full((len(cuts), 4), np.nan)
        for axis, place in ((0, 0), (1, 1)):
            beyond = values.max(axis=axis)[None] > cuts
            some = beyond.any(axis=1)
            found[some, place] = beyond.argmax(axis=1)[some]
            found[some, place + 2] = beyond.shape[1] - beyond[:, ::-1].argmax(axis=1)[some]
        return found


def maps_of(
    trial: Trial, model: str, classifier: Classifier, examples: Sequence[data.Example]
) -> list[tuple[np.ndarray, Frame]]:
    """Each image's map (h, w), and the frame that it lies in."""
    found: list[tuple[np.ndarray, Frame]] = []
    layers: dict[str | None, Any] = {
        "stages": STAGES[model], "middle": STAGES[model][1], "deep": DEEP[model], None: None,
    }  # fmt: skip
    with ExitStack() as patched, counted(f"{model}: {trial.words}") as progress:
        for name, value in trial.constants.items():
            patched.enter_context(patch.object(affinity, name, value))
        name, _, option = trial.method.partition(":")
        options = dict([option.split("=")]) if option else {}
        explainer = Explainer(
            classifier, name, layers[trial.layer], fuse=trial.fuse, smooth=trial.smooth,
            options=options,
        )  # fmt: skip
        for start in range(0, len(examples), BATCH):
            some = examples[start : start + BATCH]
            maps = explainer(
                [example.read() for example in some], target=[example.label for example in some]
            )
            found += zip(maps.numpy(), maps.frames, strict=True)
            progress(len(found), len(examples))
    return found


def score(
    trial: Trial, maps: list[tuple[np.ndarray, Frame]], examples: Sequence[data.Example]
) -> dict[str, float]:
    """MaxBoxAcc V1 and V2, the best mean IoU, and its threshold."""
    kind = Together if trial.components == "together" else Tuner
    tuner = kind((trial.normalizer,), rule=trial.rule, goal="iou")
    metrics = {f"maxboxacc-v{version}": MaxBoxAcc(version) for version in (1, 2)}
    for (values, frame), example in zip(maps, examples, strict=True):
        if trial.refine is not None:
            guide = guide_of(np.asarray(example.read()), frame)
            values = find_refinement(trial.refine)(values, guide)
        if trial.prior:
            prior = centre_gaussian((values.shape[0], values.shape[1]))
            values = (1 - trial.prior) * normalize(values) + trial.prior * prior
        normalized = normalize(values, trial.normalizer)
        tuner.update([values], [example.boxes], [frame])
        square = np.clip(resized(normalize(normalized, "minmax"), _squashed(frame)), 0, 1)
        for metric in metrics.values():
            metric.update([square], [protocol_boxes(example.boxes, frame.original_size)])
    best = tuner.result()
    found = {name: round(metric.compute().value, 4) for name, metric in metrics.items()}
    return found | {"mean-iou": round(best.score, 4), "threshold": best.value}


def measure(again: bool) -> None:
    choosing, _ = halves(data.open(f"csv:{DATA / 'ilsvrc_val'}"))
    examples = [choosing[i] for i in range(0, len(choosing), 2)]
    known = {} if again or not RESULTS.is_file() else json.loads(RESULTS.read_text("utf-8"))
    trials = {trial.words: known.get("trials", {}).get(trial.words, {}) for trial in TRIALS}
    results = {
        "benchmark": "trials",
        "command": "PYTHONPATH=tests python benchmarks/trials.py",
        "images": len(examples),
        "trials": trials,
    }
    with tempfile.TemporaryDirectory() as folder:
        for model, classifier in models(Path(folder)).items():
            kept: dict[str, list[tuple[np.ndarray, Frame]]] = {}
            for trial in (each for each in TRIALS if model not in trials[each.words]):
                if trial.maps not in kept:
                    kept[trial.maps] = maps_of(trial, model, classifier, examples)
                found = score(trial, kept[trial.maps], examples)
                trials[trial.words][model] = found | conditions_now(*PACKAGES)
                RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


def render(results: dict[str, Any]) -> str:
    names = list(STAGES)
    columns = ("MaxBoxAcc", "MaxBoxAccV2", "mean IoU", "cut")
    heads = " | ".join(f"{column}, {name}" for name in names for column in columns)
    lines = [f"| trial | passes | {heads} | |", "| --- | ---: |" + " ---: |" * 8 + " --- |"]
    for trial in TRIALS:
        cells = []
        for name in names:
            found = results["trials"][trial.words].get(name)
            if found is None:
                cells += ["–"] * 4
                continue
            keys = ("maxboxacc-v1", "maxboxacc-v2", "mean-iou")
            cells += [f"{100 * found[key]:.1f}" for key in keys]
            cells.append("" if trial.rule == "otsu" else f"{found['threshold']:.2f}")
        lines.append(f"| {trial.words} | {trial.passes} | {' | '.join(cells)} | {trial.verdict} |")
    return "\n".join([f"{results['images']} photographs of the classes for choosing.", "", *lines])


def main(arguments: list[str]) -> int:
    if arguments != ["--render"]:
        measure(again=arguments == ["--again"])
    results = json.loads(RESULTS.read_text("utf-8"))
    write_section(PAGE, "benchmarks/trials.py", render(results))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
