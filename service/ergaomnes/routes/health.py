"""For those who look after the service: /health, /ready and /metrics."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from ergaomnes.operations import Condition
from ergaomnes.tally import Tally
from ergaomnes.worker import Readers

_NOT_KEPT = {"Cache-Control": "no-store"}


def router(readers: Readers, tally: Tally, condition: Condition) -> APIRouter:
    """Make the routes over what is known of the running service."""
    made = APIRouter()

    @made.head("/health", include_in_schema=False)
    @made.get("/health", summary="Whether the service lives")
    async def health() -> Response:
        alive = readers.alive
        status = {"status": "ok", "facts": readers.quads, "readers": alive}
        return JSONResponse(status, headers=_NOT_KEPT)

    @made.head("/ready", include_in_schema=False)
    @made.get("/ready", summary="Whether the service takes requests, and of which generation")
    async def ready() -> Response:
        why = condition.hindrance
        status = {"status": why or "ready", "generation": readers.generation}
        return JSONResponse(status, 503 if why else 200, _NOT_KEPT)

    @made.head("/metrics", include_in_schema=False)
    @made.get("/metrics", summary="Counts and gauges, as Prometheus reads them")
    async def metrics() -> Response:
        return Response(tally.page(), headers={**_NOT_KEPT, "Content-Type": CONTENT_TYPE_LATEST})

    return made
