"""/sparql: the SPARQL 1.1 Protocol for queries, https://www.w3.org/TR/sparql11-protocol/."""

import urllib.parse
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from ergaomnes import media
from ergaomnes.errors import (
    BadRequest,
    MissingQuery,
    QueryRefused,
    QueryTooLong,
    UnknownParameter,
    UnsupportedMediaType,
    near,
)
from ergaomnes.guard import own_graph
from ergaomnes.worker import Readers

FORM = "application/x-www-form-urlencoded"
QUERY = "application/sparql-query"
UPDATE = "application/sparql-update"
KNOWN = ("query", "default-graph-uri", "named-graph-uri", "format")
# Clients such as SPARQLWrapper name the format in all the ways that endpoints have ever known.
SYNONYMS = {"output": "format", "results": "format"}

Pairs = list[tuple[str, str]]
Runner = Callable[[Callable[[], Any]], Any]


def router(readers: Readers, graphs: str, in_thread: Runner) -> APIRouter:
    """Make the route over a pool of readers; `graphs` is the namespace of the named graphs."""
    made = APIRouter()

    @made.head("/sparql", include_in_schema=False)
    @made.get("/sparql", summary="Ask a SPARQL query")
    async def get(request: Request) -> Response:
        return await answer(request, request.query_params.multi_items())

    @made.post("/sparql", summary="Ask a SPARQL query")
    async def post(request: Request) -> Response:
        return await answer(request, await _posted(request, readers.settings.query_limit))

    async def answer(request: Request, pairs: Pairs) -> Response:
        values = _values(pairs)
        asked = await in_thread(lambda: readers.guarded(values["query"][0], graphs))
        default, named = (
            [own_graph(graph, graphs) for graph in values[name]]
            for name in ("default-graph-uri", "named-graph-uri")
        )
        offered = _offered(asked.answers_with_a_graph)
        accept, name = request.headers.get("accept"), "".join(set(values["format"]))
        written_as, media_type = media.wanted(accept, name, offered)
        reply = await in_thread(
            lambda: readers.reply(asked, written_as, default_graphs=default, named_graphs=named)
        )
        return Response(reply.body, media_type=media_type, headers={"Vary": "Accept"})

    return made


def _offered(is_graph: bool) -> Sequence[media.Format]:
    return (*media.GRAPHS, *media.DATASETS) if is_graph else media.TABLES


def _values(pairs: Pairs) -> dict[str, list[str]]:
    """Sort out the parameters of the protocol.

    What is not of it is ignored, as clients add what other endpoints want; but what looks like a
    slip of the pen is refused, for without it the answer would be another.
    """
    values: dict[str, list[str]] = {name: [] for name in KNOWN}
    for given, value in pairs:
        name = SYNONYMS.get(given, given)
        if name in ("update", "using-graph-uri", "using-named-graph-uri"):
            raise QueryRefused("updates are not taken here.")
        if name in values:
            values[name].append(value)
        elif likely := near(name[:100], KNOWN):
            raise UnknownParameter(name[:100], likely)
    if not values["query"]:
        raise MissingQuery
    for name in ("query", "format"):
        if len(set(values[name])) > 1:
            raise BadRequest(f"The parameter “{name}” is given more than one value.")
    return values


async def _posted(request: Request, limit: int) -> Pairs:
    """Read the two ways of posting a query."""
    content_type, _, rest = request.headers.get("content-type", "").partition(";")
    kind = content_type.strip().lower()
    if kind == UPDATE:
        raise QueryRefused("updates are not taken here.")
    if kind not in (FORM, QUERY):
        raise UnsupportedMediaType(kind[:100] or "none", (QUERY, FORM))
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("a compressed body", (QUERY, FORM))
    charset = rest.lower().partition("charset=")[2].strip(' "')
    if charset not in ("", "utf-8", "utf8"):
        raise UnsupportedMediaType(f"charset {charset[:40]}", (QUERY, FORM))
    body = await _body(request, limit)
    try:
        text = body.decode()
        if kind == FORM:
            return urllib.parse.parse_qsl(
                text, keep_blank_values=True, errors="strict", max_num_fields=100
            )
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8.") from None
    except ValueError as error:
        raise BadRequest(f"The form cannot be read: {error}.") from None
    return [*request.query_params.multi_items(), ("query", text)]


async def _body(request: Request, limit: int) -> bytes:
    """Read no more than a query of the greatest length can need, whatever is announced."""
    # Four bytes a character, three characters a byte in a form, and room for the graphs.
    most = 12 * limit + 10_000
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise QueryTooLong(len(body), limit)
    return bytes(body)
