"""/state/{code}: what binds a state on a day, who can look inside, and who says so."""

import asyncio
import datetime
import functools
import re
import urllib.parse
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from ergaomnes import drawing, media
from ergaomnes.errors import BadParameter, UnknownThing
from ergaomnes.illustrating import when_bound
from ergaomnes.panels import Panel, Panels
from ergaomnes.templates import LANGUAGES, Templates, language_of, root_of
from ergaomnes.terms import Prefixes
from ergaomnes.thing import FORMATS, Things

PATH = "/state/{slug}"
TIMELINE = "timeline"
FACTS = "facts"
"""The view that lists all facts; it is also what programs get."""

_OFFERED = (*FORMATS, media.HTML)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class Others(Protocol):
    """The documents that all things have."""

    async def document(self, request: Request, iri: str) -> Response:
        """Answer with what is said of a thing."""

    async def links(self, request: Request, form: media.Format) -> str:
        """Give what the document of a thing in one form is linked to."""


class Doors:
    """Make the page of a state out of its panels."""

    def __init__(
        self, things: Things, panels: Panels, templates: Templates, others: Others
    ) -> None:
        self.things = things
        self.panels = panels
        self.templates = templates
        self.others = others
        self.prefixes: Prefixes = things.prefixes

    async def state(self, request: Request, slug: str) -> Response:
        """Answer with the page of a state, or with the document that all things have."""
        query, accept = request.query_params, request.headers.get("accept")
        chosen, _ = media.wanted(accept, query.get("format"), _OFFERED)
        iri = self.prefixes["state"] + slug
        is_page = chosen is media.HTML and query.get("view") != FACTS and "page" not in query
        if not is_page or not _SLUG.fullmatch(slug):
            return await self.others.document(request, iri)
        today = datetime.datetime.now(datetime.UTC).date()
        on = _day(query.get("on"), today)
        lang = language_of(request.headers, query.get("lang"))
        try:
            known = await self.things.known(iri, lang)
        except UnknownThing:
            return await self.others.document(request, iri)
        root = root_of(request.scope)
        given = {"state": slug, "day": on.isoformat()}
        panels, days = await asyncio.gather(
            self.panels.of("state", given, lang, root), self.panels.days("state-days", given)
        )
        standings = _standings(panels)
        if known.replacement or known.name is None or not standings:
            return await self.others.document(request, iri)  # no state, or one by another name
        here = f"{root}/state/{slug}"

        def at(day: datetime.date, tag: str = lang) -> str:
            pairs = {"on": day.isoformat(), "lang": tag}
            return f"{here}?{urllib.parse.urlencode(pairs)}"

        values: dict[str, object] = {
            "name": known.name.value,
            "name_lang": known.name.language,
            "code": slug,
            "iri": iri,
            "on": on.isoformat(),
            "is_today": on == today,
            "today": at(today),
            "before": next(((day, at(day)) for day in reversed(days) if day < on), None),
            "after": next(((day, at(day)) for day in days if day > on), None),
            "standings": standings,
            "all": standings.total(),
            "panels": panels,
            "timeline": functools.partial(self._timeline, panels, on, lang, root),
            "asked": [one.addresses(root) for one in panels],
            "formats": [(one.name, f"{here}?format={one.name}") for one in FORMATS],
            "facts": f"{here}?view={FACTS}",
            "languages": [(one, at(on, one)) for one in LANGUAGES],
        }
        text = self.templates.page("state.html", lang, root, values)
        headers = {
            "Vary": "Accept, Accept-Language",
            "Content-Language": lang,
            "Link": await self.others.links(request, media.HTML),
        }
        return HTMLResponse(text, headers=headers)

    def _timeline(
        self, panels: Sequence[Panel], on: datetime.date, lang: str, root: str, **words: str
    ) -> str:
        [found] = (one for one in panels if one.name == TIMELINE)
        picture = drawing.Picture(TIMELINE, found.title, lang=lang, headed=False, **words)
        legend = self.panels.words(drawing.STANDINGS, lang)
        return when_bound(found.table, picture, legend, on, lambda one: self.panels.href(one, root))


def router(doors: Doors) -> APIRouter:
    """Make the route."""
    made = APIRouter()

    @made.head(PATH, include_in_schema=False)
    @made.get(PATH, summary="A state as at a day: a page, or its facts as RDF")
    async def state(request: Request, slug: str) -> Response:
        return await doors.state(request, slug)

    return made


def _day(text: str | None, today: datetime.date) -> datetime.date:
    if not text:
        return today
    try:
        if _DAY.fullmatch(text):
            return datetime.date.fromisoformat(text)
    except ValueError:
        pass
    raise BadParameter("on", text[:40], "it is a day, written YYYY-MM-DD")


def _standings(panels: Sequence[Panel]) -> Counter[str]:
    """Count the standings of a state, as the first panel gives them."""
    return Counter(str(one) for one in panels[0].table.column("standing"))
