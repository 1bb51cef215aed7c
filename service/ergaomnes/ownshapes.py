"""Judge facts by the shapes of whoever sends them, and by nothing else.

pySHACL does it as it comes, with SHACL core and SHACL-SPARQL (https://www.w3.org/TR/shacl/). The
facts are judged alone: what is published takes no part. Shapes are code, so whoever calls this
bounds time and memory beforehand and closes the ways out (`judge.py`); what would need those, or
would not be applied, is refused by name instead of being passed over.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pyoxigraph as ox
import pyshacl
import rdflib
from pyshacl.errors import ReportableRuntimeError
from rdflib.namespace import OWL, RDF, SH

from ergaomnes import media
from ergaomnes.contribution import apart, place_of
from ergaomnes.errors import UnusableShapes
from ergaomnes.judgement import Judgement, Located
from ergaomnes.report import Finding, Report
from ergaomnes.shacl import theirs, undisturbed
from ergaomnes.shapes import report_of
from ergaomnes.submission import Submission, read_submission
from ergaomnes.terms import Prefixes

_NOT_APPLIED = {
    OWL.imports: "owl:imports is not followed: send what it names as one more part “shapes”",
    SH.rule: "sh:rule belongs to SHACL Advanced Features, which are not applied here",
    SH.target: "sh:target belongs to SHACL Advanced Features, which are not applied here",
    SH.expression: "sh:expression belongs to SHACL Advanced Features, which are not applied here",
    SH.js: "sh:js is a script, and none is run here",
}
_FORMATS = {
    media.TURTLE: ox.RdfFormat.TURTLE,
    media.TRIG: ox.RdfFormat.TRIG,
    media.N_TRIPLES: ox.RdfFormat.N_TRIPLES,
    media.N_QUADS: ox.RdfFormat.N_QUADS,
    media.JSON_LD: ox.RdfFormat.JSON_LD,
    media.RDF_XML: ox.RdfFormat.RDF_XML,
}


@dataclass(frozen=True, slots=True)
class OwnJudgement(Judgement):
    """What shapes of somebody's own say of what they sent."""

    graph: rdflib.Graph = field(default_factory=rdflib.Graph)
    """The W3C report as pySHACL wrote it."""

    def written(self, written_as: media.Format, prefixes: Prefixes, language: str) -> bytes:
        """Write all of it in one of the formats of `judgement.WRITTEN`."""
        if written_as not in _FORMATS:
            return Judgement.written(self, written_as, prefixes, language)
        text = self.graph.serialize(format="nt", encoding="utf-8")
        facts = (quad.triple for quad in ox.parse(text, format=ox.RdfFormat.N_TRIPLES))
        written = ox.serialize(
            sorted(facts, key=lambda fact: str(fact.subject)),  # all of a node together
            format=_FORMATS[written_as],
            prefixes={"sh": str(SH), "rdf": str(RDF)},
        )
        return written or b""


def judged(shapes: Sequence[Submission], sent: Sequence[Submission]) -> OwnJudgement:
    """Judge what was sent; raise UnusableShapes where the shapes cannot be applied to it."""
    rules, data = _graph(shapes), _graph(sent)
    _refuse_what_is_not_applied(rules)
    try:
        with undisturbed():
            _, report, said = pyshacl.validate(data, shacl_graph=rules, inplace=True)
    except ReportableRuntimeError as error:
        raise UnusableShapes(error.message) from None
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # noqa: BLE001 - as said below
        # Whatever it is that the validator stumbles over, it stands in these shapes.
        raise UnusableShapes(f"{type(error).__name__}: {error}") from None
    if not isinstance(report, rdflib.Graph):
        raise UnusableShapes(said)
    found = report_of(report, rules, data, in_words=True)
    named = Report(tuple(_named(one, rules) for one in found.findings))
    located = tuple(Located(one, *place_of(one, sent)) for one in named.findings)
    return OwnJudgement(named, located, graph=report)


def _graph(submissions: Sequence[Submission]) -> rdflib.Graph:
    made = rdflib.Graph()
    for fact in apart(submissions):
        made.add((theirs(fact.subject), theirs(fact.predicate), theirs(fact.object)))
    return made


def _refuse_what_is_not_applied(rules: rdflib.Graph) -> None:
    if (None, RDF.type, SH.NodeShape) not in rules and not any(rules.subject_objects(SH.path)):
        raise UnusableShapes("there is no sh:NodeShape and no sh:path among them")
    for predicate, why in _NOT_APPLIED.items():
        if (None, predicate, None) in rules:
            raise UnusableShapes(why)


def _named(finding: Finding, rules: rdflib.Graph) -> Finding:
    """Call a shape without a name by the one that it stands in, and by what it is about."""
    shape = rdflib.BNode(finding.shape)
    if (shape, None, None) not in rules:
        return finding
    path = rules.value(shape, SH.path)
    about = f" → {path}" if isinstance(path, rdflib.URIRef) else ""
    holder = next((one for one in _holders(rules, shape) if isinstance(one, rdflib.URIRef)), shape)
    return replace(finding, shape=f"{holder}{about}")


def _holders(rules: rdflib.Graph, shape: rdflib.term.Node) -> Iterator[rdflib.term.Node]:
    """Give what a shape stands in, what that stands in, and so on."""
    seen = {shape}
    while (holder := next(rules.subjects(None, shape), None)) and holder not in seen:
        yield holder
        seen.add(holder)
        shape = holder


def warm() -> None:
    """Have everything imported that judging imports when it first needs it."""
    turtle = (
        f"@prefix sh: <{SH}> . <urn:x> a sh:NodeShape ; sh:targetNode <urn:y> ; "
        'sh:sparql [ sh:select "SELECT $this WHERE { $this ?p ?o }" ] .'
    )
    part = read_submission(turtle.encode(), media.TURTLE)
    judged([part], [part]).graph.serialize(format="nt")
