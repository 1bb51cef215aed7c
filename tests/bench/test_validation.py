"""Judging the whole packaged graph, beside pySHACL as it comes over a plain rdflib graph.

uv run pytest tests/bench -m bench
"""

from typing import Any

import pyshacl
import pytest
import rdflib

from ergaomnes.build import Built
from ergaomnes.shapes import Shapes
from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import prefixes

pytestmark = [pytest.mark.bench, pytest.mark.benchmark(group="validate the packaged graph")]


def test_ergaomnes_judges_the_graph(benchmark: Any, built: Built) -> None:
    facts = [quad.triple for quad in EmbeddedEngine.of_dump(built.dump).store]
    shapes = Shapes.read(shipped(), prefixes())
    report = benchmark.pedantic(lambda: shapes.judge(facts), rounds=2)
    assert report.conforms


def test_pyshacl_judges_the_graph(benchmark: Any, built: Built) -> None:
    dataset = rdflib.Dataset(default_union=True)
    dataset.parse(built.dump, format="nquads")
    flat = rdflib.Graph()
    for subject, predicate, value, _ in dataset:
        flat.add((subject, predicate, value))
    rules = Shapes.read(shipped(), prefixes()).whole.graph
    benchmark.pedantic(lambda: pyshacl.validate(flat, shacl_graph=rules), rounds=1)
