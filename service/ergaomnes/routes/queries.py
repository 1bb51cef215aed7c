"""/questions: the catalogue, and each question asked over HTTP."""

import datetime
import urllib.parse
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from ergaomnes import answers, media
from ergaomnes.catalogue import Catalogue, Question, as_typed
from ergaomnes.errors import BadRequest
from ergaomnes.worker import Readers

Runner = Callable[[Callable[[], Any]], Any]
LISTED = (media.PLAIN_JSON, media.TURTLE)


def router(readers: Readers, catalogue: Catalogue, in_thread: Runner) -> APIRouter:
    """Make the routes over a catalogue and a pool of readers."""
    made = APIRouter()

    @made.head("/questions", include_in_schema=False)
    @made.get("/questions", summary="List the questions")
    async def listed(request: Request) -> Response:
        accept, name = request.headers.get("accept"), request.query_params.get("format")
        written_as, media_type = media.wanted(accept, name, LISTED)
        if written_as is media.TURTLE:
            body = await in_thread(lambda: answers.catalogue_turtle(catalogue))
            return Response(body, media_type=media_type, headers={"Vary": "Accept"})
        found = await in_thread(lambda: [_described(one, catalogue) for one in catalogue])
        return JSONResponse({"questions": found}, headers={"Vary": "Accept"})

    @made.head("/questions/{name}", include_in_schema=False)
    @made.get("/questions/{name}", summary="Ask a question")
    async def asked(request: Request, name: str) -> Response:
        given = _given(request)
        wanted = given.pop("format", None)
        accept = request.headers.get("accept")
        written_as, media_type = media.wanted(accept, wanted, answers.FORMATS)
        today = datetime.datetime.now(datetime.UTC).date()
        answered = await in_thread(lambda: answers.ask(catalogue, name, given, readers, today))
        writer = answers.WRITERS[written_as.name]
        body = await in_thread(lambda: writer(answered, catalogue.prefixes))
        headers = {"Vary": "Accept", "Content-Location": _location(answered, catalogue, wanted)}
        return Response(body, media_type=media_type, headers=headers)

    return made


def _given(request: Request) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise BadRequest(f"The parameter “{name[:100]}” is given more than once.")
        given[name] = value
    return given


def _location(answered: answers.Answered, catalogue: Catalogue, wanted: str | None) -> str:
    """Give the address at which this very answer is asked for, with every parameter in it."""
    pairs = as_typed(answered.bound, catalogue.prefixes)
    query = urllib.parse.urlencode(pairs | ({"format": wanted} if wanted else {}), safe=":/")
    return f"/questions/{answered.question.name}" + (f"?{query}" if query else "")


def _described(question: Question, catalogue: Catalogue) -> dict[str, object]:
    return {
        "name": question.name,
        "number": question.number,
        "title": question.title,
        "question": question.question,
        "audience": question.audience,
        "tags": question.tags,
        "parameters": {
            one.name: {
                "about": one.about,
                "type": one.kind,
                "kind": one.of,
                "default": "today" if one.is_today else one.typed(one.default, catalogue.prefixes),
            }
            for one in question.parameters.values()
        },
        "columns": dict(question.columns),
        "href": f"/questions/{question.name}",
        "query": question.text,
    }
