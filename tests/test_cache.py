"""The cache as raw ASGI over an application of a few lines, and before the whole service."""

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ergaomnes import cache, media
from ergaomnes.cache import Cache, Kept, Message, Receive, Scope, Send, Shelf
from ergaomnes.errors import CallerLeft
from ergaomnes.settings import Settings
from ergaomnes.worker import Readers

LIMIT = 4_000_000
LARGE = b"x" * 3_000_000
SIZE = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?p }"


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Give two generations: one fact, and three hundred."""
    folder = tmp_path_factory.mktemp("cache")
    files = [folder / "one.nq", folder / "many.nq"]
    for file, number in zip(files, (1, 300), strict=True):
        lines = [f"<http://e/s> <http://e/p> <http://e/o{one}> .\n" for one in range(number)]
        file.write_text("".join(lines), "utf-8")
    return files


@pytest.fixture(scope="module")
def readers(dumps: list[Path]) -> Iterator[Readers]:
    """Give a pool that is only asked for its generation, and from other threads."""
    with Readers(dumps[0], Settings(readers=1, spares=0), "first") as pool:
        yield pool


class Counting:
    """An application that says how often it was asked, under the fields it is told to send."""

    def __init__(self) -> None:
        self.asked = 0
        self.fields = {"Cache-Control": "public, max-age=60", "Vary": "Accept"}
        self.status = 200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        request = Request(scope, receive)
        body = await request.body()
        made: Response = Response(
            f"{self.asked} {scope['method']} {scope['path']} {body.decode()}",
            self.status,
            self.fields,
            "text/plain",
        )
        if scope["path"] == "/large":
            made = Response(LARGE, 200, self.fields, "text/plain")
        if scope["path"] == "/parts":
            made = StreamingResponse(iter([b"a", b"b"]), 200, self.fields, "text/plain")
        await made(scope, receive, send)


@pytest.fixture
def app() -> Counting:
    """Give a fresh application."""
    return Counting()


def asked(
    layer: Cache, path: str, method: str = "GET", *, body: bytes = b"", **fields: str
) -> httpx.Response:
    """Send one request through the layer."""

    async def send() -> httpx.Response:
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        transport = httpx.ASGITransport(layer)
        async with httpx.AsyncClient(transport=transport, base_url="http://e") as client:
            return await client.request(method, path, content=body, headers=headers)

    return asyncio.run(send())


def test_an_answer_is_sent_again_under_a_strong_etag(app: Counting, readers: Readers) -> None:
    layer = Cache(app, readers, Shelf(LIMIT))
    first, second = asked(layer, "/a?b=c"), asked(layer, "/a?b=c")
    assert app.asked == 1
    assert (layer.shelf.hits, layer.shelf.misses) == (1, 1)
    assert first.text == second.text == "1 GET /a "
    assert first.headers == second.headers
    assert re.fullmatch(r'"[\w-]{22}"', first.headers["etag"])
    assert first.headers["cache-control"] == "public, max-age=60"


def test_an_etag_that_is_known_is_answered_without_a_body(app: Counting, readers: Readers) -> None:
    layer = Cache(app, readers, Shelf(LIMIT))
    etag = asked(layer, "/a").headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = asked(layer, "/a", If_None_Match=known)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag
        assert answer.headers["vary"] == "Accept"
        assert "content-type" not in answer.headers
        assert "content-length" not in answer.headers
    assert asked(layer, "/a", If_None_Match='"other"').status_code == 200
    assert app.asked == 1
    # On the first asking, too.
    assert (
        asked(Cache(Counting(), readers, Shelf(LIMIT)), "/a", If_None_Match=etag).status_code == 304
    )


def test_a_head_is_a_get_without_its_body(app: Counting, readers: Readers) -> None:
    layer = Cache(app, readers, Shelf(LIMIT))
    head, got = asked(layer, "/a", "HEAD"), asked(layer, "/a")
    assert app.asked == 1
    assert (head.content, got.text) == (b"", "1 GET /a ")
    assert head.headers == got.headers
    assert asked(layer, "/a", "HEAD").content == b""


@pytest.mark.parametrize(
    "fields",
    [
        {"Accept": "text/turtle"},
        {"Accept_Language": "ru"},
        {"Accept_Encoding": "identity"},
        {"Origin": "http://o"},
        {"Authorization": "Bearer x"},
        {"Host": "other"},
    ],
)
def test_what_an_answer_may_depend_on_is_told_apart(
    app: Counting, readers: Readers, fields: dict[str, str]
) -> None:
    layer = Cache(app, readers, Shelf(LIMIT))
    asked(layer, "/a")
    asked(layer, "/a", body=b"", **fields)
    assert app.asked == 2
    asked(layer, "/a", body=b"", **fields)
    assert app.asked == 2


def test_addresses_are_told_apart_as_they_were_written(app: Counting, readers: Readers) -> None:
    layer = Cache(app, readers, Shelf(LIMIT))
    for path in ("/a", "/a?b", "/a?b=", "/a/", "/%61", "/A"):
        asked(layer, path)
    assert app.asked == 6


def test_a_posted_query_is_kept_by_its_body(app: Counting, readers: Readers) -> None:
    layer = Cache(app, readers, Shelf(LIMIT))
    kind = "application/sparql-query"
    for body in (b"ASK {}", b"ASK {}", b"ASK { }"):
        assert asked(layer, "/sparql", "POST", body=body, Content_Type=kind).text.endswith(
            body.decode()
        )
    assert app.asked == 2
    asked(layer, "/sparql", "POST", body=b"ASK {}", Content_Type="text/plain")
    assert app.asked == 3
    etag = asked(layer, "/sparql", "POST", body=b"ASK {}", Content_Type=kind).headers["etag"]
    again = asked(layer, "/sparql", "POST", body=b"ASK {}", Content_Type=kind, If_None_Match=etag)
    assert again.status_code == 200  # a condition of that kind is of GET and HEAD
    for _ in range(2):
        asked(layer, "/validate", "POST", body=b"ASK {}", Content_Type=kind)
    assert app.asked == 5


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (404, {"Cache-Control": "public"}),
        (200, {"Cache-Control": "no-store"}),
        (200, {"Cache-Control": "private"}),
        (200, {}),
        (200, {"Cache-Control": "public", "Vary": "Cookie"}),
        (200, {"Cache-Control": "public", "Vary": "*"}),
        (200, {"Cache-Control": "public", "Set-Cookie": "a=b"}),
    ],
)
def test_what_is_not_for_all_is_not_kept(
    app: Counting, readers: Readers, status: int, fields: dict[str, str]
) -> None:
    app.status, app.fields = status, fields
    layer = Cache(app, readers, Shelf(LIMIT))
    for number in (1, 2):
        answer = asked(layer, "/a")
        assert answer.text == f"{number} GET /a "
        assert "etag" not in answer.headers
    assert len(layer.shelf) == 0


def test_another_day_asks_anew(
    app: Counting, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = Cache(app, readers, Shelf(LIMIT))
    asked(layer, "/a")
    tomorrow = time.time() + 86400
    monkeypatch.setattr(time, "time", lambda: tomorrow)
    asked(layer, "/a")
    assert app.asked == 2


def test_a_large_answer_comes_whole_kept_or_not(app: Counting, readers: Readers) -> None:
    for limit in (LIMIT, 100 * LIMIT):
        layer = Cache(app, readers, Shelf(limit))
        for _ in range(2):
            assert asked(layer, "/large").content == LARGE
            assert asked(layer, "/large", "HEAD").content == b""
        assert layer._spooled == 0
        assert len(layer.shelf) == (limit > LIMIT)


def test_an_answer_in_parts_goes_through(app: Counting, readers: Readers) -> None:
    layer = Cache(app, readers, Shelf(LIMIT))
    for _ in range(2):
        answer = asked(layer, "/parts")
        assert answer.content == b"ab"
        assert "etag" not in answer.headers
    assert app.asked == 2


def test_the_shelf_never_holds_more_than_its_limit() -> None:
    shelf = Shelf(100_000)
    for number in range(1000):
        assert shelf.put((number,), Kept(200, [], b"", b"x" * 5000))
        assert shelf.get((0,)) is not None or number > 15
        assert shelf.size <= shelf.limit
    assert 10 < len(shelf) < 20
    assert shelf.get((999,)) is not None
    assert shelf.get((1,)) is None
    assert not shelf.put(("large",), Kept(200, [], b"", b"x" * 50_000))
    shelf.put((999,), Kept(200, [], b"", b"y"))
    kept = shelf.get((999,))
    assert kept is not None
    assert kept.body == b"y"
    for number in range(1000):
        shelf.drop((number,))
    assert (len(shelf), shelf.size) == (0, 0)


class Asking:
    """An application that asks the readers what the address holds."""

    def __init__(self, pool: Readers) -> None:
        self.pool = pool
        self.asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        request = Request(scope, receive)
        reply = await self.pool.replied(self.pool.guarded(request.query_params["query"]), media.CSV)
        await Response(reply.body, media_type="text/csv")(scope, receive, send)


def scope_of(query: str) -> Scope:
    """Give the scope of a request for a query."""
    text = httpx.QueryParams({"query": query})
    return {
        "type": "http",
        "method": "GET",
        "path": "/sparql",
        "query_string": str(text).encode(),
        "headers": [(b"host", b"e")],
        "client": ("192.0.2.1", 1),
    }


async def body_of(layer: Cache, query: str) -> tuple[bytes, dict[bytes, bytes]]:
    """Ask through the layer on this loop."""
    said: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        said.append(message)

    await layer(scope_of(query), receive, send)
    return b"".join(one.get("body", b"") for one in said), dict(said[0]["headers"])


def test_answers_of_the_readers_are_kept_for_their_generation(dumps: list[Path]) -> None:
    async def asks() -> None:
        async with Readers(dumps[0], Settings(readers=1, spares=0), "first") as pool:
            app = Asking(pool)
            layer = Cache(app, pool, Shelf(LIMIT))
            first, fields = await body_of(layer, SIZE)
            assert (await body_of(layer, SIZE))[0] == first == b"n\r\n1\r\n"
            assert fields[b"cache-control"] == b"public, max-age=60"
            assert app.asked == 1
            await pool.move(dumps[1], "second")
            second, changed = await body_of(layer, SIZE)
            assert second == b"n\r\n300\r\n"
            assert changed[b"etag"] != fields[b"etag"]
            assert app.asked == 2
            # What would be another answer each time is not kept.
            for _ in range(2):
                _, fields = await body_of(layer, "SELECT (STRUUID() AS ?n) {}")
                assert fields[b"cache-control"] == b"no-store"
            assert app.asked == 4

    asyncio.run(asks())


def test_an_answer_of_the_past_generation_is_not_kept_for_the_new(dumps: list[Path]) -> None:
    async def asks() -> None:
        async with Readers(dumps[0], Settings(readers=1, spares=0), "first") as pool:

            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                await Asking(pool)(scope, receive, send)
                if pool.generation == "first":
                    await pool.move(dumps[1], "second")

            layer = Cache(app, pool, Shelf(LIMIT))
            assert (await body_of(layer, SIZE))[0] == b"n\r\n1\r\n"
            assert len(layer.shelf) == 0
            assert (await body_of(layer, SIZE))[0] == b"n\r\n300\r\n"
            assert len(layer.shelf) == 1

    asyncio.run(asks())


def test_a_client_that_leaves_ends_its_query(dumps: list[Path]) -> None:
    async def asks() -> None:
        limits = Settings(readers=1, spares=0, time_limit=60.0)
        async with Readers(dumps[1], limits, "first") as pool:
            layer = Cache(Asking(pool), pool, Shelf(LIMIT))
            left = asyncio.Event()
            sent: list[Message] = []

            async def receive() -> Message:
                await left.wait()
                return {"type": "http.disconnect"}

            async def send(message: Message) -> None:
                sent.append(message)

            asking = asyncio.create_task(layer(scope_of(ENDLESS), receive, send))
            await asyncio.sleep(0.3)
            assert pool.counts()["quick"] + pool.counts()["slow"] == 1
            left.set()
            with pytest.raises(CallerLeft):
                await asyncio.wait_for(asking, 5)
            assert pool.counts()["quick"] + pool.counts()["slow"] == 0
            assert sent == []

    asyncio.run(asks())


def test_threads_ask_for_the_client_that_is_served(dumps: list[Path]) -> None:
    async def asks() -> None:
        async with Readers(dumps[1], Settings(readers=1, spares=0), "first") as pool:

            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                asked = pool.guarded(SIZE)
                reply = await asyncio.to_thread(lambda: pool.reply(asked, media.CSV))
                assert threading.current_thread() is threading.main_thread()
                await Response(reply.body)(scope, receive, send)

            layer = Cache(app, pool, Shelf(LIMIT))
            await body_of(layer, SIZE)
            assert len(layer.shelf) == 1  # so it was known that the readers had said it

    asyncio.run(asks())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_a_network_of_ipv6_is_one_client(one: str, other: str, same: bool) -> None:
    names = {cache._name({"client": (host, 1)}) for host in (one, other)}
    assert (len(names) == 1) is same
