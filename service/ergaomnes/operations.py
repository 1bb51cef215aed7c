"""What is done around every request, whatever becomes of it: one layer of raw ASGI, the outermost.

It names the request, lets any web page read the answer, tells browsers what not to do with it,
holds each client to its share, counts, and writes a line into the journal.
"""

import itertools
import re
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator

from limits.storage import MemoryStorage

from ergaomnes.cache import App, Fields, Message, Receive, Scope, Send
from ergaomnes.clients import client, is_near
from ergaomnes.errors import ErgaOmnesError, TooManyAtOnce, TooManyRequests
from ergaomnes.journal import Journal, Line
from ergaomnes.problems import printed
from ergaomnes.settings import Settings
from ergaomnes.tally import Tally
from ergaomnes.worker import Readers

UNLIMITED = ("/health", "/ready", "/metrics")
"""The addresses at which those ask who look after the service."""

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""What a page may load, unless it says otherwise itself."""
SCRIPTED = f"{POLICY}; script-src 'self'; connect-src 'self'"
"""For a page with scripts of ours: it names this in its own Content-Security-Policy."""
EMBEDDED = POLICY.replace("frame-ancestors 'none'", "frame-ancestors *")
"""For a view that others may show within their pages."""


def scripted(lang: str) -> dict[str, str]:
    """Give the headers of a page in a language that may load scripts of ours."""
    return {
        "Vary": "Accept, Accept-Language",
        "Content-Language": lang,
        "Content-Security-Policy": SCRIPTED,
    }


_CSP = b"content-security-policy"
_ALLOWED = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
_MINUTE = 60
_MOST_CLIENTS = 4096  # beyond them clients share places, so that many addresses take no memory
_CROWDS = 256
_LONGEST_QUERY = 1 << 16
_ID = re.compile(rb"[A-Za-z0-9._:+/=-]{1,128}")
_SPARQL = re.compile("/(?:sparql|update)/?")


class Routes:
    """Names an address by the pattern it belongs to, so that there are few names."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._names = tuple(dict.fromkeys(patterns))
        self._plain = frozenset(name for name in self._names if "{" not in name)
        self._any = re.compile("|".join(f"({_expression(name)})" for name in self._names))

    def named(self, path: str) -> str:
        """Give the pattern of a path; `other` where there is none."""
        if path in self._plain:
            return path
        found = self._any.fullmatch(path)
        return self._names[found.lastindex - 1] if found and found.lastindex else "other"


def _expression(pattern: str) -> str:
    parts = re.split(r"\{\w+(:path)?\}", pattern)
    # Every second part says whether the hole before it may hold slashes.
    return "".join(
        re.escape(part) if place % 2 == 0 else (".*" if part else "[^/]+")
        for place, part in enumerate(parts)
    )


class Shares:
    """Holds each client to its share; this machine itself has no bounds.

    A proxy on this machine that is not told of in `forwarded_allow_ips` is this machine.
    """

    def __init__(self, settings: Settings) -> None:
        self.rate = settings.requests_per_minute
        self.most_open = settings.concurrent_requests
        self._storage = MemoryStorage()
        self._open: Counter[str] = Counter()
        policies = [f'"minute";q={self.rate};w={_MINUTE}'] if self.rate else []
        self._policy = ", ".join(policies).encode()

    def enter(self, host: str) -> tuple[str, Fields]:
        """Take a request in, or raise why not; give the name to leave by, and what to tell."""
        if is_near(host):
            return "", []
        name = client(host)
        told: Fields = []
        if self.rate:
            key = self._place(name)
            number = self._storage.incr(key, _MINUTE)
            seconds = max(1, round(self._storage.get_expiry(key) - time.time()))
            left = max(0, self.rate - number)
            told = [
                (b"ratelimit-policy", self._policy),
                (b"ratelimit", b'"minute";r=%d;t=%d' % (left, seconds)),
            ]
            if number > self.rate:
                raise _Refused(TooManyRequests(self.rate, seconds), told)
        if self.most_open:
            if self._open[name] >= self.most_open:
                raise _Refused(TooManyAtOnce(self.most_open), told)
            self._open[name] += 1
        return name, told

    def leave(self, name: str) -> None:
        """Let a request go."""
        if name and self.most_open:
            self._open[name] -= 1
            if self._open[name] <= 0:
                del self._open[name]

    def _place(self, name: str) -> str:
        known = self._storage.storage
        if name in known or len(known) < _MOST_CLIENTS:
            return name
        return f"crowd {hash(name) % _CROWDS}"


class _Refused(Exception):
    def __init__(self, error: ErgaOmnesError, told: Fields) -> None:
        self.error = error
        self.told = told


class Condition:
    """Whether the service takes requests."""

    def __init__(self, readers: Readers) -> None:
        self.readers = readers
        self.is_ending = False

    @property
    def hindrance(self) -> str:
        """Say why it takes none; empty when it does."""
        if self.is_ending:
            return "ending"
        return "" if self.readers.alive else "no reader is alive"


class Operations:
    """The layer around a whole application."""

    def __init__(
        self,
        app: App,
        *,
        settings: Settings,
        readers: Readers,
        tally: Tally,
        journal: Journal,
        routes: Routes,
        exposed: Iterable[str],
    ) -> None:
        self.app = app
        self.readers = readers
        self.tally = tally
        self.journal = journal
        self.routes = routes
        self.shares = Shares(settings)
        self.public_url = settings.public_url.rstrip("/")
        self._ids = _ids()
        shown = ("ETag", "RateLimit", "RateLimit-Policy", "X-Request-ID", *exposed)
        self._fields: Fields = [
            (b"access-control-allow-origin", b"*"),
            (b"access-control-expose-headers", ", ".join(shown).encode()),
            (_CSP, POLICY.encode()),
            (b"cross-origin-resource-policy", b"cross-origin"),
            (b"referrer-policy", b"same-origin"),
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"DENY"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        path, method = scope["path"], scope["method"]
        route = self.routes.named(path)
        asked_id, is_preflight = _of_interest(scope["headers"])
        request_id = asked_id if asked_id and _ID.fullmatch(asked_id) else next(self._ids)
        fields = [*self._fields, (b"x-request-id", request_id)]
        status = size = 0

        async def sent(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"]
                message = {**message, "headers": [*headers, *_unsaid(headers, fields)]}
            else:
                size += len(message.get("body", b""))
            await send(message)

        if self.public_url:
            scope["public_url"] = self.public_url
        posted = None
        if self.journal.is_kept and method == "POST" and _SPARQL.fullmatch(path):
            posted = receive = _Ear(receive)
        name = ""
        self.tally.open += 1
        try:
            if is_preflight and method == "OPTIONS":
                await _send(sent, 200, _preflight(), b"")
                return
            if path not in UNLIMITED:
                name, told = self.shares.enter((scope.get("client") or ("",))[0])
                fields += told
            await self.app(scope, receive, sent)
        except _Refused as refused:
            fields += refused.told
            await _send(sent, *printed(refused.error))
        finally:
            self.tally.open -= 1
            self.shares.leave(name)
            seconds = time.perf_counter() - began
            # Without a status the client had left, or nothing was made of it.
            self.tally.count(route, method, status or 499, seconds, size)
            if self.journal.is_kept:
                query, is_form = posted.query(scope) if posted else _query(scope)
                self.journal.tell(
                    Line(
                        time.time(),
                        request_id.decode("ascii"),
                        method,
                        route,
                        status or 499,
                        seconds,
                        size,
                        self.readers.generation,
                        scope.get("cache", ""),
                        query,
                        is_form,
                    )
                )


def _unsaid(said: Fields, fields: Fields) -> Fields:
    """Leave out the policy where an answer has one of its own, which may allow to be framed."""
    own = next((value for name, value in said if name.lower() == _CSP), None)
    if own is None:
        return fields
    left_out = {_CSP} if b"frame-ancestors 'none'" in own else {_CSP, b"x-frame-options"}
    return [field for field in fields if field[0] not in left_out]


class _Ear:
    """Keeps what is posted, so that its hash can be told; no more than a query may have."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._parts: list[bytes] = []
        self._size = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        body = message.get("body", b"")
        if body and self._size < _LONGEST_QUERY:
            self._parts.append(body)
            self._size += len(body)
        return message

    def query(self, scope: Scope) -> tuple[bytes, bool]:
        """Give what was posted, and whether it is a form."""
        kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        return b"".join(self._parts), b"form" in kind


def _query(scope: Scope) -> tuple[bytes, bool]:
    return scope["query_string"], True


def _of_interest(headers: Fields) -> tuple[bytes, bool]:
    request_id, is_preflight = b"", False
    for name, value in headers:
        if name == b"x-request-id":
            request_id = value
        elif name == b"access-control-request-method":
            is_preflight = True
    return request_id, is_preflight


def _preflight() -> Fields:
    # A star does not stand for Authorization, https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name
    return [
        (b"access-control-allow-methods", _ALLOWED.encode()),
        (b"access-control-allow-headers", b"*, Authorization"),
        (b"access-control-max-age", b"86400"),
        (b"content-length", b"0"),
    ]


async def _send(send: Send, status: int, fields: Fields, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _ids() -> Iterator[bytes]:
    """Give names of requests that no other process gives."""
    process = secrets.token_hex(6)
    return (f"{process}-{number:x}".encode() for number in itertools.count(1))
