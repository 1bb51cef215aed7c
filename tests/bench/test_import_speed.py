"""A hundred thousand rows: in linear time, and in memory that does not run away."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ergaomnes.imports import Known
from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine, load_shipped
from ergaomnes.terms import prefixes

pytestmark = pytest.mark.bench
MEMORY = 3_000  # MB for 100,000 rows


def made_up(folder: Path, number: int) -> Path:
    """Write a table of derogations by every state to every treaty, spread over all the pages."""
    known = Known(EmbeddedEngine(load_shipped(shipped(), prefixes())), prefixes())
    columns = {column.name: column for column in known.columns}
    states = sorted(known.named(columns["participant"]).things)
    treaties = sorted(known.named(columns["instrument"]).things)
    sources = [each for each in sorted(known.named(columns["source"]).things) if "/untc-iv" in each]
    file = folder / f"{number}.csv"
    with file.open("w", encoding="utf-8") as stream:
        stream.write("participant,instrument,kind,deposited_on,confidence,source,locator\n")
        for row in range(number):
            day = f"{1980 + row % 40}-{1 + row % 12:02}-{1 + row % 28:02}"
            stream.write(
                f"{states[row % len(states)]},{treaties[row // 7 % len(treaties)]},derogation,"
                f"{day},low,{sources[row % len(sources)]},notifications\n"
            )
    return file


def taken(file: Path, folder: Path) -> tuple[float, float]:
    """Import in a process of its own; give the seconds and the most memory, in MB."""
    command = [sys.executable, "-c", "from ergaomnes.cli import main; main()", "import", str(file)]
    command += ["--to", str(folder), "--vanished", "remove"]
    began = time.perf_counter()
    process = subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def test_a_hundred_thousand_rows_are_imported_in_bounded_memory(tmp_path: Path) -> None:
    nothing, _ = taken(made_up(tmp_path, 100), tmp_path / "least")
    few, less = taken(made_up(tmp_path, 10_000), tmp_path / "few")
    many, most = taken(made_up(tmp_path, 100_000), tmp_path / "many")
    sys.stderr.write(
        f"\n100 rows {nothing:.1f} s; 10,000 rows {few:.1f} s, {less:.0f} MB; "
        f"100,000 rows {many:.1f} s, {most:.0f} MB; "
        f"ten times the rows take {(many - nothing) / (few - nothing):.1f} times as long\n"
    )
    assert most < MEMORY
