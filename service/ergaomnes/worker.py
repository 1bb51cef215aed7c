"""Ask reader processes that can be killed: the only hard limit an engine without one can have.

Queries run in two lanes. Each begins in the quick one. What works for `quick_time` moves on to the
slow lane, at a low priority, and its place in the quick lane is free again; where the slow lane is
full it stays while nobody waits, and else is stopped and begun anew when the slow lane has a place.
So a short query waits for other short queries only. In each lane those wait longest who ask most.

All of it happens on one event loop: that of the service, or one of the pool's own.
"""

import asyncio
import contextlib
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Coroutine, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar, cast

from ergaomnes import errors, media, results
from ergaomnes.engine import Answer
from ergaomnes.errors import (
    AnswerTooLarge,
    AnswerUnwritable,
    BadRequest,
    BuildFailed,
    Busy,
    CallerLeft,
    EndpointFailed,
    ErgaOmnesError,
    QueryCrashed,
    QueryMemory,
    QueryRefused,
    QuerySyntax,
    QueryTimeout,
)
from ergaomnes.guard import Guarded, guarded
from ergaomnes.reader import BEAR, EXIT_MEMORY, FRAME, KILL, LOWER, NOTICE, ORDER, frame, read_frame
from ergaomnes.settings import Settings

_START_LIMIT = 120.0
_END_LIMIT = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_TICK = 0.01
_BARELY = 0.1  # seconds in which a query has hardly begun
_MOST_MISSES = 10
_HASTE = 5  # while somebody waits, a query is a long one that much sooner
_SHORT = 1500  # characters that the guard reads within about two milliseconds
_NO_LIMIT = 1 << 31  # what a frame can hold
_ANSWERS_OF_A_READER = 10_000  # then it is replaced, so that what it gathers is let go

# Whose answers differ each time, and what may hide such a function; to find too many does no harm.
_UNREPEATABLE = re.compile(r"\b(?:NOW|RAND|UUID|STRUUID)\b|\\u", re.IGNORECASE)

Head = dict[str, Any]
Found = TypeVar("Found")


class Caller:
    """Who asks: places are shared among names, and the queries of one who leaves are ended.

    Afterwards it knows which generations answered, and whether they would answer so again.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.left = False
        self.generations: set[str] = set()
        self.is_repeatable = True
        self._jobs: set[_Job] = set()

    def leave(self) -> None:
        """End what is being done for this caller; to be called on the loop of the pool."""
        self.left = True
        for job in tuple(self._jobs):
            if not job.done.done():
                job.done.set_exception(CallerLeft())


caller: ContextVar[Caller | None] = ContextVar("caller", default=None)


class _Job:
    """One query: what to send, who asked, and where it stands."""

    __slots__ = ("asked", "began", "caller", "done", "interrupted", "missed", "reader", "request")

    def __init__(self, request: bytes, who: Caller, loop: asyncio.AbstractEventLoop) -> None:
        self.request = request
        self.caller = who
        self.done: asyncio.Future[tuple[Head, bytes, str]] = loop.create_future()
        self.asked = self.began = loop.time()
        self.reader: _Reader | None = None
        self.interrupted = self.missed = 0


class _Line:
    """Those who wait, a row for each caller; the next is of the caller with the least at work."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._rows: dict[str, deque[_Job]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def waiting(self) -> list[_Job]:
        """List who is here."""
        return [job for row in self._rows.values() for job in row]

    def join(self, job: _Job) -> _Job | None:
        """Take one in; give who has to go for it, which may be itself."""
        row = self._rows.get(job.caller.name)
        gone = None
        if self._length >= self.limit:
            greediest = max(self._rows.values(), key=len, default=deque[_Job]())
            if len(greediest) <= (len(row) if row else 0) + 1:
                return job
            gone = greediest[-1]
            self.leave(gone)
        self._rows.setdefault(job.caller.name, deque()).append(job)
        self._length += 1
        return gone

    def leave(self, job: _Job) -> bool:
        """Let one go, if it waits here."""
        row = self._rows.get(job.caller.name)
        if not row or job not in row:
            return False
        row.remove(job)
        self._length -= 1
        if not row:
            del self._rows[job.caller.name]
        return True

    def next(self, at_work: Mapping[str, int]) -> _Job:
        """Take out who is next."""
        name = min(self._rows, key=lambda one: at_work.get(one, 0))
        row = self._rows.pop(name)
        job = row.popleft()
        self._length -= 1
        if row:
            self._rows[name] = row  # behind the others
        return job


class _Reader(asyncio.Protocol):
    """The near end of one reader process."""

    def __init__(self, pool: "Readers", nursery: "_Nursery", number: int) -> None:
        self.pool = pool
        self.nursery = nursery
        self.number = number
        self.pid = 0
        self.job: _Job | None = None
        self.is_low = False
        self.is_doomed = False
        self.answers = 0
        self._worked_before = 0.0
        self._transport: asyncio.WriteTransport | None = None
        self._parts: list[bytes] = []
        self._size = self._whole = self._head = 0

    @property
    def is_ready(self) -> bool:
        """Say whether both the process and the way to it are there."""
        return bool(self.pid and self._transport)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        if self.pid:
            self.pool.welcome(self)

    def born(self, pid: int) -> None:
        """Take the news that the process is there."""
        self.pid = pid
        if self._transport:
            self.pool.welcome(self)

    def ask(self, job: _Job) -> None:
        """Send a query."""
        self.job, job.reader = job, self
        self._worked_before = _processor_time(self.pid)
        assert self._transport is not None  # noqa: S101 - it is ready
        self._transport.write(job.request)

    def worked(self) -> float:
        """Give the processor time the query at hand has taken, in seconds.

        On a busy machine a short query may last long, and is a short one still.
        """
        return _processor_time(self.pid) - self._worked_before

    def connection_lost(self, _: Exception | None) -> None:
        """Take the news that the way to the process is gone; that it is dead is told elsewhere."""
        self.pool.unreachable(self)

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if not self._whole and self._size >= FRAME.size:
            head, body = FRAME.unpack_from(b"".join(self._parts))
            self._head = FRAME.size + head
            self._whole = self._head + body
        if not self._whole or self._size < self._whole:
            return
        whole = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts, self._size, self._whole = [], 0, 0
        self.answers += 1
        self.pool.answered(self, json.loads(whole[FRAME.size : self._head]), whole[self._head :])

    def end(self) -> None:
        """Have the process killed."""
        self.is_doomed = True
        self.nursery.order(KILL, self.number)
        self.let_go()

    def let_go(self) -> None:
        """Close the way to the process."""
        if self._transport:
            self._transport.abort()


class _Nursery:
    """The near end of a process that holds one generation and bears the readers of it."""

    def __init__(self, pool: "Readers", dump: Path, generation: str) -> None:
        self.pool = pool
        self.dump = dump
        self.generation = generation
        self.readers: dict[int, _Reader] = {}
        self.quads = 0
        self._numbers = count()
        self._ours, theirs = socket.socketpair()
        package = str(Path(__file__).resolve().parent.parent)
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        memory = str(pool.settings.memory_limit)
        calls = "calls" if pool.services else ""
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                [sys.executable, "-m", "ergaomnes.reader", str(dump), memory, calls],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
            )

    def wait(self) -> None:
        """Wait until the dump is loaded."""
        self._ours.settimeout(_START_LIMIT)
        try:
            head, _ = read_frame(self._ours.makefile("rb"))
        except (EOFError, OSError) as error:
            self.close()
            raise BuildFailed(f"the reader processes did not start ({error!r})") from None
        if "error" in head:
            self.close()
            raise BuildFailed(f"the reader processes cannot load the dump ({head['message']})")
        self.quads = int(head["ready"])
        self._ours.settimeout(None)

    def listen(self) -> None:
        """Begin to take notices."""
        asyncio.get_running_loop().add_reader(self._ours.fileno(), self._notice)

    @property
    def hale(self) -> int:
        """How many readers live, or are being born, to go on living."""
        return sum(not reader.is_doomed for reader in self.readers.values())

    async def bear_up_to(self, wanted: int) -> None:
        """Have readers born until there are as many as are wanted."""
        while self.hale < wanted:
            await self._bear()

    async def _bear(self) -> None:
        number = next(self._numbers)
        reader = self.readers[number] = _Reader(self.pool, self, number)
        ours, theirs = socket.socketpair()
        with theirs:
            self.order(BEAR, number, theirs.fileno())
        await asyncio.get_running_loop().create_unix_connection(lambda: reader, sock=ours)

    def order(self, kind: int, number: int, *descriptors: int) -> None:
        """Tell the process what to do."""
        with contextlib.suppress(OSError):  # its end is noticed elsewhere
            socket.send_fds(self._ours, [ORDER.pack(kind, number)], descriptors)

    def _notice(self) -> None:
        try:
            notice = self._ours.recv(NOTICE.size)
        except BlockingIOError:
            return
        except OSError:
            notice = b""
        if not notice:
            self.deafen()
            self.pool.bereaved(self)
            return
        kind, number, value = NOTICE.unpack(notice)
        if reader := self.readers.get(number):
            if kind == BEAR:
                reader.born(value)
            else:
                del self.readers[number]
                self.pool.lost(reader, value)

    def deafen(self) -> None:
        """Take no more notices."""
        if self._ours.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._ours.fileno())

    def close(self) -> None:
        """End the process and all its readers, and wait for that."""
        with contextlib.suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
        self._ours.close()
        try:
            self.process.wait(_END_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, as it goes to the client, and the generation that gave it."""

    body: bytes
    media_type: str
    generation: str


class Readers:
    """A pool of reader processes over one dump; also an engine.

    At most `settings.readers` queries are worked on in the quick lane and `slow_readers` in
    the slow one; spares wait, so that the place of a killed reader is taken at once. Entered by
    `async with` it works on the running loop, and its blocking methods are for other threads;
    entered by `with` it has a loop of its own.
    """

    def __init__(
        self,
        dump: Path,
        settings: Settings,
        generation: str = "",
        *,
        slow_readers: int = 2,
        quick_time: float = 0.05,
    ) -> None:
        self.dump = dump
        self.settings = settings
        self.slow_readers = slow_readers
        self.quick_time = quick_time
        self.quads = 0
        self._generation = generation
        self._begun: _Nursery | None = None
        self._nursery: _Nursery | None = None
        self._retired: set[_Nursery] = set()
        self._idle: deque[_Reader] = deque()
        self._quick: set[_Job] = set()
        self._slow: set[_Job] = set()
        self._line = _Line(settings.queue_limit)
        self._slow_line = _Line(settings.queue_limit)
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticking: asyncio.TimerHandle | None = None
        self._stopped: Counter[str] = Counter()
        self._moving = asyncio.Lock()
        self._is_closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, daemon=True)
        self._thread.start()
        self._loop = loop
        try:
            self._from_outside(self.__aenter__())
        except BuildFailed:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self.begin()
        begun, self._begun = self._begun, None
        assert begun is not None  # noqa: S101 - it has just begun
        self._take(await self._ready(begun))
        return self

    def begin(self) -> None:
        """Start to load the dump already, beside what else is to be done before entering."""
        if self._begun is None:
            self._begun = _Nursery(self, self.dump, self._generation)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_closed = True
        if self._ticking:
            self._ticking.cancel()
        for job in self._jobs():
            self._finish(job, self._busy())
        for task in self._tasks:
            task.cancel()
        nurseries = [*self._retired, *filter(None, (self._nursery,))]
        self._nursery = None
        for nursery in nurseries:
            nursery.deafen()
            for reader in nursery.readers.values():
                reader.let_go()
            await asyncio.to_thread(nursery.close)
            nursery.readers.clear()

    def close(self) -> None:
        """End every reader; queries in progress are stopped."""
        if self._thread is None or self._loop is None:
            return
        self._from_outside(self.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._thread = None

    @property
    def generation(self) -> str:
        """Name the generation that new queries are asked of."""
        return self._generation

    @property
    def places(self) -> int:
        """How many queries may be worked on or wait, in both lanes."""
        return self.settings.readers + self.slow_readers + 2 * self.settings.queue_limit

    @property
    def alive(self) -> int:
        """How many reader processes of this generation are ready."""
        return len(self.pids)

    @property
    def pids(self) -> list[int]:
        """The reader processes of this generation."""
        nursery = self._nursery
        readers = tuple(nursery.readers.values()) if nursery else ()
        return [one.pid for one in readers if one.pid and not one.is_doomed]

    def counts(self) -> dict[str, int]:
        """Count what is at work, what waits, and what was stopped so far."""
        return {
            "quick": len(self._quick),
            "slow": len(self._slow),
            "waiting": len(self._line) + len(self._slow_line),
            "readers": self.alive,
            **{f"stopped: {why}": number for why, number in self._stopped.items()},
        }

    def _jobs(self) -> list[_Job]:
        waiting = (*self._line.waiting(), *self._slow_line.waiting())
        return [*self._quick, *self._slow, *waiting]

    @property
    def services(self) -> tuple[str, ...]:
        """Give the endpoints that SERVICE may ask."""
        return tuple(filter(None, map(str.strip, self.settings.service_allowed.split(","))))

    def guarded(self, text: str, graphs: str = "") -> Guarded:
        """Let a query pass by the limits of the settings, or raise what is wrong with it."""
        limits = self.settings
        return guarded(
            text,
            length_limit=limits.query_limit,
            depth_limit=limits.depth_limit,
            graphs=graphs,
            services=self.services,
        )

    async def checked(self, text: str, graphs: str = "") -> Guarded:
        """As `guarded`, for the running loop: what would take long is read in a reader process."""
        if len(text) <= _SHORT or len(text) > self.settings.query_limit:
            return self.guarded(text, graphs)
        limits = {
            "length_limit": self.settings.query_limit,
            "depth_limit": self.settings.depth_limit,
            "graphs": graphs,
            "services": self.services,
        }
        request = {"check": text, "limits": limits, "seconds": self.settings.time_limit}
        head, _, _ = await self._asked(frame(request), caller.get() or Caller())
        if "raised" in head:
            raise _error(head)
        form, plain, named, calls = head["guarded"]
        return Guarded(text, form, tuple(plain), tuple(named), calls)

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
        """Answer from another thread than that of the loop; otherwise as `replied`."""
        request = self._request(asked, written_as, default_graphs, named_graphs)
        return self._from_outside(self._replied(asked, written_as, request, caller.get()))

    async def replied(
        self,
        asked: Guarded,
        written_as: media.Format,
        *,
        default_graphs: Sequence[str] = (),
        named_graphs: Sequence[str] = (),
        whole: bool = False,
    ) -> Reply:
        """Answer one guarded query in the format asked for, or raise what stopped it.

        `whole` is for an answer that is as large as the data are, not as somebody asks: what
        bounds it then is time and memory.
        """
        request = self._request(asked, written_as, default_graphs, named_graphs, whole=whole)
        return await self._replied(asked, written_as, request, caller.get())

    async def move(self, dump: Path, generation: str) -> None:
        """Answer from another dump from now on; what is being worked on ends as it began."""
        async with self._moving:
            if generation == self._generation and dump == self.dump:
                return
            nursery = await self._opened(dump, generation)
            self.dump, self._generation = dump, generation
            self._take(nursery)

    def _request(
        self,
        asked: Guarded,
        written_as: media.Format,
        default_graphs: Sequence[str],
        named_graphs: Sequence[str],
        *,
        whole: bool = False,
    ) -> bytes:
        limits = self.settings
        return frame(
            {
                "query": asked.text,
                "media_type": written_as.media_type,
                "default": default_graphs,
                "named": named_graphs,
                "dataset": bool(asked.graphs or asked.named_graphs),
                "whole": whole,
                "rows": _NO_LIMIT if whole else limits.row_limit,
                "bytes": _NO_LIMIT if whole else limits.answer_limit,
                "seconds": limits.time_limit,
            }
        )

    async def _replied(
        self, asked: Guarded, written_as: media.Format, request: bytes, who: Caller | None
    ) -> Reply:
        who = who or Caller()
        head, body, generation = await self._asked(request, who)
        who.generations.add(generation)
        if _UNREPEATABLE.search(asked.text):
            who.is_repeatable = False
        if "error" in head:
            self._raise(head, written_as)
        return Reply(body, written_as.media_type, generation)

    async def _asked(self, request: bytes, who: Caller) -> tuple[Head, bytes, str]:
        if who.left:
            raise CallerLeft
        assert self._loop is not None  # noqa: S101 - it was entered
        job = _Job(request, who, self._loop)
        who._jobs.add(job)
        try:
            self._join(self._line, job)
            self._dispatch()
            return await job.done
        finally:
            who._jobs.discard(job)
            self._withdraw(job)

    # the lanes

    def _join(self, line: _Line, job: _Job) -> None:
        if (
            line is self._line
            and not line
            and self._idle
            and len(self._quick) < self.settings.readers
        ):
            self._run(job, self._quick)
        elif gone := line.join(job):
            self._finish(gone, self._busy())

    def _dispatch(self) -> None:
        """Fill the free places of both lanes."""
        if self._is_closed:
            return
        while self._line and self._idle and len(self._quick) < self.settings.readers:
            self._run(self._line.next(_at_work(self._quick)), self._quick)
        while self._slow_line and self._idle and len(self._slow) < self.slow_readers:
            self._run(self._slow_line.next(_at_work(self._slow)), self._slow)

    def _run(self, job: _Job, lane: set[_Job]) -> None:
        assert self._loop is not None  # noqa: S101 - it was entered
        lane.add(job)
        job.began = self._loop.time()
        reader = self._idle.pop()
        if lane is self._slow:
            self._lower(reader)
        reader.ask(job)
        if self._ticking is None:
            self._ticking = self._loop.call_later(_TICK, self._tick)

    def _tick(self) -> None:
        """Stop what is late, move what is long, and send away who has waited in vain."""
        assert self._loop is not None  # noqa: S101 - it was entered
        now = self._loop.time()
        for job in tuple(self._quick | self._slow):
            if now - job.began > self.settings.time_limit:
                self._finish(job, QueryTimeout(self.settings.time_limit))
        for job in (*self._line.waiting(), *self._slow_line.waiting()):
            if now - job.asked > self.settings.time_limit:
                self._finish(job, self._busy())
        self._move_on(now)
        self._dispatch()
        is_needed = self._quick or self._slow or self._line or self._slow_line
        self._ticking = self._loop.call_later(_TICK, self._tick) if is_needed else None

    def _move_on(self, now: float) -> None:
        """Take the long queries out of the quick lane: for good, or for those who wait."""
        enough = self.quick_time / (_HASTE if self._line else 1)
        long = [
            job
            for job in self._quick
            if now - job.began > enough and job.reader and job.reader.worked() > enough
        ]
        long.sort(key=lambda job: job.began)
        while long and not self._slow_line and len(self._slow) < self.slow_readers:
            at_work = _at_work(self._slow)
            job = min(long, key=lambda one: at_work.get(one.caller.name, 0))
            long.remove(job)
            self._quick.discard(job)
            self._slow.add(job)
            if job.reader:
                self._lower(job.reader)
        lacking = len(self._quick) + len(self._line) - self.settings.readers
        for job in long[: -lacking - 1 : -1] if lacking > 0 else ():  # the youngest lose least
            self._release(job)
            self._join(self._slow_line, job)

    def _lower(self, reader: _Reader) -> None:
        if not reader.is_low:
            reader.is_low = True
            reader.nursery.order(LOWER, reader.number)

    def _finish(self, job: _Job, error: ErgaOmnesError) -> None:
        """Tell the asker that there will be no answer, and end the work."""
        self._stopped[error.slug] += 1
        if not job.done.done():
            job.done.set_exception(error)
        self._withdraw(job)

    def _withdraw(self, job: _Job) -> None:
        """Stop what is still done for a job."""
        if job.reader:
            self._release(job)
            self._dispatch()
        elif not self._line.leave(job):
            self._slow_line.leave(job)

    def _release(self, job: _Job) -> None:
        """Take a job out of its lane and kill its reader."""
        reader, job.reader = job.reader, None
        self._quick.discard(job)
        self._slow.discard(job)
        if reader:
            reader.job = None
            self._replace(reader)

    # what the readers tell

    def welcome(self, reader: _Reader) -> None:
        """Take in a reader that is ready."""
        if reader.nursery is self._nursery:
            self._idle.append(reader)
            self._dispatch()

    def unreachable(self, reader: _Reader) -> None:
        """Ask a reader nothing more."""
        with contextlib.suppress(ValueError):
            self._idle.remove(reader)

    def answered(self, reader: _Reader, head: Head, body: bytes) -> None:
        """Pass an answer on, and give the reader the next query."""
        job, reader.job = reader.job, None
        if job is not None:
            job.reader = None
            self._quick.discard(job)
            self._slow.discard(job)
            if not job.done.done():
                job.done.set_result((head, body, reader.nursery.generation))
        if (
            reader.is_low
            or head.get("error") == "memory"
            or reader.answers >= _ANSWERS_OF_A_READER
            or reader.nursery is not self._nursery
        ):
            self._replace(reader)
        else:
            self._idle.append(reader)
        if self._line or self._slow_line:
            self._dispatch()

    def lost(self, reader: _Reader, exit_code: int | None) -> None:
        """Take the news that a reader is dead; no exit code means that its nursery is, too."""
        reader.let_go()
        if reader.is_doomed:
            return
        with contextlib.suppress(ValueError):
            self._idle.remove(reader)
        job, reader.job = reader.job, None
        if job is not None:
            job.reader = None
            self._quick.discard(job)
            self._slow.discard(job)
            # Somebody else's doing, or the system is short of memory: once more will tell. A
            # reader that was dead before it was asked tells nothing.
            assert self._loop is not None  # noqa: S101 - it was entered
            was_at_work = self._loop.time() - job.began > _BARELY
            job.interrupted += was_at_work
            job.missed += not was_at_work
            may_ask_again = job.interrupted <= 1 and job.missed <= _MOST_MISSES
            if exit_code in (None, -signal.SIGKILL) and may_ask_again:
                self._join(self._slow_line, job)
            else:
                self._finish(job, self._cause(exit_code or 0))
        if exit_code is not None:
            self._replace(reader)
        self._dispatch()

    def bereaved(self, nursery: _Nursery) -> None:
        """Take the news that a nursery is dead, and its readers with it."""
        readers = tuple(nursery.readers.values())
        nursery.readers.clear()
        is_current = nursery is self._nursery
        if is_current:
            self._nursery = None
        # None of them is asked once more on behalf of another.
        self._idle = deque(one for one in self._idle if one.nursery is not nursery)
        for reader in readers:
            self.lost(reader, None)
        self._retired.discard(nursery)
        self._spawn(asyncio.to_thread(nursery.close))
        if is_current:
            self._spawn(self._renew())

    def _cause(self, exit_code: int) -> ErgaOmnesError:
        # A failed allocation aborts; SIGKILL that is not ours is the system short of memory.
        if exit_code in (-signal.SIGABRT, -signal.SIGKILL, EXIT_MEMORY):
            return QueryMemory(self.settings.memory_limit)
        if exit_code == -signal.SIGXCPU:
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
            case "reached-out" if self.services:
                raise EndpointFailed(f"SERVICE got no answer: {head['message'][:300]}")
            case "reached-out":
                raise QueryRefused("it asks another server, and this one asks none.")
            case "unwritable":
                raise AnswerUnwritable(written_as.media_type)
            case "memory":
                raise QueryMemory(self.settings.memory_limit)
            case _:
                raise BadRequest(f"The engine does not do this: {head['message']}.")

    # the processes

    async def _opened(self, dump: Path, generation: str) -> _Nursery:
        """Start the processes over a dump, and wait until they are there."""
        return await self._ready(await asyncio.to_thread(_Nursery, self, dump, generation))

    async def _ready(self, nursery: _Nursery) -> _Nursery:
        await asyncio.to_thread(nursery.wait)
        nursery.listen()
        await nursery.bear_up_to(self._wanted)
        while not all(reader.is_ready for reader in nursery.readers.values()):
            await asyncio.sleep(_TICK)
        if not nursery.readers:
            raise BuildFailed("the reader processes ended as they began")
        return nursery

    @property
    def _wanted(self) -> int:
        return self.settings.readers + self.slow_readers + self.settings.spares

    def _take(self, nursery: _Nursery) -> None:
        """Ask these readers from now on; the others end when they have answered."""
        old, self._nursery = self._nursery, nursery
        self.quads = nursery.quads
        self._idle.clear()
        self._idle.extend(one for one in nursery.readers.values() if one.is_ready)
        self._spawn(nursery.bear_up_to(self._wanted))
        if old is not None:
            self._retired.add(old)
            self._retire(old)
        self._dispatch()

    def _retire(self, nursery: _Nursery) -> None:
        """End the processes of a past generation when none is at work."""
        if nursery in self._retired and not any(one.job for one in nursery.readers.values()):
            self._retired.discard(nursery)
            nursery.deafen()
            for reader in nursery.readers.values():
                reader.let_go()
            self._spawn(asyncio.to_thread(nursery.close))

    def _replace(self, reader: _Reader) -> None:
        """End a reader, and have another born in its place."""
        reader.end()
        if self._is_closed:
            return
        if reader.nursery is self._nursery:
            self._spawn(self._nursery.bear_up_to(self._wanted))
        else:
            self._retire(reader.nursery)

    async def _renew(self) -> None:
        """Start the processes anew, until it works."""
        pause = _FIRST_PAUSE
        while not self._is_closed and self._nursery is None:
            try:
                nursery = await self._opened(self.dump, self._generation)
            except (BuildFailed, OSError):
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            self._take(nursery)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._is_closed:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _from_outside(self, work: Coroutine[Any, Any, Found]) -> Found:
        assert self._loop is not None  # noqa: S101 - it was entered
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _at_work(lane: set[_Job]) -> Counter[str]:
    return Counter(job.caller.name for job in lane)


def _processor_time(pid: int) -> float:
    """Give the processor time of a process; where it cannot be told, as if it had never rested."""
    try:
        # The clock of another process, https://man7.org/linux/man-pages/man3/clock_getcpuclockid.3.html
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return time.monotonic()


def _error(head: Head) -> ErgaOmnesError:
    """Build an error anew that was raised in a reader process."""
    kind: type[ErgaOmnesError] = getattr(errors, head["raised"])
    error = kind.__new__(kind, head["said"])
    error.__dict__.update(head["holds"])
    return error
