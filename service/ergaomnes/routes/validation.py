"""POST /validate: judge contributed facts against the shapes and what already stands."""

import json
import zlib
from collections.abc import AsyncGenerator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser

from ergaomnes import media
from ergaomnes.contributing import LICENCES
from ergaomnes.errors import (
    BadRequest,
    ErgaOmnesError,
    SubmissionTooLarge,
    UnsupportedMediaType,
)
from ergaomnes.judgement import WRITTEN
from ergaomnes.judging import Judged, Judges
from ergaomnes.marked import marked, marked_at, text_of
from ergaomnes.submission import TABLES, Form, Part, format_named, media_type_of
from ergaomnes.templates import LANGUAGES, Templates, language_of, root_of
from ergaomnes.terms import prefixes

MULTIPART = "multipart/form-data"
URL_ENCODED = "application/x-www-form-urlencoded"
TEXT, SHAPES = "text", "shapes"
_FIELDS_OF_TEXTS = (TEXT, "type", SHAPES, f"{SHAPES}_type")
OFFERED = (*WRITTEN, media.HTML)
_TYPES = (
    (media.TURTLE.media_type, "Turtle"),
    (media.TRIG.media_type, "TriG"),
    (media.N_TRIPLES.media_type, "N-Triples"),
    (media.N_QUADS.media_type, "N-Quads"),
    (media.JSON_LD.media_type, "JSON-LD"),
    (media.RDF_XML.media_type, "RDF/XML"),
    (media.CSV.media_type, "CSV"),
)
_REPORTS = (("json", "JSON"), ("sarif", "SARIF"), ("ttl", "Turtle"))
_LONGEST_TEXT = 500_000  # characters that a field of the page is filled with again
_MOST_PARTS = 50
_CODINGS = ("gzip", "x-gzip")


class Doors:
    """Judge what is sent on behalf of requests, as documents and as pages."""

    def __init__(self, judges: Judges, templates: Templates) -> None:
        self.judges = judges
        self.templates = templates

    async def judged(self, request: Request, lang: str | None, name: str | None) -> Response:
        """Judge what was sent, and answer with a report in the form that is wanted."""
        chosen, media_type = media.wanted(request.headers.get("accept"), name, OFFERED)
        limit = self.judges.settings.submission_limit
        if chosen is media.HTML:
            return await self._shown(request, language_of(request.headers, lang), limit)
        form = await sent(request, limit)
        judged = await self._judged(form, chosen, lang or "en")
        return Response(judged.body, media_type=media_type, headers={"Vary": "Accept"})

    async def asked(self, request: Request, lang: str | None) -> Response:
        """Answer with the page on which facts can be sent."""
        media.wanted(request.headers.get("accept"), None, (media.HTML,))
        return self._page(request, language_of(request.headers, lang), Form(()), {})

    async def sent(self, request: Request, limit: int) -> Form:
        """Read what a contribution was sent with."""
        return await sent(request, limit)

    async def refused(self, request: Request, form: Form | None, error: ErgaOmnesError) -> Response:
        """Show what was sent as a contribution beside what is wrong with it; nothing is lost."""
        lang = language_of(request.headers, request.query_params.get("lang"))
        report = error.data.get("report")
        if form is None or not isinstance(report, dict):
            return self._faulty(request, lang, form or Form(()), error)
        page = self._reported(request, lang, form, report)
        page.status_code = error.status
        return page

    async def _judged(self, form: Form, written_as: media.Format, lang: str) -> Judged:
        return await run_in_threadpool(
            self.judges.judge_parts,
            form.parts,
            written_as=written_as.media_type,
            language=lang,
            shapes=form.shapes,
        )

    async def _shown(self, request: Request, lang: str, limit: int) -> Response:
        form = Form(())
        try:
            form = await sent(request, limit)
            judged = await self._judged(form, media.PLAIN_JSON, lang)
        except ErgaOmnesError as error:
            return self._faulty(request, lang, form, error)
        report = await run_in_threadpool(json.loads, judged.body)
        return await run_in_threadpool(self._reported, request, lang, form, report)

    def _faulty(self, request: Request, lang: str, form: Form, error: ErgaOmnesError) -> Response:
        line = error.data.get("line")
        sheets = marked_at(
            (*form.parts, *form.shapes),
            str(error.data.get("file")),
            line if isinstance(line, int) else None,
        )
        page = self._page(request, lang, form, {"problem": error, "sheets": sheets})
        page.status_code = error.status
        page.headers.update(error.headers)
        return page

    def _reported(
        self, request: Request, lang: str, form: Form, report: Mapping[str, Any]
    ) -> Response:
        found = marked(report, form.parts, prefixes())
        shown = {
            "marked": found,
            "sheets": found.sheets,
            "several": len(form.parts) > 1,
            "tables": [one.name for one in form.parts if one.kind in TABLES],
        }
        return self._page(request, lang, form, shown)

    def _page(
        self,
        request: Request,
        lang: str,
        form: Form,
        shown: Mapping[str, object],
    ) -> Response:
        root = root_of(request.scope)
        only = form.parts[0] if len(form.parts) == 1 else None
        text = (text_of(only) if only else None) or ""
        is_short = len(text) <= _LONGEST_TEXT
        values: dict[str, object] = {
            "problem": None,
            "marked": None,
            "sheets": (),
            "several": False,
            "tables": (),
            "text": text if is_short else "",
            "type": only.kind.media_type if only and is_short else media.TURTLE.media_type,
            "types": _TYPES,
            "has_shapes": bool(form.shapes),
            "reports": _REPORTS,
            "query": f"?lang={lang}",
            "said": form.fields,
            "licences": LICENCES,
            "languages": [(one, f"{root}/validate?lang={one}") for one in LANGUAGES],
        }
        page = self.templates.page("validate.html", lang, root, {**values, **shown})
        fields = {"Vary": "Accept, Accept-Language", "Content-Language": lang}
        return HTMLResponse(page, headers=fields)


def router(doors: Doors) -> APIRouter:
    """Make the routes over a judging process."""
    made = APIRouter()
    language = Query(pattern="^(en|fr|ru)$", description="en, fr or ru")

    @made.post("/validate", summary="Check facts against the shapes, and say what to correct")
    async def validate(
        request: Request,
        lang: Annotated[str | None, language] = None,
        written_as: Annotated[
            str | None,
            Query(alias="format", description="json, sarif, ttl, nt, rdf, jsonld, … or html"),
        ] = None,
    ) -> Response:
        return await doors.judged(request, lang, written_as)

    @made.head("/validate", include_in_schema=False)
    @made.get("/validate", summary="The page on which facts can be checked")
    async def page(request: Request, lang: Annotated[str | None, language] = None) -> Response:
        return await doors.asked(request, lang)

    return made


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
