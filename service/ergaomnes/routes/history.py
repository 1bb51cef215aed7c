"""/generations, /diff, the time maps of Memento, and the feeds of acts and of edits."""

import asyncio
import datetime
import email.utils
import urllib.parse
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from ergaomnes import answers, comparing, media, patch, results
from ergaomnes.catalogue import Catalogue, bound, renamed
from ergaomnes.endpoint import address
from ergaomnes.engine import Answer, Table
from ergaomnes.errors import BadParameter, UnknownGeneration
from ergaomnes.feeds import ATOM, JSON_FEED, Entry, Feed
from ergaomnes.history import History, Published
from ergaomnes.ledger import Change, read_ledger
from ergaomnes.operations import scripted
from ergaomnes.shown import records as records_shown
from ergaomnes.templates import LANGUAGES, Templates, language_of, root_of
from ergaomnes.terms import prefixes
from ergaomnes.worker import Readers

_RDF_PATCH = media.Format("patch", (patch.MEDIA_TYPE,))
_RECORDS = (media.PLAIN_JSON, media.HTML)
_DIFFERENCES = (media.PLAIN_JSON, _RDF_PATCH, media.HTML)
_MOST, _USUAL, _ON_A_PAGE = 1000, 100, 25
_ENTRIES = 100
_FRESH = {"Cache-Control": "public, max-age=60"}
_FORMS = {"atom": ATOM, "json": JSON_FEED}
_LINK_FORMAT = "application/link-format"


class Doors:
    """The routes of history over one data folder, and the readers of what is served now."""

    def __init__(
        self, history: History, readers: Readers, catalogue: Catalogue, templates: Templates
    ) -> None:
        self.templates = templates
        self.history = history
        self.readers = readers
        self.catalogue = catalogue

    async def listed(self, request: Request, after: str, limit: int) -> Response:
        """List the generations, the newest first."""
        _within(limit)
        found = list(reversed(await asyncio.to_thread(self.history.generations)))
        keys = [one.key for one in found]
        if after and after not in keys:
            raise UnknownGeneration(after)
        begin = keys.index(after) + 1 if after else 0
        shown = found[begin : begin + limit]
        root = address(request.scope)
        body: dict[str, Any] = {"generations": [self._told(one, root) for one in shown]}
        headers = {"Vary": "Accept", **_FRESH}
        if begin + limit < len(found):
            body["next"] = f"{root}/generations?after={shown[-1].key}&limit={limit}"
            headers["Link"] = f'<{body["next"]}>; rel="next"'
        if _reads_pages(request):
            return self._page(request, "generations.html", body)
        return JSONResponse(body, headers=headers)

    async def one(self, request: Request, key: str) -> Response:
        """Tell one generation."""
        found = await asyncio.to_thread(self.history.__getitem__, key)
        told = self._told(found, address(request.scope))
        if _reads_pages(request):
            return self._page(request, "generation.html", {"one": told})
        return JSONResponse(told, headers={"Vary": "Accept", **_FRESH})

    async def difference(
        self, request: Request, begin: str, end: str, after: str, limit: int | None
    ) -> Response:
        """Say what sets a generation apart from another: by record, or as a patch."""
        accept, name = request.headers.get("accept"), request.query_params.get("format")
        written_as, media_type = media.wanted(accept, name, _DIFFERENCES)
        if limit is None:
            limit = _ON_A_PAGE if written_as is media.HTML else _USUAL
        _within(limit)
        if not begin:
            if written_as is media.HTML:
                return self._page(request, "diff.html", {"begin": "", "end": "", "records": None})
            raise BadParameter("from", "", "name a generation or a day to compare with")
        first, last = [await asyncio.to_thread(self._named, one) for one in (begin, end)]
        found = await asyncio.to_thread(self.history.delta, first.key, last.key)
        headers = {"Vary": "Accept", **_FRESH}
        if written_as is _RDF_PATCH:
            return Response(found.written(), media_type=media_type, headers=headers)
        records = await asyncio.to_thread(comparing.by_record, found, prefixes())
        later = [one for one in records if one.iri > after]
        shown = later[:limit]
        body: dict[str, Any] = {
            "from": first.key,
            "to": last.key,
            "added": len(found.added),
            "removed": len(found.removed),
            "records": len(records),
            "differences": [
                {
                    "iri": one.iri,
                    "name": prefixes().short(one.iri),
                    "added": one.added,
                    "removed": one.removed,
                    "follows": {"added": one.follows.added, "removed": one.follows.removed},
                }
                for one in shown
            ],
        }
        if len(later) > limit:
            query = {"from": first.key, "to": last.key, "after": shown[-1].iri, "limit": limit}
            body["next"] = f"{address(request.scope)}/diff?{urllib.parse.urlencode(query)}"
            headers["Link"] = f'<{body["next"]}>; rel="next"'
        if written_as is media.HTML:
            root = root_of(request.scope)
            changed = await asyncio.to_thread(records_shown, shown, prefixes(), root)
            ends = {"begin": first.key, "end": last.key}
            return self._page(request, "diff.html", body | ends | {"changed": changed})
        return JSONResponse(body, headers=headers)

    def _page(self, request: Request, name: str, told: Mapping[str, Any]) -> Response:
        query = request.query_params
        lang, root = language_of(request.headers, query.get("lang")), root_of(request.scope)
        pairs = [(one, value) for one, value in query.multi_items() if one != "lang"]
        here = f"{root}{request.url.path.removeprefix(root)}"
        languages = [
            (one, f"{here}?{urllib.parse.urlencode([*pairs, ('lang', one)])}") for one in LANGUAGES
        ]
        values = {"next": "", **told, "languages": languages}
        text = self.templates.page(name, lang, root, values)
        return HTMLResponse(text, headers={**scripted(lang), "Cache-Control": "public, no-cache"})

    async def map_of(self, request: Request, path: str) -> Response:
        """Give the time map of an address: each generation is a memento (RFC 7089, section 5)."""
        root = address(request.scope)
        pairs = request.query_params.multi_items()
        place = f"{root}/{urllib.parse.quote(path)}"
        plain = place + (f"?{urllib.parse.urlencode(pairs)}" if pairs else "")
        found = [one for one in await asyncio.to_thread(self.history.generations) if not one.gone]
        links = [f'<{plain}>; rel="original timegate"']
        for number, one in enumerate(found):
            ends = ["first"] * (number == 0) + ["last"] * (number == len(found) - 1)
            rel = " ".join([*ends, "memento"])
            query = urllib.parse.urlencode([*pairs, ("generation", one.key)])
            when = email.utils.format_datetime(one.time, usegmt=True)
            links.append(f'<{place}?{query}>; rel="{rel}"; datetime="{when}"')
        body = ",\n".join(links) + "\n"
        return Response(body, media_type=_LINK_FORMAT, headers=_FRESH)

    async def acts(self, request: Request, form: str) -> Response:
        """Give the feed of legal acts: all, or those of a state or an instrument."""
        media_type = _form(form)
        kind, thing, name = await self._thing(request)
        asked = f"latest-acts-of-{kind}" if kind else "latest-acts"
        table = await self._asked(asked, {kind: thing} if kind else {})
        root = address(request.scope)
        entries = [_act(row, root) for row in table]
        title = f"Legal acts: {name}" if name else "Legal acts under human-rights instruments"
        page = f"{root}/questions" if not thing else _address(thing, root)
        return self._fed(request, media_type, "acts", title=title, page=page, entries=entries)

    async def changes(self, request: Request, form: str) -> Response:
        """Give the feed of edits: of all facts, or of those that name a state or an instrument."""
        media_type = _form(form)
        _, thing, name = await self._thing(request)
        ledger = await asyncio.to_thread(read_ledger, self.history.settings)
        root = address(request.scope)
        about: set[str] = set()
        if thing:
            table = await self._asked("records-about", {"thing": thing})
            about = {thing, *map(str, table.column("record"))}
        entries = [
            _edit(change, root)
            for change in reversed(ledger.changes)
            if not thing or comparing.concerns((*change.added, *change.removed), thing, about)
        ][:_ENTRIES]
        title = f"Edits: {name}" if name else "Edits of the graph"
        page = f"{root}/generations" if not thing else _address(thing, root)
        return self._fed(request, media_type, "changes", title=title, page=page, entries=entries)

    @staticmethod
    def _fed(
        request: Request,
        media_type: str,
        name: str,
        *,
        title: str,
        page: str,
        entries: list[Entry],
    ) -> Response:
        query = request.url.query
        root = address(request.scope)
        feed = Feed(
            id=f"{prefixes().base}feeds/{name}" + (f"?{query}" if query else ""),
            title=title,
            updated=max((one.updated for one in entries), default="1970-01-01T00:00:00Z"),
            page=page,
            here=f"{root}{request.url.path}" + (f"?{query}" if query else ""),
            entries=entries,
        )
        body = feed.atom() if media_type == ATOM else feed.json()
        return Response(body, media_type=media_type, headers=_FRESH)

    async def _thing(self, request: Request) -> tuple[str, str, str]:
        """Give the kind, the IRI and the name of what a feed is about, however it was named."""
        given = {name: value for name, value in request.query_params.items() if value}
        if odd := [name for name in given if name not in ("state", "instrument")]:
            raise BadParameter(odd[0], given[odd[0]][:60], "a feed is of a state or an instrument")
        if not given:
            return "", "", ""
        if len(given) > 1:
            raise BadParameter("instrument", given["instrument"][:60], "name one of the two")
        [(kind, value)] = given.items()
        question = self.catalogue[f"latest-acts-of-{kind}"]
        asked = bound(question, {kind: value}, self.catalogue.prefixes, _today())
        for one in answers.mentions(asked, {kind: value}, self.catalogue.prefixes):
            if not bool(await self._answer(one.is_known)):
                coded = await self._answer(one.coded)
                meant = one.meant(coded)
                if meant is None:
                    raise one.unknown(await self._answer(one.siblings))
                asked = renamed(asked, one.parameter.name, one.iri, meant)
        iri = str(asked.terms[kind][0])
        return kind, iri, self.catalogue.prefixes.short(iri)

    async def _asked(self, name: str, given: Mapping[str, str]) -> Table:
        asked = bound(self.catalogue[name], given, self.catalogue.prefixes, _today())
        found = await self._answer(asked.text)
        assert isinstance(found, Table)  # noqa: S101 - a feed is a SELECT
        return found

    async def _answer(self, query: str) -> Answer:
        asked = await self.readers.checked(query)
        reply = await self.readers.replied(asked, media.SPARQL_JSON)
        return results.table_or_truth(reply.body)

    def _named(self, name: str) -> Published:
        """Give the generation of a key, of “current”, or of a day: the last served on it."""
        if name in ("", "current"):
            name = self.readers.generation
        try:
            day = datetime.date.fromisoformat(name)
        except ValueError:
            return self.history[name]
        end = datetime.datetime.combine(day, datetime.time.max, datetime.UTC)
        return self.history.at(end)

    def _told(self, one: Published, root: str) -> dict[str, Any]:
        return {
            "key": one.key,
            "iri": f"{prefixes().base}generation/{one.key}",
            "time": one.time.isoformat(),
            "previous": one.previous or None,
            "sha256": one.sha256,
            "facts": one.facts,
            "changes": one.changes,
            "data": one.data,
            "versions": dict(one.versions),
            "current": one.key == self.readers.generation,
            "gone": one.gone or None,
            "links": {
                "sparql": f"{root}/sparql?generation={one.key}",
                "diff": f"{root}/diff?from={one.previous}&to={one.key}" if one.previous else None,
            },
        }


def router(
    history: History, readers: Readers, catalogue: Catalogue, templates: Templates
) -> APIRouter:
    """Make the routes."""
    made = APIRouter()
    doors = Doors(history, readers, catalogue, templates)

    @made.get("/generations", summary="List every generation that was published")
    async def generations(request: Request, after: str = "", limit: int = 100) -> Response:
        return await doors.listed(request, after, limit)

    @made.get("/generations/{key}", summary="Read the record of a generation")
    async def generation(request: Request, key: str) -> Response:
        return await doors.one(request, key)

    @made.get("/generation/{key}", include_in_schema=False)
    async def identified(key: str) -> Response:
        return RedirectResponse(f"/generations/{urllib.parse.quote(key, safe='')}", 303)

    @made.get("/diff", summary="Compare two generations, by key or by day")
    async def difference(request: Request, after: str = "", limit: int | None = None) -> Response:
        given = request.query_params
        begin, end = given.get("from", ""), given.get("to", "")
        return await doors.difference(request, begin, end, after, limit)

    @made.get("/timemap/link/{path:path}", summary="List the mementos of an address (RFC 7089)")
    async def map_of(request: Request, path: str) -> Response:
        return await doors.map_of(request, path)

    @made.get("/feeds/acts.{form}", summary="Subscribe to legal acts: ?state= or ?instrument=")
    async def acts(request: Request, form: str) -> Response:
        return await doors.acts(request, form)

    @made.get("/feeds/changes.{form}", summary="Subscribe to edits: ?state= or ?instrument=")
    async def changes(request: Request, form: str) -> Response:
        return await doors.changes(request, form)

    return made


def _reads_pages(request: Request) -> bool:
    accept, name = request.headers.get("accept"), request.query_params.get("format")
    return media.wanted(accept, name, _RECORDS)[0] is media.HTML


def _act(row: Mapping[str, Any], root: str) -> Entry:
    said = {name: str(value) for name, value in row.items() if value is not None}
    text = [f"Done or received on {said['day']}."]
    if "effect" in said:
        text.append(f"It takes effect on {said['effect']}.")
    if "source" in said:
        text.append(f"Source: {said['source']}.")
    about = tuple(said[name] for name in ("state_label", "instrument_label") if name in said)
    link = _address(said["act"], root)
    return Entry(
        said["act"], said["label"], f"{said['day']}T00:00:00Z", link, " ".join(text), about
    )


def _edit(change: Change, root: str) -> Entry:
    counts = f"{len(change.added):,} facts added, {len(change.removed):,} removed"
    title = f"Change {change.number}: {counts}"
    by = f" Handed in by {change.contributor}." if change.contributor else ""
    text = f"{change.reason or 'What was said of it was taken away.'}{by}"
    link = f"{root}/generations"
    if change.contribution is not None:
        link = f"{root}/contributions/{change.contribution}"
    this = f"{prefixes().iri('graph:changes')}/{change.number}"
    return Entry(this, title, change.time, link, text)


def _address(iri: str, root: str) -> str:
    own = prefixes()["id"]
    return f"{root}/{iri.removeprefix(own)}" if iri.startswith(own) else iri


def _form(form: str) -> str:
    if form not in _FORMS:
        raise BadParameter("form", form[:20], f"a feed ends in .{' or .'.join(_FORMS)}")
    return _FORMS[form]


def _within(limit: int) -> None:
    if not 1 <= limit <= _MOST:
        raise BadParameter("limit", str(limit), f"it is a number from 1 to {_MOST:,}")


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()
