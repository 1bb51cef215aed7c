"""POST /validate: judge contributed facts against the shapes and what already stands."""

import zlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser

from ergaomnes import media
from ergaomnes.errors import BadRequest, SubmissionTooLarge, UnsupportedMediaType
from ergaomnes.judgement import WRITTEN
from ergaomnes.judging import Judges
from ergaomnes.submission import Part, format_named, media_type_of

MULTIPART = "multipart/form-data"
URL_ENCODED = "application/x-www-form-urlencoded"
TEXT, SHAPES = "text", "shapes"
_FIELDS_OF_TEXTS = (TEXT, "type", SHAPES, f"{SHAPES}_type")
_MOST_PARTS = 50
_CODINGS = ("gzip", "x-gzip")


def router(judges: Judges) -> APIRouter:
    """Make the route over a judging process."""
    made = APIRouter()

    @made.post("/validate", summary="Check facts against the shapes, and say what to correct")
    async def validate(
        request: Request,
        lang: Annotated[str, Query(pattern="^(en|fr|ru)$", description="en, fr or ru")] = "en",
        written_as: Annotated[
            str | None, Query(alias="format", description="json, sarif, ttl, nt, rdf, jsonld, …")
        ] = None,
    ) -> Response:
        limit = judges.settings.submission_limit
        chosen, media_type = media.wanted(request.headers.get("accept"), written_as, WRITTEN)
        form = await sent(request, limit)
        judged = await run_in_threadpool(
            judges.judge_parts,
            form.parts,
            written_as=chosen.media_type,
            language=lang,
            shapes=form.shapes,
        )
        return Response(judged.body, media_type=media_type, headers={"Vary": "Accept"})

    return made


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent: texts that hold facts, shapes of the sender's own, and the other fields."""

    parts: Sequence[Part]
    shapes: Sequence[Part] = ()
    fields: Mapping[str, str] = field(default_factory=dict)


async def sent(request: Request, limit: int) -> Form:
    """Read a body: one text, or a form of several."""
    body = await _body(request, limit)
    kind = request.headers.get("content-type", "")
    essence = kind.partition(";")[0].strip().lower()
    if essence not in (MULTIPART, URL_ENCODED):
        return Form([Part("submission", format_named(kind), body)])
    form = await _form(request, body, essence, limit)
    fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    parts: dict[bool, list[Part]] = {True: [], False: []}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            content = await value.read()
            if content:  # a browser sends an empty file for a field that is left empty
                file = Part(value.filename or name, _kind_of(value), content)
                parts[name == SHAPES].append(file)
        elif name in (TEXT, SHAPES) and value:
            kind = fields.get("type" if name == TEXT else f"{SHAPES}_type") or "text/turtle"
            parts[name == SHAPES].append(Part(name, format_named(kind), value.encode()))
    if not parts[False]:
        raise BadRequest(
            "The form holds no facts.",
            remedy="Send a file, or the facts in the field “text” and their media type in “type”.",
        )
    others = {name: text for name, text in fields.items() if name not in _FIELDS_OF_TEXTS}
    return Form(parts[False], parts[True], others)


def _kind_of(sent: UploadFile) -> media.Format:
    """Tell the format of a file by its media type, or by its ending where that says nothing."""
    try:
        return format_named(sent.content_type or "")
    except UnsupportedMediaType:
        return media_type_of(sent.filename or "")


async def _form(request: Request, body: bytes, essence: str, limit: int) -> FormData:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    if essence == URL_ENCODED:
        return await FormParser(request.headers, stream()).parse()
    parser = MultiPartParser(
        request.headers,
        stream(),
        max_files=_MOST_PARTS,
        max_fields=_MOST_PARTS,
        max_part_size=limit,
    )
    try:
        return await parser.parse()
    except (MultiPartException, KeyError) as error:
        why = getattr(error, "message", "it names no boundary")
        raise BadRequest(f"The form cannot be read: {why}") from None


async def _body(request: Request, limit: int) -> bytes:
    """Read the body, unpacked, and stop when it is larger than the limit, whatever it announces."""
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "", *_CODINGS):
        raise UnsupportedMediaType(f"Content-Encoding: {coding[:40]}", _CODINGS[:1])
    unpack = zlib.decompressobj(16 + zlib.MAX_WBITS) if coding in _CODINGS else None
    parts = bytearray()
    async for part in request.stream():
        parts += _unpacked(unpack, part, limit + 1 - len(parts)) if unpack else part
        if len(parts) > limit:
            raise SubmissionTooLarge(limit)
    if unpack is not None and not unpack.eof:
        raise BadRequest("The gzip body is cut off.", remedy="Send it again, whole.")
    return bytes(parts)


def _unpacked(unpack: "zlib._Decompress", part: bytes, most: int) -> bytes:
    try:
        return unpack.decompress(part, most)
    except zlib.error as error:
        raise BadRequest(f"The body is not gzip: {error}.") from None
