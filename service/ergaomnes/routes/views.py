"""Pages of panels: of things, of their lists, and each panel and picture by itself."""

import asyncio
import urllib.parse
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ergaomnes import drawing, media
from ergaomnes.errors import UnknownThing
from ergaomnes.links import Links
from ergaomnes.operations import EMBEDDED, scripted
from ergaomnes.plans import Layout
from ergaomnes.search import Search
from ergaomnes.templates import root_of
from ergaomnes.thing import FORMATS
from ergaomnes.views import CARD, EMBED, FACTS, Views, Wish

HOME = "home"
ARTICLE = "article"
_OFFERED = (*FORMATS, media.HTML)
_SVG = "image/svg+xml"
_PNG = "image/png"


class Others(Protocol):
    """The documents that all things have."""

    async def document(self, request: Request, iri: str) -> Response:
        """Answer with what is said of a thing."""

    async def links(self, request: Request, form: media.Format, canonical: str = "") -> str:
        """Give what the document of a thing in one form is linked to."""

    def iri(self, request: Request) -> str:
        """Give the IRI at whose own path a request came."""


class Doors:
    """Make the pages."""

    def __init__(self, views: Views, others: Others, search: Search) -> None:
        self.views = views
        self.others = others
        self.search = search

    async def thing(self, request: Request, layout: Layout, slug: str) -> Response:
        """Answer with the page of a thing; send who calls it by another name to it."""
        answer = await self._thing(request, layout, slug)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            space = self.views.prefixes[layout.of]
            found = (await self.search.index()).called(slug, space)
            if len(found) == 1:
                return self.moved(request, found[0])
        return answer

    async def article(self, request: Request, instrument: str, number: str) -> Response:
        """Send who names an instrument and the number of an article to its page."""
        prefixes, index = self.views.prefixes, await self.search.index()
        named = index.called(instrument, prefixes["instrument"])
        found = {
            one
            for thing in named
            for name in index.names_of(thing)
            for one in index.called(f"{ARTICLE} {number} {name}", prefixes["provision"])
        }
        if len(found) == 1:
            return self.moved(request, found.pop())
        iri = f"{prefixes['instrument']}{instrument}/{ARTICLE}/{number}"
        return await self.others.document(request, iri)

    def moved(self, request: Request, iri: str) -> Response:
        """Send a reader to the page of a thing, in the same language and on the same day."""
        query = f"?{request.url.query}" if request.url.query else ""
        place = Links(self.views.prefixes, root_of(request.scope))(iri)
        return RedirectResponse(place + query, HTTPStatus.MOVED_PERMANENTLY)

    async def _thing(self, request: Request, layout: Layout, slug: str) -> Response:
        query, accept = request.query_params, request.headers.get("accept")
        chosen, _ = media.wanted(accept, query.get("format"), _OFFERED)
        iri = self._iri(request, layout)
        is_plain = query.get("view") == FACTS or "page" in query
        if chosen is not media.HTML or is_plain:
            return await self.others.document(request, iri)
        wish = self._wish(request, layout.name, slug)
        try:
            view = await self.views.view(layout.name, wish)
        except UnknownThing:
            view = None
        if view is None:
            return await self.others.document(request, iri)
        links = await self.others.links(request, media.HTML, view.canonical)
        headers = scripted(wish.lang) | {"Link": links}
        return HTMLResponse(self.views.page(view), headers=headers)

    async def plain(self, request: Request, layout: Layout) -> Response:
        """Answer with a page that is of no thing."""
        wish = self._wish(request, layout.name)
        view = await self.views.view(layout.name, wish)
        assert view is not None  # noqa: S101 - only things may have no page
        return HTMLResponse(self.views.page(view), headers=scripted(wish.lang))

    async def panel(self, request: Request, page: str, name: str) -> Response:
        """Answer with one panel by itself, or with its picture."""
        panel, _, suffix = name.partition(".")
        wish = self._wish(request, page)
        if suffix in ("svg", "png"):
            return await _pictured(await self.views.picture(page, panel, wish), suffix, wish)
        text = await self.views.panel(page, name, wish)
        headers = scripted(wish.lang) | {"Content-Security-Policy": EMBEDDED}
        return HTMLResponse(text, headers=headers)

    async def card(self, request: Request, page: str) -> Response:
        """Answer with the picture that others show of a page."""
        wish = self._wish(request, page)
        return await _pictured(await self.views.card(page, wish), "png", wish)

    def _iri(self, request: Request, layout: Layout) -> str:
        """Give the IRI that an address stands for, escapes and all."""
        prefixes = self.views.prefixes
        below = prefixes.base + Links(prefixes)(prefixes[layout.of]).lstrip("/")
        return prefixes[layout.of] + self.others.iri(request).removeprefix(below)

    def _wish(self, request: Request, page: str, slug: str = "") -> Wish:
        pairs = request.query_params.multi_items()
        return self.views.wish(page, pairs, request.headers, request.scope, slug)


def router(doors: Doors) -> APIRouter:
    """Make the routes of all pages that there are files for, but for the first page."""
    made = APIRouter()

    def route(path: str, summary: str, answered: Callable[..., Any]) -> None:
        made.head(path, include_in_schema=False)(answered)
        made.get(path, summary=summary)(answered)

    async def article(request: Request, instrument: str, number: str) -> Response:
        return await doors.article(request, instrument, number)

    place = f"/instrument/{{instrument}}/{ARTICLE}/{{number}}"
    route(place, "An article by its number: its page is told by 301", article)
    for layout in doors.views.plans.pages.values():
        if layout.of:
            route(*_of_things(doors, layout))
            if _place(doors, layout) != f"/{layout.of}/":
                route(*_of_short(doors, layout))
        elif layout.name != HOME:
            route(*_of_none(doors, layout))

    async def panel(request: Request, page: str, name: str) -> Response:
        return await doors.panel(request, page, name)

    async def card(request: Request, page: str) -> Response:
        return await doors.card(request, page)

    route(f"{EMBED}/{{page}}/{{name}}", "A panel by itself, to embed; .svg, .png: a picture", panel)
    route(f"{CARD}/{{page}}.png", "The picture that others show of a page", card)
    return made


def _of_things(doors: Doors, layout: Layout) -> tuple[str, str, Callable[..., Any]]:
    async def thing(request: Request, slug: str) -> Response:
        return await doors.thing(request, layout, slug)

    return (
        _place(doors, layout) + "{slug:path}",
        f"A {layout.of}: a page, or its facts as RDF",
        thing,
    )


def _of_short(doors: Doors, layout: Layout) -> tuple[str, str, Callable[..., Any]]:
    async def short(request: Request, slug: str) -> Response:
        return doors.moved(request, doors.views.prefixes[layout.of] + urllib.parse.quote(slug))

    return f"/{layout.of}/{{slug}}", f"A {layout.of} by its short address: 301 to its page", short


def _of_none(doors: Doors, layout: Layout) -> tuple[str, str, Callable[..., Any]]:
    async def plain(request: Request) -> Response:
        return await doors.plain(request, layout)

    return layout.at, layout.title["en"], plain


def _place(doors: Doors, layout: Layout) -> str:
    """Give the path below which all things are that a layout is of."""
    return Links(doors.views.prefixes)(doors.views.prefixes[layout.of])


async def _pictured(svg: str, form: str, wish: Wish) -> Response:
    headers = {"Vary": "Accept-Language", "Content-Language": wish.lang}
    if form == "svg":
        return Response(svg, media_type=_SVG, headers=headers)
    return Response(await asyncio.to_thread(drawing.png, svg), media_type=_PNG, headers=headers)
