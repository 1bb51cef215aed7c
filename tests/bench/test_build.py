"""Building the store; and loading a slice and running every rule on it, beside rdflib.

    uv run pytest tests/bench/test_build.py -m bench

The slice is that of `engines.py`: rdflib would need hours for the whole. The table gives seconds
and, in brackets, the ratio to the fastest of the group.
"""

from pathlib import Path
from typing import Any

import pytest

from engines import load_on_oxigraph, load_on_rdflib, stated_slice
from ergaomnes.build import build
from ergaomnes.settings import Settings

pytestmark = pytest.mark.bench

WHOLE = pytest.mark.benchmark(group="build the packaged graph")
SLICE = pytest.mark.benchmark(group="load a slice and derive what follows")


@WHOLE
def test_ergaomnes_builds_the_store_and_the_dump(benchmark: Any, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    built = benchmark.pedantic(lambda: build(settings, again=True), rounds=3)
    assert built.counts


@SLICE
def test_ergaomnes_loads_a_slice_and_derives(benchmark: Any) -> None:
    assert stated_slice()
    engine = benchmark.pedantic(load_on_oxigraph, rounds=3)
    assert len(engine.store)


@SLICE
def test_rdflib_loads_a_slice_and_derives(benchmark: Any) -> None:
    assert stated_slice()
    engine = benchmark.pedantic(load_on_rdflib, rounds=1)
    assert len(engine.dataset)
