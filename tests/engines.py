"""The packaged graph as it ships, and a slice of it on two engines, loaded and derived anew.

rdflib is too slow for the whole world. The slice holds every file but the acts taken from the
tables, and of these the acts of a few states with their citations.
"""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import rdflib
from pyoxigraph import NamedNode, Quad, RdfFormat, Store, serialize
from rdflib.query import ResultRow
from rdflib.term import Node

from ergaomnes.build import Built, build
from ergaomnes.engine import Answer, Blank, Iri, Literal, Table, Term, Triples
from ergaomnes.rules import derive, described, read_rules
from ergaomnes.settings import Settings
from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine, load_shipped
from ergaomnes.terms import prefixes

# Whose acts the slice keeps: those that the expected answers ask about, and those that left.
SLICED = (
    "organisation:european-union",
    "state:blr",
    "state:cze",
    "state:guy",
    "state:irn",
    "state:jam",
    "state:prk",
    "state:rus",
    "state:tto",
    "state:tur",
    "state:ukr",
    "state:usa",
)

# rdflib would rewrite "007"^^xsd:integer as "7": the lexical form is part of the fact.
rdflib.NORMALIZE_LITERALS = False


class RdflibEngine:
    """The other engine: all that ours can do, on an rdflib dataset."""

    def __init__(self) -> None:
        self.dataset = rdflib.Dataset(default_union=True)

    def query(self, text: str) -> Answer:
        found = self.dataset.query(text)
        assert found.vars is not None
        rows = (
            tuple(None if node is None else ours(node) for node in row)
            for row in found
            if isinstance(row, ResultRow)
        )
        return Table(tuple(str(variable) for variable in found.vars), tuple(rows))

    def construct(self, text: str) -> Triples:
        graph = self.dataset.query(text).graph
        assert graph is not None
        facts = {(ours(s), Iri(str(p)), ours(o)) for s, p, o in graph}
        return Triples(tuple(sorted(facts, key=str)))

    def add(self, graph: str, triples: Triples) -> int:
        before = len(self.dataset)
        target = self.dataset.graph(rdflib.URIRef(graph))
        for subject, predicate, value in triples:
            fact = (theirs(subject), theirs(predicate), theirs(value))
            if fact not in self.dataset:
                target.add(fact)
        return len(self.dataset) - before


def ours(node: Node) -> Term:
    if isinstance(node, rdflib.URIRef):
        return Iri(str(node))
    if isinstance(node, rdflib.BNode):
        return Blank(str(node))
    assert isinstance(node, rdflib.Literal)
    if node.language:
        return Literal(str(node), Literal.LANG_STRING, node.language)
    return Literal(str(node), str(node.datatype or Literal.STRING))


def theirs(term: Term) -> Node:
    if isinstance(term, Iri):
        return rdflib.URIRef(term.value)
    if isinstance(term, Blank):
        return rdflib.BNode(term.value)
    if term.language:
        return rdflib.Literal(term.value, lang=term.language)
    if term.datatype == Literal.STRING:
        return rdflib.Literal(term.value)
    return rdflib.Literal(term.value, datatype=rdflib.URIRef(term.datatype))


@cache
def settings() -> Settings:
    """Give settings whose stores are thrown away when the tests end."""
    folder = Path(tempfile.mkdtemp(prefix="ergaomnes-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Settings(data_dir=folder)


@cache
def packaged() -> Built:
    """Give the packaged graph, built once for all tests."""
    return build(settings())


@cache
def on_oxigraph() -> EmbeddedEngine:
    """Give the whole packaged graph with what is derived, in memory."""
    return EmbeddedEngine.of_dump(packaged().dump)


@cache
def stated_slice() -> tuple[Quad, ...]:
    """Give the stated facts of the slice."""
    whole = load_shipped(shipped(), prefixes())
    tables = "<" + prefixes().iri("graph:data/acts/")
    performed_by, cited = (
        NamedNode(prefixes().iri(name)) for name in ("erga:isPerformedBy", "erga:hasCitation")
    )
    acts = {
        act.subject
        for name in SLICED
        for act in whole.quads_for_pattern(None, performed_by, NamedNode(prefixes().iri(name)))
    }
    citations = {fact.object for act in acts for fact in whole.quads_for_pattern(act, cited, None)}
    return tuple(
        fact
        for fact in whole
        if fact.subject in acts
        or fact.subject in citations
        or not str(fact.graph_name).startswith(tables)
    )


@cache
def slice_on_oxigraph() -> EmbeddedEngine:
    return load_on_oxigraph()


@cache
def slice_on_rdflib() -> RdflibEngine:
    return load_on_rdflib()


def load_on_oxigraph() -> EmbeddedEngine:
    """Load the slice and derive what follows, each time anew."""
    engine = EmbeddedEngine(Store())
    facts = serialize(stated_slice(), format=RdfFormat.N_QUADS)
    engine.store.bulk_load(facts, format=RdfFormat.N_QUADS)
    add_derived(engine)
    return engine


def load_on_rdflib() -> RdflibEngine:
    """Load the slice and derive what follows, each time anew."""
    engine = RdflibEngine()
    facts = serialize(stated_slice(), format=RdfFormat.N_QUADS)
    engine.dataset.parse(data=facts, format="nquads")
    add_derived(engine)
    return engine


def add_derived(engine: EmbeddedEngine | RdflibEngine) -> None:
    """Derive what the rules make, and describe the rules."""
    rules = read_rules(shipped().rule_files())
    derive(rules, engine, prefixes())
    about = described(rules, prefixes(), read_from=(), version="test")
    engine.add(prefixes().iri("graph:rules"), about)


def derived(engine: EmbeddedEngine | RdflibEngine) -> set[tuple[Term, Term, Term]]:
    """Give the derived graph as a set."""
    graph = prefixes().iri("graph:derived")
    table = engine.query(f"SELECT ?s ?p ?o WHERE {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}")
    assert isinstance(table, Table)
    return {(s, p, o) for s, p, o in table.rows if s and p and o}
