"""The report of many photographs: its size, how long writing takes, and how quickly it answers.

SqueezeNet with its real weights explains the kangaroos (LIMELIGHT_TEST_DATA) by four methods; the
photographs, at their full size, are repeated until there are enough. Chromium opens each page from
disk; the clock starts with the navigation, and a control is as slow as the frame that shows what
it did to all that is in view.

    PYTHONPATH=tests python benchmarks/report.py [--images 1000 2000] [--rounds 5]
    PYTHONPATH=tests python benchmarks/report.py --render         its table from the results

Writes benchmarks/results/report.json and its table in docs/report.md; exit code 1 where a limit is
missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from sections import write_section

METHODS = ["gradcam", "gradcam++", "layercam", "hirescam"]
LAYER = "features.12"
ROOT, SCRIPT = Path(__file__).parents[1], "benchmarks/report.py"
RESULTS = ROOT / "benchmarks" / "results" / "report.json"
PAGE = ROOT / "docs" / "report.md"
# Of the report of 1,000 photographs.
LIMITS = {"megabytes": 30.0, "load event": 2000.0, "first case": 2000.0, "threshold": 100.0}
TITLES = {
    "megabytes": "size, MB",
    "writing": "written in, s",
    "load event": "load event, ms",
    "first case": "first case drawn, ms",
    "threshold": "a step of the threshold, ms",
    "first threshold": "the first step of the threshold, ms",
    "opacity": "a step of the opacity, ms",
    "order": "another order, ms",
    "filter": "a filter, ms",
    "scrolling": "a leap to the middle, ms",
}

# Looks at the first case as soon as there is one: `window.first` is when its maps are drawn.
WATCH = """
document.addEventListener("DOMContentLoaded", () => {
    const list = document.getElementById("list");
    const look = () => {
        if (!list.querySelector("canvas")) return requestAnimationFrame(look);
        requestAnimationFrame(() => setTimeout(() => { window.first = performance.now(); }));
    };
    list.scrollIntoView();
    look();
});
"""
# Milliseconds from a change until a frame shows it in every case in view.
ANSWER = """async ([name, value]) => {
    const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    const complete = () => [...document.querySelectorAll("#list .case")].filter((each) => {
        const { top, bottom } = each.getBoundingClientRect();
        return bottom > 0 && top < innerHeight;
    }).every((each) => each.querySelector("canvas"));
    const started = performance.now();
    if (name) {
        const field = document.getElementById(name);
        field.value = value;
        field.dispatchEvent(new Event("input", { bubbles: true }));
    } else {
        document.getElementById("list").childNodes[value].scrollIntoView();
    }
    do await painted(); while (!complete());
    return performance.now() - started;
}"""


def kangaroos() -> Any:
    """The report of the photographs."""
    import localization
    from limelight import data
    from limelight.report import report_of
    from limelight.runs import evaluate_methods

    with tempfile.TemporaryDirectory() as folder:
        classifier = localization.models(Path(folder))["squeezenet1_0"]
        dataset = data.open(localization.DATA / "kangaroo", strict=False)
        settings: dict[str, Any] = {"layer": LAYER, "thresholds": 0.2, "max_box_acc": False}
        names = {"kangaroo": "wallaby"}
        found = evaluate_methods(classifier, dataset, METHODS, class_map=names, **settings)
    return report_of(found, "Kangaroos")


def repeated(report: Any, count: int) -> Any:
    """The report of so many photographs: those that are there, over and over."""
    known = report.items
    items = (known[n % len(known)] for n in range(count))
    return replace(
        report, items=[replace(item, id=f"{n}-{item.id}") for n, item in enumerate(items)]
    )


def clicked(browser: Any, page_path: Path) -> dict[str, list[float]]:
    """By name, milliseconds of one visit."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.add_init_script(WATCH)
    page.goto(page_path.as_uri())
    page.wait_for_function("() => window.first !== undefined")
    found = {
        "load event": [
            page.evaluate("() => performance.getEntriesByType('navigation')[0].loadEventEnd")
        ],
        "first case": [page.evaluate("() => window.first")],
    }
    time.sleep(0.5)  # what is done in advance, while nobody asks for anything
    for name, field, values in (
        ("first threshold", "threshold", ["0.4"]),
        ("threshold", "threshold", [f"{k / 20:.2f}" for k in range(1, 19)]),
        ("opacity", "opacity", ["10", "90", "60"]),
        ("order", "order", ["worst", "name", "best"]),
        ("filter", "search", ["1", "12", ""]),
        ("scrolling", "", [100, 500, 300]),
    ):
        found[name] = [page.evaluate(ANSWER, [field, value]) for value in values]
    page.close()
    return found


def measure(report: Any, rounds: int) -> dict[str, float]:
    from playwright.sync_api import sync_playwright

    from limelight.report import write

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        started = time.perf_counter()
        path = write(report, Path(folder) / "report.html", figures=False)
        result = {"megabytes": path.stat().st_size / 1e6, "writing": time.perf_counter() - started}
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        visits = [clicked(browser, path) for _ in range(rounds + 1)][1:]  # one to warm up
        browser.close()
    for name in visits[0]:
        result[name] = statistics.median(value for visit in visits for value in visit[name])
    return {name: round(value, 1) for name, value in result.items()}


def render(results: dict[str, Any]) -> None:
    counts = results["images"]
    lines = [
        "| " + " | ".join(["", *(f"{int(count):,} photographs" for count in counts)]) + " |",
        "| --- |" + " --: |" * len(counts),
    ]
    for name, title in TITLES.items():
        cells = [
            f"{found[name]:.1f}" if name in ("megabytes", "writing") else f"{found[name]:.0f}"
            for found in counts.values()
        ]
        lines.append("| " + " | ".join([title, *cells]) + " |")
    said = f"Four methods of each, {results['machine']}; medians of {results['rounds']} visits."
    write_section(PAGE, SCRIPT, "\n".join([*lines, "", said]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 2000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--render", action="store_true")
    asked = parser.parse_args()
    if not asked.render:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        report = kangaroos()
        result = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "rounds": asked.rounds,
            "images": {
                str(count): measure(repeated(report, count), asked.rounds) for count in asked.images
            },
            "limits": LIMITS,
        }
        text = json.dumps(result, indent=1)
        RESULTS.write_text(text + "\n", encoding="utf-8")
        print(text)
    results = json.loads(RESULTS.read_text("utf-8"))
    render(results)
    found = results["images"].get("1000", {})
    return int(any(found[name] > limit for name, limit in LIMITS.items() if found))


if __name__ == "__main__":
    sys.exit(main())
