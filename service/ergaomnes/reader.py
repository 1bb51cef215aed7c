"""What runs inside a reader process: load the dump, close every way out, answer until killed.

It speaks in frames over its standard input and output: the length of a JSON head and of a body,
then the head, then the body. Nothing here may be imported after `_close_the_ways_out`.
"""

import json
import os
import queue
import re
import resource
import signal
import struct
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import IO, Any

import pyoxigraph as ox

from ergaomnes import media

FRAME = struct.Struct(">II")
EXIT_MEMORY = 77

_WATCHED_EVERY = 0.05
_GRACE = 2

_XML = (media.SPARQL_XML.media_type, media.RDF_XML.media_type)
_JSON_ROW = re.compile(rb'"(?:[^"\\]|\\.)*+"|([\[,]\{)')
_CSV_QUOTED = re.compile(rb'"[^"]*+"')

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
    written = json.dumps(head).encode()
    return FRAME.pack(len(written), len(body)) + written + body


def _exactly(stream: IO[bytes], length: int) -> bytes:
    read = stream.read(length)
    if len(read) < length:
        raise EOFError
    return read


def answered(store: ox.Store, asked: Head) -> tuple[Head, bytes]:
    """Answer one request: a head that says how it went, and the whole body."""
    media_type: str = asked["media_type"]
    out = _Bounded(asked["bytes"])
    try:
        results = store.query(asked["query"], **_dataset(asked))
        if isinstance(results, ox.QueryTriples):
            triples = _counted(results, asked["rows"])
            ox.serialize(triples, _file(out), format=ox.RdfFormat.from_media_type(media_type))
        else:
            results.serialize(_file(out), format=ox.QueryResultsFormat.from_media_type(media_type))
        body = b"".join(out.parts)
        if isinstance(results, ox.QuerySolutions) and _rows(body, media_type) > asked["rows"]:
            raise _TooLargeError(asked["rows"], "rows")
    except tuple(_FAILURES) as error:
        kind = next(name for failure, name in _FAILURES.items() if isinstance(error, failure))
        return {"error": kind, "message": str(error), "limit": getattr(error, "limit", None)}, b""
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


def _close_the_ways_out(memory: int) -> None:
    """From here on no file, no socket and not more memory than allowed."""
    size = _address_space()
    if size is None:
        # Only Linux holds a process to RLIMIT_AS: elsewhere it watches itself.
        threading.Thread(target=_watch, args=(_resident() + memory,), daemon=True).start()
    else:
        resource.setrlimit(resource.RLIMIT_AS, (size + memory, size + memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


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


def _receive(asked: "queue.SimpleQueue[Head]") -> None:
    """Take requests in; when the parent is gone, so is this process, whatever it is doing."""
    try:
        while True:
            asked.put(read_frame(sys.stdin.buffer)[0])
    except (EOFError, OSError, ValueError):
        os._exit(0)


def main(dump: str, memory: str) -> None:
    """Serve a dump until the standard input closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    out = sys.stdout.buffer
    store = ox.Store()
    try:
        store.load(path=dump, format=ox.RdfFormat.N_QUADS)
    except (OSError, SyntaxError) as error:
        out.write(frame({"error": "load", "message": str(error)}))
        out.flush()
        return
    asked: queue.SimpleQueue[Head] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(asked,), daemon=True).start()
    _close_the_ways_out(int(memory))
    out.write(frame({"ready": len(store)}))
    out.flush()
    while True:
        request = asked.get()
        _allow_processor_time(request["seconds"])
        head, body = answered(store, request)
        out.write(frame(head, body))
        out.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
