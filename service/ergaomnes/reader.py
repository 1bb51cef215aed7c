"""What runs inside the reader processes: close every way out, and answer until killed.

The process that is started is the *nursery*: it loads the dump once, into memory, and then does
nothing but fork. Each fork is a reader, ready within milliseconds, that shares the nursery's memory
and speaks in frames over a socket of its own: the length of a JSON head and of a body, then the
head, then the body. Over its standard input, also a socket, the nursery takes orders to bear, kill
or lower a reader, and tells of births and deaths. No thread may start before a fork, and nothing
may be imported after `close_the_ways_out`.
"""

import contextlib
import ctypes
import functools
import gc
import json
import os
import re
import resource
import select
import signal
import socket
import struct
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import IO, Any

import pyoxigraph as ox

from ergaomnes import media, results
from ergaomnes.errors import ErgaOmnesError
from ergaomnes.guard import guarded
from ergaomnes.terms import prefixes

FRAME = struct.Struct(">II")
ORDER = struct.Struct(">BI")  # what to do, and the number of the reader
NOTICE = struct.Struct(">BIi")  # what happened, to which reader, and its pid or exit code
BEAR, KILL, LOWER = range(3)
EXIT_MEMORY = 77

_WATCHED_EVERY = 0.05
_GRACE = 2
# Readers come after the service that has to hear everybody; long queries after short ones; but
# not so far that a neighbour on the same machine starves them.
_QUICK, _LOW = 4, 9
# https://man7.org/linux/man-pages/man2/pr_set_pdeathsig.2const.html
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)

_XML = (media.SPARQL_XML.media_type, media.RDF_XML.media_type)
_JSON_ROW = re.compile(rb'"(?:[^"\\]|\\.)*+"|([\[,]\{)')
_CSV_QUOTED = re.compile(rb'"[^"]*+"')

_WRITE = json.JSONEncoder(check_circular=False, separators=(",", ":")).encode

_FILES_OF_CALLS = 64  # for sockets, names and certificates

Head = dict[str, Any]


class _TooLargeError(Exception):
    """The answer went past a limit: that many, of this unit."""

    def __init__(self, limit: int, unit: str) -> None:
        super().__init__(unit)
        self.limit = limit


# OSError is SERVICE: there is no file behind this store.
_FAILURES: dict[type[Exception], str] = {
    _TooLargeError: "large",
    SyntaxError: "syntax",
    OSError: "reached-out",
    MemoryError: "memory",
    RuntimeError: "unsupported",
    ValueError: "unsupported",
}


class _Bounded:
    """A file in memory that refuses to grow past its limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        self.size += len(part)
        if self.size > self.limit:
            raise _TooLargeError(self.limit, "bytes")
        self.parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        pass


def read_frame(stream: IO[bytes]) -> tuple[Head, bytes]:
    """Read one frame; EOFError when the other side is gone."""
    head_length, body_length = FRAME.unpack(_exactly(stream, FRAME.size))
    head: Head = json.loads(_exactly(stream, head_length))
    return head, _exactly(stream, body_length)


def frame(head: Head, body: bytes = b"") -> bytes:
    """Make one frame."""
    written = _WRITE(head).encode()
    return FRAME.pack(len(written), len(body)) + written + body


def _exactly(stream: IO[bytes], length: int) -> bytes:
    read = stream.read(length)
    if len(read) < length:
        raise EOFError
    return read


def checked(asked: Head) -> tuple[Head, bytes]:
    """Let a query pass by the guard: what it is, or the error, as a name and what it holds."""
    try:
        found = guarded(asked["check"], **asked["limits"])
    except ErgaOmnesError as error:
        return {"raised": type(error).__name__, "said": str(error), "holds": error.__dict__}, b""
    return {"guarded": [found.form, found.graphs, found.named_graphs, found.calls]}, b""


def answered(store: ox.Store, asked: Head) -> tuple[Head, bytes]:
    """Answer one request: a head that says how it went, and the whole body."""
    media_type: str = asked["media_type"]
    out = _Bounded(asked["bytes"])
    try:
        found = store.query(asked["query"], **_dataset(asked))
        if isinstance(found, ox.QueryTriples):
            # What is read whole comes in the order of the store, and is not held in memory twice.
            triples = found if asked["whole"] else sorted(_counted(found, asked["rows"]), key=str)
            written_as = ox.RdfFormat.from_media_type(media_type)
            names = dict(prefixes().namespaces)
            ox.serialize(triples, _file(out), format=written_as, prefixes=names)
            body = results.with_used_prefixes(b"".join(out.parts), media_type)
            return _whole(body, media_type)
        found.serialize(_file(out), format=ox.QueryResultsFormat.from_media_type(media_type))
        body = b"".join(out.parts)
        if (
            isinstance(found, ox.QuerySolutions)
            and len(body) > asked["rows"]  # a row has more than a byte
            and _rows(body, media_type) > asked["rows"]
        ):
            raise _TooLargeError(asked["rows"], "rows")
    except tuple(_FAILURES) as error:
        kind = next(name for failure, name in _FAILURES.items() if isinstance(error, failure))
        return {"error": kind, "message": str(error), "limit": getattr(error, "limit", None)}, b""
    return _whole(body, media_type)


def _whole(body: bytes, media_type: str) -> tuple[Head, bytes]:
    """Give an answer that is complete, or say that the format has no form for it."""
    if media_type in _XML:
        written = media.whole_xml(body)
        return ({"error": "unwritable"}, b"") if written is None else ({}, written)
    return {}, body


def _dataset(asked: Head) -> Head:
    """Give the dataset of the protocol, which goes before that of the query (protocol, 2.1.4)."""
    default, named = asked["default"], asked["named"]
    if not default and not named:
        return {} if asked["dataset"] else {"use_default_graph_as_union": True}
    return {
        "default_graph": [ox.NamedNode(graph) for graph in default],
        "named_graphs": [ox.NamedNode(graph) for graph in named],
    }


def _file(out: _Bounded) -> IO[bytes]:
    return out  # type: ignore[return-value]  # write and flush are all that the writer calls


def _counted(triples: Iterable[ox.Triple], limit: int) -> Iterator[ox.Triple]:
    """Each triple once: a graph is a set, the engine's answer need not be."""
    seen: set[ox.Triple] = set()
    for triple in triples:
        if triple in seen:
            continue
        if len(seen) == limit:
            raise _TooLargeError(limit, "triples")
        seen.add(triple)
        yield triple


def _rows(body: bytes, media_type: str) -> int:
    """Count the rows of a written table."""
    if media_type == media.SPARQL_JSON.media_type:
        return sum(1 for found in _JSON_ROW.finditer(body) if found[1])
    if media_type == media.SPARQL_XML.media_type:
        return body.count(b"<result>")
    if media_type == media.CSV.media_type:
        return _CSV_QUOTED.sub(b"", body).count(b"\n") - 1
    return body.count(b"\n") - 1


def _resident() -> int:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _address_space() -> int | None:
    """Give the size of this process's address space, where the system says it."""
    try:
        with open("/proc/self/statm", encoding="ascii") as sizes:  # noqa: PTH123 - no pathlib here
            return int(sizes.read().split()[0]) * resource.getpagesize()
    except OSError:
        return None


def close_the_ways_out(memory: int, open_files: int = 0) -> None:
    """From here on no more files and sockets, and not more memory, than allowed."""
    size = _address_space()
    if size is None:
        # Only Linux holds a process to RLIMIT_AS: elsewhere it watches itself.
        threading.Thread(target=_watch, args=(_resident() + memory,), daemon=True).start()
    else:
        resource.setrlimit(resource.RLIMIT_AS, (size + memory, size + memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))


def _watch(limit: int) -> None:
    pause = threading.Event()
    while _resident() <= limit:
        pause.wait(_WATCHED_EVERY)
    os._exit(EXIT_MEMORY)


def _allow_processor_time(seconds: float) -> None:
    """End this process by itself should nobody be left to kill it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + seconds) + _GRACE
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    if most in (resource.RLIM_INFINITY, -1) or limit < most:
        resource.setrlimit(resource.RLIMIT_CPU, (limit, most))


def _die_with_the_nursery(nursery: int) -> None:
    """Let the system kill this process when the nursery ends, where it can; and first of all."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123
            score.write("1000")
    if os.getppid() != nursery:
        os._exit(0)


def read(store: ox.Store, memory: int, asker: socket.socket, *, calls: bool) -> None:
    """Answer what comes over the socket until its other end closes.

    With `calls` a query may open sockets, and it is the guard alone that says to whom.
    """
    os.nice(_QUICK)
    close_the_ways_out(memory, _FILES_OF_CALLS if calls else 0)
    stream = asker.makefile("rb")
    while True:
        try:
            request, _ = read_frame(stream)
        except (EOFError, OSError):
            return
        _allow_processor_time(request["seconds"])
        work = checked if "check" in request else functools.partial(answered, store)
        asker.sendall(frame(*work(request)))


class _Nursery:
    """The process that loads the facts once; every reader is a fork of it and shares its memory."""

    def __init__(
        self, store: ox.Store, memory: int, control: socket.socket, *, calls: bool
    ) -> None:
        self.store = store
        self.memory = memory
        self.calls = calls
        self.control = control
        self.children: dict[int, int] = {}

    def serve(self) -> None:
        """Do what the service says until it is gone."""
        ended, ending = socket.socketpair()
        ended.setblocking(False)
        ending.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(ending.fileno(), warn_on_full_buffer=False)
        try:
            while True:
                ready, _, _ = select.select([self.control, ended], [], [])
                if ended in ready:
                    ended.recv(1 << 12)
                    self._bury()
                if self.control in ready:
                    self._obey()
        except (EOFError, OSError):
            signal.set_wakeup_fd(-1)
            for pid in self.children.values():
                os.kill(pid, signal.SIGKILL)
            for pid in self.children.values():
                os.waitpid(pid, 0)

    def _obey(self) -> None:
        order, given, _, _ = socket.recv_fds(self.control, ORDER.size, 1)
        if not order:
            raise EOFError
        kind, number = ORDER.unpack(order)
        if kind == BEAR:
            with socket.socket(fileno=given[0]) as asker:
                self._bear(number, asker)
        elif number in self.children and kind == KILL:
            os.kill(self.children[number], signal.SIGKILL)
        elif number in self.children and kind == LOWER:
            os.setpriority(os.PRIO_PROCESS, self.children[number], _LOW)

    def _bear(self, number: int, asker: socket.socket) -> None:
        nursery = os.getpid()
        pid = os.fork()
        if pid:
            self.children[number] = pid
            self.control.sendall(NOTICE.pack(BEAR, number, pid))
            return
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.control.close()
            _die_with_the_nursery(nursery)
            read(self.store, self.memory, asker, calls=self.calls)
        finally:
            os._exit(0)

    def _bury(self) -> None:
        """Tell of the children that have ended."""
        numbers = {pid: number for number, pid in self.children.items()}
        while self.children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            number = numbers[pid]
            del self.children[number]
            self.control.sendall(NOTICE.pack(KILL, number, os.waitstatus_to_exitcode(status)))


def main(dump: str, memory: str, calls: str = "") -> None:
    """Load a dump and bear readers of it until the control socket, standard input, closes."""
    prefixes()  # read while files may still be read
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    control = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    store = ox.Store()
    try:
        store.load(path=dump, format=ox.RdfFormat.N_QUADS)
    except (OSError, SyntaxError) as error:
        control.sendall(frame({"error": "load", "message": str(error)}))
        return
    gc.collect()
    gc.freeze()  # what is never collected is never written to, and stays shared
    control.sendall(frame({"ready": len(store)}))
    _Nursery(store, int(memory), control, calls=bool(calls)).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
