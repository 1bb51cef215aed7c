"""What programs and crawlers look for: VoID and DCAT, example queries, the dump, what this is."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse

from ergaomnes import media, results
from ergaomnes.endpoint import DUMP, EXAMPLES, SPARQL, Endpoint, address
from ergaomnes.engine import Triples

FORMATS = (*media.GRAPHS, *media.DATASETS)
VOID = ("/void", "/.well-known/void")

_KEEP = {"Cache-Control": "public, max-age=60"}
_ROBOTS = f"""User-agent: *
Disallow: {SPARQL}
Disallow: /validate
"""


def router(endpoint: Endpoint) -> APIRouter:
    """Make the routes over what can be said of the endpoint."""
    made = APIRouter()

    def written(request: Request, found: Triples) -> Response:
        accept, given = request.headers.get("accept"), request.query_params.get("format")
        written_as, media_type = media.wanted(accept, given, FORMATS)
        body = results.graph(found, written_as, endpoint.prefixes)
        return Response(body, media_type=media_type, headers={"Vary": "Accept", **_KEEP})

    async def void(request: Request) -> Response:
        return written(request, await endpoint.dataset(address(request.scope)))

    for path in VOID:
        made.head(path, include_in_schema=False)(void)
        made.get(path, summary="The dataset described in VoID and DCAT")(void)

    @made.head(EXAMPLES, include_in_schema=False)
    @made.get(EXAMPLES, summary="The questions as executable SPARQL")
    async def examples(request: Request) -> Response:
        return written(request, endpoint.examples(address(request.scope)))

    @made.head(DUMP, include_in_schema=False)
    @made.get(DUMP, summary="Every fact, as N-Quads", response_class=FileResponse)
    async def dump() -> FileResponse:
        name = endpoint.known.readers.dump
        return FileResponse(name, media_type=media.N_QUADS.media_type, headers=_KEEP)

    @made.head("/robots.txt", include_in_schema=False)
    @made.get("/robots.txt", include_in_schema=False)
    async def robots(request: Request) -> Response:
        sitemap = f"Sitemap: {address(request.scope)}/sitemap.xml\n"
        return PlainTextResponse(_ROBOTS + sitemap, headers=_KEEP)

    @made.head("/llms.txt", include_in_schema=False)
    @made.get("/llms.txt", include_in_schema=False)
    async def summary(request: Request) -> Response:
        return PlainTextResponse(await endpoint.summary(address(request.scope)), headers=_KEEP)

    return made
