"""How alike Score-CAM by 64 channels and by all 512 are: Spearman's correlation of both maps.

The real SqueezeNet on 50 photographs of `ilsvrc_val` (folder LIMELIGHT_TEST_DATA), evenly spread,
for the class that the data set gives. A study: half an hour on two cores.

    PYTHONPATH=tests python benchmarks/similarity.py [--part 0]      ten photographs a part
    python benchmarks/similarity.py --render                         docs/benchmarks.md again

Writes benchmarks/results/similarity.json part by part; exit code 1 where the limit is missed.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from in_parts import in_parts
from measuring import Claim, as_table, conditions, fresh
from peers import PACKAGES
from rescoring import CHANNELS

PHOTOGRAPHS, LAYER, LIMIT = 50, "features.12", 0.9
PARTS = [str(number) for number in range(PHOTOGRAPHS // 10)]


def similarity(part: str) -> list[float]:
    """The correlation of both maps of each photograph of a part."""
    from scipy.stats import spearmanr

    from limelight import data, explain
    from localization import DATA, models

    whole = data.open(f"csv:{DATA / 'ilsvrc_val'}")
    chosen = [k * len(whole) // PHOTOGRAPHS for k in range(int(part), PHOTOGRAPHS, len(PARTS))]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        classifier = models(Path(folder))["squeezenet1_0"]
        for index in chosen:
            image, target = whole[index].image, whole[index].label
            both = [
                explain(classifier, [image], "scorecam", target=target, layer=LAYER, **more)
                for more in ({}, {"options": {"channels": CHANNELS}})
            ]
            full, few = (maps.numpy()[0].ravel() for maps in both)
            found.append(round(float(spearmanr(full, few).statistic), 4))
    return found


def measure(part: str) -> list[float]:
    return fresh(similarity, part)


def correlations(parts: dict[str, Any]) -> list[float]:
    return [each for part in PARTS for each in parts[part]["figures"]]


def claims(parts: dict[str, Any]) -> list[Claim]:
    if set(parts) < set(PARTS):
        return []
    said = f"median rank correlation of {PHOTOGRAPHS} photographs"
    return [Claim(said, statistics.median(correlations(parts)), LIMIT, at_least=True)]


def render(parts: dict[str, Any]) -> str:
    alike = correlations(parts)
    low, median, high = statistics.quantiles(alike, n=4)
    said = (
        f"The map of {CHANNELS} channels has a rank correlation of {median:.3f} with that of all "
        f"512 (median of {len(alike)} photographs on the real SqueezeNet; quartiles {low:.3f} and "
        f"{high:.3f}, the least {min(alike):.3f})."
    )
    return "\n".join([said, "", as_table(claims(parts)), "", conditions(parts)])


if __name__ == "__main__":
    sys.exit(in_parts("similarity", __doc__, PARTS, PACKAGES, measure, render, claims))
