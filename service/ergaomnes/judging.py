"""Have what strangers send judged in processes that can die of it.

`judge.py` is the other side. It loads what stands once, and forks for each submission; each is sent
over a socket of its own. One that runs late, outgrows its memory or dies takes nothing with it.
"""

import math
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ergaomnes.errors import (
    BuildFailed,
    Busy,
    JudgementCrashed,
    JudgementTimeout,
    SubmissionTooLarge,
    rebuilt,
)
from ergaomnes.judgement import WRITTEN
from ergaomnes.patch import Patch
from ergaomnes.reader import frame, read_frame
from ergaomnes.settings import Settings
from ergaomnes.submission import ADD, READ, Part, format_named

OFFERED = tuple(one.media_type for one in WRITTEN)
ACCEPTED = tuple(one.media_type for one in READ)

_START_LIMIT = 120.0
_GRACE = 2.0  # a fork ends itself; this is for one that cannot


@dataclass(frozen=True, slots=True)
class Unsourced:
    """A record whose facts have no source, and where it stands in what was sent."""

    subject: str
    file: str
    line: int | None
    column: int | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A written report, and what the submission would change."""

    body: bytes
    media_type: str
    conforms: bool
    warnings: int
    patch: Patch
    following: Patch
    """What would follow by the rules, and what would no longer."""
    unsourced: tuple[Unsourced, ...]
    nameless: int
    """How many facts are about things without a name, which a patch cannot hold."""


class Judges:
    """The judging process, started when it is first needed; a with statement ends it.

    Judging takes longer than a query: unless told otherwise it has three times as long.
    """

    def __init__(self, dump: Path, settings: Settings, seconds: float | None = None) -> None:
        self.dump = dump
        self.settings = settings
        self.seconds = 3 * settings.time_limit if seconds is None else seconds
        self._places = threading.BoundedSemaphore(settings.validations)
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._door: socket.socket | None = None
        self._is_ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_ended = True
        self.close()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        door, self._door = self._door, None
        if door is not None:
            door.close()
        if process is not None:
            process.kill()
            process.wait()

    def move(self, dump: Path) -> None:
        """Judge by another dump from now on."""
        with self._turn:
            self.dump = dump
            self.close()
            self._started()

    def start(self) -> None:
        """Start the process now, so that nobody waits for it later."""
        with self._turn:
            self._started()

    def judge(
        self, content: bytes, content_type: str, *, written_as: str, language: str = "en"
    ) -> Judged:
        """Judge one text; what does not conform is an answer, not an error."""
        part = Part("submission", format_named(content_type), content)
        return self.judge_parts([part], written_as=written_as, language=language)

    def judge_parts(
        self,
        parts: Sequence[Part],
        *,
        written_as: str,
        language: str = "en",
        mode: str = ADD,
        shapes: Sequence[Part] = (),
    ) -> Judged:
        """Judge several texts together, as one submission that adds, replaces or removes.

        With `shapes` these are all that it is judged by, and what stands takes no part.
        """
        parts = (*shapes, *parts)
        content = b"".join(part.content for part in parts)
        if len(content) > self.settings.submission_limit:
            raise SubmissionTooLarge(self.settings.submission_limit)
        told = [(part.name, part.kind.media_type, len(part.content)) for part in parts]
        head = {
            "parts": told,
            "shapes": len(shapes),
            "as": written_as,
            "language": language,
            "mode": mode,
        }
        if not self._places.acquire(timeout=self.seconds):
            raise Busy(retry_after=math.ceil(self.seconds))
        try:
            said, body = self._ask({**head, "seconds": self.seconds}, content)
        finally:
            self._places.release()
        if "raised" in said:
            raise rebuilt(said)
        report, patch, following = _cut(body, said["lengths"])
        return Judged(
            body=report,
            media_type=written_as,
            conforms=said["conforms"],
            warnings=said["warnings"],
            patch=Patch.read(patch),
            following=Patch.read(following),
            unsourced=tuple(Unsourced(*one) for one in said["unsourced"]),
            nameless=said["nameless"],
        )

    def _ask(self, head: Mapping[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        began = time.monotonic()
        with self._forked() as caller:
            try:
                caller.sendall(frame(dict(head), content))
                with caller.makefile("rb") as stream:
                    return read_frame(stream)
            except (OSError, EOFError):
                if time.monotonic() - began >= self.seconds:
                    raise JudgementTimeout(self.seconds) from None
                raise JudgementCrashed(self.settings.memory_limit) from None

    def _forked(self) -> socket.socket:
        """Have the process fork, and give the socket on which the fork listens."""
        ours, theirs = socket.socketpair()
        ours.settimeout(self.seconds + _GRACE)
        with theirs, self._turn:
            for _ in range(2):
                door = self._started()
                try:
                    socket.send_fds(door, [b"f"], [theirs.fileno()])
                except OSError:
                    self.close()  # it died since: another one takes over
                else:
                    return ours
        raise BuildFailed("the judging process dies at once")

    def _started(self) -> socket.socket:
        if self._process is not None and self._process.poll() is None and self._door is not None:
            return self._door
        self.close()
        package = str(Path(__file__).resolve().parent.parent)
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        door, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                [
                    sys.executable,
                    "-m",
                    "ergaomnes.judge",
                    str(self.dump),
                    str(self.settings.memory_limit),
                    str(theirs.fileno()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env={**os.environ, "PYTHONPATH": path},
            )
        self._door = door
        if self._is_ended:  # while it was started in another thread
            self.close()
            raise BuildFailed("the service ends")
        door.settimeout(_START_LIMIT)
        try:
            is_ready = door.recv(1)
        except OSError:
            is_ready = b""
        if not is_ready:
            self.close()
            raise BuildFailed("the judging process did not start")
        return door


def _cut(body: bytes, lengths: Sequence[int]) -> Iterator[bytes]:
    begin = 0
    for length in lengths:
        yield body[begin : begin + length]
        begin += length
