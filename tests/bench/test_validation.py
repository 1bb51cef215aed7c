"""Judging the whole packaged graph; and a part of it, beside pySHACL as it comes.

uv run pytest tests/bench/test_validation.py -m bench

The part is what was written by hand, with the ontology: pySHACL over a plain rdflib graph takes
a quarter of an hour and more for the whole.
"""

from typing import Any

import pyoxigraph as ox
import pyshacl
import pytest
import rdflib

from ergaomnes.build import Built
from ergaomnes.contribution import Packaged
from ergaomnes.shapes import Shapes
from ergaomnes.shipped import shipped
from ergaomnes.terms import Prefixes

pytestmark = pytest.mark.bench

WHOLE = pytest.mark.benchmark(group="validate the packaged graph")
PART = pytest.mark.benchmark(group="validate what was written by hand")


@pytest.fixture(scope="module")
def shapes(table: Prefixes) -> Shapes:
    return Shapes.read(shipped(), table)


@pytest.fixture(scope="module")
def part(built: Built, table: Prefixes) -> list[ox.Triple]:
    others = (table.iri("graph:data/acts/"), table.iri("graph:derived"))
    quads = ox.parse(path=str(built.dump), format=ox.RdfFormat.N_QUADS)
    return [quad.triple for quad in quads if not quad.graph_name.value.startswith(others)]


@WHOLE
def test_ergaomnes_judges_the_graph(benchmark: Any, built: Built, table: Prefixes) -> None:
    judged = benchmark.pedantic(lambda: Packaged(built.dump, shipped(), table).judge(), rounds=1)
    assert judged.report.conforms


@PART
def test_ergaomnes_judges_a_part(benchmark: Any, shapes: Shapes, part: list[ox.Triple]) -> None:
    report = benchmark.pedantic(lambda: shapes.judge(part), rounds=1)
    assert report.findings


@PART
def test_pyshacl_judges_a_part(benchmark: Any, shapes: Shapes, part: list[ox.Triple]) -> None:
    graphs = rdflib.Graph(), rdflib.Graph()
    for graph, facts in zip(graphs, (shapes.data(part), shapes.whole.graph), strict=True):
        for fact in facts:
            graph.add(fact)
    data, rules = graphs
    _, report, _ = benchmark.pedantic(
        lambda: pyshacl.validate(data, shacl_graph=rules, inplace=True), rounds=1
    )
    assert isinstance(report, rdflib.Graph)
