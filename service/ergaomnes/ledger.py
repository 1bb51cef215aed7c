"""The ledger: every change of the graph, in a chain of records (`chain.py`).

    ledger/00000001.json          number, time, what it was worked out on, what it undoes or accepts
    ledger/00000001.said.json     by whom and why, in words
    ledger/00000001.patch         what was added and removed

A record is the truth: a generation is the shipped files, the changes in their order, and what the
rules derive. Which generation a change led to is said by the record of that generation, which names
the ledger's head: a name that hashes the ledger cannot stand in it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ergaomnes.chain import REDACTED, Chain, Record, as_part, part_of
from ergaomnes.engine import Iri, Literal, Term, Triples
from ergaomnes.errors import LedgerBroken, Redacted, StillStands, UnknownChange
from ergaomnes.patch import Patch
from ergaomnes.redaction import redact, verify
from ergaomnes.settings import Settings
from ergaomnes.terms import Prefixes

FOLDER, TURN = "ledger", ".turn"
GENERATIONS = "generations"
CHANGE = "change"
AFRESH = "afresh"
"""Asks for the store anew, with what the ledger says now, and no change."""
_SAID, _PATCH = "said.json", "patch"
_ABOUT = ("base", "report", "warnings", "undoes", "contribution")
_WORDS = ("author", "contributor", "token", "reason", "source", "licence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change; `added` and `removed` are sorted lines of N-Quads."""

    number: int
    time: str
    author: str
    """The label of the token it was made with, under which a curator is known."""
    token: str
    """The name of the token it was made with; it opens nothing, and is never published."""
    reason: str
    source: str
    """Where the facts were taken from, in the author's words."""
    licence: str = ""
    """The licence under which they were given, by its SPDX name."""
    base: str
    """The generation it was worked out on."""
    report: str
    """The SHA-256 of the report on it, and how many warnings it was accepted with."""
    warnings: int
    undoes: int | None
    contribution: int | None = None
    """The contribution that was accepted by it."""
    contributor: str = ""
    """The name under which whoever sent that wants to be known."""
    added: tuple[str, ...]
    removed: tuple[str, ...]
    previous: str
    gone: Mapping[str, str] = field(default_factory=dict)
    """The hashes of parts that were taken away; what stood in them is empty here."""

    @property
    def patch(self) -> Patch:
        """What it adds and removes."""
        return Patch(self.added, self.removed)

    def written(self) -> bytes:
        """Write all of it as one text: the same change, the same bytes."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1).encode() + b"\n"

    @classmethod
    def read(cls, content: bytes) -> "Change":
        """Read what was written; whatever else is raised, it was something else."""
        said = json.loads(content)
        added, removed = tuple(said.pop("added")), tuple(said.pop("removed"))
        return cls(**said, added=added, removed=removed)

    @property
    def parts(self) -> dict[str, bytes]:
        """Give what is kept beside its record."""
        said = as_part({name: getattr(self, name) for name in _WORDS})
        return {_SAID: said, _PATCH: self.patch.written()}

    def record(self, chain: Chain) -> Record:
        """Give its record, the next of the chain."""
        about = {name: getattr(self, name) for name in _ABOUT}
        made = chain.next(CHANGE, self.parts, about, self.time)
        if (made.number, made.previous) != (self.number, self.previous):
            raise LedgerBroken(made.name, "it is there already")
        return made


@dataclass(frozen=True, slots=True)
class Ledger:
    """All changes, in their order, as they stood when they were read."""

    changes: tuple[Change, ...] = ()
    records: tuple[Record, ...] = ()
    """The records of the chain, with those that say that something was taken away."""

    @property
    def head(self) -> str:
        """The hash of the last record, which stands for all; nothing where there is none."""
        return self.records[-1].sha256 if self.records else ""

    @property
    def graphs(self) -> list[str]:
        """The graphs that changes have added to."""
        return sorted({graph_of(line) for change in self.changes for line in change.added})

    def __getitem__(self, number: int) -> Change:
        for change in self.changes:
            if change.number == number:
                return change
        raise UnknownChange(number)

    def with_(self, change: Change, record: Record) -> "Ledger":
        """Give the ledger that it becomes with one more change."""
        return Ledger((*self.changes, change), (*self.records, record))

    def applied_to(self, lines: Iterable[str]) -> set[str]:
        """Give what stands, as lines of N-Quads, after all changes."""
        stands = set(lines)
        for change in self.changes:
            stands.difference_update(change.removed)
            stands.update(change.added)
        return stands


def chain_of(settings: Settings) -> Chain:
    """Give the chain that the changes are kept in."""
    return Chain(settings.data_dir / FOLDER)


def read_ledger(settings: Settings, length: int | None = None) -> Ledger:
    """Read all changes, or those of the first records; raise LedgerBroken where one is at fault."""
    chain = chain_of(settings)
    records = chain.records()[:length]
    changes = tuple(_change(chain, one) for one in records if one.kind == CHANGE)
    return Ledger(changes, tuple(records))


def audited(settings: Settings) -> Ledger:
    """Verify all records, and compare them with what the generations say that they were made of.

    A chain alone would not show that its last records are missing.
    """
    records = chain_of(settings).verified()
    verify(settings, records)
    heads = {0: "", **{record.number: record.sha256 for record in records}}
    for file in sorted((settings.data_dir / GENERATIONS).glob("*.json")):
        said = json.loads(file.read_bytes())
        number, head = said.get("changes", 0), said.get("head", "")
        if heads.get(number) != head:
            why = "it is missing" if number not in heads else "it is not the one that was made"
            raise LedgerBroken(
                f"{number:08}.json", f"{why}: generation {file.stem} was made with it"
            )
    return read_ledger(settings)


def append(settings: Settings, change: Change) -> None:
    """Keep a change for good. When this returns it survives anything."""
    chain = chain_of(settings)
    with chain.held():
        chain.append(change.record(chain), change.parts)


def redact_changes(settings: Settings, numbers: Sequence[int], by: str, reason: str) -> Record:
    """Take away what some changes hold; the turn of the curation must be held.

    Together they may change nothing: what stands in the graph has to be undone first.
    """
    chain = chain_of(settings)
    with chain.held() as records:
        chosen = [records[number - 1] for number in sorted(numbers)]
        whole = Patch()
        for record in chosen:
            whole = whole.then(_change(chain, record).patch)
        if whole:
            raise StillStands(len(whole.added) + len(whole.removed))
        return redact(chain, settings, chosen, by, reason)


def redactions(chain: Chain) -> list[Record]:
    """Give the tombstones of changes, in their order."""
    return [record for record in chain.records() if record.kind == REDACTED]


def changes_taken(tombstone: Record) -> set[int]:
    """Give the numbers of the changes that a tombstone stands for."""
    return {part_of(name)[0] for name in tombstone.about["parts"]}


def said_of(chain: Chain, tombstone: Record) -> tuple[str, str]:
    """Give by whom something was taken away, and why."""
    said = json.loads(chain.part(tombstone, _SAID))
    return said["by"], said["text"]


def graph_of(line: str) -> str:
    """Give the graph of a line of N-Quads."""
    return line.rstrip(" .\n").rpartition("<")[2].removesuffix(">")


def described(ledger: Ledger, prefixes: Prefixes) -> Triples:
    """Say in PROV-O who changed what, when and why: an activity for each change.

    Who it was is a name that they chose; of their tokens nothing else is published.
    """
    hashes = {record.number: record.sha256 for record in ledger.records}
    facts = [
        fact
        for change in ledger.changes
        for fact in _described(change, hashes[change.number], prefixes)
    ]
    return Triples(tuple(facts))


def _described(change: Change, sha256: str, prefixes: Prefixes) -> Iterator[tuple[Iri, Iri, Term]]:
    this = _activity(change.number, prefixes)

    def fact(subject: Iri, name: str, value: Term | str) -> tuple[Iri, Iri, Term]:
        target = Literal(value) if isinstance(value, str) else value
        return subject, Iri(prefixes.iri(name)), target

    def agent(role: str, name: str) -> Iterator[tuple[Iri, Iri, Term]]:
        someone = Iri(f"{this.value}/{role}")
        yield fact(someone, "rdf:type", Iri(prefixes.iri("prov:Agent")))
        yield fact(someone, "rdfs:label", name)

    yield fact(this, "rdf:type", Iri(prefixes.iri("prov:Activity")))
    yield fact(this, "dcterms:identifier", f"sha256:{sha256}")
    yield fact(this, "prov:endedAtTime", Literal(change.time, prefixes.iri("xsd:dateTime")))
    if change.undoes is not None:
        yield fact(this, "prov:wasInformedBy", _activity(change.undoes, prefixes))
    for name, text in (
        ("dcterms:description", change.reason),
        ("dcterms:source", change.source),
        ("dcterms:license", change.licence),
    ):
        if text:
            yield fact(this, name, text)
    if change.author:
        yield from agent("curator", change.author)
        yield fact(this, "prov:wasAssociatedWith", Iri(f"{this.value}/curator"))
    touched = {graph_of(line) for line in (*change.added, *change.removed)}
    for graph in sorted(touched):
        yield fact(this, "prov:used", Iri(graph))
    if change.contribution is None:
        return
    sent = Iri(f"{prefixes.base}contribution/{change.contribution}")
    yield fact(this, "prov:used", sent)
    yield fact(sent, "rdf:type", Iri(prefixes.iri("prov:Entity")))
    if change.contributor:
        yield from agent("contributor", change.contributor)
        yield fact(sent, "prov:wasAttributedTo", Iri(f"{this.value}/contributor"))
    for graph in sorted({graph_of(line) for line in change.added}):
        yield fact(Iri(graph), "prov:wasGeneratedBy", this)
        yield fact(Iri(graph), "prov:wasDerivedFrom", sent)


def _activity(number: int, prefixes: Prefixes) -> Iri:
    return Iri(f"{prefixes.iri('graph:changes')}/{number}")


def _change(chain: Chain, record: Record) -> Change:
    said: dict[str, Any] = dict.fromkeys(_WORDS, "")
    patch, gone = Patch(), {}
    try:
        said = json.loads(chain.part(record, _SAID))
    except Redacted:
        gone[_SAID] = record.parts[_SAID]
    except ValueError:
        raise LedgerBroken(record.name, "what was said of it cannot be read") from None
    try:
        patch = Patch.read(chain.part(record, _PATCH))
    except Redacted:
        gone[_PATCH] = record.parts[_PATCH]
    except ValueError:
        raise LedgerBroken(record.name, "its patch cannot be read") from None
    return Change(
        number=record.number,
        time=record.time,
        **said,
        **record.about,
        added=patch.added,
        removed=patch.removed,
        previous=record.previous,
        gone=gone,
    )
