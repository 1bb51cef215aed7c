"""A chain of records: each is kept for good, and names the SHA-256 of the one before it.

    00000017.json        the record: number, time, kind, what it is about, its parts by their hashes
    00000017.said.json   a part: whatever was said, sent or worked out
    00000018.json        … with the SHA-256 of 00000017.json
    .lock                held by who appends
    .head                the hash of the last record, which shows where the end was cut off

Whatever may name or harm a person stands in a part, never in a record. A part can therefore be
taken away, where a later record of the kind `redacted` says so, and the chain still holds.

Parts are written before their record, each under another name, brought to the disk and renamed: a
record that is there is whole. It is never written again.
"""

import contextlib
import datetime
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ergaomnes.errors import LedgerBroken, Redacted
from ergaomnes.locks import alone, sync
from ergaomnes.turtle import replace

LOCK, HEAD = ".lock", ".head"
REDACTED = "redacted"
_RECORD = re.compile(r"[0-9]{8}\.json")
_PART = re.compile(r"(?!json$)[a-z][a-z0-9-]*(\.[a-z0-9]+)?")


@dataclass(frozen=True)
class Record:
    """One link of a chain."""

    number: int
    time: str
    """When it was made: xsd:dateTime in UTC, to the second."""
    kind: str
    about: Mapping[str, Any]
    """Numbers and hashes that tell what it has to do with: nothing that names a person."""
    parts: Mapping[str, str]
    """The SHA-256 of each part, by its name, which ends as the name of a file does."""
    previous: str
    """The SHA-256 of the record before it; nothing for the first."""

    @property
    def name(self) -> str:
        """The file it is kept in."""
        return f"{self.number:08}.json"

    def written(self) -> bytes:
        """Write it: the same record, the same bytes."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1).encode() + b"\n"

    @cached_property
    def sha256(self) -> str:
        """What the next record names."""
        return hashlib.sha256(self.written()).hexdigest()


@dataclass
class Chain:
    """The records of one folder, read as they come to be; other processes may append too.

    A chain that is kept reads only what is new. What it has read once it believes: `verified`
    reads everything again.
    """

    folder: Path
    _read: list[Record] = field(default_factory=list)
    _mark: tuple[int, int] = (0, 0)

    def records(self) -> Sequence[Record]:
        """Give all records in their order; raise LedgerBroken where one does not follow."""
        if self._read and self._mark != self._mark_of(self._read[-1]):
            self._read.clear()  # the folder was put back from a backup
        while True:
            number = len(self._read) + 1
            try:
                content = (self.folder / f"{number:08}.json").read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return self._read
            except OSError as error:
                name = f"{number:08}.json"
                raise LedgerBroken(name, error.strerror or "it cannot be read") from None
            record = _record(content, number)
            if record.previous != (self._read[-1].sha256 if self._read else ""):
                raise LedgerBroken(record.name, "it is not what its neighbours were written with")
            self._read.append(record)
            self._mark = self._mark_of(record)

    @property
    def head(self) -> str:
        """The hash of the last record, which stands for all; nothing where there is none."""
        records = self.records()
        return records[-1].sha256 if records else ""

    def gone(self) -> dict[tuple[int, str], Record]:
        """Give the parts that were taken away, by number and name, with the record that says so."""
        return {
            part_of(name): one
            for one in self.records()
            if one.kind == REDACTED
            for name in one.about["parts"]
        }

    def part(self, record: Record, name: str) -> bytes:
        """Read a part; raise Redacted where it was taken away, LedgerBroken where it is changed."""
        if tombstone := self.gone().get((record.number, name)):
            raise Redacted(record.number, tombstone.number, tombstone.time)
        file = self._file(record.number, name)
        try:
            content = file.read_bytes()
        except OSError as error:
            content, why = b"", error.strerror or "it cannot be read"
        else:
            why = "it is not as it was written"
        if hashlib.sha256(content).hexdigest() == record.parts[name]:
            return content
        raise LedgerBroken(file.name, why)

    @contextlib.contextmanager
    def held(self) -> Iterator[Sequence[Record]]:
        """Let nobody else append meanwhile, and give what stands.

        What somebody who died had said was taken away is taken away first.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with alone(self.folder / LOCK):
            if any(self._file(*part).exists() for part in self.gone()):
                self.purge()
            self._look_at_end(self.records())
            yield self.records()

    def next(
        self,
        kind: str,
        parts: Mapping[str, bytes],
        about: Mapping[str, Any],
        time: str = "",
    ) -> Record:
        """Make the record that would come next; nothing is written."""
        records = self.records()
        if odd := [name for name in parts if not _PART.fullmatch(name)]:
            raise ValueError(f"{odd[0]!r} is no name of a part")
        return Record(
            number=len(records) + 1,
            time=time or now(),
            kind=kind,
            about=about,
            parts={
                name: hashlib.sha256(content).hexdigest() for name, content in sorted(parts.items())
            },
            previous=records[-1].sha256 if records else "",
        )

    def append(self, record: Record, parts: Mapping[str, bytes]) -> None:
        """Keep a record for good; the lock must be held. When this returns it survives anything."""
        records = self.records()
        if (record.number, record.previous) != (
            len(records) + 1,
            records[-1].sha256 if records else "",
        ):
            raise LedgerBroken(record.name, "it is there already")
        for leftover in self.folder.glob(f"{record.number:08}.*"):
            leftover.unlink()  # of somebody who died before the record was made
        for name, content in parts.items():
            replace(self._file(record.number, name), content)
        if parts:
            sync(self.folder)
        replace(self.folder / record.name, record.written())
        sync(self.folder)
        replace(self.folder / HEAD, record.sha256.encode())

    def purge(self) -> None:
        """Remove the parts that were taken away, and what was only half written; hold the lock.

        Whoever died after saying so, or while writing, is made up for.
        """
        for number, name in self.gone():
            self._file(number, name).unlink(missing_ok=True)
        for leftover in self.folder.glob(".*.new"):
            leftover.unlink(missing_ok=True)
        if self.folder.is_dir():
            sync(self.folder)

    def verified(self) -> Sequence[Record]:
        """Read every record and every part anew, and raise LedgerBroken at the first at fault."""
        afresh = Chain(self.folder)
        names = sorted(one.name for one in self.folder.glob("*") if _RECORD.fullmatch(one.name))
        for number, name in enumerate(names, 1):
            expected = f"{number:08}.json"
            if name != expected:
                raise LedgerBroken(expected, f"it is missing, and {name} is there")
        self._look_at_neighbours(names)
        for number, name in afresh.gone():
            if (left := self._file(number, name)).exists():
                raise LedgerBroken(left.name, "it was taken away, and is there still")
        for record in afresh.records():
            for name in record.parts:
                with contextlib.suppress(Redacted):
                    afresh.part(record, name)
        self._look_at_end(afresh.records())
        return afresh.records()

    def _look_at_end(self, records: Sequence[Record]) -> None:
        """Raise LedgerBroken where the last record that was written is not there any more.

        What is noted may be older, where somebody died before noting; a backup has no note.
        """
        try:
            noted = (self.folder / HEAD).read_text("ascii")
        except (OSError, UnicodeDecodeError):
            return
        if not any(record.sha256 == noted for record in reversed(records)):
            raise LedgerBroken(
                f"{len(records) + 1:08}.json", "it is missing, with all that came after it"
            )

    def _look_at_neighbours(self, names: Sequence[str]) -> None:
        """Name the record that was altered, and not the one after it that no longer fits."""
        before: Record | None = None
        for number, name in enumerate(names, 1):
            record = _record((self.folder / name).read_bytes(), number)
            if record.previous != (before.sha256 if before else ""):
                # One of the two was altered; the record after them tells which.
                after = None
                if number < len(names):
                    after = _record((self.folder / names[number]).read_bytes(), number + 1)
                is_this = before is None or (after and after.previous != record.sha256)
                broken = record if is_this or before is None else before
                raise LedgerBroken(broken.name, "it is not what its neighbours were written with")
            before = record

    def _file(self, number: int, name: str) -> Path:
        return self.folder / f"{number:08}.{name}"

    def _mark_of(self, record: Record) -> tuple[int, int]:
        try:
            stat = (self.folder / record.name).stat()
        except OSError:
            return (0, 0)
        return (stat.st_ino, stat.st_mtime_ns)


def part_of(file: str) -> tuple[int, str]:
    """Give the number of a record, and the name of a part of it, of the file of that part."""
    number, _, name = file.partition(".")
    return int(number), name


def now() -> str:
    """Give the time as a record has it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def as_part(said: Mapping[str, Any]) -> bytes:
    """Write what was said as a part; the same again, the same bytes."""
    return json.dumps(said, ensure_ascii=False, indent=1).encode() + b"\n"


def _record(content: bytes, number: int) -> Record:
    """Read one record; what it holds has to be exactly what is written of it."""
    name = f"{number:08}.json"
    try:
        record = Record(**json.loads(content))
        written = record.written()
    except (AttributeError, KeyError, TypeError, ValueError):
        raise LedgerBroken(name, "it is no record") from None
    if written != content:
        raise LedgerBroken(name, "it is not as it was written")
    if record.number != number:
        raise LedgerBroken(name, f"it says that it is number {record.number}")
    return record
