"""The service: routers put together, one handler of errors, and the same manners everywhere."""

import asyncio
import contextlib
import functools
import http
import json
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import anyio
import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp

from ergaomnes import __version__, media, problems
from ergaomnes.assets import assets as vendored
from ergaomnes.cache import App, Cache, Receive, Scope, Send, Shelf
from ergaomnes.catalogue import Catalogue
from ergaomnes.compression import Compression
from ergaomnes.curation import Curation
from ergaomnes.endpoint import Endpoint
from ergaomnes.errors import ErgaOmnesError, OurFault
from ergaomnes.generations import Begun, Generation, Watch, begin
from ergaomnes.history import History
from ergaomnes.journal import Journal
from ergaomnes.judging import Judges
from ergaomnes.known import Known
from ergaomnes.operations import Condition, Operations, Routes
from ergaomnes.panels import Panels
from ergaomnes.past import Keeper, Past
from ergaomnes.reviewing import Reviewing
from ergaomnes.routes import (
    assets,
    contributions,
    descriptions,
    graphs,
    health,
    history,
    home,
    questions,
    search,
    sparql,
    things,
    updates,
    validation,
    views,
    workbench,
)
from ergaomnes.search import Search
from ergaomnes.settings import Settings
from ergaomnes.shipped import shipped
from ergaomnes.tally import Tally
from ergaomnes.templates import Templates, language_of, root_of
from ergaomnes.terms import prefixes
from ergaomnes.thing import Things, path_of
from ergaomnes.tokens import CURATOR, listed
from ergaomnes.views import Views
from ergaomnes.worker import Readers

PROBLEM = problems.MEDIA_TYPE
Teller = Callable[[Request, Exception], Awaitable[Response]]
EXPOSED = ("Content-Location", "Link", "Retry-After", sparql.HINT)


class Service(FastAPI):
    """The framework's application, with a layer around all of it, its last resort included."""

    around: Callable[[App], App]

    def build_middleware_stack(self) -> ASGIApp:
        """Put the layers together."""
        return self.around(super().build_middleware_stack())


def create_app(
    settings: Settings,
    begun: Begun | None = None,
    shared: Path | None = None,
    *,
    is_past: bool = False,
) -> FastAPI:
    """Make the service; its reader processes live as long as it does.

    Several that serve one port tell each other their counts in the `shared` folder. One that is of
    the past answers within another, which guards, keeps and counts what is asked.
    """
    generation, readers = begun or begin(settings)
    condition = Condition(readers)
    shelf = Shelf(settings.cache_limit)
    tally = Tally(functools.partial(_state, readers, shelf, condition), shared)
    journal = Journal(settings.log_format)
    judges = Judges(generation.dump, settings)
    curation = None if settings.dump else Curation(settings)
    catalogue = Catalogue(shipped().queries, prefixes())
    known = Known(readers, catalogue)
    endpoint = Endpoint(known, catalogue)

    past = Keeper(History(settings), functools.partial(_of_the_past, settings))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        watch = Watch(readers, generation, lambda new: judges.move(new.dump))
        with judges, contextlib.closing(journal), contextlib.ExitStack() as ending:
            if curation is not None:
                ending.callback(curation.close)
            if is_past:
                async with readers:
                    yield
                return
            notice = _noticed(condition, settings.notice_time)
            async with readers, watch, tally.told(), notice, contextlib.aclosing(past):
                # Warmed beside the first requests: whoever validates at once waits for it.
                warming = asyncio.create_task(anyio.to_thread.run_sync(_warm, judges, curation))
                yield
                warming.cancel()

    made = Service(
        title="Erga Omnes",
        version=__version__,
        summary="The knowledge graph of human-rights instruments.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    templates = Templates()
    desk = updates.Desk(curation, readers)
    counter = validation.Doors(judges, templates)
    reviewing = Reviewing(templates, prefixes())
    bench = workbench.Workbench(Things(readers, catalogue), catalogue, templates)
    door = sparql.Door(known, endpoint, desk.updated, bench.page)
    made.add_middleware(Front, doors=dict.fromkeys(sparql.PATHS, door))
    if not is_past:
        if settings.dump is None:
            made.add_middleware(Past, keeper=past, current=lambda: readers.generation)
        made.add_middleware(Compression)
        made.add_middleware(Cache, readers=readers, shelf=shelf)
    made.add_exception_handler(ErgaOmnesError, _paged(templates, _problem))
    made.add_exception_handler(HTTPException, _paged(templates, _http_problem))
    made.add_exception_handler(RequestValidationError, _paged(templates, _unprocessable))
    made.add_exception_handler(Exception, _paged(templates, _fault))
    doors = things.Doors(Things(readers, catalogue), templates)
    pages = Views(doors.things, Panels(readers, catalogue), templates)
    index = Search(readers, catalogue)
    for router in (
        health.router(readers, tally, condition),
        assets.router(vendored()),
        graphs.router(
            known,
            prefixes()["graph"],
            doors.graph,
            writer=desk.written,
            is_written=settings.dump is None,
        ),
        updates.router(desk),
        contributions.router(desk, judges, counter, reviewing, lambda: readers.generation),
        descriptions.router(endpoint),
        workbench.router(bench),
        questions.router(known, catalogue, _runner(readers), templates, index),
        search.router(index, templates),
        validation.router(counter),
        *([] if settings.dump else [history.router(past.history, readers, catalogue)]),
        home.router(pages, _routes()),
        views.router(views.Doors(pages, doors, index)),
        things.router(doors),
    ):
        made.include_router(router)
    _describe(made, catalogue)
    if is_past:
        made.around = lambda app: app
        return made
    made.around = functools.partial(
        Operations,
        settings=settings,
        readers=readers,
        tally=tally,
        journal=journal,
        routes=Routes((*sparql.PATHS, *_patterns(made.routes))),
        exposed=EXPOSED,
    )
    return made


def _warm(judges: Judges, curation: Curation | None) -> None:
    """Load what judges and, where somebody may decide, what publishes."""
    judges.start()
    if curation is not None and any(one.role == CURATOR for one in listed(curation.settings)):
        with contextlib.suppress(ErgaOmnesError):  # whoever needs it starts it again, and is told
            curation.start()


@asynccontextmanager
async def _of_the_past(settings: Settings, dump: Path, key: str) -> AsyncIterator[App]:
    """Give an application over a past generation, with few readers, while the statement runs."""
    few = replace(settings, dump=dump, readers=2, slow_readers=1, spares=1)
    readers = Readers(dump, few, key, slow_readers=1, quick_time=few.quick_time)
    begun = Generation(key, dump), readers
    made = await asyncio.to_thread(create_app, few, begun, is_past=True)
    async with made.router.lifespan_context(made):
        yield made


def _patterns(routes: Iterable[BaseRoute]) -> Iterator[str]:
    """Give the pattern of each address, those of routers that are included too."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from _patterns(included.routes)
        elif pattern := getattr(route, "path", ""):
            yield pattern


def _state(readers: Readers, shelf: Shelf, condition: Condition) -> dict[str, Any]:
    """Give what is counted elsewhere, for the page of metrics."""
    counts = readers.counts()
    stopped = {
        name.removeprefix("stopped: "): many
        for name, many in counts.items()
        if name.startswith("stopped: ")
    }
    return {
        "generation": readers.generation,
        "version": __version__,
        "facts": readers.quads,
        "readers": counts["readers"],
        "queries": {name: counts[name] for name in ("quick", "slow", "waiting")},
        "stopped": stopped,
        "sums": {"cache_hits": shelf.hits, "cache_misses": shelf.misses},
        "cache_bytes": shelf.size,
        "is_ready": int(not condition.hindrance),
    }


@asynccontextmanager
async def _noticed(condition: Condition, seconds: float) -> AsyncIterator[None]:
    """Say that the service ends as soon as it is told to, and end it some seconds after that."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is told
        return
    loop = asyncio.get_running_loop()
    before = {kind: signal.getsignal(kind) for kind in (signal.SIGTERM, signal.SIGINT)}

    def told(kind: int, frame: FrameType | None) -> None:
        is_second, condition.is_ending = condition.is_ending, True
        handler = before[signal.Signals(kind)]
        if not callable(handler):
            return
        if seconds and not is_second:
            loop.call_soon_threadsafe(loop.call_later, seconds, handler, kind, frame)
        else:
            handler(kind, frame)

    for kind in before:
        signal.signal(kind, told)
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


class Front:
    """Lead to what is raw ASGI before the framework is asked where a path goes."""

    def __init__(self, app: App, doors: Mapping[str, App]) -> None:
        self.app = app
        self.doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        door = self.doors.get(scope["path"]) if scope["type"] == "http" else None
        await (door or self.app)(scope, receive, send)


def _describe(made: FastAPI, catalogue: Catalogue) -> None:
    """Add to the description for programs what the framework does not see."""
    described = made.openapi

    @functools.cache
    def whole() -> dict[str, Any]:
        found = described()
        found["paths"][sparql.PATHS[0]] = sparql.operations()
        found["paths"] |= questions.operations(catalogue)
        bearer = {"type": "http", "scheme": "bearer"}
        found.setdefault("components", {})["securitySchemes"] = {"bearer": bearer}
        return found

    made.openapi = whole  # type: ignore[method-assign]  # as the framework's manual does it


def _runner(readers: Readers) -> Callable[[Callable[[], Any]], Any]:
    """Give what runs a blocking call beside the event loop, on threads of the pool's own.

    There is one for each query that may be worked on or wait, and some to say that all are busy.
    """
    limiter = anyio.CapacityLimiter(readers.places + 16)
    return functools.partial(anyio.to_thread.run_sync, limiter=limiter)


def _routes() -> Mapping[str, str]:
    return {
        "/sparql": "SPARQL 1.1 queries: GET with ?query=, POST as a form or as a query",
        "/graph/{name}": "a named graph whole, as RDF; /store?graph=IRI and /store?default too",
        "/queries": "the questions as executable SPARQL",
        "/void": "the dataset described: statistics, licence, publisher",
        "/dump.nq": "every fact as N-Quads",
        "/questions": "the questions that can be asked, with their parameters",
        "/questions/{name}": "ask one: /questions/CQ-03?state=rus&day=2025-10-01",
        "/search": "find things by name, title, number or code: ?q=CETS 126; /suggest?q= too",
        "/update": "POST a SPARQL update; /changes lists what was changed: for curators",
        "/validate": "POST facts and hear what the shapes say of them",
        "/contributions": "POST facts for review; GET what was handed in, and what became of it",
        "/generations": "every generation that was published; ?generation=KEY asks one of them",
        "/diff": "what sets two generations apart: ?from=KEY or day&to=KEY or day",
        "/feeds/acts.atom": "legal acts as a feed, .atom or .json; ?state=, ?instrument=",
        "/feeds/changes.atom": "edits of the graph as a feed",
        "/health": "whether the service lives; /ready: whether it takes requests",
        "/metrics": "counts and gauges for Prometheus",
        "/openapi.json": "this service described for programs",
    }


def _paged(templates: Templates, told: Teller) -> Teller:
    """Have an error told as a page to those who read pages, with the same status and fields."""

    async def answered(request: Request, error: Exception) -> Response:
        answer = await told(request, error)
        if not answer.body or not _reads_pages(request):
            return answer
        lang = language_of(request.headers, request.query_params.get("lang"))
        root = root_of(request.scope)
        problem = {"detail": "", "remedy": "", **json.loads(bytes(answer.body))}
        problem["path"] = path_of(prefixes().base, problem["type"])
        problem["is_ours"] = problem["type"].startswith(prefixes().base)
        text = templates.page("problem.html", lang, root, {"problem": problem})
        page = HTMLResponse(text, answer.status_code)
        fields = (one for one in answer.raw_headers if not one[0].startswith(b"content-"))
        page.raw_headers += [*fields, (b"vary", b"Accept, Accept-Language")]
        return page

    return answered


async def _problem(_: Request, error: Exception) -> Response:
    """Print an error of ours as RFC 9457 has it."""
    assert isinstance(error, ErgaOmnesError)  # noqa: S101 - it is registered for these
    status, fields, body = problems.printed(error)
    made = Response(body, status)
    made.raw_headers = fields
    return made


def _reads_pages(request: Request) -> bool:
    """Tell whether somebody would rather have a page than a problem document."""
    with contextlib.suppress(media.MalformedAcceptError):
        offered = (PROBLEM, "application/json", media.HTML.media_type)
        return media.choose(request.headers.get("accept"), offered) == media.HTML.media_type
    return False


async def _http_problem(request: Request, error: Exception) -> Response:
    """Print an error of the framework, such as 404 or 405, in the same shape."""
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for these
    headers = dict(error.headers or {})
    if error.status_code == http.HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods(request))
        if request.method == "OPTIONS":
            return Response(status_code=http.HTTPStatus.NO_CONTENT, headers=headers)
    title = http.HTTPStatus(error.status_code).phrase
    body = {"type": "about:blank", "title": title, "status": error.status_code}
    if error.detail != title:
        body["detail"] = error.detail
    return JSONResponse(body, error.status_code, headers, PROBLEM)


def _methods(request: Request) -> list[str]:
    """List what may be done at this address; the framework names only one route's methods."""
    probes = ("GET", "HEAD", "POST")
    routes = request.app.router.routes
    return [
        method
        for method in probes
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes
        )
    ] + ["OPTIONS"]


async def _unprocessable(_: Request, error: Exception) -> Response:
    """Print a parameter that the framework refused."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - it is registered for these
    faults = [
        {"where": ".".join(str(part) for part in one["loc"]), "why": one["msg"]}
        for one in error.errors()
    ]
    said = "; ".join(f"{fault['where']}: {fault['why']}" for fault in faults)
    body = {"type": "about:blank", "title": "Unprocessable Content", "status": 422, "detail": said}
    return JSONResponse({**body, "faults": faults}, 422, None, PROBLEM)


async def _fault(request: Request, _: Exception) -> Response:
    """Print a fault of ours without its inside; the traceback goes to the log."""
    return await _problem(request, OurFault("The service failed at this request."))
