"""How cost grows with the data: build, validate and export, now and with ten times the acts.

    uv run pytest tests/bench/test_growth.py -m bench -s

The larger data are made: each state with its acts is repeated nine times under names of its own.
Each step runs in a process of its own, so that its most memory can be told.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ergaomnes.build import current
from ergaomnes.contribution import Packaged
from ergaomnes.release import release
from ergaomnes.settings import Settings
from ergaomnes.shipped import Shipped
from ergaomnes.terms import read_prefixes
from growth import grown

pytestmark = pytest.mark.bench
TIMES = 10


def step(name: str, files: Shipped, folder: Path) -> None:
    """Do one step of the work, in a process of its own."""
    settings = Settings(data_dir=folder / "stores")
    built = current(settings, files)
    prefixes = read_prefixes(files.prefixes)
    if name == "validate":
        judged = Packaged(built.dump, files, prefixes).judge()
        assert judged is not None
    if name == "export":
        release(built, files, prefixes, folder / "release", lambda *_: None)
    sys.stdout.write(str(built.counts["facts"]))


def measured(name: str, files: Shipped, folder: Path) -> tuple[float, float, int]:
    """Give the seconds, the most memory of one process in MB, and the number of facts."""
    code = (
        "import sys; from pathlib import Path; sys.path[:0] = sys.argv[1].split()\n"
        "from test_growth import step\nfrom ergaomnes.shipped import Shipped\n"
        "step(sys.argv[2], Shipped(Path(sys.argv[3])), Path(sys.argv[4]))\n"
    )
    here = f"{Path(__file__).parent} {Path(__file__).parent.parent}"
    command = [sys.executable, "-c", code, here, name, str(files.root), str(folder)]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    facts = int(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return time.perf_counter() - began, usage.ru_maxrss / 1024, facts


def test_ten_times_the_data_cost_about_ten_times_as_much(tmp_path: Path) -> None:
    found: dict[tuple[str, int], tuple[float, float, int]] = {}
    for times in (1, TIMES):
        folder = tmp_path / str(times)
        files = grown(folder / "files", times)
        for name in ("build", "validate", "export"):
            seconds, memory, facts = found[name, times] = measured(name, files, folder)
            sys.stderr.write(f"\n{name:>8}, {facts:>9,} facts: {seconds:6.1f} s, {memory:6,.0f} MB")
    for name in ("build", "validate", "export"):
        few, many = found[name, 1], found[name, TIMES]
        sys.stderr.write(
            f"\n{name:>8}: {many[2] / few[2]:.1f} times the facts, "
            f"{many[0] / few[0]:.1f} times the seconds, {many[1] / few[1]:.1f} times the memory"
        )
        assert many[2] > few[2] * TIMES / 2
