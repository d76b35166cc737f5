"""The golden numbers of the published protocol, from annotations alone, as JSON.

The centred Gaussian on the WSOL metadata of CUB and ILSVRC (`data/annotations/wsol`; its folder is
`LIMELIGHT_TEST_DATA`). Exit code 1 where a figure differs in its second decimal, or where all of
them together take more than three minutes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from limelight.metrics import max_box_acc
from oracles.annotations import centred, read_wsol

DATA = Path(os.environ.get("LIMELIGHT_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
SECONDS = 180
GOLDEN = [  # data set, version, the Gaussian's centre, only the first box of an image, figure
    ("CUB", 1, 112, False, 59.72),
    ("CUB", 1, 111.5, False, 59.60),
    ("CUB", 2, 111.5, False, 56.83),
    ("ILSVRC", 1, 111.5, True, 52.50),
    ("ILSVRC", 1, 111.5, False, 54.06),
    ("ILSVRC", 2, 111.5, False, 53.39),
]


def main() -> int:
    start = time.perf_counter()
    truth = {
        name: read_wsol(DATA / "annotations" / "wsol" / name / "test")
        for name in dict.fromkeys(row[0] for row in GOLDEN)
    }
    rows = []
    for name, version, centre, first_only, golden in GOLDEN:
        boxes = [b[:1] for b in truth[name]] if first_only else truth[name]
        maps = np.broadcast_to(centred(centre), (len(boxes), 224, 224))
        figure = round(100 * max_box_acc(maps, boxes, version=version).value, 2)
        rows.append(
            {
                "data": name,
                "images": len(boxes),
                "version": version,
                "centre": centre,
                "boxes": "first" if first_only else "all",
                "figure": figure,
                "golden": golden,
            }
        )
    seconds = time.perf_counter() - start
    same = all(row["figure"] == row["golden"] for row in rows)
    print(json.dumps({"rows": rows, "seconds": round(seconds, 1), "same": same}, indent=2))
    return 0 if same and seconds < SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
