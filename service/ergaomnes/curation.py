"""A curator's changes: one at a time, worked out in another process, recorded, then published.

Until the record is in the ledger nothing has changed, whatever dies; from then on the change is
never lost: should the store that was made with it not be published any more, the next service or
the next change publishes it, and builds it where it is gone.
"""

import contextlib
import datetime
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ergaomnes.build import Built, current, publish
from ergaomnes.errors import (
    Busy,
    ChangeCrashed,
    ChangeTimeout,
    GenerationMoved,
    ReasonMissing,
    rebuilt,
)
from ergaomnes.ledger import FOLDER, TURN, Change, append, read_ledger
from ergaomnes.locks import try_to_hold
from ergaomnes.reader import frame, read_frame
from ergaomnes.settings import Settings
from ergaomnes.shipped import Shipped, shipped
from ergaomnes.tokens import Token

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
    """Takes changes for one data folder; other processes may do so too."""

    def __init__(self, settings: Settings, files: Shipped | None = None) -> None:
        self.settings = settings
        self.files = files or shipped()

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
        with self._turn():
            base = self._at_hand()
            if only_on and base.key not in only_on:
                raise GenerationMoved(base.key)
            head: dict[str, Any] = {
                **{name: value for name, value in asdict(request).items() if name != "body"},
                "author": by.label,
                "token": by.name,
                "reason": reason.strip(),
                "source": source.strip(),
                "undo": undoes,
                "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "limits": {name: getattr(self.settings, name) for name in _LIMITS},
            }
            change = self._worked_out(head, request.body)
            if change is None:
                return Outcome(base.key, None)
            append(self.settings, change)
            return Outcome(self._at_hand().key, change)

    def undo(
        self, number: int, by: Token, reason: str, *, only_on: tuple[str, ...] = ()
    ) -> Outcome:
        """Reverse a change by another one; what was changed again since is not overwritten."""
        body = read_ledger(self.settings)[number].written()
        request = Request("undo", body)
        return self.change(request, by, reason, only_on=only_on, undoes=number)

    def _at_hand(self) -> Built:
        """Give the generation of files and ledger as they are, built and published."""
        built = current(self.settings, self.files)
        publish(self.settings, built)
        return built

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
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

    def _worked_out(self, head: Mapping[str, Any], body: bytes) -> Change | None:
        package = str(Path(__file__).resolve().parent.parent)
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        process = subprocess.Popen(  # noqa: S603 - our own module, no shell
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
        )
        late = threading.Event()

        def kill() -> None:
            late.set()
            process.kill()

        clock = threading.Timer(_LONGEST_WORK, kill)
        clock.start()
        assert process.stdin and process.stdout  # noqa: PT018, S101 - Popen was given PIPE
        try:
            process.stdin.write(frame(dict(head), body))
            process.stdin.flush()
            said, content = read_frame(process.stdout)
        except (OSError, EOFError):
            if late.is_set():
                raise ChangeTimeout(_LONGEST_WORK) from None
            raise ChangeCrashed(self.settings.memory_limit) from None
        finally:
            clock.cancel()
            process.kill()
            process.stdin.close()
            process.stdout.close()
            process.wait()
        if "raised" in said:
            raise rebuilt(said)
        return None if said["change"] is None else Change.read(content)


def _check(reason: str, source: str) -> None:
    if not reason.strip():
        raise ReasonMissing
    if len(reason) > _LONGEST_REASON or len(source) > _LONGEST_REASON:
        raise ReasonMissing(f"this one has more than {_LONGEST_REASON:,} characters")
