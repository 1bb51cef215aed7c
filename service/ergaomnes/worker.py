"""Ask reader processes that can be killed: the only hard limit an engine without one can have."""

import json
import math
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NoReturn, Self

from ergaomnes import media, results
from ergaomnes.engine import Answer
from ergaomnes.errors import (
    AnswerTooLarge,
    AnswerUnwritable,
    BadRequest,
    BuildFailed,
    Busy,
    QueryCrashed,
    QueryMemory,
    QueryRefused,
    QuerySyntax,
    QueryTimeout,
)
from ergaomnes.guard import Guarded, guarded
from ergaomnes.reader import EXIT_MEMORY, FRAME, frame
from ergaomnes.settings import Settings

_START_LIMIT = 120.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0

Head = dict[str, Any]


class _DiedError(Exception):
    """The process is gone; the argument is its return code."""


class _LateError(Exception):
    """The deadline passed."""


class _Reader:
    """One reader process and the two pipes to it."""

    def __init__(self, dump: Path, memory: int) -> None:
        package = str(Path(__file__).resolve().parent.parent)
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        self.process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-m", "ergaomnes.reader", str(dump), str(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
            bufsize=0,
        )
        self.quads = 0
        # Held while somebody reads: a pipe closed under a reading thread may have its number
        # given to another pipe, whose bytes that thread would take.
        self._reading = threading.RLock()

    def wait_until_ready(self) -> None:
        """Wait for the dump to be loaded."""
        try:
            with self._reading:
                head, _ = self._reply(time.monotonic() + _START_LIMIT)
        except (_DiedError, _LateError) as error:
            self.end()
            raise BuildFailed(f"a reader process did not start ({error!r})") from None
        if "error" in head:
            self.end()
            raise BuildFailed(f"a reader process cannot load the dump ({head['message']})")
        self.quads = int(head["ready"])

    def ask(self, request: Head, seconds: float) -> tuple[Head, bytes]:
        """Give the reply to one request."""
        deadline = time.monotonic() + seconds
        with self._reading:
            try:
                left = memoryview(frame(request))
                while left:
                    left = left[_pipe(self.process.stdin).write(left) :]
            except (OSError, ValueError):
                raise _DiedError(self._return_code()) from None
            return self._reply(deadline)

    def end(self) -> None:
        """Kill the process and let go of its pipes."""
        self.process.kill()
        self.process.wait()
        with self._reading:
            for pipe in (self.process.stdin, self.process.stdout):
                _pipe(pipe).close()

    def _reply(self, deadline: float) -> tuple[Head, bytes]:
        head_length, body_length = FRAME.unpack(self._read(FRAME.size, deadline))
        head: Head = json.loads(self._read(head_length, deadline))
        return head, self._read(body_length, deadline)

    def _read(self, length: int, deadline: float) -> bytes:
        pipe = _pipe(self.process.stdout)
        if pipe.closed:
            raise _DiedError(self._return_code())
        descriptor = pipe.fileno()
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        parts = []
        while length:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(math.ceil(left * 1000)):
                raise _LateError
            part = os.read(descriptor, min(length, 1 << 20))
            if not part:
                raise _DiedError(self._return_code())
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def _return_code(self) -> int:
        try:
            return self.process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return 0


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 - Popen was given PIPE
    return stream


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, as it goes to the client."""

    body: bytes
    media_type: str


class Readers:
    """A pool of reader processes over one dump; also an engine.

    At most `settings.readers` queries are worked on at a time; spares wait loaded, so that the
    place of a killed reader is taken at once.
    """

    def __init__(self, dump: Path, settings: Settings) -> None:
        self.dump = dump
        self.settings = settings
        self._free = threading.BoundedSemaphore(settings.readers)
        self._idle: queue.SimpleQueue[_Reader] = queue.SimpleQueue()
        self._all: set[_Reader] = set()
        self._lock = threading.Lock()
        self._waiting = 0
        self._closed = threading.Event()
        self.quads = 0

    def __enter__(self) -> Self:
        starting = []
        try:
            for _ in range(self.settings.readers + self.settings.spares):
                starting.append(self._started())
            for reader in starting:
                reader.wait_until_ready()
                self._idle.put(reader)
        except BuildFailed:
            self.close()
            raise
        self.quads = starting[0].quads
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every reader; queries in progress are stopped."""
        self._closed.set()
        with self._lock:
            readers, self._all = self._all, set()
        for reader in readers:
            reader.end()

    @property
    def alive(self) -> int:
        """How many reader processes there are."""
        with self._lock:
            return sum(reader.process.poll() is None for reader in self._all)

    def guarded(self, text: str, graphs: str = "") -> Guarded:
        """Let a query pass by the limits of the settings, or raise what is wrong with it."""
        limits = self.settings
        return guarded(
            text, length_limit=limits.query_limit, depth_limit=limits.depth_limit, graphs=graphs
        )

    def query(self, text: str) -> Answer:
        """Answer one query in terms of our own."""
        asked = self.guarded(text)
        if asked.answers_with_a_graph:
            reply = self.reply(asked, media.N_TRIPLES)
            return results.triples(reply.body, reply.media_type)
        return results.table_or_truth(self.reply(asked, media.SPARQL_JSON).body)

    def reply(
        self,
        asked: Guarded,
        written_as: media.Format,
        *,
        default_graphs: Sequence[str] = (),
        named_graphs: Sequence[str] = (),
    ) -> Reply:
        """Answer one guarded query in the format asked for, or raise what stopped it."""
        request = {
            "query": asked.text,
            "media_type": written_as.media_type,
            "default": list(default_graphs),
            "named": list(named_graphs),
            "dataset": bool(asked.graphs or asked.named_graphs),
            "rows": self.settings.row_limit,
            "bytes": self.settings.answer_limit,
            "seconds": self.settings.time_limit,
        }
        self._take_a_place()
        try:
            head, body = self._ask(request)
        finally:
            self._free.release()
        if "error" in head:
            self._raise(head, written_as)
        return Reply(body, written_as.media_type)

    def _take_a_place(self) -> None:
        if self._free.acquire(blocking=False):
            return
        with self._lock:
            if self._waiting >= self.settings.queue_limit:
                raise self._busy()
            self._waiting += 1
        try:
            if not self._free.acquire(timeout=self.settings.time_limit):
                raise self._busy()
        finally:
            with self._lock:
                self._waiting -= 1

    def _ask(self, request: Head) -> tuple[Head, bytes]:
        try:
            reader = self._idle.get(timeout=self.settings.time_limit)
        except queue.Empty:
            raise self._busy() from None
        try:
            head, body = reader.ask(request, self.settings.time_limit)
        except _LateError:
            self._replace(reader)
            raise QueryTimeout(self.settings.time_limit) from None
        except _DiedError as death:
            self._replace(reader)
            raise self._cause(int(death.args[0])) from None
        if head.get("error") == "memory":
            self._replace(reader)
        else:
            self._idle.put(reader)
        return head, body

    def _cause(self, return_code: int) -> Exception:
        # A failed allocation aborts; SIGKILL that is not ours is the system short of memory.
        if return_code in (-signal.SIGABRT, -signal.SIGKILL, EXIT_MEMORY):
            return QueryMemory(self.settings.memory_limit)
        if return_code == -signal.SIGXCPU:
            return QueryTimeout(self.settings.time_limit)
        return QueryCrashed()

    def _busy(self) -> Busy:
        return Busy(retry_after=math.ceil(self.settings.time_limit))

    def _raise(self, head: Head, written_as: media.Format) -> NoReturn:
        match head["error"]:
            case "large":
                raise AnswerTooLarge(head["limit"], head["message"])
            case "syntax":
                raise QuerySyntax(head["message"])
            case "reached-out":
                raise QueryRefused("it asks another server, and this one asks none.")
            case "unwritable":
                raise AnswerUnwritable(written_as.media_type)
            case "memory":
                raise QueryMemory(self.settings.memory_limit)
            case _:
                raise BadRequest(f"The engine does not do this: {head['message']}.")

    def _started(self) -> _Reader:
        reader = _Reader(self.dump, self.settings.memory_limit)
        with self._lock:
            self._all.add(reader)
        return reader

    def _replace(self, reader: _Reader) -> None:
        with self._lock:
            self._all.discard(reader)
        reader.end()
        threading.Thread(target=self._start_another, daemon=True).start()

    def _start_another(self) -> None:
        pause = _FIRST_PAUSE
        while not self._closed.is_set():
            reader = self._started()
            try:
                reader.wait_until_ready()
            except (BuildFailed, OSError):
                with self._lock:
                    self._all.discard(reader)
                self._closed.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            self._idle.put(reader)
            break
        if self._closed.is_set():
            self.close()
