"""Every generation that was ever published: its record, and its facts made again on demand.

    generations/<key>.json        the record: when it was published, after which one, its SHA-256
    generations/<key>.patch.zst   what sets it apart from the one before it, as RDF Patch
    generations/<key>.gone        there where its content was taken away: which redaction did it
    generations/.dumps/<key>.nq   dumps that were made again, a few

A dump is made of another that is at hand and the patches between the two, in either direction, and
then compared with its SHA-256: it is the same bytes, or it is not given. So a generation can be
asked even where the files, or the software, that it was once built with are gone.
"""

import contextlib
import datetime
import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import zstandard

from ergaomnes.build import DUMP, STORES, lines_of, merged
from ergaomnes.errors import GenerationLost, UnknownGeneration, near
from ergaomnes.ledger import GENERATIONS
from ergaomnes.patch import Patch
from ergaomnes.settings import Settings
from ergaomnes.turtle import replace

_RECORD, _PATCH, _GONE = ".json", ".patch.zst", ".gone"
_DUMPS = ".dumps"
_MOST_DUMPS = 3
_LONGEST_WRITE = 60.0


@dataclass(frozen=True, slots=True)
class Published:
    """The record of a generation."""

    key: str
    time: datetime.datetime
    """When it was first published."""
    previous: str
    """The one that was published before it; nothing for the first, or where that is not known."""
    sha256: str
    """Of its dump."""
    facts: int
    changes: int
    """How many records of the ledger it was made with."""
    data: str
    """A hash of what it was made from."""
    versions: Mapping[str, str]
    gone: str = ""
    """Why its content is not given any more."""


class History:
    """The generations of one data folder."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.data_dir / GENERATIONS
        self._turn = threading.Lock()
        self._kept: tuple[Published, ...] = ()
        self._seen = -1

    def generations(self) -> tuple[Published, ...]:
        """Give all of them in the order in which they were published."""
        try:
            seen = self.folder.stat().st_mtime_ns
        except FileNotFoundError:
            return ()
        if seen != self._seen:
            found = (self._read(file) for file in self.folder.glob(f"[!.]*{_RECORD}"))
            self._kept = tuple(sorted(found, key=lambda one: (one.time, one.changes, one.key)))
            self._seen = seen
        return self._kept

    def __getitem__(self, key: str) -> Published:
        """Give one by its key, or by so much of it that no other begins so."""
        found = [one for one in self.generations() if key and one.key.startswith(key)]
        if len(found) != 1:
            known = [one.key for one in self.generations()]
            raise UnknownGeneration(key, [one.key for one in found] or near(key, known))
        return found[0]

    def at(self, moment: datetime.datetime) -> Published:
        """Give the one that was served at a moment; the first where there was none yet."""
        found = self.generations()
        if not found:
            raise UnknownGeneration(moment.isoformat(), ())
        before = [one for one in found if one.time <= moment]
        return before[-1] if before else found[0]

    def delta(self, begin: str, end: str) -> Patch:
        """Give what has to be done to the facts of one to have those of another."""
        first, last = self[begin], self[end]
        for one in (first, last):
            self._check(one)
        path = self._path(first.key, {last.key})
        if path is not None:
            return reduce(Patch.then, path[1], Patch())
        was, now = (set(lines_of(self.dump(one.key))) for one in (first, last))
        return Patch.of(
            (line.decode() for line in now - was), (line.decode() for line in was - now)
        )

    def dump(self, key: str) -> Path:
        """Give the facts of a generation as sorted N-Quads, made again where they are not at hand.

        Raises GenerationLost where nothing is left of which they could be made, or where they were
        taken away.
        """
        one = self[key]
        self._check(one)
        with self._turn:
            at_hand = dict(self._at_hand())
            if one.key in at_hand:
                return at_hand[one.key]
            path = self._path(one.key, set(at_hand))
            if path is None:
                raise GenerationLost(one.key, "no generation is at hand from which it can be made")
            begin, steps = path
            patch = reduce(Patch.then, steps, Patch()).turned
            lines = merged(lines_of(at_hand[begin]), patch)
            content = b"".join(line + b"\n" for line in lines)
            if hashlib.sha256(content).hexdigest() != one.sha256:
                raise GenerationLost(one.key, "what was made again is not what it was")
            return self._keep(one.key, content)

    def verified(self, *, again: bool = False) -> Iterator[tuple[Published, bool]]:
        """Compare generations with their records, the latest first, and give each when it is done.

        With it comes whether it was compared: one whose facts are not at hand is so only with
        `again`, when it is made again. Raises GenerationLost where one is not as it was.
        """
        for one in reversed(self.generations()):
            if one.gone:
                continue
            file = self.dump(one.key) if again else dict(self._at_hand()).get(one.key)
            if file is not None and _sha256(file) != one.sha256:
                raise GenerationLost(one.key, f"{file} is not as it was written")
            if (self.folder / f"{one.key}{_PATCH}").exists() and self._patch(one.key) is None:
                raise GenerationLost(one.key, f"{one.key}{_PATCH} cannot be read")
            yield one, file is not None

    def forget(self, first: int, last: int, why: str) -> bool:
        """Give no generation any more that was made with some records of the ledger, and not all.

        Those are the ones that hold what was taken away: of the records from `first` to before
        `last`. What comes after them is set apart from what came before them instead. Say whether
        there were any; should this be interrupted, the same again ends it.
        """
        every = self.generations()
        hit = [one for one in every if first <= one.changes < last and not one.gone]
        if not hit:
            return False
        names = {one.key for one in hit}
        for one in every:
            if one.previous in names and one.key not in names and not one.gone:
                before = one.previous
                patch = self._patch(one.key)
                while before in names and patch is not None:
                    step = self._patch(before)
                    patch = None if step is None else step.then(patch)
                    before = self[before].previous
                self._set_apart(one, before if patch is not None else "", patch)
        for one in hit:
            (self.folder / f"{one.key}{_PATCH}").unlink(missing_ok=True)
            (self.folder / _DUMPS / f"{one.key}.nq").unlink(missing_ok=True)
            replace(self.folder / f"{one.key}{_GONE}", why.encode())
        for leftover in self.folder.glob(".*.new"):  # of somebody who died while writing
            with contextlib.suppress(FileNotFoundError):
                if time.time() - leftover.stat().st_mtime > _LONGEST_WRITE:
                    leftover.unlink()
        self._seen = -1
        return True

    def _set_apart(self, one: Published, previous: str, patch: Patch | None) -> None:
        record = self.folder / f"{one.key}{_RECORD}"
        said = {**json.loads(record.read_bytes()), "previous": ""}
        replace(record, json.dumps(said, indent=2).encode() + b"\n")  # the patch fits neither yet
        if patch is None:
            (self.folder / f"{one.key}{_PATCH}").unlink(missing_ok=True)
        else:
            replace(self.folder / f"{one.key}{_PATCH}", packed(patch))
        replace(record, json.dumps({**said, "previous": previous}, indent=2).encode() + b"\n")

    def _check(self, one: Published) -> None:
        if one.gone:
            raise GenerationLost(one.key, one.gone)

    def _path(self, begin: str, ends: set[str]) -> tuple[str, list[Patch]] | None:
        """Give the nearest of some generations, and the patches that lead from one to it."""
        links: dict[str, list[tuple[str, str, bool]]] = {}
        for one in self.generations():
            if one.previous and (self.folder / f"{one.key}{_PATCH}").exists():
                links.setdefault(one.key, []).append((one.previous, one.key, True))
                links.setdefault(one.previous, []).append((one.key, one.key, False))
        ways: dict[str, tuple[str, str, bool]] = {}
        waiting, seen = deque([begin]), {begin}
        while waiting:
            here = waiting.popleft()
            if here in ends:
                return here, self._steps(begin, here, ways)
            for there, patch, is_back in links.get(here, ()):
                if there not in seen:
                    seen.add(there)
                    ways[there] = (here, patch, is_back)
                    waiting.append(there)
        return None

    def _steps(
        self, begin: str, end: str, ways: Mapping[str, tuple[str, str, bool]]
    ) -> list[Patch]:
        steps: list[Patch] = []
        while end != begin:
            end, name, is_back = ways[end]
            patch = self._patch(name)
            if patch is None:
                raise GenerationLost(name, "its patch cannot be read")
            steps.append(patch.turned if is_back else patch)
        return steps[::-1]

    def _patch(self, key: str) -> Patch | None:
        try:
            content = (self.folder / f"{key}{_PATCH}").read_bytes()
            return Patch.read(zstandard.ZstdDecompressor().decompress(content))
        except (OSError, ValueError, zstandard.ZstdError):
            return None

    def _at_hand(self) -> Iterator[tuple[str, Path]]:
        for one in self.generations():
            for file in (
                self.settings.data_dir / STORES / one.key / DUMP,
                self.folder / _DUMPS / f"{one.key}.nq",
            ):
                if not one.gone and file.is_file():
                    yield one.key, file
                    break

    def _keep(self, key: str, content: bytes) -> Path:
        folder = self.folder / _DUMPS
        folder.mkdir(exist_ok=True)
        file = folder / f"{key}.nq"
        replace(file, content)
        kept = sorted(folder.glob("[!.]*.nq"), key=lambda one: one.stat().st_mtime, reverse=True)
        for old in kept[_MOST_DUMPS:]:
            old.unlink(missing_ok=True)
        return file

    def _read(self, file: Path) -> Published:
        said = json.loads(file.read_bytes())
        gone = file.with_suffix(_GONE)
        time = said.get("time") or datetime.datetime.fromtimestamp(
            file.stat().st_mtime, datetime.UTC
        ).isoformat(timespec="seconds")
        return Published(
            key=file.stem,
            time=datetime.datetime.fromisoformat(time),
            previous=said.get("previous", ""),
            sha256=said["sha256"],
            facts=said["counts"]["facts"],
            changes=said.get("changes", 0),
            data=said.get("data", ""),
            versions=said["versions"],
            gone=gone.read_text("utf-8") if gone.exists() else "",
        )


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def packed(patch: Patch) -> bytes:
    """Write a patch as it is kept."""
    return zstandard.ZstdCompressor(level=10).compress(patch.written())
