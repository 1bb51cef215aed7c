"""Judge a graph by the shapes: what is wrong, with which record, and what to do about it.

pySHACL is the authority. Nothing it is given comes from a stranger but the facts: the shapes are
ours, and it neither imports, nor runs scripts, nor follows SHACL's advanced features.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Self

import pyoxigraph as ox
import rdflib
from rdflib.collection import Collection
from rdflib.namespace import RDF, RDFS, SH, XSD

from ergaomnes.engine import Blank, Iri, Literal, Term
from ergaomnes.progress import Tell
from ergaomnes.shacl import Facts, Rules, undisturbed
from ergaomnes.shipped import Shipped
from ergaomnes.store import theirs
from ergaomnes.terms import Prefixes
from ergaomnes.turtle import read, triples

# The shapes in this file are judged on what was written by hand alone, before anything is derived.
WRITTEN = "asserted"
# And those in this one on the ontology, never on facts.
STYLE = "style"

LANGUAGES = ("en", "fr", "ru")


class Severity(IntEnum):
    """How much a finding matters; only a violation makes a record unusable."""

    INFO = 1
    WARNING = 2
    VIOLATION = 3


_SEVERITIES = {
    str(SH.Info): Severity.INFO,
    str(SH.Warning): Severity.WARNING,
    str(SH.Violation): Severity.VIOLATION,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a shape finds wrong with one record."""

    focus: Term
    path: tuple[str, ...]  # the properties it is about: none when it is about the record itself
    value: Term | None
    shape: str
    component: str
    severity: Severity
    messages: Mapping[str, str]

    def message(self, language: str) -> str:
        """Say the rule and the remedy in a language, English where it is not said in that one."""
        return self.messages.get(language) or self.messages.get("en", "")

    def sentence(self, language: str) -> str:
        """Say the rule alone."""
        return _split(self.message(language))[0]

    def remedy(self, language: str) -> str:
        """Say what to do about it."""
        return _split(self.message(language))[1]


@dataclass(frozen=True, slots=True)
class Report:
    """All findings about a graph, the gravest first."""

    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, report: rdflib.Graph, shapes: rdflib.Graph, data: rdflib.Graph) -> Self:
        """Read the W3C report on some data, with the messages of the shapes."""
        results = report.objects(None, SH.result)
        found = {_finding(report, result, shapes, data) for result in results}
        return cls(tuple(sorted(found, key=_order)))

    @property
    def conforms(self) -> bool:
        """Whether nothing is a violation; warnings are advice."""
        return not self.count(Severity.VIOLATION)

    def __add__(self, other: "Report") -> "Report":
        """Put two reports together."""
        return Report(tuple(sorted({*self.findings, *other.findings}, key=_order)))

    def count(self, severity: Severity) -> int:
        """Count the findings of one severity."""
        return sum(finding.severity is severity for finding in self.findings)

    def written(self, prefixes: Prefixes, format_name: str) -> bytes:
        """Write the W3C validation report as `ttl` or `jsonld`."""
        formats = {"ttl": ox.RdfFormat.TURTLE, "jsonld": ox.RdfFormat.JSON_LD}
        used = {name: prefixes[name] for name in ("erga", "rdf", "sh", "shape", "xsd")}
        text = ox.serialize(self._facts(prefixes), format=formats[format_name], prefixes=used)
        return text or b""

    def _facts(self, prefixes: Prefixes) -> Iterable[ox.Triple]:
        # https://www.w3.org/TR/shacl/#validation-report
        def name(curie: str) -> ox.NamedNode:
            return ox.NamedNode(prefixes.iri(curie))

        a, report = name("rdf:type"), ox.BlankNode("report")
        truth = ox.Literal(not self.findings)  # by the standard any result is a non-conformance
        yield ox.Triple(report, a, name("sh:ValidationReport"))
        yield ox.Triple(report, name("sh:conforms"), truth)
        for number, finding in enumerate(self.findings, 1):
            result = ox.BlankNode(f"result{number}")
            severity = name(f"sh:{finding.severity.name.capitalize()}")
            yield ox.Triple(report, name("sh:result"), result)
            yield ox.Triple(result, a, name("sh:ValidationResult"))
            yield ox.Triple(result, name("sh:focusNode"), theirs(finding.focus))
            yield ox.Triple(result, name("sh:resultSeverity"), severity)
            yield ox.Triple(result, name("sh:sourceShape"), ox.NamedNode(finding.shape))
            component = ox.NamedNode(finding.component)
            yield ox.Triple(result, name("sh:sourceConstraintComponent"), component)
            if len(finding.path) == 1:
                yield ox.Triple(result, name("sh:resultPath"), ox.NamedNode(finding.path[0]))
            elif finding.path:
                yield from _alternative(result, finding.path, name, number)
            if finding.value is not None:
                yield ox.Triple(result, name("sh:value"), theirs(finding.value))
            for language, text in sorted(finding.messages.items()):
                message = ox.Literal(text, language=language)
                yield ox.Triple(result, name("sh:resultMessage"), message)


@dataclass(frozen=True, slots=True)
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
            return Report.of(rules.report(data, tell), rules.graph, data)


def _finding(
    report: rdflib.Graph, result: rdflib.term.Node, shapes: rdflib.Graph, data: rdflib.Graph
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
        severity=_SEVERITIES[str(severity)],
        messages=_Messages(
            (text.language or "", str(text))
            for text in shapes.objects(shape, SH.message)
            if isinstance(text, rdflib.Literal)
        ),
    )


class _Messages(dict[str, str]):
    """Messages by language, which count as the same in a set when they are equal."""

    def __hash__(self) -> int:  # type: ignore[override]  # a finding is a value, and so are these
        return hash(tuple(sorted(self.items())))


def _order(finding: Finding) -> tuple[int, str, str, tuple[str, ...], str]:
    return (
        -finding.severity,
        finding.shape,
        str(finding.focus),
        finding.path,
        str(finding.value),
    )


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


def _split(message: str) -> tuple[str, str]:
    rule, _, remedy = message.partition(". ")
    return (f"{rule}.", remedy) if remedy else (message, "")


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


def _alternative(
    result: ox.BlankNode, path: tuple[str, ...], name: Callable[[str], ox.NamedNode], number: int
) -> Iterator[ox.Triple]:
    node = ox.BlankNode(f"path{number}")
    items = [ox.BlankNode(f"path{number}item{place}") for place in range(len(path))]
    yield ox.Triple(result, name("sh:resultPath"), node)
    yield ox.Triple(node, name("sh:alternativePath"), items[0])
    for place, (item, predicate) in enumerate(zip(items, path, strict=True)):
        rest = items[place + 1] if place + 1 < len(items) else name("rdf:nil")
        yield ox.Triple(item, name("rdf:first"), ox.NamedNode(predicate))
        yield ox.Triple(item, name("rdf:rest"), rest)
