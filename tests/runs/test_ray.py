"""The Ray engine: the rows of the local one, also where a worker is killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limelight.errors import RunError
from limelight.runs.ray_engine import check_reachable
from runs import processes

pytest.importorskip("pyarrow")
pytest.importorskip("torch")
pytest.importorskip("ray")
IMAGES = 48

# In a process of its own: Ray leaves threads and warnings behind, and changes signal handlers.
_SCRIPT = f"""
import sys
from limelight.errors import LimelightError
from limelight.runs import Cluster, run
from runs import examples

out, dataset, slow = sys.argv[1:]
classifier = examples.classifier()
if slow == "slow":
    classifier = examples.slowed(classifier)
data = examples.dataset({IMAGES}) if dataset == "arrays" else dataset
try:
    found = run(
        classifier, data, {processes.METHODS}, out=out, batch_size={processes.BATCH},
        engine="ray", cluster=Cluster(workers=2, cpus=0.5),
        progress=lambda done, total: print(done, total, flush=True),
    )
except LimelightError as error:
    print(type(error).__name__, error)
    sys.exit(2)
"""


def start(out: Path, dataset: str, slow: str = "") -> subprocess.Popen[str]:
    words = [sys.executable, "-c", _SCRIPT, str(out), dataset, slow]
    # The workers unpickle the test's own classes.
    variables = os.environ | {"PYTHONPATH": str(processes.TESTS)}
    pipe = subprocess.PIPE
    return subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, env=variables)


def workers(process: subprocess.Popen[str]) -> Iterator[int]:
    """The processes that do shards, among all that descend from `process`."""
    import psutil

    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            title = " ".join(child.cmdline())
        except psutil.Error:  # it has ended meanwhile
            continue
        if "MapWorker" in title:
            yield child.pid


def test_rows_are_those_of_the_local_engine_though_a_worker_is_killed(tmp_path: Path) -> None:
    from limelight.runs import open, run
    from runs import examples
    from runs.test_kill import same

    out = tmp_path / "ray"
    process = start(out, "arrays", "slow")
    killed: list[int] = []

    def kill_one() -> None:
        limit = time.monotonic() + 150
        while process.poll() is None and not killed and time.monotonic() < limit:
            if processes.parts(out) >= 2:
                for pid in workers(process):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
                    break
            time.sleep(0.02)

    killer = threading.Thread(target=kill_one)
    killer.start()
    said, errors = process.communicate(timeout=170)
    killer.join()
    assert process.returncode == 0, said + errors
    assert killed, "no worker was found to be killed"
    assert f"{IMAGES} {IMAGES}" in said.splitlines()  # Ray may speak of the killed worker later
    whole = run(
        examples.slowed(examples.classifier()), examples.dataset(IMAGES), processes.METHODS,
        out=tmp_path / "local", batch_size=processes.BATCH,
    )  # fmt: skip
    same(open(out), whole)


@pytest.mark.soak
def test_paths_travel_and_the_local_engine_goes_on(tmp_path: Path) -> None:
    from limelight.runs import open, run
    from runs import examples
    from runs.test_kill import same

    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(20):
        pixels = np.random.default_rng(i).integers(0, 255, (30, 20 + i, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(photos / f"{i:02}.png")
    (photos / "07.png").write_bytes(b"no image")
    out = tmp_path / "ray"
    process = start(out, str(photos))
    said, errors = process.communicate(timeout=170)
    assert process.returncode == 0, said + errors
    arguments = {"batch_size": processes.BATCH}
    classifier = examples.classifier()
    whole = run(classifier, photos, processes.METHODS, out=tmp_path / "local", **arguments)
    same(open(out), whole)
    assert [row.id for row in whole.errors] == ["07.png"]
    (out / "rows" / "part-00001.parquet").unlink()
    same(run(classifier, photos, processes.METHODS, out=out, **arguments), whole)


def test_a_worker_that_sees_another_data_set_refuses(tmp_path: Path) -> None:
    from limelight.data import open as open_dataset
    from limelight.errors import RunError
    from limelight.runs.ray_engine import Order
    from limelight.runs.settings import Settings

    for i in range(3):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{i}.png")
    here = open_dataset(tmp_path)
    order = Order(None, here, Settings(("cam",)), tmp_path / "run", str(tmp_path)).by_path()
    assert order.dataset is None  # its entries do not travel
    assert [example.id for example in order.open_data()] == [example.id for example in here]
    (tmp_path / "2.png").rename(tmp_path / "3.png")
    with pytest.raises(RunError, match="is not the same data set on the machine of a worker"):
        order.open_data()


def test_an_address_where_nobody_listens_is_said_at_once() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}", "auto", None):
            check_reachable(address)
    for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}", "127.0.0.1:99999999"):
        with pytest.raises(RunError, match=f"no Ray could be reached at {address}: .*`ray start"):
            check_reachable(address)
