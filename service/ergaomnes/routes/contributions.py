"""/contributions: hand in, read, comment, decide, undo and redact."""

import json
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from ergaomnes import media, patch
from ergaomnes.contributing import FIELDS, Contributing
from ergaomnes.contributions import ACCEPTED, STATES, UNDONE, Contributions, Dossier
from ergaomnes.curation import Curation
from ergaomnes.errors import (
    BadParameter,
    BadRequest,
    ErgaOmnesError,
    NotYours,
    TokenMissing,
    UnknownContribution,
)
from ergaomnes.judging import ACCEPTED as READ
from ergaomnes.judging import Judges
from ergaomnes.operations import scripted
from ergaomnes.redaction import public_key
from ergaomnes.reviewing import PATH, Reader, Reviewing, Tried
from ergaomnes.submission import Form
from ergaomnes.templates import language_of, root_of
from ergaomnes.terms import prefixes
from ergaomnes.tokens import CONTRIBUTOR, CURATOR, Token

KEY = "idempotency-key"

_REASON = "ergaomnes-reason"
_LONGEST_KEY = 200
_MOST = 1000
_NOT_KEPT = {"Cache-Control": "no-store"}
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class Counter(Protocol):
    """Where facts are checked on a page: it reads what was sent, and shows what is wrong."""

    async def sent(self, request: Request, limit: int) -> Form:
        """Read a body."""

    async def refused(self, request: Request, form: Form | None, error: ErgaOmnesError) -> Response:
        """Show what was sent with what is wrong with it."""


class Desk(Protocol):
    """What knows who asks, and when the readers have moved."""

    @property
    def curation(self) -> Curation | None:
        """Where changes are made; nowhere where facts are only read."""

    def known(self, fields: Mapping[str, str], role: str) -> tuple[Token, Curation]:
        """Give who asks, and where changes are made."""

    async def moved(self, generation: str) -> None:
        """Wait for the readers to answer from a generation."""


class Doors:
    """The routes of contributions over one desk."""

    def __init__(self, desk: Desk, judges: Judges, counter: Counter, reviewing: Reviewing) -> None:
        self.desk = desk
        self.judges = judges
        self.counter = counter
        self.reviewing = reviewing
        self._contributing: Contributing | None = None

    async def received(self, request: Request, language: str, generation: str) -> Response:
        """Take a contribution, or say what is wrong with it."""
        if not _reads_pages(request):
            self.desk.known(request.headers, CONTRIBUTOR)  # before anything is read
            form = await self.counter.sent(request, self.judges.settings.submission_limit)
            return await self._received(request, form, language, generation)
        read: Form | None = None
        try:
            read = await self.counter.sent(request, self.judges.settings.submission_limit)
            answer = await self._received(request, read, language, generation)
        except ErgaOmnesError as error:
            return await self.counter.refused(request, read, error)
        return _on(request, answer.headers["location"], "sent")

    async def _received(
        self, request: Request, form: Form, language: str, generation: str
    ) -> Response:
        by, curation = self.desk.known(_credentials(request, form.fields), CONTRIBUTOR)
        if self._contributing is None:
            self._contributing = Contributing(curation.contributions, self.judges)
        if form.shapes:
            raise BadRequest(
                "A contribution is judged by the shapes of this graph alone.",
                remedy="Leave “shapes” out; at /validate facts are judged by shapes of your own.",
            )
        fields = form.fields
        query = request.query_params
        given = {name: text for name in FIELDS if (text := query.get(name, fields.get(name, "")))}
        key = request.headers.get(KEY, "").strip()
        if len(key) > _LONGEST_KEY:
            raise BadParameter("Idempotency-Key", key[:40], "it has more than 200 characters")
        got = await run_in_threadpool(
            self._contributing.receive,
            form.parts,
            given,
            by,
            base=generation,
            key=key,
            language=fields.get("lang", language),
        )
        number = got.dossier.id
        said = await run_in_threadpool(_whole, curation.contributions, number)
        fields_out = {"Location": f"{PATH}/{number}", **_NOT_KEPT}
        return JSONResponse(said, 201 if got.is_new else 200, fields_out)

    async def listed(self, request: Request, state: str, after: int, limit: int) -> Response:
        """List contributions in the order in which they came."""
        if state and state not in STATES:
            raise BadParameter("state", state[:40], f"it is one of {', '.join(STATES)}")
        if not 1 <= limit <= _MOST:
            raise BadParameter("limit", str(limit), f"it is a number from 1 to {_MOST:,}")
        curation = self._curation()
        by = self._by(request)
        found = await run_in_threadpool(
            curation.contributions.listed, state, after=after, limit=limit + 1
        )
        shown = [(one, self._may_read(one, by, curation.contributions)) for one in found[:limit]]
        body: dict[str, Any] = {
            "contributions": [_told(one, is_whole=is_whole) for one, is_whole in shown]
        }
        headers = {"Vary": "Accept", **_NOT_KEPT}
        if len(found) > limit:
            query = {"state": state, "after": found[limit - 1].id, "limit": limit}
            text = urllib.parse.urlencode({name: value for name, value in query.items() if value})
            body["next"] = f"{PATH}?{text}"
            headers["Link"] = f'<{body["next"]}>; rel="next"'
        if not _reads_pages(request):
            return JSONResponse(body, headers=headers)
        reader = _reader(request)
        following = f"{reader.root}{body['next']}&lang={reader.lang}" if "next" in body else ""
        page = self.reviewing.listed(reader, shown, state, following)
        return HTMLResponse(page, headers=headers | scripted(reader.lang))

    async def one(self, request: Request, number: int) -> Response:
        """Tell a contribution: in whole where it is public, or to whom it concerns."""
        contributions = self._curation().contributions
        dossier = await run_in_threadpool(contributions.__getitem__, number)
        headers = {"Vary": "Accept", **_NOT_KEPT}
        if _reads_pages(request):
            return await self._page(request, number, done=request.query_params.get("done", ""))
        if self._may_read(dossier, self._by(request), contributions):
            return JSONResponse(
                await run_in_threadpool(_whole, contributions, number), headers=headers
            )
        return JSONResponse(_told(dossier, is_whole=False), headers=headers)

    async def read(self, request: Request, number: int) -> Response:
        """Show all of a contribution to whom its token lets, on a page that nobody keeps."""
        by, _ = self.desk.known(await _credited(request), CONTRIBUTOR)
        contributions = self._curation().contributions
        dossier = await run_in_threadpool(contributions.__getitem__, number)
        if not self._may_read(dossier, by, contributions):
            raise NotYours(number)
        return await self._page(request, number, by)

    async def done(self, request: Request, number: int, name: str, what: "Deed") -> Response:
        """Do something with a contribution for who sent a form, and lead to its page."""
        try:
            await what(request, number)
        except UnknownContribution:
            raise
        except ErgaOmnesError as error:
            tried = Tried(name, await _reason(request), error)
            page = await self._page(request, number, tried=tried)
            page.status_code = error.status
            page.headers.update(error.headers)
            return page
        return _on(request, f"{PATH}/{number}", name)

    async def _page(
        self,
        request: Request,
        number: int,
        by: Token | None = None,
        *,
        tried: Tried | None = None,
        done: str = "",
    ) -> HTMLResponse:
        contributions, reader = self._curation().contributions, _reader(request)

        def made() -> str:
            dossier = contributions[number]
            is_whole = self._may_read(dossier, by, contributions)
            content = None
            if is_whole and dossier.sent:
                content = self.reviewing.content(contributions, dossier, reader)
            return self.reviewing.one(
                reader, dossier, content, is_whole=is_whole, tried=tried or Tried(), done=done
            )

        text = await run_in_threadpool(made)
        return HTMLResponse(text, headers={**scripted(reader.lang), **_NOT_KEPT})

    async def part(self, request: Request, number: int, name: str) -> Response:
        """Give what was sent, what the shapes said, or what it changes."""
        contributions = self._curation().contributions
        dossier = await run_in_threadpool(contributions.__getitem__, number)
        by = self._by(request)
        if not self._may_read(dossier, by, contributions):
            raise TokenMissing if by is None else NotYours(number)
        return await run_in_threadpool(_part, contributions, dossier, name)

    async def commented(self, request: Request, number: int) -> Response:
        """Take a comment of a curator, or of who sent the contribution."""
        by, curation = self.desk.known(await _credited(request), CONTRIBUTOR)
        text = await _reason(request)
        dossier = await run_in_threadpool(curation.contributions.comment, number, by, text)
        return JSONResponse(_told(dossier, is_whole=True), 201, _NOT_KEPT)

    async def withdrawn(self, request: Request, number: int) -> Response:
        """Take a contribution back."""
        by, curation = self.desk.known(await _credited(request), CONTRIBUTOR)
        reason = await _reason(request)
        dossier = await run_in_threadpool(curation.withdraw, number, by, reason)
        return JSONResponse(_told(dossier, is_whole=True), headers=_NOT_KEPT)

    async def rejected(self, request: Request, number: int) -> Response:
        """Decide against a contribution."""
        by, curation = self.desk.known(await _credited(request), CURATOR)
        reason = await _reason(request)
        dossier = await run_in_threadpool(curation.reject, number, by, reason)
        return JSONResponse(_told(dossier, is_whole=True), headers=_NOT_KEPT)

    async def accepted(self, request: Request, number: int) -> Response:
        """Take a contribution into the graph, and answer when it is read there."""
        by, curation = self.desk.known(await _credited(request), CURATOR)
        reason = await _reason(request)
        outcome = await run_in_threadpool(curation.accept, number, by, reason)
        await self.desk.moved(outcome.generation)
        dossier = await run_in_threadpool(curation.contributions.__getitem__, number)
        return _published(dossier, outcome.generation)

    async def undone(self, request: Request, number: int) -> Response:
        """Reverse an accepted contribution by another."""
        by, curation = self.desk.known(await _credited(request), CURATOR)
        reason = await _reason(request)
        dossier, outcome = await run_in_threadpool(curation.undo_contribution, number, by, reason)
        await self.desk.moved(outcome.generation)
        return _published(dossier, outcome.generation)

    async def redacted(self, request: Request, number: int) -> Response:
        """Take the content of a contribution away."""
        by, curation = self.desk.known(await _credited(request), CURATOR)
        reason = await _reason(request)
        generation = await run_in_threadpool(curation.redact, number, by, reason)
        await self.desk.moved(generation)
        dossier = await run_in_threadpool(curation.contributions.__getitem__, number)
        return _published(dossier, generation)

    def _curation(self) -> Curation:
        if self.desk.curation is None:
            raise UnknownContribution(0)
        return self.desk.curation

    def _by(self, request: Request) -> Token | None:
        if "authorization" not in request.headers:
            return None
        return self.desk.known(request.headers, CONTRIBUTOR)[0]

    @staticmethod
    def _may_read(dossier: Dossier, by: Token | None, contributions: Contributions) -> bool:
        """Tell whether all of it may be shown: what is open may hold what harms somebody."""
        if dossier.state in (ACCEPTED, UNDONE):
            return True
        return by is not None and (by.role == CURATOR or contributions.is_of(dossier.id, by))


Deed = Callable[[Request, int], Awaitable[Response]]


def router(
    desk: Desk,
    judges: Judges,
    counter: Counter,
    reviewing: Reviewing,
    generation: Callable[[], str],
) -> APIRouter:
    """Make the routes; `counter` reads what was sent, `generation` names what it is judged on."""
    made = APIRouter()
    doors = Doors(desk, judges, counter, reviewing)

    @made.post(
        PATH,
        summary="Hand in facts for review (contributors)",
        status_code=201,
        openapi_extra=_described(),
    )
    async def receive(
        request: Request,
        lang: Annotated[str, Query(pattern="^(en|fr|ru)$", description="en, fr or ru")] = "en",
    ) -> Response:
        return await doors.received(request, lang, generation())

    @made.get(PATH, summary="List contributions")
    async def listed(
        request: Request, state: str = "", after: int = 0, limit: int = 100
    ) -> Response:
        return await doors.listed(request, state, after, limit)

    @made.get(f"{PATH}/key", summary="Read the key with which redactions are signed")
    async def key() -> Response:
        curation = doors._curation()
        pem = await run_in_threadpool(public_key, curation.settings)
        return PlainTextResponse(pem, media_type="application/x-pem-file")

    @made.get(f"{PATH}/{{number}}", summary="Read a contribution")
    async def one(request: Request, number: int) -> Response:
        return await doors.one(request, number)

    @made.get("/contribution/{number}", include_in_schema=False)
    async def identified(number: int) -> Response:
        return RedirectResponse(f"{PATH}/{number}", 303)

    @made.get(f"{PATH}/{{number}}/{{part}}", summary="Read its patch, its report or what was sent")
    async def part(request: Request, number: int, part: str) -> Response:
        return await doors.part(request, number, part)

    @made.post(f"{PATH}/{{number}}/read", include_in_schema=False)
    async def read(request: Request, number: int) -> Response:
        return await doors.read(request, number)

    for path, what, summary in (
        ("comments", doors.commented, "Say something of a contribution"),
        ("withdraw", doors.withdrawn, "Take a contribution back"),
        ("accept", doors.accepted, "Take a contribution into the graph (curators)"),
        ("reject", doors.rejected, "Decide against a contribution (curators)"),
        ("undo", doors.undone, "Reverse an accepted contribution (curators)"),
        ("redact", doors.redacted, "Take the content of a contribution away (curators)"),
    ):
        made.add_api_route(
            f"{PATH}/{{number}}/{path}",
            _posted(doors, path, what),
            methods=["POST"],
            summary=summary,
        )
    return made


def _described() -> dict[str, Any]:
    """Describe for programs what the framework does not see."""
    fields = {name: {"type": "string", "description": about} for name, about in FIELDS.items()}
    file = {"type": "string", "format": "binary", "description": "a file in any form that is read"}
    form = {"type": "object", "properties": {**fields, "file": file}}
    return {
        "parameters": [
            {"name": name, "in": "query", "required": False, "schema": schema}
            for name, schema in fields.items()
        ]
        + [{"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}}],
        "requestBody": {
            "required": True,
            "content": {one: {} for one in READ} | {"multipart/form-data": {"schema": form}},
        },
        "security": [{"bearer": []}],
    }


def _posted(doors: Doors, name: str, what: Deed) -> Deed:
    async def posted(request: Request, number: int) -> Response:
        if _reads_pages(request):
            return await doors.done(request, number, name, what)
        return await what(request, number)

    return posted


def _reads_pages(request: Request) -> bool:
    accept, name = request.headers.get("accept"), request.query_params.get("format")
    return media.wanted(accept, name, (media.PLAIN_JSON, media.HTML))[0] is media.HTML


def _reader(request: Request) -> Reader:
    asked = request.query_params.get("lang")
    return Reader(language_of(request.headers, asked), root_of(request.scope))


def _on(request: Request, path: str, done: str) -> Response:
    """Lead a browser on, so that going back or reading again sends nothing a second time."""
    reader = _reader(request)
    return RedirectResponse(f"{reader.root}{path}?done={done}&lang={reader.lang}", 303)


async def _credited(request: Request) -> Mapping[str, str]:
    is_form = request.headers.get("content-type", "").startswith(_FORMS)
    form = await request.form() if is_form else {}
    return _credentials(request, {name: str(text) for name, text in form.items()})


def _credentials(request: Request, fields: Mapping[str, str]) -> Mapping[str, str]:
    """Give the field that says who asks; the forms of pages have one for the token."""
    token = fields.get("token", "").strip()
    if "authorization" in request.headers or not token:
        return request.headers
    return {"authorization": f"Bearer {token}"}


async def _reason(request: Request) -> str:
    """Read why something is done: from the query, a form, or the field that updates have too."""
    if text := request.query_params.get("reason", ""):
        return text
    if request.headers.get("content-type", "").startswith(_FORMS):
        form = await request.form()
        return str(form.get("reason", ""))
    return urllib.parse.unquote(request.headers.get(_REASON, ""), errors="replace")


def _published(dossier: Dossier, generation: str) -> Response:
    said = {
        **_told(dossier, is_whole=True),
        "generation": generation,
        "generation_iri": f"{prefixes().base}generation/{generation}",
    }
    headers = {"ETag": f'"{generation}"', "Location": f"{PATH}/{dossier.id}", **_NOT_KEPT}
    return JSONResponse(said, headers=headers)


def _told(dossier: Dossier, *, is_whole: bool) -> dict[str, Any]:
    """Tell a contribution; in part, who sent it and what was said of it stays away."""
    here = f"{PATH}/{dossier.id}"
    said: dict[str, Any] = {
        "id": dossier.id,
        "iri": f"{prefixes().base}contribution/{dossier.id}",
        "state": dossier.state,
        "time": dossier.time,
        "base": dossier.base,
        "added": dossier.added,
        "removed": dossier.removed,
        "warnings": dossier.warnings,
        "change": dossier.change,
    }
    if not is_whole:
        return said
    decision = dossier.decision
    return said | {
        **asdict(dossier.said),
        "comments": [_event(event) for event in dossier.comments],
        "decision": None if decision is None else _event(decision),
        "links": {
            "self": here,
            "patch": f"{here}/patch",
            "report": f"{here}/report",
            "sent": [f"{here}/{name}" for name in dossier.sent],
        },
    }


def _event(event: Any) -> dict[str, str]:  # noqa: ANN401 - an event of a dossier
    return {"kind": event.kind, "time": event.time, "by": event.by, "text": event.text}


def _whole(contributions: Contributions, number: int) -> dict[str, Any]:
    """Tell a contribution with the report on it and what it changes."""
    dossier = contributions[number]
    said = _told(dossier, is_whole=True)
    if not dossier.sent:
        return said  # its content was taken away
    what, follows = contributions.patch(number), contributions.following(number)
    return said | {
        "report": json.loads(contributions.report(number)),
        "diff": {
            "added": what.added,
            "removed": what.removed,
            "follows": {"added": follows.added, "removed": follows.removed},
        },
    }


def _part(contributions: Contributions, dossier: Dossier, name: str) -> Response:
    headers = {"X-Content-Type-Options": "nosniff", **_NOT_KEPT}
    if name == "patch":
        body = contributions.patch(dossier.id).written()
        return Response(body, headers=headers, media_type=patch.MEDIA_TYPE)
    if name == "report":
        return Response(
            contributions.report(dossier.id), headers=headers, media_type="application/json"
        )
    if name not in dossier.sent:
        raise UnknownContribution(dossier.id)
    media_type = dossier.media_types[dossier.sent.index(name)]
    headers["Content-Disposition"] = f'attachment; filename="contribution-{dossier.id}-{name}"'
    return Response(contributions.part(dossier.id, name), headers=headers, media_type=media_type)
