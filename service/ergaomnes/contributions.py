"""Contributions: what was proposed, what was said of it, and what became of it.

    contributions/00000017.json            a contribution was handed in: it is number 17
    contributions/00000017.said.json       author, licence, source, note, in words
    contributions/00000017.sent-1.ttl      what was sent, as it was sent
    contributions/00000017.report.json     what the shapes said of it
    contributions/00000017.patch           what it would add to the graph and remove from it
    contributions/00000017.following.patch what would follow by the rules
    contributions/00000018.json            … a comment on one, a rejection, a withdrawal

Records are never changed (`chain.py`). That a contribution is accepted is said by the ledger alone,
where a change names it: whatever dies between two writes, the two never say different things.
"""

import hashlib
import json
import re
import threading
from collections.abc import Container, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ergaomnes.chain import REDACTED, Chain, Record, as_part, part_of
from ergaomnes.errors import (
    ContributionClosed,
    KeyReused,
    LedgerBroken,
    NotYours,
    UnknownContribution,
)
from ergaomnes.ledger import CHANGE, chain_of
from ergaomnes.patch import Patch
from ergaomnes.redaction import redact, verify
from ergaomnes.settings import Settings
from ergaomnes.terms import prefixes
from ergaomnes.tokens import CURATOR, Token

FOLDER = "contributions"
SUBMITTED, COMMENTED, REJECTED, WITHDRAWN = "submitted", "commented", "rejected", "withdrawn"
ACCEPTED, UNDONE = "accepted", "undone"
STATES = (SUBMITTED, ACCEPTED, REJECTED, WITHDRAWN, UNDONE, REDACTED)

_SAID, _REPORT, _PATCH, _FOLLOWING = "said.json", "report.json", "patch", "following.patch"
_ENDING = re.compile(r"\.[a-z0-9]{1,8}$")


@dataclass(frozen=True, slots=True)
class Said:
    """What a contributor says of a contribution."""

    author: str
    """The name under which they want to be known; a pseudonym serves."""
    licence: str
    """The SPDX name of the licence under which it is given."""
    source: str = ""
    """Where all of it was taken from; what has citations of its own needs none."""
    note: str = ""
    mode: str = "add"
    supersedes: int | None = None
    """The contribution in whose place it is handed in."""
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Sent:
    """One text as it was sent."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was said of a contribution, or done with it."""

    number: int
    kind: str
    time: str
    by: str
    """The label of a curator's token; “contributor” for who sent it."""
    text: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """A contribution with all that became of it."""

    id: int
    state: str
    time: str
    said: Said
    base: str
    """The generation that it was judged on."""
    warnings: int
    added: int
    removed: int
    sent: tuple[str, ...]
    """The parts that hold what was sent, and …"""
    names: tuple[str, ...]
    """… how they were called, each with its media type."""
    media_types: tuple[str, ...]
    events: tuple[Event, ...]
    change: int | None
    """The change by which it was accepted."""

    @property
    def comments(self) -> tuple[Event, ...]:
        """What was said of it."""
        return tuple(event for event in self.events if event.kind == COMMENTED)

    @property
    def decision(self) -> Event | None:
        """Its rejection or withdrawal; that it was accepted is said by its change."""
        return next((e for e in self.events if e.kind in (REJECTED, WITHDRAWN)), None)


class Contributions:
    """All contributions of one data folder; other processes may add to them too."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.chain = Chain(settings.data_dir / FOLDER)
        self._ledger = chain_of(settings)
        self._guard = threading.RLock()
        self._index = _Index()

    def submit(
        self,
        said: Said,
        by: Token,
        sent: Sequence[Sent],
        *,
        report: bytes,
        patch: Patch,
        following: Patch,
        base: str,
        warnings: int,
        key: str = "",
    ) -> tuple[Dossier, bool]:
        """Keep a contribution, and say whether it is new.

        One that was sent before, under the same key or with the same patch where that is open or
        accepted, is not kept twice. Raises KeyReused where the key was sent with something else.
        """
        if said.supersedes is not None:
            self[said.supersedes]
        parts = {
            _SAID: as_part({**asdict(said), "token": by.name, "label": by.label}),
            _REPORT: report,
            _PATCH: patch.written(),
            _FOLLOWING: following.written(),
        }
        texts = []
        for number, one in enumerate(sent, 1):
            name = f"sent-{number}{_ending(one.name)}"
            parts[name] = one.content
            texts.append({"part": name, "name": one.name, "media_type": one.media_type})
        parts["texts.json"] = as_part({"texts": texts})
        content = _content(said, sent)
        about: dict[str, Any] = {
            "base": base,
            "warnings": warnings,
            "added": len(patch.added),
            "removed": len(patch.removed),
            "content": content,
            "key": _key(by, key),
        }
        with self._guard, self.chain.held():
            index = self._read()
            if (known := self.recognised(said, by, sent, key)) is not None:
                return known, False
            patched = _sha256(parts[_PATCH])
            for number in index.patches.get(patched, ()):
                if self._state(number) in (SUBMITTED, ACCEPTED):
                    return self[number], False
            record = self.chain.next(SUBMITTED, parts, about)
            self.chain.append(record, parts)
        return self[record.number], True

    def recognised(self, said: Said, by: Token, sent: Sequence[Sent], key: str) -> Dossier | None:
        """Give what was kept under this key of this token, before anything is judged again.

        Raises KeyReused where something else was sent with it.
        """
        with self._guard:
            number = self._read().keys.get(_key(by, key)) if key else None
            if number is None:
                return None
            if self._index.submitted[number].about["content"] != _content(said, sent):
                raise KeyReused(number)
        return self[number]

    def comment(self, number: int, by: Token, text: str) -> Dossier:
        """Keep what somebody says of a contribution: a curator, or who sent it."""
        self._told(number, COMMENTED, by, text, open_only=False)
        return self[number]

    def reject(self, number: int, by: Token, reason: str) -> Dossier:
        """Decide against a contribution; the turn of the curation must be held."""
        self._told(number, REJECTED, by, reason)
        return self[number]

    def withdraw(self, number: int, by: Token, reason: str) -> Dossier:
        """Take back a contribution; the turn of the curation must be held."""
        self._told(number, WITHDRAWN, by, reason)
        return self[number]

    def __getitem__(self, number: int) -> Dossier:
        """Give a contribution; raise UnknownContribution where there is none."""
        with self._guard:
            index = self._read()
            record = index.submitted.get(number)
            if record is None:
                raise UnknownContribution(number)
            state = self._state(number)
            events = tuple(self._events(number))
            change = index.accepted.get(number)
        said, texts = Said("", ""), []
        if state != REDACTED:
            told = json.loads(self.chain.part(record, _SAID))
            said = Said(**{name: told[name] for name in Said.__dataclass_fields__})
            texts = json.loads(self.chain.part(record, "texts.json"))["texts"]
        return Dossier(
            id=number,
            state=state,
            time=record.time,
            said=said,
            base=record.about["base"],
            warnings=record.about["warnings"],
            added=record.about["added"],
            removed=record.about["removed"],
            sent=tuple(one["part"] for one in texts),
            names=tuple(one["name"] for one in texts),
            media_types=tuple(one["media_type"] for one in texts),
            events=events,
            change=change,
        )

    def state(self, number: int) -> str:
        """Say what became of a contribution."""
        with self._guard:
            if number not in self._read().submitted:
                raise UnknownContribution(number)
            return self._state(number)

    def listed(self, state: str = "", after: int = 0, limit: int = 100) -> list[Dossier]:
        """Give contributions in the order in which they came, those after a number."""
        with self._guard:
            index = self._read()
            numbers = [
                number
                for number in index.submitted
                if number > after and (not state or self._state(number) == state)
            ]
        return [self[number] for number in numbers[:limit]]

    def open_of(self, token: str) -> int:
        """Count the contributions of a token that wait for a decision."""
        with self._guard:
            index = self._read()
            found = [n for n in index.submitted if self._state(n) == SUBMITTED]
            return sum(self._token(index.submitted[n]) == token for n in found)

    def is_of(self, number: int, by: Token) -> bool:
        """Tell whether a contribution was sent with a token."""
        with self._guard:
            record = self._read().submitted.get(number)
            return record is not None and self._token(record) == by.name

    def changes_of(self, number: int) -> list[int]:
        """Give the change by which a contribution was accepted, and all that undo or redo it."""
        with self._guard:
            index = self._read()
            change = index.accepted.get(number)
            return [] if change is None else sorted(index.related(change))

    def accepted_by(self, changes: Container[int]) -> list[int]:
        """Give the contributions that were accepted by some changes."""
        with self._guard:
            return [sent for sent, change in self._read().accepted.items() if change in changes]

    def patch(self, number: int) -> Patch:
        """Give what a contribution adds, in a graph of its own, and removes."""
        patch = Patch.read(self.part(number, _PATCH))
        shared = f"<{prefixes()['graph']}contribution> ."
        own = f"<{prefixes()['graph']}data/{FOLDER}/{number}> ."
        added = (
            line.removesuffix(shared) + own if line.endswith(shared) else line
            for line in patch.added
        )
        return Patch.of(added, patch.removed)

    def following(self, number: int) -> Patch:
        """Give what would follow from it by the rules."""
        return Patch.read(self.part(number, _FOLLOWING))

    def report(self, number: int) -> bytes:
        """Give what the shapes said of it, as plain JSON."""
        return self.part(number, _REPORT)

    def part(self, number: int, name: str) -> bytes:
        """Give a part of a contribution; raise Redacted where it was taken away."""
        with self._guard:
            record = self._read().submitted.get(number)
        if record is None or name not in record.parts:
            raise UnknownContribution(number)
        return self.chain.part(record, name)

    def redact(self, number: int, by: str, reason: str) -> Record:
        """Take away all that was sent and said of a contribution; a signed tombstone stays.

        The turn of the curation must be held. Of one that was accepted, the curation has taken its
        changes away from the ledger before, and so made sure that nothing of it stands.
        """
        with self._guard, self.chain.held():
            index = self._read()
            if number not in index.submitted:
                raise UnknownContribution(number)
            if self._state(number) == REDACTED:
                raise ContributionClosed(number, REDACTED, "still kept")
            records = [index.submitted[number], *index.events.get(number, ())]
            return redact(self.chain, self.settings, records, by, reason)

    def verified(self) -> Sequence[Record]:
        """Verify all records, and that those are there which the ledger says were accepted."""
        records = self.chain.verified()
        verify(self.settings, records)
        with self._guard:
            index = self._read()
            if missing := sorted(index.accepted.keys() - index.submitted.keys()):
                change = index.accepted[missing[0]]
                why = f"it is missing: change {change} says that it was accepted"
                raise LedgerBroken(f"{missing[0]:08}.json", why)
        return records

    def _told(
        self, number: int, kind: str, by: Token, text: str, *, open_only: bool = True
    ) -> Record:
        with self._guard, self.chain.held():
            index = self._read()
            if number not in index.submitted:
                raise UnknownContribution(number)
            state = self._state(number)
            if (open_only and state != SUBMITTED) or state == REDACTED:
                raise ContributionClosed(number, state, SUBMITTED)
            is_theirs = self._token(index.submitted[number]) == by.name
            if by.role != CURATOR and not is_theirs:
                raise NotYours(number)
            parts = {
                _SAID: as_part(
                    {
                        "text": text.strip(),
                        "by": by.label if by.role == CURATOR else "contributor",
                        "token": by.name,
                    }
                )
            }
            record = self.chain.next(kind, parts, {"contribution": number})
            self.chain.append(record, parts)
            return record

    def _read(self) -> "_Index":
        """Take in what is new, here and in the ledger."""
        self._index.take(self.chain.records(), self._ledger.records())
        return self._index

    def _state(self, number: int) -> str:
        index = self._index
        if (number, _SAID) in index.gone:
            return REDACTED
        change = index.accepted.get(number)
        if change is not None:
            return UNDONE if index.is_undone(change) else ACCEPTED
        return index.decided.get(number, SUBMITTED)

    def _token(self, record: Record) -> str:
        if (record.number, _SAID) in self._index.gone:
            return ""
        tokens = self._index.tokens
        if record.number not in tokens:
            tokens[record.number] = json.loads(self.chain.part(record, _SAID))["token"]
        return tokens[record.number]

    def _events(self, number: int) -> Iterator[Event]:
        for record in self._index.events.get(number, ()):
            if (record.number, _SAID) in self._index.gone:
                yield Event(record.number, record.kind, record.time, "", "")
                continue
            said = json.loads(self.chain.part(record, _SAID))
            yield Event(record.number, record.kind, record.time, said["by"], said["text"])


class _Index:
    """What is looked up: which record is about which contribution."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.submitted: dict[int, Record] = {}
        self.events: dict[int, list[Record]] = {}
        self.decided: dict[int, str] = {}
        self.keys: dict[str, int] = {}
        self.patches: dict[str, list[int]] = {}
        self.tokens: dict[int, str] = {}
        self.gone: set[tuple[int, str]] = set()
        self.accepted: dict[int, int] = {}
        self._undone_by: dict[int, list[int]] = {}
        self._seen = ("", "")
        self._lengths = (0, 0)

    def take(self, records: Sequence[Record], changes: Sequence[Record]) -> None:
        """Read on from where it stood; from the beginning where that is gone."""
        here, there = self._lengths
        still = (
            len(records) >= here
            and len(changes) >= there
            and (not here or records[here - 1].sha256 == self._seen[0])
            and (not there or changes[there - 1].sha256 == self._seen[1])
        )
        if not still:
            self._clear()
            here = there = 0
        for record in records[here:]:
            self._take(record)
        for record in changes[there:]:
            if record.kind == CHANGE:
                self._take_change(record)
        self._lengths = len(records), len(changes)
        self._seen = (
            records[-1].sha256 if records else "",
            changes[-1].sha256 if changes else "",
        )

    def is_undone(self, change: int) -> bool:
        """Tell whether a change was taken back, and that not taken back itself."""
        return any(not self.is_undone(one) for one in self._undone_by.get(change, ()))

    def related(self, change: int) -> set[int]:
        """Give a change, those that take it back, those that take these back, and so on."""
        found = {change}
        for one in self._undone_by.get(change, ()):
            found |= self.related(one)
        return found

    def _take(self, record: Record) -> None:
        number, about = record.number, record.about
        if record.kind == SUBMITTED:
            self.submitted[number] = record
            self.patches.setdefault(record.parts[_PATCH], []).append(number)
            if about["key"]:
                self.keys.setdefault(about["key"], number)
            return
        if record.kind == REDACTED:
            self.gone.update(map(part_of, about["parts"]))
            return
        self.events.setdefault(about["contribution"], []).append(record)
        if record.kind in (REJECTED, WITHDRAWN):
            self.decided.setdefault(about["contribution"], record.kind)

    def _take_change(self, record: Record) -> None:
        if (sent := record.about["contribution"]) is not None:
            self.accepted[sent] = record.number
        if (undone := record.about["undoes"]) is not None:
            self._undone_by.setdefault(undone, []).append(record.number)


def _key(by: Token, key: str) -> str:
    return _sha256(f"{by.name} {key}".encode()) if key else ""


def _content(said: Said, sent: Sequence[Sent]) -> str:
    """Tell one submission from another by what was said and sent."""
    told = [as_part(asdict(said)), *(one.content for one in sent)]
    return _sha256(" ".join(map(_sha256, told)).encode())


def _ending(name: str) -> str:
    found = _ENDING.search(Path(name).suffix.lower())
    return found[0] if found else ".txt"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
