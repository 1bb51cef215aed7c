"""The packaged graph twice: on Oxigraph as it ships, and on rdflib, loaded and derived anew."""

from functools import cache

import rdflib
from rdflib.query import ResultRow
from rdflib.term import Node

from ergaomnes.engine import Answer, Blank, Iri, Literal, Table, Term, Triples
from ergaomnes.rules import derive, described, read_rules
from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine, graph_of, load_shipped
from ergaomnes.terms import prefixes

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
            tuple(None if node is None else own(node) for node in row)
            for row in found
            if isinstance(row, ResultRow)
        )
        return Table(tuple(str(variable) for variable in found.vars), tuple(rows))

    def construct(self, text: str) -> Triples:
        graph = self.dataset.query(text).graph
        assert graph is not None
        facts = {(own(s), Iri(str(p)), own(o)) for s, p, o in graph}
        return Triples(tuple(sorted(facts, key=str)))

    def add(self, graph: str, triples: Triples) -> int:
        before = len(self.dataset)
        target = self.dataset.graph(rdflib.URIRef(graph))
        for subject, predicate, value in triples:
            fact = (theirs(subject), theirs(predicate), theirs(value))
            if fact not in self.dataset:
                target.add(fact)
        return len(self.dataset) - before


def own(node: Node) -> Term:
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
def on_oxigraph() -> EmbeddedEngine:
    files = shipped()
    engine = EmbeddedEngine(load_shipped(files, prefixes()))
    rules = read_rules(files.rule_files())
    derive(rules, engine, prefixes())
    engine.add(
        prefixes().iri("graph:rules"), described(rules, prefixes(), read_from=(), version="test")
    )
    return engine


def load_on_rdflib() -> RdflibEngine:
    files = shipped()
    engine = RdflibEngine()
    for file in files.turtle_files():
        graph = rdflib.URIRef(graph_of(file, files, prefixes()))
        engine.dataset.graph(graph).parse(file, format="turtle")
    rules = read_rules(files.rule_files())
    derive(rules, engine, prefixes())
    engine.add(
        prefixes().iri("graph:rules"), described(rules, prefixes(), read_from=(), version="test")
    )
    return engine


@cache
def on_rdflib() -> RdflibEngine:
    return load_on_rdflib()


def derived(engine: EmbeddedEngine | RdflibEngine) -> set[tuple[Term, Term, Term]]:
    """Give the derived graph as a set."""
    graph = prefixes().iri("graph:derived")
    table = engine.query(f"SELECT ?s ?p ?o WHERE {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}")
    assert isinstance(table, Table)
    return {(s, p, o) for s, p, o in table.rows if s and p and o}
