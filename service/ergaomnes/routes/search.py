"""/search: what is called so, as a page and as JSON; /suggest and /opensearch.xml for browsers."""

import urllib.parse
from typing import Annotated
from xml.sax.saxutils import escape

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from ergaomnes import media
from ergaomnes.endpoint import address
from ergaomnes.errors import BadParameter
from ergaomnes.operations import scripted
from ergaomnes.plans import plans
from ergaomnes.search import LONGEST, MOST, Found, Index, Search
from ergaomnes.templates import LANGUAGES, Templates, language_of, root_of, translations
from ergaomnes.terms import Prefixes
from ergaomnes.thing import path_of

PATH = "/search"
SUGGEST = "/suggest"
OPENSEARCH = "/opensearch.xml"
SITEMAP = "/sitemap.xml"
OFFERED = (media.PLAIN_JSON, media.HTML)
_FEW = 8
# https://github.com/dewitt/opensearch/blob/master/mediawiki/Specifications/OpenSearch/Extensions/Suggestions/1.1/Draft%201.wiki
_SUGGESTIONS = "application/x-suggestions+json"
_DESCRIPTION = "application/opensearchdescription+xml"


class Doors:
    """Search on behalf of requests."""

    def __init__(self, search: Search, templates: Templates) -> None:
        self.search = search
        self.templates = templates
        self.prefixes: Prefixes = search.catalogue.prefixes
        pages = plans(search.catalogue).pages.values()
        self.pages = [page.at for page in pages if page.at and not page.needs]

    async def found(
        self, request: Request, query: str, lang: str, limit: int, group: str
    ) -> Response:
        """Answer with what was found, in groups."""
        accept, name = request.headers.get("accept"), request.query_params.get("format")
        form, media_type = media.wanted(accept, name, OFFERED)
        lang = language_of(request.headers, lang)
        found = (await self._index(query)).search(
            query, lang, limit, self.prefixes.iri(group) if group else ""
        )
        root = root_of(request.scope)
        if form is media.HTML:
            values = {
                "query": query,
                "found": found,
                "shown": sum(len(one.hits) for one in found.groups),
                "path": lambda iri: root + self._path(iri),
                "group_name": lambda one: self._group_name(one.iri, one.name, lang),
                "languages": [(one, _at(root, q=query, lang=one)) for one in LANGUAGES],
                "json": _at(root, q=query, lang=lang, format="json"),
            }
            text = self.templates.page("search.html", lang, root, values)
            return HTMLResponse(text, headers=scripted(lang))
        told = self._told(found, query, lang, root)
        headers = {"Vary": "Accept, Accept-Language", "Content-Language": lang}
        return JSONResponse(told, headers=headers, media_type=media_type)

    async def suggested(self, request: Request, query: str, lang: str) -> Response:
        """Answer with a few names that a query may become, as browsers ask for them."""
        lang = language_of(request.headers, lang)
        found = (await self._index(query)).search(query, lang, _FEW)
        base = address(request.scope)
        hits = sorted(
            (hit for group in found.groups for hit in group.hits), key=lambda hit: -hit.score
        )
        names = {one.iri: self._group_name(one.iri, one.name, lang) for one in found.groups}
        told = [
            query,
            [hit.label for hit in hits],
            [names[hit.group] for hit in hits],
            [base + self._path(hit.thing) for hit in hits],
        ]
        headers = {"Vary": "Accept-Language", "Content-Language": lang}
        return JSONResponse(told, headers=headers, media_type=_SUGGESTIONS)

    async def mapped(self, request: Request) -> Response:
        """List the address of every page on something that can be found by its name."""
        index = await self.search.index()
        base = address(request.scope)
        paths = [
            *sorted(self.pages),
            "/questions",
            *sorted({self._path(one.thing) for one in index.names}),
        ]
        lines = (f"<url><loc>{escape(base + path)}</loc></url>\n" for path in paths)
        # https://www.sitemaps.org/protocol.html
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
            f"{''.join(lines)}</urlset>\n"
        )
        return Response(body, media_type="application/xml")

    async def _index(self, query: str) -> Index:
        if len(query) > LONGEST:
            why = f"a search has at most {LONGEST} characters"
            raise BadParameter("q", query[:40] + "…", why)
        return await self.search.index()

    def _told(self, found: Found, query: str, lang: str, root: str) -> dict[str, object]:
        return {
            "query": query,
            "generation": found.generation,
            "total": found.total,
            "groups": [
                {
                    "iri": group.iri,
                    "name": self._group_name(group.iri, group.name, lang),
                    "hits": [
                        {
                            "iri": hit.thing,
                            "path": root + self._path(hit.thing),
                            "name": hit.label,
                            "lang": hit.language,
                            "matched": hit.matched,
                            "score": hit.score,
                        }
                        for hit in group.hits
                    ],
                }
                for group in found.groups
            ],
        }

    def _group_name(self, iri: str, name: str, lang: str) -> str:
        """Give the name of a group: the graph holds all but the questions."""
        if name or iri != self.prefixes["query"]:
            return name
        return str(translations(lang).ugettext("Questions"))

    def _path(self, iri: str) -> str:
        questions = self.prefixes["query"]
        if iri.startswith(questions):
            return path_of(questions, "questions/" + iri.removeprefix(questions))
        is_thing = iri.startswith(self.prefixes["id"])
        return path_of(self.prefixes["id"] if is_thing else self.prefixes.base, iri)


def router(search: Search, templates: Templates) -> APIRouter:
    """Make the routes over an index."""
    made = APIRouter()
    doors = Doors(search, templates)
    asked = Query(description="names, titles, numbers, codes: CETS 126, art. 20 CAT, Rossija")
    language = Query(pattern="^(en|fr|ru)$", description="en, fr or ru")

    @made.head(PATH, include_in_schema=False)
    @made.get(PATH, summary="Find things by name, title, number or code")
    async def found(
        request: Request,
        q: Annotated[str, asked] = "",
        lang: Annotated[str | None, language] = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
        group: Annotated[str, Query(description="one group only, such as erga:State")] = "",
    ) -> Response:
        return await doors.found(request, q, lang or "", limit, group)

    @made.head(SUGGEST, include_in_schema=False)
    @made.get(SUGGEST, summary="A few names that a query may become (OpenSearch suggestions)")
    async def suggested(
        request: Request,
        q: Annotated[str, asked] = "",
        lang: Annotated[str | None, language] = None,
    ) -> Response:
        return await doors.suggested(request, q, lang or "")

    @made.head(SITEMAP, include_in_schema=False)
    @made.get(SITEMAP, include_in_schema=False)
    async def mapped(request: Request) -> Response:
        return await doors.mapped(request)

    @made.head(OPENSEARCH, include_in_schema=False)
    @made.get(OPENSEARCH, include_in_schema=False)
    async def described(request: Request) -> Response:
        base = escape(address(request.scope))
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<OpenSearchDescription xmlns="http://a9.com/-/spec/opensearch/1.1/">\n'
            "  <ShortName>Erga Omnes</ShortName>\n"
            "  <Description>The knowledge graph of human-rights instruments</Description>\n"
            "  <InputEncoding>UTF-8</InputEncoding>\n"
            f'  <Url type="text/html" template="{base}{PATH}?q={{searchTerms}}"/>\n'
            f'  <Url type="application/json" '
            f'template="{base}{PATH}?q={{searchTerms}}&amp;format=json"/>\n'
            f'  <Url type="{_SUGGESTIONS}" template="{base}{SUGGEST}?q={{searchTerms}}"/>\n'
            "</OpenSearchDescription>\n"
        )
        return Response(body, media_type=_DESCRIPTION)

    return made


def _at(root: str, **pairs: str) -> str:
    return f"{root}{PATH}?{urllib.parse.urlencode(pairs)}"
