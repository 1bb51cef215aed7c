"""The log: one line for each request, and what the server itself has to say, in one form.

A line holds no address, no user agent and no text of a query, but the SHA-256 of it: enough to
count how often something is asked, and to find a request by its id. Lines are written together, a
tenth of a second's worth at a time and beside the event loop; where the other end does not take
them, some are lost, and how many is told.
"""

import asyncio
import functools
import hashlib
import json
import logging
import re
import sys
import time
import traceback
import urllib.parse
from typing import Any, BinaryIO, NamedTuple

JSON, TEXT, NONE = "json", "text", "none"

_EVERY = 0.1
_MOST_LINES = 10_000
_LONGEST_KEPT = 1 << 11
_QUERY = re.compile(rb"(?:^|&)(?:query|update)=([^&]*)")


class Line(NamedTuple):
    """One request as it is told."""

    time: float
    request_id: str
    method: str
    route: str
    status: int
    seconds: float
    size: int
    generation: str
    cache: str
    query: bytes
    is_form: bool

    def members(self) -> dict[str, object]:
        """Give what is written of it."""
        told: dict[str, object] = {
            "time": _stamp(self.time),
            "level": "info",
            "event": "request",
            "id": self.request_id,
            "method": self.method,
            "route": self.route,
            "status": self.status,
            "ms": round(self.seconds * 1000, 3),
            "bytes": self.size,
            "generation": self.generation,
        }
        if self.cache:
            told["cache"] = self.cache
        if digest := self.digest():
            told["query"] = digest
        return told

    def digest(self) -> str:
        """Give the hash of the query; empty where there is none."""
        if not self.query:
            return ""
        kept = len(self.query) <= _LONGEST_KEPT
        return (_digest if kept else _digest.__wrapped__)(self.query, self.is_form)

    def json(self) -> str:
        """Write it as JSON; no part of it can hold what JSON would escape."""
        digest = self.digest()
        return (
            f'{{"time":"{_stamp(self.time)}","level":"info","event":"request"'
            f',"id":"{self.request_id}","method":"{self.method}","route":"{self.route}"'
            f',"status":{self.status},"ms":{self.seconds * 1000:.3f},"bytes":{self.size}'
            f',"generation":"{self.generation}"'
            + (f',"cache":"{self.cache}"' if self.cache else "")
            + (f',"query":"{digest}"}}\n' if digest else "}\n")
        )


@functools.lru_cache(maxsize=1024)
def _digest(query: bytes, is_form: bool) -> str:
    if is_form:
        found = _QUERY.search(query)
        query = urllib.parse.unquote_to_bytes(found[1].replace(b"+", b" ")) if found else b""
    return hashlib.sha256(query).hexdigest() if query else ""


class Journal:
    """Where the lines of requests go."""

    def __init__(self, form: str, stream: BinaryIO | None = None) -> None:
        self.form = form
        self.is_kept = form != NONE
        self._stream = stream or sys.stdout.buffer
        self._lines: list[Line] = []
        self._lost = 0
        self._later: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[None] | None = None

    def tell(self, line: Line) -> None:
        """Take a line in; to be called on the event loop."""
        if len(self._lines) >= _MOST_LINES:
            self._lost += 1
            return
        self._lines.append(line)
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(_EVERY, self._flush)

    def close(self) -> None:
        """Write what is left."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        self._write(self._taken())

    def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        self._later = None
        if self._writing is None or self._writing.done():
            self._writing = loop.run_in_executor(None, self._write, self._taken())
        elif self._lines:
            self._later = loop.call_later(_EVERY, self._flush)

    def _taken(self) -> bytes:
        # Written out here: in a thread it would keep the event loop from going on.
        lines, lost = self._lines, self._lost
        self._lines, self._lost = [], 0
        if self.form == JSON:
            told = [line.json() for line in lines]
        else:
            told = [written(line.members(), self.form) for line in lines]
        if lost:
            members = {"time": _stamp(time.time()), "level": "warning", "event": "lines-lost"}
            told.append(written(members | {"lines": lost}, self.form))
        return "".join(told).encode()

    def _write(self, told: bytes) -> None:
        try:
            self._stream.write(told)
            self._stream.flush()
        except (OSError, ValueError):
            return  # nobody reads it: that is no reason not to answer


class Formatter(logging.Formatter):
    """Writes the records of others, such as the server, as lines of the journal.

    Of an exception it tells the kind and the places, and not what it says, for that may be text of
    somebody's query.
    """

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form

    def format(self, record: logging.LogRecord) -> str:
        """Give the line without its end."""
        members: dict[str, object] = {
            "time": _stamp(record.created),
            "level": record.levelname.lower(),
            "event": "server",
            "logger": record.name,
            "message": record.getMessage().partition("\n")[0],
        }
        if record.exc_info and record.exc_info[0] is not None:
            frames = traceback.extract_tb(record.exc_info[2])
            members["error"] = record.exc_info[0].__name__
            members["at"] = [f"{one.filename}:{one.lineno} {one.name}" for one in frames[-20:]]
        return written(members, self.form).rstrip("\n")


def configuration(form: str) -> dict[str, Any]:
    """Give the settings of `logging` with which a server writes into the journal."""
    stream = "ext://sys.stderr" if form == NONE else "ext://sys.stdout"
    handler = {"class": "logging.StreamHandler", "formatter": "line", "stream": stream}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": Formatter, "form": TEXT if form == NONE else form}},
        "handlers": {"journal": handler},
        "root": {"handlers": ["journal"], "level": "WARNING"},
    }


def written(members: dict[str, object], form: str) -> str:
    """Write one line."""
    if form == JSON:
        return json.dumps(members, ensure_ascii=False, separators=(",", ":")) + "\n"
    shown = (
        f"{name}={value}" if name not in ("time", "level", "event") else str(value)
        for name, value in members.items()
    )
    return " ".join(shown).replace("\n", " ") + "\n"


def _stamp(moment: float) -> str:
    whole = int(moment)
    return f"{_second(whole)}.{int((moment - whole) * 1000):03}Z"


@functools.lru_cache(maxsize=64)
def _second(moment: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
