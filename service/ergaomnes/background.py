"""What stands, as the background against which a contribution is judged.

The graph is loaded once. A contribution is put beside it, the rules run on its neighbourhood alone,
and everything is taken back afterwards. Which records make up a neighbourhood is said by the
queries in `queries/slices/`; a test proves that the neighbourhood and the whole give the same.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyoxigraph as ox

from ergaomnes import reading
from ergaomnes.rules import Rule, read_rules
from ergaomnes.shipped import Shipped
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import Prefixes
from ergaomnes.turtle import read

FOLDER = "slices"
_ABOUT = ("graph:rules", "graph:changes")  # written after the rules have run
_TOUCHED = re.compile(r"VALUES \?touched \{[^}]*\}")


@dataclass(frozen=True, slots=True)
class Consequence:
    """What the rules make of a change: what follows anew, what no longer, how much by which."""

    new: frozenset[ox.Quad]
    gone: frozenset[ox.Quad]
    rules: Mapping[str, int]


class Background:
    """The packaged graph without its shapes, and the means to see a contribution as part of it."""

    def __init__(self, dump: Path, files: Shipped, prefixes: Prefixes) -> None:
        self.prefixes = prefixes
        self.rules: Sequence[Rule] = read_rules(files.rule_files())
        self.store = EmbeddedEngine.of_dump(dump).store
        shapes = prefixes.iri("graph:ontology/shapes/")
        for graph in list(self.store.named_graphs()):
            if isinstance(graph, ox.NamedNode) and graph.value.startswith(shapes):
                self.store.remove_graph(graph)
        self._derived = ox.NamedNode(prefixes.iri("graph:derived"))
        self._sent = ox.NamedNode(prefixes.iri("graph:contribution"))
        self._records = (prefixes["id"], prefixes["scheme"], prefixes["erga"])
        # A statement on a whole register leads to every state: what is said of them is not read.
        self._leads_nowhere = prefixes.iri("erga:coversParticipant")
        self._read = frozenset(name for rule in self.rules for name in reading.named(rule.text))
        self._slices = {
            file.stem: read(file) for file in sorted((files.queries / FOLDER).glob("*.rq"))
        }

    def asserted(self) -> Iterator[ox.Quad]:
        """Give what stands in the files."""
        return (quad for quad in self.store if quad.graph_name != self._derived)

    @cached_property
    def derived(self) -> frozenset[ox.Triple]:
        """Give what the rules have made of it."""
        found = self.store.quads_for_pattern(None, None, None, self._derived)
        return frozenset(quad.triple for quad in found)

    @cached_property
    def structure(self) -> frozenset[ox.Triple]:
        """Give which term is declared where, and which class is narrower than which."""
        links = (
            ox.NamedNode(self.prefixes.iri(f"rdfs:{n}")) for n in ("isDefinedBy", "subClassOf")
        )
        return frozenset(
            quad.triple for link in links for quad in self.store.quads_for_pattern(None, link, None)
        )

    def _bears(self, fact: ox.Triple) -> bool:
        """Tell whether a rule can read or make a fact."""
        return fact.predicate.value in self._read

    def describes(self, name: str) -> bool:
        """Tell whether anything is said of a name."""
        found = self.store.quads_for_pattern(ox.NamedNode(name), None, None)
        return next(found, None) is not None

    def _is_new(self, name: str, added: Container[ox.Triple] = ()) -> bool:
        """Tell whether nothing that stood before names this."""
        node = ox.NamedNode(name)
        patterns = ((node, None, None), (None, node, None), (None, None, node))
        found = (quad for one in patterns for quad in self.store.quads_for_pattern(*one))
        return all(quad.graph_name == self._sent or quad.triple in added for quad in found)

    def sources_of(self, names: Iterable[str]) -> set[str]:
        """Name those of some records that are a source or a citation themselves."""
        return self._read_with("records-that-are-sources", names)

    def new_of(self, sent: Iterable[ox.Triple]) -> frozenset[ox.Quad]:
        """Give the facts that nobody has written yet, in the graph of a contribution."""
        return frozenset(
            _quad(fact, self._sent) for fact in sent if not self._stands(fact, self._derived)
        )

    def written(
        self,
        subject: ox.NamedNode,
        predicate: ox.NamedNode,
        target: ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple | None = None,
    ) -> frozenset[ox.Quad]:
        """Give what was written of a thing in the files of the data, or in contributions."""
        data = self.prefixes.iri("graph:data/")
        return frozenset(
            quad
            for quad in self.store.quads_for_pattern(subject, predicate, target)
            if isinstance(quad.graph_name, ox.NamedNode) and quad.graph_name.value.startswith(data)
        )

    def derived_quads(self, facts: Iterable[ox.Triple]) -> Iterator[ox.Quad]:
        """Give facts as they stand in the derived graph."""
        return (_quad(fact, self._derived) for fact in facts)

    def facts_of(self, name: str) -> Iterator[ox.Triple]:
        """Give what is said of a name, and derived of it."""
        found = self.store.quads_for_pattern(ox.NamedNode(name), None, None)
        return (quad.triple for quad in found)

    @contextmanager
    def holding(
        self, sent: Iterable[ox.Triple]
    ) -> Iterator[tuple[frozenset[ox.Triple], frozenset[ox.Triple]]]:
        """Put a contribution beside what stands, for as long as the with statement runs.

        Gives what follows from it that did not follow before, and what no longer follows.
        """
        facts = frozenset(fact for fact in sent if not self._stands(fact))
        gone: frozenset[ox.Triple] = frozenset()
        try:
            self._put(facts, self._sent)
            new, gone = self._change(facts)
            self._put(new, self._sent)
            for fact in gone:
                self.store.remove(_quad(fact, self._derived))
            yield new, gone
        finally:
            self.store.remove_graph(self._sent)
            self._put(gone, self._derived)

    def revise(self, added: Set[ox.Quad], removed: Set[ox.Quad]) -> Consequence:
        """Change what stands for good, and give what follows: as the rules on everything would.

        Seen from what stands with both, the old and the new are each a contribution left out.
        """
        before = frozenset(
            quad.triple for quad in added if self._stands(quad.triple, self._derived)
        )
        new = {quad.triple for quad in added} - before
        self.store.extend(added)
        lasting = {
            quad.triple
            for quad in removed
            if any(
                one not in removed and one.graph_name != self._derived
                for one in self.store.quads_for_pattern(quad.subject, quad.predicate, quad.object)
            )
        }
        gone = {quad.triple for quad in removed} - lasting
        changed = frozenset(fact for fact in new | gone if self._bears(fact))
        if not changed:
            for quad in removed:
                self.store.remove(quad)
            return Consequence(frozenset(), frozenset(), {})
        touched = {_subject(fact) for fact in changed}
        if all(name.startswith(self._records[0]) or self._is_new(name, new) for name in touched):
            facts = self._near(changed, touched)
        else:
            about = {ox.NamedNode(self.prefixes.iri(name)) for name in _ABOUT}
            facts = [quad for quad in self.asserted() if quad.graph_name not in about]
        was, rules_then = self._made_of(quad for quad in facts if quad.triple not in new)
        now, rules_now = self._made_of(quad for quad in facts if quad.triple not in gone)
        for quad in removed:
            self.store.remove(quad)
        difference = Consequence(
            new=frozenset(_quad(fact, self._derived) for fact in now - was),
            gone=frozenset(_quad(fact, self._derived) for fact in was - now),
            rules={name: number - rules_then[name] for name, number in rules_now.items()},
        )
        self.put(difference.new, difference.gone)
        return difference

    def put(self, added: Iterable[ox.Quad], removed: Iterable[ox.Quad]) -> None:
        """Have other facts stand, without what follows from them."""
        for quad in removed:
            self.store.remove(quad)
        self.store.extend(added)

    def read_from(self, touched: Iterable[str]) -> set[str]:
        """Name the records whose judgement may change with that of others."""
        names = set(touched)
        names |= self._read_with("records-the-shapes-read", names)
        names |= self._read_with("records-that-depend", names)
        for name in tuple(names):
            for quad in self.store.quads_for_pattern(None, None, ox.NamedNode(name)):
                if isinstance(quad.subject, ox.NamedNode):
                    names.add(quad.subject.value)
        return {name for name in names if name.startswith(self._records[:2])}

    def slice(self, touched: Iterable[str]) -> set[ox.Triple]:
        """Give all that the shapes can read from some names."""
        names = set(touched)
        names |= self._read_with("records-the-shapes-read", names)
        kept = {fact for name in names for fact in self.facts_of(name)}
        near = {fact.object.value for fact in kept if isinstance(fact.object, ox.NamedNode)}
        kept.update(fact for name in near - names for fact in self.facts_of(name))
        return kept | self.structure

    def all_derived_with(self, sent: Iterable[ox.Triple]) -> set[ox.Triple]:
        """Run the rules on everything: what `holding` must come to as well."""
        return self._derived_from(self.asserted(), sent)

    def _change(
        self, sent: frozenset[ox.Triple]
    ) -> tuple[frozenset[ox.Triple], frozenset[ox.Triple]]:
        """Give what the rules make because of a contribution, and what they no longer make."""
        bearing = frozenset(fact for fact in sent if self._bears(fact))
        if not bearing:
            return frozenset(), frozenset()
        touched = {_subject(fact) for fact in bearing}
        if not all(name.startswith(self._records[0]) or self._is_new(name) for name in touched):
            # A term or a concept that is known already can matter to any record.
            old = (quad for quad in self.asserted() if quad.graph_name != self._sent)
            after, before = self._derived_from(old, sent), self.derived
        else:
            near = self._near(bearing, touched)
            before = frozenset(self._derived_from(near, ()))
            after = self._derived_from(near, sent)
        gone = {fact for fact in before - after - sent if _quad(fact, self._derived) in self.store}
        return frozenset(after - before), frozenset(gone)

    def _near(self, changed: frozenset[ox.Triple], touched: set[str]) -> list[ox.Quad]:
        """Give all that stands and bears on what the rules make of some facts."""
        named = {
            fact.object.value
            for fact in changed
            if isinstance(fact.object, ox.NamedNode) and fact.object.value.startswith(self._records)
        }
        touched = touched | self._read_with("records-that-depend", touched)
        touched |= self._read_with("records-read-together", touched)
        return self._neighbourhood(touched | named)

    def _made_of(self, facts: Iterable[ox.Quad]) -> tuple[set[ox.Triple], dict[str, int]]:
        """Run the rules on some facts: what they make, and how much of it each."""
        store = ox.Store()
        store.extend(facts)
        made = self._derive(store)
        found = store.quads_for_pattern(None, None, None, self._derived)
        return {quad.triple for quad in found}, made

    def _derive(self, store: ox.Store) -> dict[str, int]:
        """Run the rules as `rules.derive` does, on terms as they are: what each makes anew.

        That a rule makes what its header says, and no blank nodes, was checked when the whole was
        built.
        """
        made: dict[str, int] = {}
        for rule in self.rules:
            before = len(store)
            found = store.query(rule.text, use_default_graph_as_union=True)
            assert isinstance(found, ox.QueryTriples)  # noqa: S101 - a rule is a CONSTRUCT
            store.extend(
                [
                    _quad(fact, self._derived)
                    for fact in set(found)
                    if next(
                        store.quads_for_pattern(fact.subject, fact.predicate, fact.object), None
                    )
                    is None
                ]
            )
            made[rule.name] = len(store) - before
        return made

    def _neighbourhood(self, names: set[str]) -> list[ox.Quad]:
        """Give what stands of some names and of all that they lead to."""
        wanted, seen, facts = list(names), set(names), []
        while wanted:
            for quad in self.store.quads_for_pattern(ox.NamedNode(wanted.pop()), None, None):
                if quad.graph_name in (self._derived, self._sent):
                    continue
                facts.append(quad)
                target = quad.object
                if (
                    isinstance(target, ox.NamedNode)
                    and target.value not in seen
                    and target.value.startswith(self._records)
                    and quad.predicate.value != self._leads_nowhere
                ):
                    seen.add(target.value)
                    wanted.append(target.value)
        axiom = ox.NamedNode(self.prefixes.iri("rdfs:subClassOf"))
        facts += self.store.quads_for_pattern(None, axiom, None)
        return facts

    def _derived_from(self, facts: Iterable[ox.Quad], sent: Iterable[ox.Triple]) -> set[ox.Triple]:
        store = ox.Store()
        store.extend(facts)
        store.extend(_quad(fact, self._sent) for fact in sent)
        self._derive(store)
        found = store.quads_for_pattern(None, None, None, self._derived)
        return {quad.triple for quad in found}

    def _read_with(self, name: str, touched: Iterable[str]) -> set[str]:
        """Ask which records are read together with some others."""
        written = " ".join(str(ox.NamedNode(one)) for one in sorted(touched))
        query = _TOUCHED.sub(lambda _: f"VALUES ?touched {{ {written} }}", self._slices[name])
        rows = EmbeddedEngine(self.store).select(query)
        return {str(row["record"]) for row in rows}

    def _stands(self, fact: ox.Triple, but_in: ox.NamedNode | None = None) -> bool:
        found = self.store.quads_for_pattern(fact.subject, fact.predicate, fact.object)
        return any(quad.graph_name != but_in for quad in found)

    def _put(self, facts: Iterable[ox.Triple], graph: ox.NamedNode) -> None:
        self.store.extend(_quad(fact, graph) for fact in facts)


def _quad(fact: ox.Triple, graph: ox.NamedNode) -> ox.Quad:
    return ox.Quad(fact.subject, fact.predicate, fact.object, graph)


def _subject(fact: ox.Triple) -> str:
    assert not isinstance(fact.subject, ox.Triple)  # noqa: S101 - no triple terms were let in
    return fact.subject.value
