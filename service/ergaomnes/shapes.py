"""Judge a graph by the shapes: what is wrong, with which record, and what to do about it.

pySHACL is the authority. Nothing it is given comes from a stranger but the facts: the shapes are
ours, and it neither imports, nor runs scripts, nor follows SHACL's advanced features.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import pyoxigraph as ox
import rdflib
from rdflib.collection import Collection
from rdflib.namespace import RDF, RDFS, SH, XSD

from ergaomnes import reading
from ergaomnes.engine import Blank, Iri, Literal, Term
from ergaomnes.progress import Tell
from ergaomnes.report import Finding, Report, Severity, in_order
from ergaomnes.shacl import Facts, Rules, undisturbed
from ergaomnes.shipped import Shipped
from ergaomnes.terms import Prefixes
from ergaomnes.turtle import read, triples

# The shapes in this file are judged on what was written by hand alone, before anything is derived.
WRITTEN = "asserted"
# And those in this one on the ontology, never on facts.
STYLE = "style"

# Where a shape stands in another, and is asked about the values of that.
_WITHIN = (SH.node, SH["not"], SH["and"], SH["or"], SH.xone, SH.qualifiedValueShape)
_SEVERITIES = {
    str(SH.Info): Severity.INFO,
    str(SH.Warning): Severity.WARNING,
    str(SH.Violation): Severity.VIOLATION,
}


@dataclass(frozen=True)
class Shapes:
    """The shapes: for the whole graph, for what was written by hand alone, for the ontology."""

    whole: Rules
    written: Rules
    style: Rules
    prefixes: Prefixes

    @classmethod
    def read(cls, files: Shipped, prefixes: Prefixes) -> Self:
        """Read the packaged shapes."""
        whole, written, style = (Facts(_facts_of(files.prefixes)) for _ in range(3))
        for file in sorted((files.ontology / "shapes").glob("*.ttl")):
            {WRITTEN: written, STYLE: style}.get(file.stem, whole).include(_facts_of(file))
        return cls(
            Rules("facts", whole), Rules("handwork", written), Rules("style", style), prefixes
        )

    @cached_property
    def read_afar(self) -> frozenset[str]:
        """Name the properties that a shape may read of another node than the one it judges.

        These are all that a query or a path of several steps names, that shapes within property
        shapes are about, and the class of a node.
        """
        graph = self.whole.graph
        texts = {str(one) for link in (SH.select, SH.ask) for one in graph.objects(None, link)}
        found = {name for text in texts for name in reading.named(text, self.prefixes.namespaces)}
        paths = {path for path in graph.objects(None, SH.path) if isinstance(path, rdflib.BNode)}
        within = {one for link in _WITHIN for one in graph.objects(None, link)}
        properties = set(graph.subjects(SH.path))
        within |= {one for shape in properties for one in graph.objects(shape, SH.property)}
        for node in paths | within:
            # All that is said of it, and of what belongs to it, names these properties somewhere.
            found |= {
                str(name)
                for part in graph.transitive_objects(node, None)
                for name in graph.objects(part)
                if isinstance(name, rdflib.URIRef)
            }
        return frozenset(found | {reading.RDF_TYPE})

    def judge(self, facts: Iterable[ox.Triple], tell: Tell | None = None) -> Report:
        """Judge a whole graph: ontology, facts and what the rules derive from them."""
        return self._judge(facts, self.whole, tell)

    def judge_written(self, facts: Iterable[ox.Triple], tell: Tell | None = None) -> Report:
        """Judge what was written by hand, with the subclass axioms and nothing else beside it."""
        return self._judge(facts, self.written, tell)

    def judge_style(self, facts: Iterable[ox.Triple], tell: Tell | None = None) -> Report:
        """Judge how the ontology and the shapes are written."""
        return self._judge(facts, self.style, tell)

    def focus_nodes(self, facts: Iterable[ox.Triple]) -> dict[str, int]:
        """Count, for each node shape with a target, the nodes that it is asked about."""
        data, counts = self.data(facts), {}
        for graph in (self.whole.graph, self.written.graph):
            for shape in graph.subjects(RDF.type, SH.NodeShape):
                targets = _targets(graph, data, shape)
                if targets is not None:
                    counts[str(shape)] = len(targets)
        return counts

    def data(self, facts: Iterable[ox.Triple]) -> Facts:
        """Make the graph that the validator sees, with what RDF Schema says of each name of ours.

        Every predicate is an rdf:Property, every class an rdfs:Class and every thing an
        rdfs:Resource (https://www.w3.org/TR/rdf11-mt/#rdfs-interpretations). Said only of names in
        our own namespaces, this lets core shapes see undeclared terms and dangling identifiers.
        """
        terms, names = self.prefixes["erga"], (self.prefixes["id"], self.prefixes["scheme"])
        kinds = {str(RDF.type): RDFS.Class, str(RDF.predicate): RDF.Property}
        data, follows = Facts(), set()
        for fact in facts:
            data.include([fact])
            predicate, target = fact.predicate, fact.object
            if predicate.value.startswith(terms):
                follows.add((predicate, RDF.Property))
            if not isinstance(target, ox.NamedNode):
                continue
            if target.value.startswith(names):
                follows.add((target, RDFS.Resource))
            elif target.value.startswith(terms) and predicate.value in kinds:
                follows.add((target, kinds[predicate.value]))
        a = ox.NamedNode(str(RDF.type))
        data.include(ox.Triple(name, a, ox.NamedNode(str(kind))) for name, kind in follows)
        return data

    def _judge(self, facts: Iterable[ox.Triple], rules: Rules, tell: Tell | None) -> Report:
        with undisturbed():
            data = self.data(facts)
            return report_of(rules.report(data, tell), rules.graph, data)


def report_of(
    report: rdflib.Graph, shapes: rdflib.Graph, data: rdflib.Graph, *, in_words: bool = False
) -> Report:
    """Read the W3C report on some data, with the messages of the shapes.

    With `in_words` a shape that has none speaks in those of the validator.
    """
    found = {
        _finding(report, one, shapes, data, in_words=in_words)
        for one in report.objects(None, SH.result)
    }
    return Report(tuple(sorted(found, key=in_order)))


def _finding(
    report: rdflib.Graph,
    result: rdflib.term.Node,
    shapes: rdflib.Graph,
    data: rdflib.Graph,
    *,
    in_words: bool,
) -> Finding:
    shape = report.value(result, SH.sourceShape)
    focus = report.value(result, SH.focusNode)
    component = report.value(result, SH.sourceConstraintComponent)
    severity = report.value(result, SH.resultSeverity)
    value = report.value(result, SH.value)
    assert shape is not None and focus is not None  # noqa: PT018, S101 - the standard demands both
    own_path = report.value(result, SH.resultPath)
    path = (
        _path(shapes, shape)
        or _paths_within(shapes, shape)
        or (
            (str(own_path),)
            if isinstance(own_path, rdflib.URIRef)
            else _told_by(shapes, shape, focus, data)
        )
    )
    return Finding(
        focus=_own(focus),
        path=path,
        value=None if value is None or value == focus else _own(value),
        shape=str(shape),
        component=str(component),
        # One of another name is at least as grave: https://www.w3.org/TR/shacl/#severity
        severity=_SEVERITIES.get(str(severity), Severity.VIOLATION),
        messages=_Messages(_said(shapes, shape, SH.message))
        or _Messages(_said(report, result, SH.resultMessage) if in_words else ()),
    )


def _said(
    graph: rdflib.Graph, node: rdflib.term.Node, link: rdflib.URIRef
) -> Iterable[tuple[str, str]]:
    return (
        (text.language or "", str(text))
        for text in graph.objects(node, link)
        if isinstance(text, rdflib.Literal)
    )


class _Messages(dict[str, str]):
    """Messages by language, which count as the same in a set when they are equal."""

    def __hash__(self) -> int:  # type: ignore[override]  # a finding is a value, and so are these
        return hash(tuple(sorted(self.items())))


def _path(shapes: rdflib.Graph, shape: rdflib.term.Node) -> tuple[str, ...]:
    path = shapes.value(shape, SH.path)
    if isinstance(path, rdflib.URIRef):
        return (str(path),)
    if path is None:
        return ()
    choice = shapes.value(path, SH.alternativePath)
    return () if choice is None else tuple(str(one) for one in Collection(shapes, choice))


def _paths_within(shapes: rdflib.Graph, shape: rdflib.term.Node) -> tuple[str, ...]:
    """Name the properties of the shapes that a shape is put together from."""
    found: list[str] = []
    for joins in (SH["or"], SH["and"], SH.xone):
        for members in shapes.objects(shape, joins):
            for member in Collection(shapes, members):
                found += _path(shapes, member) or _paths_within(shapes, member)
    return tuple(dict.fromkeys(found))


def _told_by(
    shapes: rdflib.Graph, shape: rdflib.term.Node, focus: rdflib.term.Node, data: rdflib.Graph
) -> tuple[str, ...]:
    """Name the properties for whose sake a shape looks at a record at all."""
    return tuple(
        sorted(
            str(predicate)
            for predicate in shapes.objects(shape, SH.targetSubjectsOf)
            if (focus, predicate, None) in data
        )
    )


def _targets(
    shapes: rdflib.Graph, data: rdflib.Graph, shape: rdflib.term.Node
) -> set[rdflib.term.Node] | None:
    classes = set(shapes.objects(shape, SH.targetClass))
    predicates = set(shapes.objects(shape, SH.targetSubjectsOf))
    objects = set(shapes.objects(shape, SH.targetObjectsOf))
    if not classes | predicates | objects:
        return None
    found: set[rdflib.term.Node] = set()
    for wanted in classes:
        for narrower in data.transitive_subjects(RDFS.subClassOf, wanted):
            found |= set(data.subjects(RDF.type, narrower))
    for predicate in predicates:
        found |= set(data.subjects(predicate))
    for predicate in objects:
        found |= set(data.objects(None, predicate))
    return found


def _facts_of(file: Path) -> Iterable[ox.Triple]:
    return triples(read(file), str(file))


def _own(term: rdflib.term.Node) -> Term:
    if isinstance(term, rdflib.URIRef):
        return Iri(str(term))
    if isinstance(term, rdflib.Literal):
        if term.language:
            return Literal(str(term), Literal.LANG_STRING, term.language)
        return Literal(str(term), str(term.datatype or XSD.string))
    return Blank(str(term))
