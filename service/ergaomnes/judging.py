"""Have what strangers send judged in a process that can be killed.

`judge.py` is the other side; the two speak in the frames of a reader process. One submission is
judged at a time; a process that runs late, outgrows its memory or dies is replaced, and nothing of
the service goes with it.
"""

import math
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NoReturn, Self

from ergaomnes.errors import (
    BuildFailed,
    Busy,
    JudgementCrashed,
    JudgementTimeout,
    SubmissionSyntax,
    SubmissionTooLarge,
)
from ergaomnes.judgement import WRITTEN
from ergaomnes.reader import frame, read_frame
from ergaomnes.settings import Settings
from ergaomnes.submission import READ, Part, format_named

OFFERED = tuple(one.media_type for one in WRITTEN)
ACCEPTED = tuple(one.media_type for one in READ)

_START_LIMIT = 120.0
_EMPTY = b""


@dataclass(frozen=True, slots=True)
class Judged:
    """A written report."""

    body: bytes
    media_type: str


class Judges:
    """The judging process, started when it is first needed; a with statement ends it.

    Judging takes longer than a query: unless told otherwise it has three times as long.
    """

    def __init__(self, dump: Path, settings: Settings, seconds: float | None = None) -> None:
        self.dump = dump
        self.settings = settings
        self.seconds = 3 * settings.time_limit if seconds is None else seconds
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

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
        self, parts: Sequence[Part], *, written_as: str, language: str = "en"
    ) -> Judged:
        """Judge several texts together, as one submission."""
        content = b"".join(part.content for part in parts)
        if len(content) > self.settings.submission_limit:
            raise SubmissionTooLarge(self.settings.submission_limit)
        told = [(part.name, part.kind.media_type, len(part.content)) for part in parts]
        if not self._turn.acquire(timeout=self.seconds):
            raise Busy(retry_after=math.ceil(self.seconds))
        try:
            head, body = self._ask({"parts": told, "as": written_as, "language": language}, content)
        finally:
            self._turn.release()
        if "error" in head:
            _raise(head)
        return Judged(body, written_as)

    def _ask(self, head: Mapping[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        process = self._started()
        late = threading.Event()

        def kill() -> None:
            late.set()
            process.kill()

        clock = threading.Timer(self.seconds, kill)
        clock.start()
        try:
            _pipe(process.stdin).write(frame(dict(head), content))
            _pipe(process.stdin).flush()
            return read_frame(_pipe(process.stdout))
        except (OSError, EOFError):
            self.close()
            if late.is_set():
                raise JudgementTimeout(self.seconds) from None
            raise JudgementCrashed(self.settings.memory_limit) from None
        finally:
            clock.cancel()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.close()
        package = str(Path(__file__).resolve().parent.parent)
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [
                sys.executable,
                "-m",
                "ergaomnes.judge",
                str(self.dump),
                str(self.settings.memory_limit),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
        )
        clock = threading.Timer(_START_LIMIT, self._process.kill)
        clock.start()
        try:
            read_frame(_pipe(self._process.stdout))
        except EOFError:
            self.close()
            raise BuildFailed("the judging process did not start") from None
        finally:
            clock.cancel()
        return self._process


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 - Popen was given PIPE
    return stream


def _raise(head: Mapping[str, Any]) -> NoReturn:
    raise SubmissionSyntax(head["file"], head["line"], head["column"], head["why"])
