"""What a validation found, and the W3C report of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

import pyoxigraph as ox

from ergaomnes.engine import Term
from ergaomnes.store import theirs
from ergaomnes.terms import Prefixes

LANGUAGES = ("en", "fr", "ru")
_FORMATS = {
    "ttl": ox.RdfFormat.TURTLE,
    "nt": ox.RdfFormat.N_TRIPLES,
    "rdf": ox.RdfFormat.RDF_XML,
    "jsonld": ox.RdfFormat.JSON_LD,
    "trig": ox.RdfFormat.TRIG,
    "nq": ox.RdfFormat.N_QUADS,
}


class Severity(IntEnum):
    """How much a finding matters; only a violation makes a record unusable."""

    INFO = 1
    WARNING = 2
    VIOLATION = 3


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
        """Say the rule and the remedy in a language, else in English, else as it is said at all."""
        said = (self.messages.get(tag) for tag in (language, "en", "", *sorted(self.messages)))
        return next(filter(None, said), "")

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

    @property
    def conforms(self) -> bool:
        """Whether nothing is a violation; warnings are advice."""
        return not self.count(Severity.VIOLATION)

    def __add__(self, other: "Report") -> "Report":
        """Put two reports together."""
        return Report(tuple(sorted({*self.findings, *other.findings}, key=in_order)))

    def count(self, severity: Severity) -> int:
        """Count the findings of one severity."""
        return sum(finding.severity is severity for finding in self.findings)

    def written(self, prefixes: Prefixes, format_name: str) -> bytes:
        """Write the W3C validation report in one of the RDF formats, by its short name."""
        used = {name: prefixes[name] for name in ("erga", "rdf", "sh", "shape", "xsd")}
        text = ox.serialize(self._facts(prefixes), format=_FORMATS[format_name], prefixes=used)
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
                message = ox.Literal(text, language=language or None)
                yield ox.Triple(result, name("sh:resultMessage"), message)


def in_order(finding: Finding) -> tuple[int, str, str, tuple[str, ...], str]:
    """Give the key by which findings are sorted: the gravest first, then by rule and record."""
    return (
        -finding.severity,
        finding.shape,
        str(finding.focus),
        finding.path,
        str(finding.value),
    )


def _split(message: str) -> tuple[str, str]:
    rule, _, remedy = message.partition(". ")
    return (f"{rule}.", remedy) if remedy else (message, "")


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
