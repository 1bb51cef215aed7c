"""A contribution: text in, findings out, each with its place in the text and a remedy.

A contribution is judged as part of the packaged graph: what already stands counts, and the rules
run on both together. Only what it touches is reported. Since pySHACL cannot be asked about some
nodes of a graph alone, it is given a slice: the contribution, everything that stands about what it
names, and the records that the shapes read together with its own (the other participation of a
state in a treaty, the acceptance under which a power is exercised). A test proves that the slice
and the whole give the same findings.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import pyoxigraph as ox
import rdflib
from rdflib.namespace import SH

from ergaomnes.background import Background, Consequence
from ergaomnes.engine import Blank, Iri, Literal, Term
from ergaomnes.errors import ChangeTooWide, near
from ergaomnes.judgement import Judgement, Located, Stated
from ergaomnes.patch import Patch
from ergaomnes.places import Place, Places, places_in_turtle
from ergaomnes.progress import Tell
from ergaomnes.report import Finding, Report, Severity
from ergaomnes.shapes import Shapes
from ergaomnes.shipped import Shipped
from ergaomnes.store import graph_of, own
from ergaomnes.submission import ADD, REMOVE, REPLACE, Submission
from ergaomnes.terms import Prefixes

MOST_JUDGED = 2_000
"""How many records are judged at most for the sake of others that lose facts: about a minute."""
_UNNAMED = (ox.BlankNode, ox.Triple)
_NAMELESS = "urn:x-ergaomnes:blank:"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A submission, judged, and what it would change in the graph."""

    judgement: Judgement
    patch: Patch
    """What it adds, in the graph of a contribution, and removes from where it stands."""
    following: Patch
    """What would follow by the rules, and what would no longer."""
    unsourced: tuple[tuple[str, str, Place | None], ...]
    """The records that get a fact and no citation: the record, the text, and where in it."""
    nameless: int
    """How many facts are about things without a name, which a patch cannot hold."""


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

    def take_over(self, added: Iterable[ox.Quad], removed: Iterable[ox.Quad]) -> None:
        """Have other facts stand from now on, what follows from them among them."""
        self.background.put(added, removed)
        for holder in (self, self.background):
            for name, value in vars(type(holder)).items():
                if isinstance(value, cached_property):
                    holder.__dict__.pop(name, None)

    def judge(self, tell: Tell | None = None) -> Judgement:
        """Judge the packaged graph: its facts, what was written by hand, the ontology's style."""
        ontology = {quad.triple for quad in self.background.asserted()} | set(self._shape_facts())
        report = (
            self.shapes.judge(self.facts, tell)
            + self.shapes.judge_written(self.written, tell)
            + self.shapes.judge_style(ontology, tell)
        )
        return Judgement(report, tuple(self._in_files(report)))

    def warm(self) -> None:
        """Work out now what is worked out once."""
        _ = self._names, self._single, self.facts

    def judge_contribution(
        self, submissions: Sequence[Submission], *, whole: bool = False
    ) -> Judgement:
        """Judge what is sent; `whole` does without the slice, which must change nothing."""
        if not whole:
            return self.propose(submissions).judgement
        _, report, named, unknown, told = self._begun(submissions)
        derived = self.background.all_derived_with(named)
        graph = {*(quad.triple for quad in self.background.asserted()), *named, *derived}
        report += self._judged(graph, named, derived - self.background.derived, unknown)
        return self._judgement(report, submissions, graph, told)

    def propose(self, submissions: Sequence[Submission], mode: str = ADD) -> Proposal:
        """Judge what is sent, and say what it would change.

        A submission that removes or replaces leaves the graph as it would be: let a fork do it.
        """
        if mode != ADD:
            return self._propose_removal(submissions, mode)
        sent, report, named, unknown, told = self._begun(submissions)
        nameable = [fact for fact in sent if not _is_nameless(fact)]
        added = self.background.new_of(nameable)
        with self.background.holding(named) as (new, gone):
            graph = self.background.slice(self._touched(named, new, unknown))
            report += self._judged(graph, named, new, unknown)
            return Proposal(
                self._judgement(report, submissions, graph, told),
                Patch.of(lines(added), ()),
                Patch.of(
                    lines(
                        quad
                        for quad in self.background.derived_quads(new)
                        if not _names_nameless(quad.triple)
                    ),
                    lines(self.background.derived_quads(gone)),
                ),
                tuple(self._unsourced(added, submissions)),
                len(sent) - len(nameable),
            )

    def judge_change(
        self, added: Set[ox.Quad], removed: Set[ox.Quad]
    ) -> tuple[Report, Consequence]:
        """Change what stands for good, and judge where that differs.

        Gives what is wrong that was not wrong before, and what follows.
        """
        following = self.background.revise(added, removed)
        new, gone = following.new, following.gone
        mentioned = {
            term.value
            for quad in (*added, *removed)
            for term in (quad.predicate, quad.object)
            if isinstance(term, ox.NamedNode)
        }
        names = {name for name in mentioned if not self.background.describes(name)}
        names |= _subjects((*added, *removed, *new, *gone))
        afar = self.shapes.read_afar
        lost = {quad for quad in (*removed, *gone) if quad.predicate.value in afar}
        others: set[str] = set()
        if lost:
            # What they were read together with is seen from what stood before.
            others = self.background.read_from(_subjects(lost))
            self.background.put({*removed, *gone}, {*added, *new})
            others |= self.background.read_from(_subjects(lost))
            self.background.put({*added, *new}, {*removed, *gone})
        if len(others) > MOST_JUDGED:
            raise ChangeTooWide(len(others), MOST_JUDGED)
        names |= others
        report = self._report(names)
        if report.findings:
            # What was wrong before is no fault of the change.
            self.background.put({*removed, *gone}, {*added, *new})
            known = {_sameness(one) for one in self._report(names).findings}
            self.background.put({*added, *new}, {*removed, *gone})
            report = Report(tuple(o for o in report.findings if _sameness(o) not in known))
        return report, following

    def _report(self, names: set[str]) -> Report:
        whole = self.shapes.judge(self.background.slice(names))
        found = Report(tuple(one for one in whole.findings if str(one.focus) in names))
        data = self.prefixes.iri("graph:data/"), self.prefixes.iri("graph:contribution")
        written = {
            quad.triple
            for name in names
            for quad in self.background.store.quads_for_pattern(ox.NamedNode(name), None, None)
            if isinstance(quad.graph_name, ox.NamedNode) and quad.graph_name.value.startswith(data)
        }
        return found + self.shapes.judge_written(written | self._axioms)

    def _begun(
        self, submissions: Sequence[Submission]
    ) -> tuple[tuple[ox.Triple, ...], Report, list[ox.Triple], set[str], tuple[Stated, ...]]:
        sent = tuple(apart(submissions))
        report = self.shapes.judge_written({*sent, *self._axioms})
        named = [_named(fact) for fact in sent]
        return (
            sent,
            report,
            named,
            self._unknown(named),
            tuple(self._beside_what_stands(submissions)),
        )

    def _propose_removal(self, submissions: Sequence[Submission], mode: str) -> Proposal:
        sent = tuple(apart(submissions))
        nameable = [fact for fact in sent if not _is_nameless(fact)]
        told = tuple(self._beside_what_stands(submissions))
        removed = frozenset(self._removed(nameable, mode))
        added = self.background.new_of(nameable) if mode == REPLACE else frozenset[ox.Quad]()
        # What stands in the graph of a contribution is not seen as a part of what stands.
        home = ox.NamedNode(self.prefixes.iri("graph:data/contributions"))
        stated = {ox.Quad(q.subject, q.predicate, q.object, home) for q in added}
        report, following = self.judge_change(stated, removed)
        names = _subjects((*added, *removed))
        graph = self.background.slice(names)
        beside = [one for one in told if mode == REMOVE or one.sent in one.standing]
        return Proposal(
            self._judgement(report, submissions, graph, beside),
            Patch.of(lines(added), lines(removed)),
            Patch.of(lines(following.new), lines(following.gone)),
            tuple(self._unsourced(added, submissions)),
            len(sent) - len(nameable),
        )

    def _removed(self, sent: Sequence[ox.Triple], mode: str) -> Iterator[ox.Quad]:
        """Give what goes: the facts that are sent, or those in whose place they come."""
        for fact in sent:
            if isinstance(fact.subject, ox.NamedNode):
                if mode == REMOVE:
                    yield from self.background.written(fact.subject, fact.predicate, fact.object)
                    continue
                for quad in self.background.written(fact.subject, fact.predicate):
                    if quad.triple not in sent:
                        yield quad

    def _unsourced(
        self, added: Iterable[ox.Quad], submissions: Sequence[Submission]
    ) -> Iterator[tuple[str, str, Place | None]]:
        # A citation that stands was written for what stands; what is new is sent with its own.
        cites = self.prefixes.iri("erga:hasCitation")
        names = _subjects(added) - {
            _subject(fact)
            for one in submissions
            for fact in one.facts
            if fact.predicate.value == cites
        }
        for name in sorted(names - self.background.sources_of(names) if names else ()):
            places = [(one.name, one.places.subjects.get(name)) for one in submissions]
            file, place = next((found for found in places if found[1]), places[0])
            yield name, file, place

    def _judgement(
        self,
        report: Report,
        submissions: Sequence[Submission],
        graph: set[ox.Triple],
        told: Sequence[Stated],
    ) -> Judgement:
        located = tuple(self._in_submissions(report, submissions, graph))
        sources = self._sources(graph)
        told = [replace(one, sent_source=sources.get(one.subject, "")) for one in told]
        faults = tuple(self._faults(submissions))
        report = Report((*(one.finding for one in faults), *report.findings))
        located = (*faults, *located)
        known = tuple(one for one in told if one.sent in one.standing)
        return Judgement(report, located, known, tuple(one for one in told if one not in known))

    def _faults(self, submissions: Sequence[Submission]) -> Iterator[Located]:
        """Tell the cells that cannot be understood as the validator tells what is wrong."""
        table = self.prefixes.iri("table:acts")
        for one in submissions:
            for fault in one.faults:
                where = f"{fault.column} “{fault.value}”" if fault.value else fault.column
                said = ": ".join(filter(None, (where, fault.why)))
                text = f"A cell of the table cannot be taken as it is. {said}. {fault.remedy}"
                finding = Finding(
                    focus=Iri(table),
                    path=(f"{table}/{fault.column}",) if fault.column else (),
                    value=Literal(fault.value) if fault.value else None,
                    shape=table,
                    component=str(SH.SPARQLConstraintComponent),
                    severity=Severity.VIOLATION,
                    messages={"en": text},
                )
                yield Located(finding, one.name, Place(fault.row, 1))

    def _beside_what_stands(self, submissions: Sequence[Submission]) -> Iterator[Stated]:
        """Give the facts that stand already, and those where a single other value stands."""
        for one in submissions:
            for fact in one.facts:
                if isinstance(fact.subject, ox.BlankNode) or isinstance(fact.object, _UNNAMED):
                    continue
                subject, predicate = _subject(fact), fact.predicate.value
                standing = tuple(self._values(subject, predicate))
                sent = own(fact.object)
                if sent not in standing and (not standing or predicate not in self._single):
                    continue
                place = one.places.of(subject, (predicate,), str(sent))
                values = (sent,) if sent in standing else standing
                source = self._source(subject)
                yield Stated(subject, predicate, sent, one.name, place, values, source)

    def _values(self, subject: str, predicate: str) -> list[Term]:
        pattern = ox.NamedNode(subject), ox.NamedNode(predicate), None
        found = {quad.object for quad in self.background.store.quads_for_pattern(*pattern)}
        return sorted((own(one) for one in found if not isinstance(one, _UNNAMED)), key=str)

    def _source(self, subject: str) -> str:
        summary = self.prefixes.iri("erga:sourceSummary")
        return "; ".join(map(str, self._values(subject, summary)))

    def _sources(self, graph: Iterable[ox.Triple]) -> dict[str, str]:
        summary = self.prefixes.iri("erga:sourceSummary")
        return {
            _subject(fact): fact.object.value
            for fact in graph
            if fact.predicate.value == summary and isinstance(fact.object, ox.Literal)
        }

    @cached_property
    def _single(self) -> frozenset[str]:
        """Name the properties of which a record has one value at most."""
        shapes = self.shapes.whole.graph
        return frozenset(
            str(path)
            for shape in shapes.subjects(SH.maxCount, rdflib.Literal(1))
            for path in shapes.objects(shape, SH.path)
            if isinstance(path, rdflib.URIRef)
        )

    def _examples(self, path: Sequence[str]) -> tuple[str, ...]:
        """Give how the properties of a path are used, from their definitions."""
        example = self.prefixes.iri("skos:example")
        return tuple(str(value) for name in path[:1] for value in self._values(name, example))

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
            file, place = place_of(finding, submissions)
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
            near_names = self._near(finding, described)
            yield Located(finding, file, place, near_names, self._examples(finding.path))

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
            file_name, place = place_of(finding, candidates)
            yield Located(finding, file_name, place, self._near(finding))

    def _shape_facts(self) -> Iterable[ox.Triple]:
        for file in sorted((self.files.ontology / "shapes").glob("*.ttl")):
            for quad in ox.parse(
                path=str(file), format=ox.RdfFormat.TURTLE, rename_blank_nodes=True
            ):
                yield quad.triple


def place_of(finding: Finding, submissions: Sequence[Submission]) -> tuple[str, Place | None]:
    """Say in which text a finding is to be looked for, and where in it."""
    value = None if finding.value is None else str(finding.value)
    for one in submissions:
        place = one.places.of(str(finding.focus), finding.path, value)
        if place is not None:
            return one.name, place
    return (submissions[0].name if len(submissions) == 1 else ""), None


def apart(submissions: Sequence[Submission]) -> Iterable[ox.Triple]:
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


def lines(quads: Iterable[ox.Quad]) -> frozenset[str]:
    """Give facts as lines of N-Quads."""
    text = ox.serialize(quads, format=ox.RdfFormat.N_QUADS) or b""
    return frozenset(text.decode().split("\n")[:-1])


def _subjects(quads: Iterable[ox.Quad]) -> set[str]:
    return {quad.subject.value for quad in quads if isinstance(quad.subject, ox.NamedNode)}


def _sameness(finding: Finding) -> tuple[str, ...]:
    return (finding.shape, str(finding.focus), *finding.path, str(finding.value))


def _is_nameless(fact: ox.Triple) -> bool:
    return isinstance(fact.subject, ox.BlankNode) or isinstance(fact.object, ox.BlankNode)


def _names_nameless(fact: ox.Triple) -> bool:
    """Tell whether a fact that was derived is about a thing that only had a name meanwhile."""
    return any(
        isinstance(term, ox.NamedNode) and term.value.startswith(_NAMELESS)
        for term in (fact.subject, fact.object)
    )
