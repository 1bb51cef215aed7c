"""A question from the command line with the store made, beside the engines' own ways to ask it.

uv run pytest tests/bench -m bench
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ergaomnes.build import Built
from ergaomnes.catalogue import Catalogue
from ergaomnes.settings import Settings
from ergaomnes.shipped import shipped
from ergaomnes.terms import prefixes

QUESTION = "who-could-inspect-on-a-day"
SCRIPTS = Path(sys.executable).parent

pytestmark = [pytest.mark.bench, pytest.mark.benchmark(group="one question, from a cold start")]


@pytest.fixture
def query(tmp_path: Path) -> Path:
    file = tmp_path / "question.rq"
    file.write_text(Catalogue(shipped().queries, prefixes())[QUESTION].text, "utf-8")
    return file


def run(*command: object, **environment: str) -> bytes:
    done = subprocess.run(
        [str(part) for part in command], check=True, capture_output=True, env=environment or None
    )
    return done.stdout


def test_ergaomnes_ask(benchmark: Any, built: Built, settings: Settings) -> None:
    command = [SCRIPTS / "ergaomnes", "ask", QUESTION, "--state", "rus", "--format", "csv"]
    home = {"ERGAOMNES_DATA_DIR": str(settings.data_dir), "PATH": str(SCRIPTS)}
    answer = benchmark.pedantic(lambda: run(*command, **home), rounds=5, warmup_rounds=1)
    assert answer.count(b"\n") > 1


def test_oxigraph_query(benchmark: Any, built: Built, query: Path, tmp_path: Path) -> None:
    command = [SCRIPTS / "oxigraph", "query", "--location", built.store, "--union-default-graph"]
    files = ["--query-file", query, "--results-file", tmp_path / "answer.csv"]
    benchmark.pedantic(lambda: run(*command, *files), rounds=5, warmup_rounds=1)
    assert (tmp_path / "answer.csv").read_bytes().count(b"\n") > 1


def test_rdflib_loads_the_dump_and_asks(benchmark: Any, built: Built, query: Path) -> None:
    script = (
        "import sys, rdflib\n"
        "graph = rdflib.Dataset(default_union=True)\n"
        "graph.parse(sys.argv[1], format='nquads')\n"
        "print(len(list(graph.query(open(sys.argv[2], encoding='utf-8').read()))))\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", script, built.dump, query]
    answer = benchmark.pedantic(lambda: run(*command), rounds=1)
    assert int(answer) > 0
