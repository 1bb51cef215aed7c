"""Building the store, beside the same work on rdflib: parse every file, run every rule.

    uv run pytest tests/bench -m bench

The table gives seconds and, in brackets, the ratio to the fastest of the group.
"""

from pathlib import Path
from typing import Any

import pytest

from engines import load_on_rdflib
from ergaomnes.build import build
from ergaomnes.settings import Settings

pytestmark = [pytest.mark.bench, pytest.mark.benchmark(group="build the packaged graph")]


def test_ergaomnes_builds_the_store_and_the_dump(benchmark: Any, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    built = benchmark.pedantic(lambda: build(settings, again=True), rounds=3, warmup_rounds=1)
    assert built.counts


def test_rdflib_parses_and_derives(benchmark: Any) -> None:
    engine = benchmark.pedantic(load_on_rdflib, rounds=1)
    assert len(engine.dataset)
