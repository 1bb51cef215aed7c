"""A contribution: text in, findings out, each with its place in the text and a remedy.

A contribution is judged as part of the packaged graph: what already stands counts, and the rules
run on both together. Only what it touches is reported. Since pySHACL cannot be asked about some
nodes of a graph alone, it is given a slice: the contribution, everything that stands about what it
names, and the records that the shapes read together with its own (the other participation of a
state in a treaty, the acceptance under which a power is exercised). A test proves that the slice
and the whole give the same findings.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import pyoxigraph as ox

from ergaomnes import media
from ergaomnes.background import Background
from ergaomnes.engine import Blank, Iri, Term
from ergaomnes.errors import (
    NoSuchFile,
    SubmissionSyntax,
    SubmissionTooLarge,
    UnsupportedMediaType,
    did_you_mean,
    near,
)
from ergaomnes.places import Place, Places, deepest, places_in_turtle, places_of_names
from ergaomnes.progress import Tell
from ergaomnes.shapes import Finding, Report, Severity, Shapes
from ergaomnes.shipped import Shipped
from ergaomnes.store import graph_of
from ergaomnes.terms import Prefixes

READ: tuple[media.Format, ...] = (
    media.TURTLE,
    media.TRIG,
    media.N_TRIPLES,
    media.N_QUADS,
    media.JSON_LD,
    media.RDF_XML,
)
_ENDINGS = {
    ".ttl": media.TURTLE,
    ".trig": media.TRIG,
    ".nt": media.N_TRIPLES,
    ".nq": media.N_QUADS,
    ".jsonld": media.JSON_LD,
    ".json": media.JSON_LD,
    ".rdf": media.RDF_XML,
    ".owl": media.RDF_XML,
    ".xml": media.RDF_XML,
}
_PARSED_AS = {
    media.TURTLE: ox.RdfFormat.TURTLE,
    media.TRIG: ox.RdfFormat.TRIG,
    media.N_TRIPLES: ox.RdfFormat.N_TRIPLES,
    media.N_QUADS: ox.RdfFormat.N_QUADS,
    media.JSON_LD: ox.RdfFormat.JSON_LD,
    media.RDF_XML: ox.RdfFormat.RDF_XML,
}
_TURTLE_FAMILY = (media.TURTLE, media.TRIG, media.N_TRIPLES, media.N_QUADS)
# pyoxigraph ends the process on JSON nested 5,000 deep; no honest contribution nests like this.
_DEEPEST = 100
_NAMELESS = "urn:x-ergaomnes:blank:"
_WHERE = re.compile(r"^Parser error (?:at|between) line[^:]*: |\s*\(line \d+\)$")


@dataclass(frozen=True, slots=True)
class Submission:
    """A text that was sent, as facts, and where each of them stands."""

    name: str
    facts: tuple[ox.Triple, ...]
    places: Places


@dataclass(frozen=True, slots=True)
class Located:
    """A finding, the place to look at, and the names that may have been meant."""

    finding: Finding
    file: str
    place: Place | None
    near: tuple[str, ...] = ()

    def remedy(self, language: str) -> str:
        """Say what to do about it, with a near name in front when there is one."""
        if language == "en" and self.near:
            return f"{did_you_mean(self.near)} {self.finding.remedy(language)}"
        return self.finding.remedy(language)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is wrong with some submissions, or with the packaged graph."""

    report: Report
    located: tuple[Located, ...]

    def passes(self, *, strict: bool) -> bool:
        """Say whether nothing is wrong; when strict, a warning is wrong too."""
        return self.report.conforms and not (strict and self.report.count(Severity.WARNING))

    def as_text(self, prefixes: Prefixes, language: str) -> str:
        """Say all of it for a person at a terminal."""
        words = _WORDS.get(language, _WORDS["en"])
        lines: list[str] = []
        for group in self._groups().values():
            first = group[0].finding
            severity = words[first.severity.name.lower()]
            lines.append(f"{severity} ×{len(group)} · {prefixes.short(first.shape)}")
            lines.append(f"  {first.sentence(language)}")
            lines.append(f"  → {first.remedy(language)}")
            for one in group:
                lines.append(f"    {_where(one, words)}  {_what(one.finding, prefixes)}")
                if one.near:
                    lines.append(f"      {words['near']}: {', '.join(one.near)}")
            lines.append("")
        counts = ", ".join(
            f"{self.report.count(severity)} {words[severity.name.lower() + 's']}"
            for severity in sorted(Severity, reverse=True)
        )
        lines.append(f"{words['conforms' if self.report.conforms else 'fails']} ({counts})")
        return "\n".join(lines)

    def _groups(self) -> dict[str, list[Located]]:
        groups: dict[str, list[Located]] = defaultdict(list)
        for one in self.located:
            groups[one.finding.shape].append(one)
        return groups

    def json(self, prefixes: Prefixes, language: str) -> str:
        """Write all of it as JSON."""
        return json.dumps(self.as_json(prefixes, language), ensure_ascii=False, indent=2)

    def as_json(self, prefixes: Prefixes, language: str) -> dict[str, object]:
        """Say all of it as plain JSON: the findings grouped by the rule they break."""
        return {
            "conforms": self.report.conforms,
            "counts": {
                severity.name.lower(): self.report.count(severity)
                for severity in sorted(Severity, reverse=True)
            },
            "language": language,
            "rules": [
                {
                    "shape": shape,
                    "name": prefixes.short(shape),
                    "severity": found[0].finding.severity.name.lower(),
                    "sentence": found[0].finding.sentence(language),
                    "remedy": found[0].finding.remedy(language),
                    "count": len(found),
                    "findings": [_as_json(one, language) for one in found],
                }
                for shape, found in self._groups().items()
            ],
        }


_WORDS = {
    "en": {
        "violation": "VIOLATION",
        "warning": "WARNING",
        "info": "ADVICE",
        "violations": "violations",
        "warnings": "warnings",
        "infos": "pieces of advice",
        "conforms": "Conforms.",
        "fails": "Does not conform.",
        "unknown": "place unknown",
        "near": "perhaps meant",
    },
    "fr": {
        "violation": "VIOLATION",
        "warning": "AVERTISSEMENT",
        "info": "CONSEIL",
        "violations": "violation(s)",
        "warnings": "avertissement(s)",
        "infos": "conseil(s)",
        "conforms": "Conforme.",
        "fails": "Non conforme.",
        "unknown": "endroit inconnu",
        "near": "peut-être",
    },
    "ru": {
        "violation": "НАРУШЕНИЕ",
        "warning": "ПРЕДУПРЕЖДЕНИЕ",
        "info": "СОВЕТ",
        "violations": "нарушений",
        "warnings": "предупреждений",
        "infos": "советов",
        "conforms": "Соответствует.",
        "fails": "Не соответствует.",
        "unknown": "место неизвестно",
        "near": "возможно",
    },
}


def _where(one: Located, words: Mapping[str, str]) -> str:
    if one.place is None:
        return " ".join(filter(None, (one.file, f"({words['unknown']})")))
    return f"{one.file}:{one.place.line}:{one.place.column}"


def _what(finding: Finding, prefixes: Prefixes) -> str:
    parts = [_short(finding.focus, prefixes), ", ".join(map(prefixes.short, finding.path))]
    if finding.value is not None:
        parts.append(_short(finding.value, prefixes))
    return "  ".join(filter(None, parts))


def _short(term: Term, prefixes: Prefixes) -> str:
    return prefixes.short(term.value) if isinstance(term, Iri) else str(term)


def _as_json(one: Located, language: str) -> dict[str, object]:
    finding = one.finding
    return {
        "focus": str(finding.focus),
        "path": list(finding.path),
        "value": None if finding.value is None else str(finding.value),
        "file": one.file,
        "line": one.place.line if one.place else None,
        "column": one.place.column if one.place else None,
        "near": list(one.near),
        "remedy": one.remedy(language),
        "constraint": finding.component,
    }


def media_type_of(name: str) -> media.Format:
    """Give the format that a file's ending means."""
    ending = Path(name).suffix.lower()
    if ending not in _ENDINGS:
        raise UnsupportedMediaType(ending or name, [one.media_type for one in READ])
    return _ENDINGS[ending]


def format_named(media_type: str) -> media.Format:
    """Give the format of a media type, or of a short name such as `ttl`."""
    essence = media_type.partition(";")[0].strip().lower()
    for one in READ:
        if essence == one.name or essence in one.media_types:
            return one
    raise UnsupportedMediaType(media_type or "none", [one.media_type for one in READ])


def read_submission(
    content: bytes, kind: media.Format, name: str = "submission", *, limit: int | None = None
) -> Submission:
    """Parse what was sent; a fault says file, line and column."""
    if limit is not None and len(content) > limit:
        raise SubmissionTooLarge(limit)
    text = _text(content, name)
    _refuse_what_harms(text, kind, name)
    try:
        quads = list(ox.parse(text.encode(), format=_PARSED_AS[kind]))
    except SyntaxError as error:
        raise SubmissionSyntax(
            name, error.lineno, error.offset, _WHERE.sub("", str(error.msg)).strip()
        ) from None
    except ValueError as error:
        raise SubmissionSyntax(name, None, None, str(error)) from None
    if any(isinstance(quad.object, ox.Triple) for quad in quads):
        raise SubmissionSyntax(name, None, None, "triple terms (RDF 1.2) are not used here")
    facts = tuple(dict.fromkeys(quad.triple for quad in quads))
    if kind in _TURTLE_FAMILY:
        return Submission(name, facts, places_in_turtle(text))
    names = {
        term.value
        for fact in facts
        for term in (fact.subject, fact.predicate, fact.object)
        if isinstance(term, ox.NamedNode)
    }
    return Submission(name, facts, places_of_names(text, sorted(names)))


def read_file(file: Path, kind: media.Format | None, *, limit: int | None = None) -> Submission:
    """Read a submission from a file; its ending says the format unless it is given."""
    wanted = kind or media_type_of(file.name)
    try:
        return read_submission(file.read_bytes(), wanted, str(file), limit=limit)
    except FileNotFoundError:
        raise NoSuchFile(str(file), "there is no such file") from None
    except IsADirectoryError:
        raise NoSuchFile(str(file), "this is a folder") from None
    except OSError as error:
        raise NoSuchFile(str(file), error.strerror or "it cannot be read") from None


def _text(content: bytes, name: str) -> str:
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        why = "this is not UTF-8 text"
        raise SubmissionSyntax(name, before.count(b"\n") + 1, column, why) from None
    if "\0" in text:
        before_it = text[: text.index("\0")]
        column = len(before_it) - (before_it.rfind("\n") + 1) + 1
        raise SubmissionSyntax(name, before_it.count("\n") + 1, column, "a NUL is not text")
    return text


def _refuse_what_harms(text: str, kind: media.Format, name: str) -> None:
    if kind == media.RDF_XML:
        # Entities can grow a small text to gigabytes, and RDF needs none.
        found = re.search(r"<!(?:DOCTYPE|ENTITY)", text)
        if found:
            before = text[: found.start()]
            column = found.start() - (before.rfind("\n") + 1) + 1
            why = "a document type declaration is not read: write names in full"
            raise SubmissionSyntax(name, before.count("\n") + 1, column, why)
        return
    depth = deepest(text, turtle=kind != media.JSON_LD)
    if depth > _DEEPEST:
        why = f"brackets nest {depth} deep; at most {_DEEPEST} are read"
        raise SubmissionSyntax(name, None, None, why)


class Packaged:
    """The packaged graph, to be judged itself or with what somebody sends."""

    def __init__(self, dump: Path, files: Shipped, prefixes: Prefixes) -> None:
        self.files = files
        self.prefixes = prefixes
        self.shapes = Shapes.read(files, prefixes)
        self.background = Background(dump, files, prefixes)

    @cached_property
    def facts(self) -> frozenset[ox.Triple]:
        """Everything that stands, as one graph."""
        return frozenset(quad.triple for quad in self.background.store)

    @cached_property
    def written(self) -> frozenset[ox.Triple]:
        """What stands in the files of the data, with the subclass axioms."""
        data = self.prefixes.iri("graph:data/")
        found = {
            quad.triple
            for quad in self.background.asserted()
            if isinstance(quad.graph_name, ox.NamedNode) and quad.graph_name.value.startswith(data)
        }
        return self._axioms | found

    @cached_property
    def _axioms(self) -> frozenset[ox.Triple]:
        narrower = self.prefixes.iri("rdfs:subClassOf")
        return frozenset(
            fact for fact in self.background.structure if fact.predicate.value == narrower
        )

    def judge(self, tell: Tell | None = None) -> Judgement:
        """Judge the packaged graph: its facts, what was written by hand, the ontology's style."""
        ontology = {quad.triple for quad in self.background.asserted()} | set(self._shape_facts())
        report = (
            self.shapes.judge(self.facts, tell)
            + self.shapes.judge_written(self.written, tell)
            + self.shapes.judge_style(ontology, tell)
        )
        return Judgement(report, tuple(self._in_files(report)))

    def judge_contribution(
        self, submissions: Sequence[Submission], *, whole: bool = False
    ) -> Judgement:
        """Judge what is sent; `whole` does without the slice, which must change nothing."""
        sent = tuple(_apart(submissions))
        report = self.shapes.judge_written({*sent, *self._axioms})
        named = [_named(fact) for fact in sent]
        unknown = self._unknown(named)
        if whole:
            derived = self.background.all_derived_with(named)
            graph = {*(quad.triple for quad in self.background.asserted()), *named, *derived}
            report += self._judged(graph, named, derived - self.background.derived, unknown)
            return Judgement(report, tuple(self._in_submissions(report, submissions, graph)))
        with self.background.holding(named) as new:
            graph = self.background.slice(self._touched(named, new, unknown))
            report += self._judged(graph, named, new, unknown)
            return Judgement(report, tuple(self._in_submissions(report, submissions, graph)))

    def _judged(
        self,
        graph: Iterable[ox.Triple],
        sent: Iterable[ox.Triple],
        new: Iterable[ox.Triple],
        unknown: Iterable[str],
    ) -> Report:
        touched = self._touched(sent, new, unknown)
        judged = self.shapes.judge(graph)
        kept = (_renamed(finding) for finding in judged.findings if str(finding.focus) in touched)
        return Report(tuple(kept))

    def _unknown(self, sent: Iterable[ox.Triple]) -> set[str]:
        """Give the names that are mentioned and that nothing that stands describes."""
        mentioned = {
            term.value
            for fact in sent
            for term in (fact.predicate, fact.object)
            if isinstance(term, ox.NamedNode)
        }
        return {name for name in mentioned if not self.background.describes(name)}

    @staticmethod
    def _touched(
        sent: Iterable[ox.Triple], new: Iterable[ox.Triple], unknown: Iterable[str]
    ) -> set[str]:
        """Name what a contribution answers for: its records, and what follows from them.

        A name that it only mentions is its own affair when nothing that stands describes it.
        """
        return {_subject(fact) for fact in (*sent, *new)} | set(unknown)

    @cached_property
    def _names(self) -> frozenset[str]:
        """Name everything that is described, for those who look for a name like another."""
        return frozenset(_subject(fact) for fact in self.facts)

    def _near(self, finding: Finding, known: Container[str] = ()) -> tuple[str, ...]:
        """Give the names that may have been meant by one that nothing describes."""
        name = str(finding.focus)
        if not isinstance(finding.focus, Iri) or name in known or name in self._names:
            return ()
        terms = self.prefixes["erga"]
        space = terms if name.startswith(terms) else name.rpartition("/")[0] + "/"
        siblings = {one.removeprefix(space): one for one in self._names if one.startswith(space)}
        found = near(name.removeprefix(space), siblings)
        return tuple(self.prefixes.short(siblings[one]) for one in found[:3])

    def _in_submissions(
        self, report: Report, submissions: Sequence[Submission], world: set[ox.Triple]
    ) -> Iterable[Located]:
        objects: dict[str, list[str]] | None = None
        described = {_subject(fact) for one in submissions for fact in one.facts}
        described |= {_subject(fact) for fact in world}
        for finding in report.findings:
            file, place = _place(finding, submissions)
            if place is None:
                # A derived record has no place; the act that it follows from has one.
                if objects is None:
                    objects = defaultdict(list)
                    for fact in world:
                        if isinstance(fact.object, ox.NamedNode):
                            objects[_subject(fact)].append(fact.object.value)
                for cause in sorted(objects[str(finding.focus)]):
                    places = [(one.name, one.places.subjects.get(cause)) for one in submissions]
                    file, place = next((found for found in places if found[1]), (file, None))
                    if place:
                        break
            yield Located(finding, file, place, self._near(finding, described))

    def _in_files(self, report: Report) -> Iterable[Located]:
        if not report.findings:
            return
        read: dict[str, tuple[str, Places]] = {}
        home = {
            graph_of(file, self.files, self.prefixes): file for file in self.files.turtle_files()
        }
        graphs: dict[str, list[str]] = defaultdict(list)
        for quad in self.background.asserted():
            if isinstance(quad.graph_name, ox.NamedNode) and quad.graph_name.value in home:
                subject = _subject(quad)
                if quad.graph_name.value not in graphs[subject]:
                    graphs[subject].append(quad.graph_name.value)
        for finding in report.findings:
            candidates = []
            for graph in graphs.get(str(finding.focus), []):
                if graph not in read:
                    file = home[graph]
                    name = file.relative_to(self.files.root).as_posix()
                    read[graph] = (name, places_in_turtle(file.read_text("utf-8")))
                candidates.append(Submission(read[graph][0], (), read[graph][1]))
            file_name, place = _place(finding, candidates)
            yield Located(finding, file_name, place, self._near(finding))

    def _shape_facts(self) -> Iterable[ox.Triple]:
        for file in sorted((self.files.ontology / "shapes").glob("*.ttl")):
            for quad in ox.parse(
                path=str(file), format=ox.RdfFormat.TURTLE, rename_blank_nodes=True
            ):
                yield quad.triple


def _place(finding: Finding, submissions: Sequence[Submission]) -> tuple[str, Place | None]:
    value = None if finding.value is None else str(finding.value)
    for one in submissions:
        place = one.places.of(str(finding.focus), finding.path, value)
        if place is not None:
            return one.name, place
    return (submissions[0].name if len(submissions) == 1 else ""), None


def _apart(submissions: Sequence[Submission]) -> Iterable[ox.Triple]:
    """Keep the nameless things of one text apart from those of another."""
    for number, submission in enumerate(submissions):
        mark = f"f{number}" if len(submissions) > 1 else ""
        yield from (_mapped(fact, partial(_marked, mark)) for fact in submission.facts)


def _marked(mark: str, term: ox.BlankNode) -> ox.BlankNode:
    return ox.BlankNode(term.value + mark)


def _named(fact: ox.Triple) -> ox.Triple:
    """Give nameless things a name while the rules run: a rule cannot make facts about them."""
    return _mapped(fact, lambda term: ox.NamedNode(_NAMELESS + term.value))


def _mapped(
    fact: ox.Triple, change: Callable[[ox.BlankNode], ox.NamedNode | ox.BlankNode]
) -> ox.Triple:
    subject, target = fact.subject, fact.object
    return ox.Triple(
        change(subject) if isinstance(subject, ox.BlankNode) else subject,
        fact.predicate,
        change(target) if isinstance(target, ox.BlankNode) else target,
    )


def _nameless(term: Term) -> Term:
    if isinstance(term, Iri) and term.value.startswith(_NAMELESS):
        return Blank(term.value.removeprefix(_NAMELESS))
    return term


def _renamed(finding: Finding) -> Finding:
    value = None if finding.value is None else _nameless(finding.value)
    return replace(finding, focus=_nameless(finding.focus), value=value)


def _subject(fact: ox.Triple | ox.Quad) -> str:
    assert not isinstance(fact.subject, ox.Triple)  # noqa: S101 - no triple terms were let in
    return fact.subject.value
