"""A curator's changes: one at a time, worked out in another process, recorded, then published.

Until the record is in the ledger nothing has changed, whatever dies; from then on the change is
never lost: should the store that was made with it not be published any more, the next service or
the next change publishes it, and builds it where it is gone.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ergaomnes.build import Built, current, forget, publish
from ergaomnes.chain import REDACTED, Chain, Record, now
from ergaomnes.contributions import ACCEPTED, SUBMITTED, Contributions, Dossier, Said, Sent
from ergaomnes.errors import (
    BuildFailed,
    Busy,
    ChangeCrashed,
    ChangeRejected,
    ChangeTimeout,
    ContributionClosed,
    ContributionConflict,
    GenerationMoved,
    ReasonMissing,
    rebuilt,
)
from ergaomnes.history import History
from ergaomnes.ledger import (
    AFRESH,
    FOLDER,
    TURN,
    Change,
    append,
    chain_of,
    changes_taken,
    read_ledger,
    redact_changes,
    redactions,
    said_of,
)
from ergaomnes.locks import try_to_hold
from ergaomnes.patch import MEDIA_TYPE, Patch
from ergaomnes.reader import frame, read_frame
from ergaomnes.settings import Settings
from ergaomnes.shipped import Shipped, shipped
from ergaomnes.tokens import Token

LICENCE = "CC0-1.0"
"""The licence of the packaged data, under which a reversal is given too."""
_LIMITS = ("time_limit", "memory_limit", "depth_limit", "submission_limit", "change_limit")
_PATIENCE = 30.0
_LONGEST_WORK = 600.0
_LONGEST_REASON = 2000
_LOOK = 0.05


@dataclass(frozen=True, slots=True)
class Request:
    """What a curator wants: an update, a graph put, added to or deleted, or a change undone."""

    kind: str
    body: bytes = b""
    graph: str = ""
    media_type: str = ""
    default: tuple[str, ...] = ()
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: the generation at hand, and the record where something has changed."""

    generation: str
    change: Change | None

    def as_json(self) -> dict[str, object]:
        """Say it for programs."""
        change = self.change
        return {
            "generation": self.generation,
            "change": change.number if change else None,
            "added": len(change.added) if change else 0,
            "removed": len(change.removed) if change else 0,
            "warnings": change.warnings if change else 0,
        }


class Curation:
    """Takes changes for one data folder; other processes may do so too.

    The process that works them out is started with the first, or beforehand by `start`; it stays
    until `close`.
    """

    def __init__(self, settings: Settings, files: Shipped | None = None) -> None:
        self.settings = settings
        self.files = files or shipped()
        self.contributions = Contributions(settings)
        self._history = History(settings)
        self._ledger = chain_of(settings)  # for who has the turn: it reads on from where it stood
        self._completed: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None
        self._guard = threading.Lock()
        self._is_ended = False

    def change(
        self,
        request: Request,
        by: Token,
        reason: str,
        source: str = "",
        *,
        only_on: tuple[str, ...] = (),
        undoes: int | None = None,
    ) -> Outcome:
        """Make a change, and return when it is recorded and published.

        With `only_on` it is made on one of these generations or not at all.
        """
        _check(reason, source)
        with self.turn():
            base = self._at_hand()
            if only_on and base.key not in only_on:
                raise GenerationMoved(base.key)
            return self._made(request, by, reason, base, source=source.strip(), undo=undoes)

    def accept(self, number: int, by: Token, reason: str) -> Outcome:
        """Take a contribution into the graph as it is now; raise ContributionConflict otherwise."""
        _check(reason, "")
        with self.turn():
            base = self._at_hand()
            dossier = self.contributions[number]
            if dossier.state != SUBMITTED:
                raise ContributionClosed(number, dossier.state, SUBMITTED)
            return self._accepted(dossier, by, reason, base)

    def reject(self, number: int, by: Token, reason: str) -> Dossier:
        """Decide against a contribution, for a reason that its sender can read."""
        _check(reason, "")
        with self.turn():
            return self.contributions.reject(number, by, reason)

    def withdraw(self, number: int, by: Token, reason: str) -> Dossier:
        """Take back a contribution that nothing was decided about."""
        _check(reason, "")
        with self.turn():
            return self.contributions.withdraw(number, by, reason)

    def undo_contribution(self, number: int, by: Token, reason: str) -> tuple[Dossier, Outcome]:
        """Reverse an accepted contribution by another one, which is accepted at once."""
        _check(reason, "")
        with self.turn():
            base = self._at_hand()
            old = self.contributions[number]
            if old.state != ACCEPTED or old.change is None:
                raise ContributionClosed(number, old.state, ACCEPTED)
            patch = read_ledger(self.settings)[old.change].patch.turned
            said = Said(author=by.label, licence=LICENCE, note=reason.strip(), supersedes=number)
            made, _ = self.contributions.submit(
                said,
                by,
                [Sent("undo.patch", MEDIA_TYPE, patch.written())],
                report=b"{}\n",
                patch=patch,
                following=Patch(),
                base=base.key,
                warnings=0,
                key=f"undo {old.change}",
            )
            outcome = self._accepted(made, by, reason, base, undo=old.change)
            return self.contributions[made.id], outcome

    def redact(self, number: int, by: Token, reason: str) -> str:
        """Take the content of a contribution away for good; give the generation without it.

        Of one that was accepted everything has to be undone before. The stores in which it stood go
        as soon as nobody reads them.
        """
        _check(reason, "")
        with self.turn():
            base = self._at_hand()
            if self.contributions.state(number) == REDACTED:
                raise ContributionClosed(number, REDACTED, "still kept")
            changes = self.contributions.changes_of(number)
            if not changes:
                self.contributions.redact(number, by.label, reason)
                return base.key
            tombstone = redact_changes(self.settings, changes, by.label, reason)
            self._redact_contributions(tombstone)
            self._worked_out(self._head(AFRESH, by, reason), b"")
            return self._at_hand().key

    def undo(
        self, number: int, by: Token, reason: str, *, only_on: tuple[str, ...] = ()
    ) -> Outcome:
        """Reverse a change by another one; what was changed again since is not overwritten."""
        body = read_ledger(self.settings)[number].written()
        request = Request("undo", body)
        return self.change(request, by, reason, only_on=only_on, undoes=number)

    def start(self) -> None:
        """Start the process that works out changes, so that nobody waits for it later.

        What somebody who died had begun to take away, or to write, is taken away first.
        """
        # Chains of its own: this thread holds neither the turn nor what guards the others.
        ledger = chain_of(self.settings)
        for chain in (Chain(self.contributions.chain.folder), ledger):
            if chain.records():
                with chain.held():
                    chain.purge()
        if redactions(ledger):
            with self.turn():
                self._at_hand()
        with self._guard:
            self._started()

    def close(self) -> None:
        """End that process for good; a change that it works on is not made."""
        self._is_ended = True
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Be the only one who changes anything, or say after a while that others are at it."""
        folder = self.settings.data_dir / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + _PATIENCE
        with (folder / TURN).open("ab+") as stream:
            while not try_to_hold(stream.fileno()):
                if time.monotonic() > deadline:
                    raise Busy(retry_after=10)
                time.sleep(_LOOK)
            yield

    def _accepted(
        self, dossier: Dossier, by: Token, reason: str, base: Built, *, undo: int | None = None
    ) -> Outcome:
        said = dossier.said
        request = Request("patch", self.contributions.patch(dossier.id).written())
        try:
            return self._made(
                request,
                by,
                reason,
                base,
                source=said.source,
                licence=said.licence,
                contributor=said.author,
                contribution=dossier.id,
                undo=undo,
            )
        except ChangeRejected as rejected:
            # It conformed when it was handed in.
            report = rejected.data["report"]
            assert isinstance(report, Mapping)  # noqa: S101 - as the error was made
            raise ContributionConflict(dossier.id, report=report) from None

    def _made(
        self, request: Request, by: Token, reason: str, base: Built, **more: str | int | None
    ) -> Outcome:
        head = self._head(request.kind, by, reason)
        asked = {name: value for name, value in asdict(request).items() if name != "body"}
        change = self._worked_out({**head, **asked, **more}, request.body)
        if change is None:
            return Outcome(base.key, None)
        append(self.settings, change)
        return Outcome(self._at_hand().key, change)

    def _head(self, kind: str, by: Token, reason: str) -> dict[str, Any]:
        return {
            "kind": kind,
            "author": by.label,
            "token": by.name,
            "reason": reason.strip(),
            "source": "",
            "licence": "",
            "contributor": "",
            "contribution": None,
            "undo": None,
            "time": now(),
            "limits": {name: getattr(self.settings, name) for name in _LIMITS},
        }

    def _at_hand(self) -> Built:
        """Give the generation of files and ledger as they are, built and published."""
        built = current(self.settings, self.files)
        publish(self.settings, built)
        self._complete_redactions()
        return built

    def _complete_redactions(self) -> None:
        """Do what is left to do where changes were taken away, whoever began it.

        From its tombstone in the ledger on, a redaction is never half done for long: what follows
        from it is done by the next who changes anything, or by the next service.
        """
        is_new = False
        for tombstone in redactions(self._ledger):
            self._redact_contributions(tombstone)
            is_new |= self._history.forget(
                min(changes_taken(tombstone)),
                tombstone.number,
                f"its content was taken away by record {tombstone.number} of the ledger",
            )
            is_new |= tombstone.number not in self._completed
            self._completed.add(tombstone.number)
        if is_new:
            forget(self.settings)

    def _redact_contributions(self, tombstone: Record) -> None:
        """Take away the contributions whose changes were."""
        left = [
            one
            for one in self.contributions.accepted_by(changes_taken(tombstone))
            if self.contributions.state(one) != REDACTED
        ]
        if left:
            by, reason = said_of(self._ledger, tombstone)
            for one in left:
                self.contributions.redact(one, by, reason)

    def _worked_out(self, head: Mapping[str, Any], body: bytes) -> Change | None:
        with self._guard:
            process = self._started()
            late = threading.Event()

            def kill() -> None:
                late.set()
                os.killpg(process.pid, signal.SIGKILL)

            clock = threading.Timer(_LONGEST_WORK, kill)
            clock.start()
            assert process.stdin and process.stdout  # noqa: PT018, S101 - Popen was given PIPE
            try:
                process.stdin.write(frame(dict(head), body))
                process.stdin.flush()
                said, content = read_frame(process.stdout)
            except (OSError, EOFError):
                self._end()
                if late.is_set():
                    raise ChangeTimeout(_LONGEST_WORK) from None
                raise ChangeCrashed(self.settings.memory_limit) from None
            finally:
                clock.cancel()
        if "raised" in said:
            raise rebuilt(said)
        return None if said["change"] is None else Change.read(content)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        package = str(Path(__file__).resolve().parent.parent)
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [
                sys.executable,
                "-m",
                "ergaomnes.revision",
                str(self.settings.data_dir),
                str(self.files.root),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # so that its forks end with it
        )
        if self._is_ended:  # while it was started in another thread
            self._end()
            raise BuildFailed("the service ends")
        assert self._process.stdout  # noqa: S101 - Popen was given PIPE
        try:
            said, _ = read_frame(self._process.stdout)
        except EOFError:
            self._end()
            raise BuildFailed("the process that works out changes did not start") from None
        if "raised" in said:
            self._end()
            raise rebuilt(said)
        return self._process


def _check(reason: str, source: str) -> None:
    if not reason.strip():
        raise ReasonMissing
    if len(reason) > _LONGEST_REASON or len(source) > _LONGEST_REASON:
        raise ReasonMissing(f"this one has more than {_LONGEST_REASON:,} characters")
