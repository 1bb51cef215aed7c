"""Send again what was sent before: raw ASGI, ahead of routing, so that a repetition costs little.

An answer is kept when it is a 200 whose `Cache-Control` says `public`, or says nothing where all of
it came from the readers, which would say the same again. It is kept under all that it may depend
on: the generation, the day, the address, the body of a query that is posted, and the fields of the
request that `Vary` may name. It is given a strong ETag, and `If-None-Match` is answered with 304. A
client cannot forbid it: what it would get anew is the same.

The same layer tells the readers who asks, ends the queries of those who leave, and lets large
answers wait for slow clients in a file, not in memory.
"""

import asyncio
import base64
import hashlib
import tempfile
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from ergaomnes.clients import client
from ergaomnes.codings import chosen
from ergaomnes.worker import Caller, Readers, caller

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Fields = list[tuple[bytes, bytes]]
Key = tuple[object, ...]

POSTED = ("/sparql", "/sparql/")

_PATIENCE = 0.05  # before this nobody looks whether the client is still there
_LONGEST_POST = 1 << 16
_LARGE = 1 << 20
_CHUNK = 1 << 16
_SPOOL = 1 << 29
_A_DAY = 86400
_KEPT_PART = 8  # an answer takes at most this part of the whole room
_OVERHEAD = 1 << 10
_VARYING = (b"accept", b"accept-datetime", b"accept-language", b"accept-encoding", b"origin")
_KEEP, _KEEP_NOT = b"public, max-age=60", b"no-store"
# Who has changed a fact looks at its page next.
_KEEP_AND_ASK = b"public, no-cache"
_OF_THE_BODY = (b"content-length", b"content-type", b"content-encoding")


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it went out."""

    status: int
    fields: Fields
    etag: bytes
    body: bytes


class Shelf:
    """Answers by their keys, those that were asked for last; never more bytes than its limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.hits = self.misses = 0
        self._kept: OrderedDict[Key, tuple[Kept, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key) -> Kept | None:
        """Give the answer kept under a key."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: Key, answer: Kept) -> bool:
        """Keep an answer if it is small enough; the oldest go for it."""
        size = _room(key, answer)
        if size * _KEPT_PART > self.limit:
            return False
        self.drop(key)
        self._kept[key] = answer, size
        self.size += size
        while self.size > self.limit:
            self.drop(next(iter(self._kept)))
        return True

    def drop(self, key: Key) -> None:
        """Forget one."""
        if (old := self._kept.pop(key, None)) is not None:
            self.size -= old[1]


class Cache:
    """The layer around an application over a pool of readers."""

    def __init__(self, app: App, readers: Readers, shelf: Shelf) -> None:
        self.app = app
        self.readers = readers
        self.shelf = shelf
        self._spooled = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        fields = _fields(scope["headers"])
        method = scope["method"]
        body = b""
        if method == "POST" and scope["path"] in POSTED and _is_short(fields):
            read = await _whole(receive)
            if read is None:
                return  # gone before it had asked
            body = read
        elif method not in ("GET", "HEAD"):
            await self._passed(scope, receive, send)
            return
        key = self._key(scope, fields, body)
        kept = self.shelf.get(key)
        if kept is None:
            self.shelf.misses += 1
            scope["cache"] = "miss"
            await self._made(scope, fields, key, _Ear(receive, body, _name(scope)), send)
        else:
            self.shelf.hits += 1
            scope["cache"] = "hit"
            await _send(kept, method, fields, send)

    def _key(self, scope: Scope, fields: dict[bytes, bytes], body: bytes) -> Key:
        return (
            self.readers.generation,
            int(time.time()) // _A_DAY,
            scope.get("raw_path") or scope["path"],
            scope["query_string"],
            fields.get(b"accept"),
            fields.get(b"accept-language"),
            fields.get(b"accept-datetime"),
            chosen(fields.get(b"accept-encoding", b"")),
            b"origin" in fields,
            fields.get(b"host"),
            scope.get("scheme"),
            fields.get(b"authorization"),
            (hashlib.sha256(body).digest(), fields.get(b"content-type")) if body else None,
        )

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        who = caller.set(Caller(_name(scope)))
        try:
            await self.app(scope, receive, send)
        finally:
            caller.reset(who)

    async def _made(
        self, scope: Scope, fields: dict[bytes, bytes], key: Key, ear: "_Ear", send: Send
    ) -> None:
        """Have the answer made, keep it where it may be kept, and send it."""
        method = scope["method"]
        out = _Held(send)
        token = caller.set(ear.who)
        try:
            # A HEAD is made as a GET: it has the same fields, and the next GET is spared.
            asked = {**scope, "method": "GET"} if method == "HEAD" else scope
            await self.app(asked, ear, out)
        finally:
            caller.reset(token)
            ear.close()
            if (answer := await out.whole(ear.who)) is not None and not ear.who.left:
                if answer.etag and self._may_be_kept(ear.who, key):
                    self.shelf.put(key, answer)
                await self._sent(answer, method, fields, send)

    def _may_be_kept(self, who: Caller, key: Key) -> bool:
        generation = self.readers.generation
        return generation == key[0] and who.generations <= {generation}

    async def _sent(
        self, answer: Kept, method: str, fields: dict[bytes, bytes], send: Send
    ) -> None:
        """Send an answer; a large one that is not kept waits in a file for a slow client."""
        size = len(answer.body)
        if size <= _LARGE or method == "HEAD" or self._spooled + size > _SPOOL:
            await _send(answer, method, fields, send)
            return
        self._spooled += size
        try:
            with await asyncio.to_thread(_spooled, answer.body) as file:
                start = answer.status, answer.fields
                del answer
                await send(_start(*start))
                while chunk := file.read(_CHUNK):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._spooled -= size


class _Ear:
    """What an application receives from, and what hears that the client has left."""

    def __init__(self, receive: Receive, body: bytes, name: str) -> None:
        self.who = Caller(name)
        self._receive = receive
        self._first: Message | None = {"type": "http.request", "body": body, "more_body": False}
        self._watch: asyncio.Task[None] | None = None
        self._later = asyncio.get_running_loop().call_later(_PATIENCE, self._begin)

    async def __call__(self) -> Message:
        first, self._first = self._first, None
        if first is None:
            await self._listen()
            return {"type": "http.disconnect"}
        return first

    def close(self) -> None:
        """Listen no more."""
        self._later.cancel()
        if self._watch:
            self._watch.cancel()

    def _begin(self) -> None:
        self._watch = asyncio.get_running_loop().create_task(self._listen())

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.who.leave()


class _Held:
    """A sender that holds a whole answer back, and lets one that comes in parts through."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begin: Message | None = None
        self._body: bytes | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begin = message
            return
        if self._begin is not None and not message.get("more_body"):
            self._body = message.get("body", b"")
            return
        if self._begin is not None:
            begin, self._begin = self._begin, None
            await self._send(begin)
        await self._send(message)

    async def whole(self, who: Caller) -> Kept | None:
        """Give the answer that was held back, with an ETag where it may be kept."""
        begin, body = self._begin, self._body
        self._begin = self._body = None
        if begin is None or body is None:
            return None
        fields: Fields = list(begin["headers"])
        if begin["status"] != 200 or not _is_public(fields, who):
            return Kept(begin["status"], fields, b"", body)
        etag = await asyncio.to_thread(_etag, body) if len(body) > _LARGE else _etag(body)
        return Kept(200, [*fields, (b"etag", etag)], etag, body)


async def _send(answer: Kept, method: str, fields: dict[bytes, bytes], send: Send) -> None:
    body: bytes | memoryview = answer.body
    asked = fields.get(b"if-none-match")
    if asked is not None and answer.etag and method != "POST" and _matches(asked, answer.etag):
        left = [(name, value) for name, value in answer.fields if name not in _OF_THE_BODY]
        await send(_start(304, left))
        body = b""
    else:
        await send(_start(answer.status, answer.fields))
        if method == "HEAD":
            body = b""
    if len(body) > _LARGE:
        body = memoryview(body)
        for place in range(0, len(body), _CHUNK):
            chunk = bytes(body[place : place + _CHUNK])
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        body = b""
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _fields(headers: Fields) -> dict[bytes, bytes]:
    """Give the fields of a request by name; what is sent in several lines is one list."""
    fields = dict(headers)
    if len(fields) != len(headers):
        fields = {}
        for name, value in headers:
            fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


def _start(status: int, fields: Fields) -> Message:
    return {"type": "http.response.start", "status": status, "headers": fields}


async def _whole(receive: Receive) -> bytes | None:
    """Read the body of a request; None when the client leaves."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part: bytes = message.get("body", b"")
        body += part
        if not message.get("more_body"):
            return body


def _is_short(fields: dict[bytes, bytes]) -> bool:
    length = fields.get(b"content-length", b"")
    return length.isdigit() and len(length) < 10 and int(length) <= _LONGEST_POST


def _is_public(fields: Fields, who: Caller) -> bool:
    """Say whether an answer may be kept; where nobody has, tell others how long they may."""
    said: bytes | None = None
    for name, value in fields:
        if name == b"cache-control":
            said = value
        elif name == b"vary":
            if any(one.strip().lower() not in _VARYING for one in value.split(b",")):
                return False
        elif name in (b"set-cookie", b"etag"):
            return False
    if said is None and who.generations:
        is_page = (b"content-type", b"text/html; charset=utf-8") in fields
        kept = _KEEP_AND_ASK if is_page else _KEEP
        said = kept if who.is_repeatable else _KEEP_NOT
        fields.append((b"cache-control", said))
    return said is not None and b"public" in said


def _etag(body: bytes) -> bytes:
    digest = hashlib.sha256(body).digest()[:16]
    return b'"' + base64.urlsafe_b64encode(digest).rstrip(b"=") + b'"'


def _matches(asked: bytes, etag: bytes) -> bool:
    """Compare as If-None-Match does, https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2."""
    return asked.strip() == b"*" or any(
        one.strip().removeprefix(b"W/") == etag for one in asked.split(b",")
    )


def _room(key: Key, answer: Kept) -> int:
    """Reckon what an answer takes, with all that is kept of it."""
    size = len(answer.body) + _OVERHEAD
    for name, value in answer.fields:
        size += len(name) + len(value)
    for part in key:
        if isinstance(part, bytes):
            size += len(part)
    return size


def _spooled(body: bytes) -> BinaryIO:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - who asked for it closes it
    file.write(body)
    file.seek(0)
    return file


def _name(scope: Scope) -> str:
    return client(str((scope.get("client") or ("",))[0]))
