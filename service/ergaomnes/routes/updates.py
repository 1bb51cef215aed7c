"""What curators write: SPARQL 1.1 Update, graphs put and deleted, changes undone; by token only.

https://www.w3.org/TR/sparql11-protocol/#update-operation and
https://www.w3.org/TR/sparql11-http-rdf-update/
"""

import asyncio
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Response
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from ergaomnes.curation import Curation, Outcome, Request
from ergaomnes.errors import BadRequest, NotWritable, ReadOnly, SubmissionTooLarge, WrongMethod
from ergaomnes.ledger import read_ledger
from ergaomnes.tokens import CURATOR, Token, bearer
from ergaomnes.worker import Readers

REASON, SOURCE = "Ergaomnes-Reason", "Ergaomnes-Source"
UPDATE = "application/sparql-update"
FORM = "application/x-www-form-urlencoded"
WRITES = ("PUT", "POST", "DELETE")

_USING = ("using-graph-uri", "using-named-graph-uri")
_KNOWN = {"update", *_USING, "reason", "source"}
_MOVED_WITHIN = 20.0
_LOOK = 0.05

Receive = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where changes are handed in; without a curation the service is only read."""

    curation: Curation | None
    readers: Readers

    async def hand_in(
        self, fields: Mapping[str, str], request: Request, reason: str = "", source: str = ""
    ) -> Response:
        """Make a change, and answer when the readers answer from it."""
        by, curation = self.known(fields)
        outcome = await run_in_threadpool(
            curation.change,
            request,
            by,
            reason or _said(fields, REASON),
            source or _said(fields, SOURCE),
            only_on=_generations(fields),
        )
        return await self.answer(outcome)

    async def undo(self, fields: Mapping[str, str], number: int, reason: str) -> Response:
        """Reverse a change by another."""
        by, curation = self.known(fields)
        outcome = await run_in_threadpool(
            curation.undo,
            number,
            by,
            reason or _said(fields, REASON),
            only_on=_generations(fields),
        )
        return await self.answer(outcome)

    async def updated(self, scope: Mapping[str, Any], receive: Receive) -> Response:
        """Take a SPARQL update, posted as itself or as a form."""
        request = HttpRequest(dict(scope), receive)
        fields = request.headers
        self.known(fields)  # before anything is read
        content = await self.read(request)
        kind = fields.get("content-type", "").partition(";")[0].strip().lower()
        pairs = request.query_params.multi_items()
        try:
            if kind == FORM:
                pairs += urllib.parse.parse_qsl(
                    content.decode(), keep_blank_values=True, errors="strict", max_num_fields=1000
                )
            elif kind == UPDATE:
                pairs.append(("update", content.decode()))
            else:
                raise BadRequest(f"An update is posted as {UPDATE} or as a form.")
        except ValueError:
            raise BadRequest("The body is not UTF-8, or has too many fields.") from None
        values: dict[str, list[str]] = {name: [] for name in _KNOWN}
        for name, value in pairs:
            if name not in values:
                raise BadRequest(f"“{name[:100]}” is no parameter of an update.")
            values[name].append(value)
        if len(values["update"]) != 1:
            raise BadRequest("Send one update.")
        for name in _USING:
            for graph in values[name]:
                _check_iri(graph)
        wanted = Request(
            "update",
            values["update"][0].encode(),
            default=tuple(values[_USING[0]]),
            named=tuple(values[_USING[1]]),
        )
        return await self.hand_in(
            fields, wanted, " ".join(values["reason"]), " ".join(values["source"])
        )

    async def written(self, request: HttpRequest, graph: str, methods: Sequence[str]) -> Response:
        """Take a write of the Graph Store Protocol."""
        if self.curation is None:
            raise NotWritable(request.method, methods)
        if request.method not in WRITES:
            raise WrongMethod(request.method, (*methods, *WRITES))
        self.known(request.headers)
        if graph:
            _check_iri(graph)
        body = b"" if request.method == "DELETE" else await self.read(request)
        kind = request.headers.get("content-type", "")
        wanted = Request(request.method.lower(), body, graph=graph, media_type=kind)
        return await self.hand_in(request.headers, wanted)

    async def read(self, request: HttpRequest) -> bytes:
        """Read a body up to its limit, whatever it announces."""
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise BadRequest("A compressed body is not taken.", remedy="Send it as it is.")
        limit, parts = self.readers.settings.submission_limit, bytearray()
        async for part in request.stream():
            parts += part
            if len(parts) > limit:
                raise SubmissionTooLarge(limit)
        return bytes(parts)

    def known(self, fields: Mapping[str, str], role: str = CURATOR) -> tuple[Token, Curation]:
        """Give who asks, and where changes are made; raise where they may not."""
        if self.curation is None:
            raise ReadOnly
        settings = self.curation.settings
        return bearer(settings, fields.get("authorization", ""), role), self.curation

    async def moved(self, generation: str) -> None:
        """Wait for the readers to answer from a generation.

        Whoever reads afterwards reads what was written; should the readers fail to move, the change
        stands all the same.
        """
        deadline = time.monotonic() + _MOVED_WITHIN
        while self.readers.generation != generation and time.monotonic() < deadline:
            await asyncio.sleep(_LOOK)

    async def answer(self, outcome: Outcome) -> Response:
        """Tell what came of a change, once it is read."""
        await self.moved(outcome.generation)
        headers = {"ETag": f'"{outcome.generation}"', "Cache-Control": "no-store"}
        if outcome.change is not None:
            headers["Location"] = f"/changes/{outcome.change.number}"
        return JSONResponse(outcome.as_json(), headers=headers)


def router(desk: Desk) -> APIRouter:
    """Make the routes."""
    made = APIRouter()

    @made.post("/update", summary="Change facts by a SPARQL update (curators)")
    async def update(request: HttpRequest) -> Response:
        return await desk.updated(request.scope, request.receive)

    @made.get("/changes", summary="List the changes that were made (curators)")
    async def changes(request: HttpRequest) -> Response:
        _, curation = desk.known(request.headers)
        ledger = await run_in_threadpool(read_ledger, curation.settings)
        said = [
            {"number": one.number, "time": one.time, "author": one.author, "reason": one.reason}
            for one in ledger.changes
        ]
        generation = desk.readers.generation
        fields = {"ETag": f'"{generation}"', "Cache-Control": "no-store"}
        body = {"generation": generation, "head": ledger.head, "changes": said}
        return JSONResponse(body, headers=fields)

    @made.get("/changes/{number}", summary="Read the record of a change (curators)")
    async def change(request: HttpRequest, number: int) -> Response:
        _, curation = desk.known(request.headers)
        ledger = await run_in_threadpool(read_ledger, curation.settings)
        fields = {"Cache-Control": "no-store"}
        return Response(ledger[number].written(), 200, fields, "application/json")

    @made.post("/changes/{number}/undo", summary="Reverse a change (curators)")
    async def undo(request: HttpRequest, number: int) -> Response:
        return await desk.undo(request.headers, number, request.query_params.get("reason", ""))

    return made


def _said(fields: Mapping[str, str], name: str) -> str:
    """Give a field that may hold any text, percent-encoded."""
    return urllib.parse.unquote(fields.get(name, ""), errors="replace")


def _generations(fields: Mapping[str, str]) -> tuple[str, ...]:
    given = fields.get("if-match", "").strip()
    if not given or given == "*":
        return ()
    return tuple(one.strip().strip('"') for one in given.split(","))


def _check_iri(graph: str) -> None:
    if not urllib.parse.urlsplit(graph).scheme or set(graph) & set('<>"{}|^`\\ \t\r\n'):
        raise BadRequest(f"“{graph[:100]}” is not the whole IRI of a graph.")
