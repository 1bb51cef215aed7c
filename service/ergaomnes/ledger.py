"""The ledger: every change that a curator made, one file each, in a chain of hashes.

    ledger/00000001.json    what was added and removed, by whom, why, on what, after what
    ledger/00000002.json    … with the SHA-256 of the file before it
    ledger/.lock            held by who writes

A record is the truth: a generation is the shipped files, the changes in their order, and what the
rules derive. It is written under another name, brought to the disk and then renamed, so that a half
written one never counts; and it is never written again. Which generation a change led to is said by
the record of that generation, which names the ledger's head: a name that hashes the ledger cannot
stand in it.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ergaomnes.engine import Iri, Literal, Term, Triples
from ergaomnes.errors import LedgerBroken, UnknownChange
from ergaomnes.locks import sync
from ergaomnes.settings import Settings
from ergaomnes.terms import Prefixes
from ergaomnes.turtle import replace

FOLDER, LOCK = "ledger", ".lock"
GENERATIONS = "generations"
_ENDING = ".json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One record; `added` and `removed` are sorted lines of N-Quads."""

    number: int
    time: str
    author: str
    token: str
    reason: str
    source: str
    """Where the facts were taken from, and under which licence, in the author's words."""
    base: str
    """The generation it was worked out on."""
    report: str
    """The SHA-256 of the report on it, and how many warnings it was accepted with."""
    warnings: int
    undoes: int | None
    added: tuple[str, ...]
    removed: tuple[str, ...]
    previous: str

    @property
    def name(self) -> str:
        """The file it is kept in."""
        return f"{self.number:08}{_ENDING}"

    def written(self) -> bytes:
        """Write the record: the same change, the same bytes."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1).encode() + b"\n"

    @classmethod
    def read(cls, content: bytes) -> "Change":
        """Read what was written; whatever else is raised, it was something else."""
        said = json.loads(content)
        added, removed = tuple(said.pop("added")), tuple(said.pop("removed"))
        return cls(**said, added=added, removed=removed)

    @property
    def sha256(self) -> str:
        """What the next record names."""
        return hashlib.sha256(self.written()).hexdigest()


@dataclass(frozen=True, slots=True)
class Ledger:
    """All changes, in their order, as they stood when they were read."""

    changes: tuple[Change, ...] = ()

    @property
    def head(self) -> str:
        """The hash of the last record, which stands for all; nothing where there is none."""
        return self.changes[-1].sha256 if self.changes else ""

    @property
    def graphs(self) -> list[str]:
        """The graphs that changes have added to."""
        return sorted({graph_of(line) for change in self.changes for line in change.added})

    def __getitem__(self, number: int) -> Change:
        if not 0 < number <= len(self.changes):
            raise UnknownChange(number)
        return self.changes[number - 1]

    def with_(self, change: Change) -> "Ledger":
        """Give the ledger that it becomes with one more change."""
        return Ledger((*self.changes, change))

    def applied_to(self, lines: Iterable[str]) -> set[str]:
        """Give what stands, as lines of N-Quads, after all changes."""
        stands = set(lines)
        for change in self.changes:
            stands.difference_update(change.removed)
            stands.update(change.added)
        return stands


def read_ledger(settings: Settings) -> Ledger:
    """Read all records, and raise LedgerBroken at the first that is not what was written."""
    return Ledger(tuple(_verified(settings.data_dir / FOLDER)))


def audited(settings: Settings) -> Ledger:
    """Read all records, and compare them with what the generations say that they were made of.

    A chain alone would not show that its last records are missing.
    """
    ledger = read_ledger(settings)
    heads = {0: "", **{change.number: change.sha256 for change in ledger.changes}}
    for file in sorted((settings.data_dir / GENERATIONS).glob("*.json")):
        said = json.loads(file.read_bytes())
        number, head = said.get("changes", 0), said.get("head", "")
        if heads.get(number) != head:
            name = f"{number:08}{_ENDING}"
            why = "it is missing" if number not in heads else "it is not the one that was made"
            raise LedgerBroken(name, f"{why}: generation {file.stem} was made with it")
    return ledger


def append(settings: Settings, change: Change) -> None:
    """Keep a change for good; the lock must be held. When this returns it survives anything."""
    folder = settings.data_dir / FOLDER
    file = folder / change.name
    if file.exists():
        raise LedgerBroken(change.name, "it is there already")
    replace(file, change.written())
    sync(folder)


def graph_of(line: str) -> str:
    """Give the graph of a line of N-Quads."""
    return line.rstrip(" .\n").rpartition("<")[2].removesuffix(">")


def described(ledger: Ledger, prefixes: Prefixes) -> Triples:
    """Say in PROV-O who changed what, when and why: an activity for each change."""

    def term(name: str) -> Iri:
        return Iri(prefixes.iri(name))

    facts: list[tuple[Iri, Iri, Term]] = []
    for change in ledger.changes:
        this = Iri(f"{prefixes.iri('graph:changes')}/{change.number}")
        said: list[tuple[str, Term]] = [
            ("rdf:type", term("prov:Activity")),
            ("dcterms:identifier", Literal(f"sha256:{change.sha256}")),
            ("dcterms:description", Literal(change.reason)),
            ("dcterms:creator", Literal(change.author)),
            ("prov:endedAtTime", Literal(change.time, prefixes.iri("xsd:dateTime"))),
        ]
        if change.source:
            said.append(("dcterms:source", Literal(change.source)))
        if change.undoes is not None:
            undone = Iri(f"{prefixes.iri('graph:changes')}/{change.undoes}")
            said.append(("prov:wasInformedBy", undone))
        touched = {graph_of(line) for line in (*change.added, *change.removed)}
        said += [("prov:used", Iri(graph)) for graph in sorted(touched)]
        facts += [(this, term(name), value) for name, value in said]
    return Triples(tuple(facts))


def _verified(folder: Path) -> Iterator[Change]:
    names = sorted(one.name for one in folder.glob(f"[!.]*{_ENDING}")) if folder.is_dir() else []
    before: Change | None = None
    for number, name in enumerate(names, 1):
        expected = f"{number:08}{_ENDING}"
        if name != expected:
            raise LedgerBroken(expected, f"it is missing, and {name} is there")
        change = _read(folder / name)
        if change.number != number:
            raise LedgerBroken(name, f"it says that it is number {change.number}")
        if change.previous != (before.sha256 if before else ""):
            # One of the two was altered; the record after them tells which.
            after = _read(folder / names[number]) if number < len(names) else None
            is_this = before is None or (after and after.previous != change.sha256)
            broken = change if is_this or before is None else before
            raise LedgerBroken(broken.name, "it is not what its neighbours were written with")
        before = change
        yield change


def _read(file: Path) -> Change:
    """Read one record; what it holds has to be exactly what is written of it."""
    try:
        content = file.read_bytes()
        change = Change.read(content)
        written = change.written()
    except OSError as error:
        raise LedgerBroken(file.name, error.strerror or "it cannot be read") from None
    except (AttributeError, KeyError, TypeError, ValueError):
        raise LedgerBroken(file.name, "it is no record of a change") from None
    if written != content:
        raise LedgerBroken(file.name, "it is not as it was written")
    return change
