"""POST /validate: judge contributed facts against the shapes and what already stands."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from ergaomnes.errors import NotAcceptable, SubmissionTooLarge
from ergaomnes.judging import OFFERED, Judges
from ergaomnes.media import MalformedAcceptError, choose


def router(judges: Judges) -> APIRouter:
    """Make the route over a judging process."""
    made = APIRouter()

    @made.post("/validate", summary="Check facts against the shapes, and say what to correct")
    async def validate(
        request: Request,
        lang: Annotated[str, Query(pattern="^(en|fr|ru)$", description="en, fr or ru")] = "en",
    ) -> Response:
        written_as = _acceptable(request.headers.get("accept"))
        content = await _body(request, judges.settings.submission_limit)
        kind = request.headers.get("content-type", "")
        judged = await run_in_threadpool(
            judges.judge, content, kind, written_as=written_as, language=lang
        )
        return Response(judged.body, media_type=judged.media_type, headers={"Vary": "Accept"})

    return made


def _acceptable(accept: str | None) -> str:
    try:
        chosen = choose(accept, OFFERED)
    except MalformedAcceptError:
        chosen = None
    if chosen is None:
        raise NotAcceptable(OFFERED)
    return chosen


async def _body(request: Request, limit: int) -> bytes:
    """Read the body, and stop reading when it is larger than the limit, whatever it announces."""
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > limit:
            raise SubmissionTooLarge(limit)
    return bytes(parts)
