"""All methods on real photographs, ranked: both real models, by `limelight.bench`.

    python benchmarks/leaderboard.py --out FOLDER            all of it; goes on where it was stopped
    python benchmarks/leaderboard.py --out FOLDER --part P   one part of it, see PARTS
    python benchmarks/leaderboard.py --collect FOLDER        results and page of what is done so far
    python benchmarks/leaderboard.py --render                the page from the results

The photographs and weights are those of the folder LIMELIGHT_TEST_DATA (`ilsvrc_val` and `models`).
FOLDER holds a run for each part: the methods of one model at one layer that take about as long. The
photographs come in an order in which those done so far are always spread over the file. The parts
of a model are ranked together. Writes benchmarks/results/leaderboard.json and renders
docs/leaderboard.md. Exit code 1 where a control fails: the random map must not lead in
faithfulness, nor change when the model is randomized.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

# Where it is not chosen: passes of MobileNetV2 are the quickest there on processors.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from sections import marks

import limelight
from limelight import data
from limelight.cli.progress import counted
from limelight.methods import Method, list_methods
from limelight.report.boards import direction, figure
from limelight.runs import open_run
from limelight.runs.benching import evenly_spread
from limelight.runs.leaderboard import Column, Leaderboard, leaderboard
from localization import DATA, ROOT, models

RESULTS = ROOT / "benchmarks" / "results" / "leaderboard.json"
PAGE = ROOT / "docs" / "leaderboard.md"
IMAGES, FAITHFUL = 200, 10
ENOUGH = 10  # photographs; of fewer the page says so
CHANNELS = 16  # whose masks Score-CAM and its kin score


def _methods(framework: str) -> list[Method]:
    """Those that convolutional models of the framework allow."""
    return [m for m in list_methods() if framework in m.frameworks and not m.of_attention]


def _many(method: Method) -> bool:
    return method.cost == "many passes"


def _of_input(method: Method) -> bool:
    return "input_gradients" in method.needs


def _own_layers(method: Method) -> bool:
    return method.across is not None or "head" in method.needs


def _quick(method: Method) -> bool:
    return not _many(method) and not _of_input(method)


# Part -> model, layer and which of its methods. In SqueezeNet the layer that is chosen holds the
# class maps themselves, where every gradient method is CAM: the methods of one layer are shown at
# the last fire module, and those that choose theirs (CAM, and those across layers) by themselves.
PARTS: dict[str, tuple[str, str | None, Any]] = {
    "squeezenet1_0-quick": (
        "squeezenet1_0", "features.12", lambda m: _quick(m) and not _own_layers(m),
    ),
    "squeezenet1_0-own-layers": (
        "squeezenet1_0", None, lambda m: _quick(m) and _own_layers(m),
    ),
    "squeezenet1_0-many-passes": ("squeezenet1_0", "features.12", _many),
    "squeezenet1_0-input-gradient": ("squeezenet1_0", None, _of_input),
    "mobilenet_v2-quick": ("mobilenet_v2", None, _quick),
    "mobilenet_v2-many-passes": ("mobilenet_v2", None, _many),
    "mobilenet_v2-input-gradient": ("mobilenet_v2", None, _of_input),
}  # fmt: skip


def photographs(part: str) -> data.Dataset:
    """IMAGES photographs, evenly spread over the file, and so is the beginning of their list.

    Of the methods of many passes those on which faithfulness is measured, and no others.
    """
    dataset = data.open(f"csv:{DATA / 'ilsvrc_val'}")
    places = [k * len(dataset) // IMAGES for k in _scattered(IMAGES)]
    if PARTS[part][2] is _many:
        places = [places[k] for k in sorted(evenly_spread(IMAGES, FAITHFUL))]
    return dataset.subset(places)


def _scattered(count: int) -> list[int]:
    """0 to `count`, each as far as possible from those before it: their bits reversed."""
    bits = (count - 1).bit_length()
    found = (int(f"{k:0{bits}b}"[::-1], 2) for k in range(1 << bits))
    return [k for k in found if k < count]


def measure(out: Path, part: str) -> None:
    """One part, in a folder of its own."""
    name, layer, wanted = PARTS[part]
    dataset = photographs(part)
    out.mkdir(parents=True, exist_ok=True)
    if not _started(out / part).exists():
        _started(out / part).touch()
    with tempfile.TemporaryDirectory() as folder:
        classifier = models(Path(folder))[name]
        methods = [m for m in _methods(classifier.framework) if wanted(m)]
        options = {"channels": CHANNELS} if any("channels" in m.options for m in methods) else {}
        with counted(part) as progress:
            limelight.bench(
                classifier,
                dataset,
                [method.name for method in methods],
                out=out / part,
                layer=layer,
                options=options,
                faithfulness_images=FAITHFUL,
                batch_size=1 if wanted is _many else None,
                progress=progress,
            )


def collect(out: Path) -> dict[str, Any]:
    """Both leaderboards, of the photographs that are done."""
    results: dict[str, Any] = {
        "benchmark": "leaderboard",
        "command": "PYTHONPATH=tests python benchmarks/leaderboard.py --out FOLDER",
        "data": "ilsvrc_val",
        "processors": os.cpu_count(),
        "machine": platform.machine(),
        "channels": CHANNELS,
        "models": {},
    }
    for name in dict.fromkeys(model for model, _, _ in PARTS.values()):
        parts = [part for part, (model, _, _) in PARTS.items() if model == name]
        done = [part for part in parts if any((out / part / "rows").glob("part-*.parquet"))]
        if not done:
            continue
        runs = [open_run(out / part, photographs(part)) for part in done]
        results["models"][name] = {
            "missing": [part for part in parts if part not in done],
            "parts": {
                part: {
                    "layer": PARTS[part][1],
                    "images": len(run.rows),
                    "planned": len(photographs(part)),
                    "errors": len(run.errors),
                    "minutes": round(_minutes(out / part), 1),
                }
                for part, run in zip(done, runs, strict=True)
            },
            "versions": (runs[0].settings or {})["versions"],
            **plain(leaderboard(*runs)),
        }
    return results


def _minutes(run: Path) -> float:
    """From the first call for a part to the last of its files."""
    files = [file.stat().st_mtime for file in (run / "rows").glob("part-*.parquet")]
    return max(0.0, max(files) - _started(run).stat().st_mtime) / 60


def _started(run: Path) -> Path:
    """A file that was made when a part was first called for."""
    return run.with_name(f"{run.name}.started")


def plain(board: Leaderboard) -> dict[str, Any]:
    """The leaderboard to four digits, without curves."""
    found = board.as_dict()
    for standing in found["standings"]:
        for result in standing["results"].values():
            del result["details"]
            result["value"] = float(f"{result['value']:.4g}")
            result["interval"] = [float(f"{end:.4g}") for end in result["interval"]]
    return found


def render(results: dict[str, Any]) -> str:
    """The page as Markdown."""
    begin, end = marks("benchmarks/leaderboard.py")
    parts = [
        "# The leaderboard",
        "",
        begin,
        "",
        "Methods ranked on photographs of `ilsvrc_val` (copies of 227 × 227 pixels) by",
        f"`{results['command']}`,",
        "in the order of their mean rank; in brackets 95 % intervals over the photographs. What",
        "the figures are, and what they are not, is in [faithfulness.md](faithfulness.md).",
        "`random` looks at neither the model nor the class, `saliency` is the model's own input",
        "gradient: the two controls. Boxes are cut where each method declares",
        "(`limelight.list_methods()`); MaxBoxAcc takes the best threshold for all photographs.",
        f"Score-CAM and its kin score {results['channels']} channels. Faithfulness and sanity take",
        "some eighty passes for each photograph and method, and are measured on fewer photographs.",
        "Methods of many passes stand on those few in every column, also where the others stand",
        "on all. Where photographs are few, and intervals overlap, the order of two is chance.",
        "Cost was measured on a machine at work on other things too: it says what is dear, not how",
        "long it takes; for that there is [the table of the README](../README.md#what-it-costs).",
        "",
    ]
    for name, model in results["models"].items():
        parts += [
            f"## {name}",
            "",
            *_done(model["parts"], model["missing"], results["processors"]),
            "",
        ]
        faithful = [e["results"]["deletion"]["images"] for e in model["standings"]]
        if min(faithful) < ENOUGH:
            parts += [
                f"**Not finished.** Faithfulness and sanity are those of {min(faithful)} to",
                f"{max(faithful)} photographs: too few to rank methods by them.",
                "",
            ]
        columns = [Column(**column) for column in model["columns"]]
        groups = list(dict.fromkeys(column.group for column in columns))
        parts += [
            "| | layer | mean rank | " + " | ".join(groups) + " |",
            "| --- | --- | ---: |" + " ---: |" * len(groups),
        ]
        for each in model["standings"]:
            ranks = [each["groups"].get(group) for group in groups]
            cells = [f"`{each['layer']}`", f"{each['rank']:.1f}"]
            cells += ["–" if rank is None else f"{rank:.1f}" for rank in ranks]
            parts.append(f"| `{each['name']}` | " + " | ".join(cells) + " |")
        for group in groups:
            own = [column for column in columns if column.group == group]
            parts += [
                "",
                f"**{group}**",
                "",
                "| | photographs | "
                + " | ".join(f"{c.title} ({direction(c)})" for c in own)
                + " |",
                "| --- | ---: |" + " ---: |" * len(own),
            ]
            for each in model["standings"]:
                found = [each["results"].get(column.key) for column in own]
                counts = {result["images"] for result in found if result is not None}
                number = "–" if not counts else f"{max(counts)}"
                cells = [number, *map(_cell, found)]
                parts.append(f"| `{each['name']}` | " + " | ".join(cells) + " |")
        parts.append("")
    return "\n".join([*parts, end, ""])


def _done(parts: dict[str, Any], missing: list[str], processors: int) -> list[str]:
    """What was run, how far it came, and how long that took."""
    lines = [
        f"- `{part}`: {each['images']} of {each['planned']} photographs in "
        f"{each['minutes']:.0f} minutes" + (f", {each['errors']} errors" if each["errors"] else "")
        for part, each in parts.items()
    ]
    lines += [f"- `{part}`: not there yet" for part in missing]
    return [
        f"The parts ran side by side on {processors} processors, in what other work left of them:",
        "",
        *lines,
    ]


def _cell(result: dict[str, Any] | None) -> str:
    if result is None:
        return "–"
    low, high = result["interval"]
    return f"{figure(result['value'])} [{figure(low)}, {figure(high)}]"


def broken_controls(results: dict[str, Any]) -> list[str]:
    """What the random map says against the figures."""
    found = []
    for name, model in results["models"].items():
        floor = next(each for each in model["standings"] if each["name"] == "random")
        best = min(e["groups"]["faithfulness"] for e in model["standings"] if len(e["groups"]) > 1)
        if floor["groups"]["faithfulness"] == best:
            found.append(f"{name}: no method is more faithful than the random map")
        alike = floor["results"]["model-randomization-rank"]["value"]
        if alike < 0.999:
            found.append(f"{name}: the random map of a randomized model is another ({alike})")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, help="folder of the runs")
    parser.add_argument("--part", action="append", choices=PARTS, help="all if absent; repeatable")
    parser.add_argument("--collect", type=Path, help="folder of runs that are done, or in part")
    parser.add_argument("--render", action="store_true", help="render only")
    asked = parser.parse_args()
    if not (asked.out or asked.collect or asked.render):
        parser.error("--out, --collect or --render is needed")
    for part in (asked.part or PARTS) if asked.out else ():
        measure(asked.out, part)
    if asked.part:
        return 0
    if not asked.render:
        made = collect(asked.collect or asked.out)
        RESULTS.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    PAGE.write_text(render(results), encoding="utf-8")
    broken = broken_controls(results)
    print("\n".join(broken) or "the controls hold", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
