"""Ask a generation that is not served any more: `?generation=KEY` at any address that reads.

The facts of it are made again, and a second application with readers of its own answers from them.
At most one past generation is open at a time in a process, and it closes when nobody asks it for a
while: whoever asks for many is told to come back. By `Accept-Datetime` a generation is found by the
day on which it was served, as Memento has it (RFC 7089).
"""

import asyncio
import contextlib
import datetime
import email.utils
import urllib.parse
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ergaomnes.cache import App, Message, Receive, Scope, Send
from ergaomnes.errors import BadParameter, Busy, ErgaOmnesError, GenerationLost
from ergaomnes.history import History, Published
from ergaomnes.problems import printed

Opened = Callable[[Path, str], AbstractAsyncContextManager[App]]

TIMEMAP = "/timemap/link"
_NAME = "generation"
_PATIENCE = 300.0
_ASKED_BY_POST = ("/sparql", "/sparql/")
_KEEP_THE_NAME = "/questions"
_OF_NOW = (
    "/changes",
    "/contribution",
    "/diff",
    "/feeds",
    "/generation",
    "/health",
    "/metrics",
    "/openapi.json",
    "/ready",
    "/static",
    "/timemap",
    "/update",
    "/validate",
)
"""Where there is no past: what is said there is of now, or of all generations."""


@dataclass
class _Open:
    app: App
    keeper: "asyncio.Task[None]"
    stop: asyncio.Event
    at_work: int = 0
    used: float = field(default=0.0)


class Keeper:
    """Keeps a past generation open; `opened` makes an application over a dump."""

    def __init__(self, history: History, opened: Opened) -> None:
        self.history = history
        self.opened = opened
        self._open: dict[str, _Open] = {}
        self._turn = asyncio.Lock()

    async def drop(self, key: str) -> None:
        """Close a generation that must not be asked any more, whoever asks it now."""
        if key in self._open:
            await self._shut(key)

    async def aclose(self) -> None:
        """Close whatever is open."""
        for key in list(self._open):
            await self._shut(key)

    @asynccontextmanager
    async def using(self, key: str) -> AsyncIterator[App]:
        """Give the application of a generation; raise Busy while another one is asked."""
        if key not in self._open:
            if self._turn.locked():
                raise Busy(retry_after=5)
            async with self._turn:
                if key not in self._open:
                    await self._begin(key)
        found = self._open[key]
        found.at_work += 1
        try:
            yield found.app
        finally:
            found.at_work -= 1
            found.used = asyncio.get_running_loop().time()

    async def _begin(self, key: str) -> None:
        dump = await asyncio.to_thread(self.history.dump, key)
        for other in list(self._open):
            if self._open[other].at_work:
                raise Busy(retry_after=5)
            await self._shut(other)
        ready: asyncio.Future[App] = asyncio.get_running_loop().create_future()
        stop = asyncio.Event()
        keeper = asyncio.create_task(self._keep(key, dump, ready, stop))
        try:
            app = await ready
        except BaseException:
            stop.set()  # whoever asked has gone away: nobody else knows what was opened
            raise
        now = asyncio.get_running_loop().time()
        self._open[key] = _Open(app, keeper, stop, used=now)

    async def _keep(
        self, key: str, dump: Path, ready: "asyncio.Future[App]", stop: asyncio.Event
    ) -> None:
        """Hold an application open until it is told to stop, or nobody has asked it for long."""
        try:
            async with self.opened(dump, key) as app:
                ready.set_result(app)
                while not stop.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), _PATIENCE / 10)
                    found = self._open.get(key)
                    idle = found and asyncio.get_running_loop().time() - found.used > _PATIENCE
                    if found and idle and not found.at_work:
                        return
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)
        finally:
            if (found := self._open.get(key)) is not None and found.stop is stop:
                del self._open[key]

    async def _shut(self, key: str) -> None:
        found = self._open.pop(key)
        found.stop.set()
        await found.keeper


class Past:
    """The layer that leads to past generations."""

    def __init__(self, app: App, *, keeper: Keeper, current: Callable[[], str]) -> None:
        self.app = app
        self.keeper = keeper
        self.history = keeper.history
        self.current = current

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the application that it is for."""
        if scope["type"] != "http" or not _may_be_of_the_past(scope):
            await self.app(scope, receive, send)
            return
        try:
            pairs = urllib.parse.parse_qsl(scope["query_string"].decode("latin-1"), True)
            asked = [value for name, value in pairs if name == _NAME]
            if not asked:
                moment = _moment(scope)
                if moment is None:
                    await self.app(scope, receive, _dated(send))
                else:
                    await self._send_on(scope, pairs, moment, send)
                return
            if len(set(asked)) > 1:
                raise BadParameter(_NAME, ", ".join(asked)[:100], "one at a time can be asked")
            one = await asyncio.to_thread(self.history.__getitem__, asked[0])
            if one.gone:  # it may have been open when its content was taken away
                await self.keeper.drop(one.key)
                raise GenerationLost(one.key, one.gone)
            sent = _told(one, scope, pairs, send)
            if one.key == self.current():
                await self.app(_for(scope, pairs, one.key), receive, sent)
                return
            async with self.keeper.using(one.key) as app:
                await app(_for(scope, pairs, one.key), receive, sent)
        except ErgaOmnesError as error:
            status, fields, body = printed(error)
            await send({"type": "http.response.start", "status": status, "headers": fields})
            await send({"type": "http.response.body", "body": body})

    async def _send_on(
        self, scope: Scope, pairs: list[tuple[str, str]], moment: str, send: Send
    ) -> None:
        """Send who names a moment to what was served then (RFC 7089, 4.2.1)."""
        try:
            when = email.utils.parsedate_to_datetime(moment)
        except (OverflowError, ValueError):
            why = "it is not as “Thu, 31 May 2007 20:35:00 GMT”"
            raise BadParameter("Accept-Datetime", moment[:60], why) from None
        when = when if when.tzinfo else when.replace(tzinfo=datetime.UTC)
        one = await asyncio.to_thread(self.history.at, when)
        query = urllib.parse.urlencode([*pairs, (_NAME, one.key)])
        place = urllib.parse.quote(scope["path"])
        fields = [
            (b"location", f"{place}?{query}".encode()),
            (b"vary", b"accept-datetime"),
            (b"link", _links(scope, pairs).encode()),
            (b"content-length", b"0"),
        ]
        await send({"type": "http.response.start", "status": 302, "headers": fields})
        await send({"type": "http.response.body", "body": b""})


def _may_be_of_the_past(scope: Scope) -> bool:
    path = scope["path"]
    if scope["method"] not in ("GET", "HEAD") and path not in _ASKED_BY_POST:
        return False
    return not path.startswith(_OF_NOW)


def _moment(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"accept-datetime":
            return str(value.decode("latin-1"))
    return None


def _for(scope: Scope, pairs: list[tuple[str, str]], key: str) -> Scope:
    """Give the request as the application has it; a question is told its generation in full."""
    rest = [(name, value) for name, value in pairs if name != _NAME]
    if scope["path"].startswith(_KEEP_THE_NAME):
        rest.append((_NAME, key))
    return {**scope, "query_string": urllib.parse.urlencode(rest).encode()}


def _told(one: Published, scope: Scope, pairs: list[tuple[str, str]], send: Send) -> Send:
    """Say of an answer when it was the one that was served."""
    when = email.utils.format_datetime(one.time, usegmt=True)
    fields = [(b"memento-datetime", when.encode()), (b"link", _links(scope, pairs).encode())]

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] < 300:
            message = {**message, "headers": [*message["headers"], *fields]}
        await send(message)

    return sent


def _dated(send: Send) -> Send:
    """Say that another day has another answer: a cache must not give this one for it."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            fields = [*message["headers"], (b"vary", b"accept-datetime")]
            message = {**message, "headers": fields}
        await send(message)

    return sent


def _links(scope: Scope, pairs: list[tuple[str, str]]) -> str:
    rest = urllib.parse.urlencode([(name, value) for name, value in pairs if name != _NAME])
    place = urllib.parse.quote(scope["path"]) + (f"?{rest}" if rest else "")
    return (
        f'<{place}>; rel="original timegate",'
        f' <{TIMEMAP}{place}>; rel="timemap"; type="application/link-format"'
    )
