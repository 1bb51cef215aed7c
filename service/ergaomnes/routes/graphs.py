"""Graphs read whole: SPARQL 1.1 Graph Store Protocol, https://www.w3.org/TR/sparql11-http-rdf-update/.

`/graph/NAME` is a graph by its own address, `/store?graph=IRI` by its name, and `/store?default`
the union of all. What is written is handed on; whoever has no token is refused there.
"""

import urllib.parse
from collections.abc import Awaitable, Callable, Sequence

from fastapi import APIRouter, Request, Response

from ergaomnes import media
from ergaomnes.endpoint import STORE
from ergaomnes.errors import BadRequest, UnknownGraph, near
from ergaomnes.known import Known

METHODS = ("GET", "HEAD", "OPTIONS")
FORMATS = (*media.GRAPHS, *media.DATASETS)

Page = Callable[[Request], Awaitable[Response]]
Writer = Callable[[Request, str, Sequence[str]], Awaitable[Response]]

_WRITES = ["PUT", "POST", "DELETE", "PATCH"]
_KEEP = "public, max-age=60"
_ALL = "CONSTRUCT { ?subject ?property ?value } WHERE { ?subject ?property ?value }"
_NAMES = {"graph", "default", "format"}


def router(
    known: Known, graphs: str, page: Page | None = None, *, writer: Writer, is_written: bool
) -> APIRouter:
    """Make the routes; `page` answers who would rather read, and what is no graph.

    `writer` takes what is written to a graph: the name of the default graph is empty.
    """
    made = APIRouter()

    @made.head("/graph/{name:path}", include_in_schema=False)
    @made.get("/graph/{name:path}", summary="Read a graph by its own address")
    async def direct(request: Request, name: str) -> Response:
        accept, given = request.headers.get("accept"), request.query_params.get("format")
        offered = (*FORMATS, media.HTML) if page else FORMATS
        written_as, media_type = media.wanted(accept, given, offered)
        graph = named(name)
        if page and (written_as is media.HTML or graph not in await known.graphs()):
            return await page(request)
        return await whole(graph, written_as, media_type)

    @made.head(STORE, include_in_schema=False)
    @made.get(STORE, summary="Read a graph by its name, or the union of all")
    async def indirect(request: Request) -> Response:
        wanted = _wanted(request)
        accept, given = request.headers.get("accept"), request.query_params.get("format")
        written_as, media_type = media.wanted(accept, given, FORMATS)
        return await whole(wanted, written_as, media_type)

    @made.api_route("/graph/{name:path}", methods=_WRITES, include_in_schema=False)
    async def written(request: Request, name: str) -> Response:
        return await handed_on(request, named(name))

    @made.api_route(STORE, methods=_WRITES, include_in_schema=False)
    async def written_by_name(request: Request) -> Response:
        return await handed_on(request, _wanted(request) if is_written else "")

    @made.options("/graph/{name:path}", include_in_schema=False)
    @made.options(STORE, include_in_schema=False)
    async def options() -> Response:
        allowed = (*METHODS, *(one for one in _WRITES if is_written and one != "PATCH"))
        return Response(status_code=204, headers={"Allow": ", ".join(allowed)})

    async def handed_on(request: Request, graph: str) -> Response:
        was_there = graph in await known.graphs()
        answer = await writer(request, graph, METHODS)
        if answer.status_code == 200 and not was_there and graph in await known.graphs():
            answer.status_code = 201  # section 5.3: the graph was created
        return answer

    def named(name: str) -> str:
        return graphs + urllib.parse.quote(name, safe="/-._~")

    async def whole(graph: str, written_as: media.Format, media_type: str) -> Response:
        """Send a graph, or the union of all for the empty name."""
        there = await known.graphs()
        if graph and graph not in there:
            raise UnknownGraph(graph, near(graph, there)[:3])
        asked = known.readers.guarded(_ALL)
        chosen = [graph] if graph else []
        reply = await known.readers.replied(asked, written_as, default_graphs=chosen, whole=True)
        headers = {"Vary": "Accept", "Cache-Control": _KEEP}
        return Response(reply.body, media_type=media_type, headers=headers)

    return made


def _wanted(request: Request) -> str:
    """Give the graph that `?graph=` or `?default` names; the empty name is the union."""
    given = request.query_params.multi_items()
    for name, _ in given:
        if name not in _NAMES:
            raise BadRequest(
                f"“{name[:100]}” is no parameter of a graph store.",
                remedy="Ask with ?graph= and the IRI of a graph, or with ?default.",
            )
    named = [value for name, value in given if name == "graph"]
    is_default = any(name == "default" for name, _ in given)
    if len(named) + is_default != 1:
        raise BadRequest(
            "A graph store is asked for one graph at a time.",
            remedy="Give ?graph= with the IRI of a graph, or ?default, and not both.",
        )
    if is_default:
        return ""
    if not urllib.parse.urlsplit(named[0]).scheme:
        raise BadRequest(f"“{named[0][:100]}” is not the whole IRI of a graph.")
    return named[0]
