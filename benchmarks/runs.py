"""What a run costs beside a bare loop, what it holds in memory, and what Ray adds.

Speed: the same JPEG files through ResNet-50 (random weights), by a bare loop that decodes,
preprocesses and runs the plain forward pass, and by `limelight.run` with Grad-CAM: maps, scores and
boxes in a folder. They take turns; the median of the rounds' ratios is reported.
Memory: 4,000 files through a small network; what the process holds after 1,000 and after 4,000.
Ray: the same 4,000 files by the local engine and by one worker of a Ray on this machine.

    PYTHONPATH=tests python benchmarks/runs.py [--images 96] [--rounds 3] [--only speed]
    python benchmarks/runs.py --render        docs/at-scale.md from the results

Writes benchmarks/results/runs.json and a part of docs/at-scale.md; exit code 1 where a limit is
missed. Each part runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sections import write_section

RESULTS = Path(__file__).parent / "results" / "runs.json"
PAGE, SCRIPT = Path(__file__).parents[1] / "docs" / "at-scale.md", "benchmarks/runs.py"
LIMITS = {"speed": 0.9, "memory": 1.05}
BATCH = 16
SMALL = 4000


def write_photographs(folder: Path, count: int, size: tuple[int, int], distinct: int) -> Path:
    """JPEG files with as much detail as photographs have; `distinct` pictures under many names."""
    import numpy as np
    from PIL import Image

    folder.mkdir(parents=True)
    for i in range(count):
        file = folder / f"{i:05}.jpg"
        if i >= distinct:
            os.link(folder / f"{i % distinct:05}.jpg", file)
            continue
        random = np.random.default_rng(i)
        coarse = random.integers(0, 255, (size[1] // 8, size[0] // 8, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(file, quality=90)
    return folder


def speed(images: int, rounds: int) -> dict[str, Any]:
    from torchvision_registration import prepare_torchvision

    prepare_torchvision()
    import torch
    import torchvision

    import limelight
    from limelight.models import load

    torch.manual_seed(0)
    classifier = load(
        torchvision.models.resnet50().eval(), size=224, preprocess="imagenet", classes="imagenet"
    )

    def bare(files: list[Path]) -> None:
        for start in range(0, len(files), BATCH):
            batch, _ = classifier.prepare(list(map(str, files[start : start + BATCH])))
            with torch.inference_mode():
                classifier.model(torch.from_numpy(batch)).argmax(1).tolist()

    found = {}
    for name, size, count in (
        ("500 × 375", (500, 375), images),
        ("12 MP", (4000, 3000), images // 2),
    ):
        with tempfile.TemporaryDirectory() as folder:
            photos = write_photographs(Path(folder) / "photos", count, size, 128)
            files = sorted(photos.iterdir())
            bare(files[:BATCH])
            ratios: list[float] = []
            seconds: dict[str, list[float]] = {"bare": [], "run": []}
            spent: dict[str, list[float]] = {"bare": [], "run": []}
            for turn in range(rounds):
                work = [time.process_time()]
                start = time.perf_counter()
                bare(files)
                middle = time.perf_counter()
                work.append(time.process_time())
                limelight.run(
                    classifier, photos, out=Path(folder) / f"run-{turn}", batch_size=BATCH,
                )  # fmt: skip
                end = time.perf_counter()
                work.append(time.process_time())
                spent["bare"].append(work[1] - work[0])
                spent["run"].append(work[2] - work[1])
                seconds["bare"].append(middle - start)
                seconds["run"].append(end - middle)
                ratios.append((middle - start) / (end - middle))
            parts = (Path(folder) / "run-0").rglob("*.parquet")
            kept = sum(file.stat().st_size for file in parts)
            found[name] = {
                "images": count,
                "bare, images a second": round(count / statistics.median(seconds["bare"]), 2),
                "run, images a second": round(count / statistics.median(seconds["run"]), 2),
                "bare, CPU-seconds an image": round(min(spent["bare"]) / count, 4),
                "run, CPU-seconds an image": round(min(spent["run"]) / count, 4),
                "bytes kept an image": round(kept / count),
                "run / bare": round(statistics.median(ratios), 3),
            }
    found["value"] = found["500 × 375"]["run / bare"]
    return found


def small_classifier() -> Any:
    """Three convolutions, so that it is not the model that takes the time or the memory."""
    from limelight.models import load
    from oracles import networks

    return load(networks.torch_model(), size=networks.SIZE, preprocess="-1-1")


def _resident() -> float:
    """Megabytes that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def memory(images: int, rounds: int) -> dict[str, Any]:
    import limelight

    held: dict[int, float] = {}

    def watch(done: int, total: int) -> None:
        if done % 1000 == 0:
            held[done] = round(_resident(), 1)

    with tempfile.TemporaryDirectory() as folder:
        photos = write_photographs(Path(folder) / "photos", SMALL, (320, 240), 16)
        start = time.perf_counter()
        limelight.run(
            small_classifier(), photos, ["gradcam", "layercam"], out=Path(folder) / "run",
            progress=watch,
        )  # fmt: skip
        seconds = time.perf_counter() - start
    return {
        "megabytes after": held,
        "images a second": round(SMALL / seconds, 1),
        "value": round(held[SMALL] / held[1000], 4),
    }


def ray(images: int, rounds: int) -> dict[str, Any]:
    import limelight
    from limelight.runs import Cluster

    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        photos = write_photographs(Path(folder) / "photos", SMALL, (320, 240), 16)
        runs = {}
        for engine in ("local", "ray"):
            told: list[float] = []
            start = time.perf_counter()
            runs[engine] = limelight.run(
                small_classifier(), photos, out=Path(folder) / engine, batch_size=BATCH,
                engine=engine, cluster=Cluster(workers=1),
                progress=lambda done, total, told=told: told.append(time.perf_counter()),
            )  # fmt: skip
            end = time.perf_counter()
            found[f"{engine}, seconds"] = round(end - start, 2)
            found[f"{engine}, seconds to the first image"] = round(told[0] - start, 2)
        one, other = ([row.as_dict() for row in runs[name]] for name in ("local", "ray"))
        found["rows equal"] = one == other
    found["ray, seconds more"] = round(found["ray, seconds"] - found["local, seconds"], 2)
    return found


PARTS = {"speed": speed, "memory": memory, "ray": ray}


TEXT = """\
| | 500 × 375 pixels | 12 megapixels |
| --- | ---: | ---: |
| bare loop (decode, preprocess, forward), CPU-seconds an image | {bare:.3f} | {large_bare:.3f} |
| run (the same, maps, scores, boxes, files), CPU-seconds an image | {run:.3f} | {large_run:.3f} |
| kept on disk, bytes an image | {kept} | {large_kept} |

In wall-clock time a run reaches {ratio:.2f} of the bare loop's speed on this machine, where model
and decoding share {processors} processors, and {large_ratio:.2f} of it for large photographs, which
the bare loop decodes one after the other. The bytes contain the overhead of a short run's few
files. After {small:,} images the process holds {growth:.1f} % more than after 1,000.

Ray on the same machine takes {more:.0f} seconds more for a run of {small:,} small images, to start,
to send the model, and to end. After that a shard of a minute costs a message.

10⁷ images of 500 × 375 pixels with ResNet-50, from these figures:

- {run:.3f} CPU-seconds each: {hours:.0f} CPU-hours, {part:.0f} hours on 64 processors;
- {gigabytes:.0f} GB of rows and maps for one method;
- at least {shards:,} shards; looking up an image by id then keeps {ids:.0f} MB in memory.
"""


def render(results: dict[str, Any]) -> str:
    """What a run costs, as Markdown."""
    usual, large = results["speed"]["500 × 375"], results["speed"]["12 MP"]
    many = 10**7
    hours = many * round(usual["run, CPU-seconds an image"], 3) / 3600
    return TEXT.format(
        bare=usual["bare, CPU-seconds an image"],
        run=usual["run, CPU-seconds an image"],
        kept=usual["bytes kept an image"],
        ratio=usual["run / bare"],
        large_bare=large["bare, CPU-seconds an image"],
        large_run=large["run, CPU-seconds an image"],
        large_kept=large["bytes kept an image"],
        large_ratio=large["run / bare"],
        processors=results["machine"]["processors"],
        small=SMALL,
        growth=100 * (results["memory"]["value"] - 1),
        more=results["ray"]["ray, seconds more"],
        hours=hours,
        part=hours / 64,
        gigabytes=many * usual["bytes kept an image"] / 1e9,
        shards=-(-many // 4096),
        ids=many * 16 / 1e6,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--here", action="store_true", help="in this process, and print it")
    parser.add_argument("--render", action="store_true", help="render only")
    arguments = parser.parse_args()
    if arguments.render:
        write_section(PAGE, SCRIPT, render(json.loads(RESULTS.read_text("utf-8"))))
        return 0
    if arguments.here:
        print(json.dumps(PARTS[arguments.only](arguments.images, arguments.rounds)))
        return 0
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    names = [arguments.only] if arguments.only else list(PARTS)
    for name in names:
        words = [sys.executable, __file__, "--here", "--only", name]
        words += ["--images", str(arguments.images), "--rounds", str(arguments.rounds)]
        # Ray gives a worker of one processor one thread: the local engine gets as many.
        variables = os.environ | ({"OMP_NUM_THREADS": "1"} if name == "ray" else {})
        done = subprocess.run(words, check=True, capture_output=True, text=True, env=variables)
        printed = done.stdout
        results[name] = json.loads(printed.splitlines()[-1])
    results["machine"] = {"processors": os.cpu_count(), "python": platform.python_version()}
    RESULTS.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", "utf-8")
    write_section(PAGE, SCRIPT, render(results))
    print(json.dumps(results, ensure_ascii=False, indent=1))
    good = "speed" not in names or results["speed"]["value"] >= LIMITS["speed"]
    good &= "memory" not in names or results["memory"]["value"] <= LIMITS["memory"]
    good &= "ray" not in names or results["ray"]["rows equal"]
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
