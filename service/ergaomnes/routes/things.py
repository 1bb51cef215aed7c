"""Every address of ours answers: things by 303, documents as pages and in every RDF format."""

import asyncio
import urllib.parse
from collections.abc import Iterator, Mapping

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from ergaomnes import media
from ergaomnes.errors import (
    BadParameter,
    ErgaOmnesError,
    NotACurie,
    UnknownPrefix,
    UnknownThing,
    near,
)
from ergaomnes.page import Painter
from ergaomnes.templates import STATIC, Templates, root_of
from ergaomnes.terms import Prefixes
from ergaomnes.thing import (
    FORMATS,
    Said,
    Things,
    Vocabulary,
    is_sound,
    of_path,
    path_of,
    written,
)

OFFERED = (*FORMATS, media.HTML)
CONTEXT = "/context.jsonld"
DESCRIPTION = "/.well-known/void"
_KEPT = "public, max-age=86400"
_FOR_EVER = "public, max-age=31536000, immutable"
_SPACES = ("def", "scheme", "shape", "rule", "prefix", "table", "query", "graph")
_MOST_PAGES = 1_000_000


class Doors:
    """What the routes below and the page of a graph have in common."""

    def __init__(self, things: Things, templates: Templates) -> None:
        self.things = things
        self.prefixes: Prefixes = things.prefixes
        self.templates = templates

    async def identified(self, request: Request) -> Response:
        """Send whoever asks for a thing to the document about it."""
        iri = self.iri(request)
        lang = await self.language(request)
        try:
            known = await self.things.known(iri, lang)
        except UnknownThing as unknown:
            return self.missing(request, unknown, lang)
        if known.replacement:
            return self._moved(request, known.replacement)
        path = path_of(self.prefixes["id"], iri)
        return RedirectResponse(
            self._root(request) + path + _query(request),
            303,
            {"Link": f'<{self._root(request)}{path}>; rel="describedby"'},
        )

    async def resource(self, request: Request, iri: str) -> Response:
        """Lead to the document on an IRI, in full or with a prefix; show it where it has none."""
        try:
            whole = self.prefixes.iri(iri.strip())
        except (NotACurie, UnknownPrefix) as error:
            raise BadParameter("iri", iri[:100], error.detail.rstrip(".")) from None
        if not is_sound(whole) or not whole.startswith(self.prefixes.base):
            return await self.document(request, whole)
        await self.things.known(whole, "en")
        return RedirectResponse(self._root(request) + path_of(self.prefixes.base, whole), 303)

    async def document(self, request: Request, iri: str) -> Response:
        """Answer with what is said of a thing."""
        number = _number(request)
        accept, name = request.headers.get("accept"), request.query_params.get("format")
        form, media_type = media.wanted(accept, name, OFFERED)
        vocabulary = await self.things.vocabulary()
        lang = _language(request, vocabulary)
        is_ontology = iri == self.prefixes["erga"] and form is not media.HTML
        try:
            said = await (
                self.things.ontology(lang) if is_ontology else self.things.said(iri, lang, number)
            )
        except UnknownThing as unknown:
            return self.missing(request, unknown, lang)
        if said.replacement:
            return self._moved(request, said.replacement)
        _same_generation(request, said)
        headers = self._headers(request, said, vocabulary, form)
        if form is media.HTML:
            headers["Content-Language"] = lang
            text = await self._page(request, said, vocabulary, lang)
            return HTMLResponse(text, headers=headers)
        context = self._root(request) + CONTEXT
        if is_ontology:  # long to write, and kept afterwards
            body = await asyncio.to_thread(written, said, form, vocabulary, context)
        else:
            body = written(said, form, vocabulary, context)
        return Response(body, media_type=media_type, headers=headers)

    def missing(self, request: Request, unknown: UnknownThing, lang: str) -> Response:
        """Say that nothing is known, as a page to those who read pages."""
        accept, name = request.headers.get("accept"), request.query_params.get("format")
        form, _ = media.wanted(accept, name, OFFERED)
        if form is not media.HTML:
            raise unknown
        root = self._root(request)
        near = [
            (root + path_of(self.prefixes.base, one), self.prefixes.short(one))
            for one in _texts(unknown.data["near"])
        ]
        told = {"problem": unknown, "iri": unknown.data["iri"], "near": near}
        text = self.templates.page("missing.html", lang, root, told)
        headers = {"Vary": "Accept, Accept-Language"}
        return HTMLResponse(text, unknown.status, headers)

    async def graph(self, request: Request) -> Response:
        """Answer with the page of a graph; its facts as RDF are the graph store's to give."""
        return await self.document(request, self.iri(request))

    def problem(self, request: Request, slug: str) -> Response:
        """Say what a kind of problem is: its address stands in every problem that we report."""
        iri = f"{self.prefixes.base}problem/{slug}"
        kinds = {kind.slug: kind for kind in _kinds(ErgaOmnesError)}
        if slug not in kinds:
            others = [f"{self.prefixes.base}problem/{one}" for one in near(slug, kinds)]
            return self.missing(request, UnknownThing(iri, others), "en")
        kind = kinds[slug]
        about = {"type": iri, "title": kind.title, "status": kind.status, "detail": kind.__doc__}
        accept, name = request.headers.get("accept"), request.query_params.get("format")
        form, _ = media.wanted(accept, name, (media.PLAIN_JSON, media.HTML))
        headers = {"Vary": "Accept", "Cache-Control": _KEPT}
        if form is not media.HTML:
            return JSONResponse(about, headers=headers)
        text = self.templates.page("kind.html", "en", self._root(request), {"kind": about})
        return HTMLResponse(text, headers=headers)

    async def language(self, request: Request) -> str:
        """Give the language in which names are wanted."""
        return _language(request, await self.things.vocabulary())

    def iri(self, request: Request) -> str:
        """Give the IRI that an address stands for."""
        return of_path(self.prefixes.base, _path(request).removeprefix(self._root(request)))

    def _moved(self, request: Request, replacement: str) -> Response:
        is_ours = replacement.startswith(self.prefixes.base)
        path = path_of(self.prefixes.base, replacement)
        place = self._root(request) + path if is_ours else replacement
        return RedirectResponse(place + _query(request), 301)

    def _headers(
        self, request: Request, said: Said, vocabulary: Vocabulary, form: media.Format
    ) -> dict[str, str]:
        turns = self._turns(_path(request), request, said)
        links = [
            self._links(request, vocabulary, form),
            *(f'<{place}>; rel="{name}"' for name, place in turns.items()),
        ]
        return {"Vary": "Accept, Accept-Language", "Link": ", ".join(links)}

    async def links(self, request: Request, form: media.Format, canonical: str = "") -> str:
        """Give what the document of a thing in one form is linked to (RFC 8288)."""
        return self._links(request, await self.things.vocabulary(), form, canonical)

    def _links(
        self, request: Request, vocabulary: Vocabulary, form: media.Format, canonical: str = ""
    ) -> str:
        root = self._root(request)
        path = _path(request)
        links = [
            f'<{canonical or path}>; rel="canonical"',
            f'<{root}{DESCRIPTION}>; rel="describedby"',
        ]
        if vocabulary.licence:
            links.append(f'<{vocabulary.licence}>; rel="license"')
        links += [
            f'<{_address(path, request, format=other.name)}>; rel="alternate"'
            f'; type="{other.media_type}"'
            for other in OFFERED
            if other is not form
        ]
        return ", ".join(links)

    def _turns(self, path: str, request: Request, said: Said) -> dict[str, str]:
        """Give the addresses of the pages before and after this one."""
        found = {}
        if said.has_next:
            following, generation = str(said.number + 1), said.generation
            found["next"] = _address(path, request, page=following, generation=generation)
        if said.number > 1:
            before, generation = str(said.number - 1), said.generation
            found["prev"] = _address(path, request, page=before, generation=generation)
        return found

    async def _page(self, request: Request, said: Said, vocabulary: Vocabulary, lang: str) -> str:
        root = self._root(request)
        painter = Painter(vocabulary, lang, root)
        path = _path(request)
        shared: Mapping[str, object] = {
            "formats": [(one.name, _address(path, request, format=one.name)) for one in FORMATS],
            "languages": [(one, _address(path, request, lang=one)) for one in vocabulary.languages],
            "licence": vocabulary.licence,
            "turns": self._turns(path, request, said),
            "number": said.number,
            "ask": self._ask(root, said.iri),
        }
        name, shown = await self._shown(painter, said, lang)
        return self.templates.page(name, lang, root, {**shared, **shown})

    async def _shown(
        self, painter: Painter, said: Said, lang: str
    ) -> tuple[str, Mapping[str, object]]:
        """Give the template for a thing, and what it shows."""
        iri = said.iri
        if iri == self.prefixes["erga"]:
            owl = self.prefixes["owl"]
            return "ontology.html", {
                "page": painter.page(said),
                "classes": painter.tree([owl + "Class"]),
                "properties": painter.tree([owl + "ObjectProperty", owl + "DatatypeProperty"]),
            }
        if iri.startswith(self.prefixes["graph"]):
            return "graph.html", {"page": painter.graph(said)}
        if iri not in painter.vocabulary.meanings or said.number > 1:
            return "thing.html", {"page": painter.page(said)}
        term = painter.term_page(
            iri,
            await self.things.examples(iri, lang),
            await self.things.shapes(iri, lang),
            [(one.name, one.title, one.question) for one in await self.things.users(iri)],
        )
        return "term.html", {"page": painter.page(said), "term": term}

    def _ask(self, root: str, iri: str) -> str:
        """Give where a question is asked; nothing for other things."""
        name = iri.removeprefix(self.prefixes["query"])
        is_question = name != iri and "/" not in name
        return f"{root}/questions/{name}" if is_question else ""

    @staticmethod
    def _root(request: Request) -> str:
        return root_of(request.scope)


def router(doors: Doors) -> APIRouter:
    """Make the routes of everything that has an address of ours, but the graphs."""
    made = APIRouter()
    things, prefixes = doors.things, doors.prefixes
    kinds = sorted(
        namespace[len(prefixes["id"]) : -1]
        for namespace in prefixes.namespaces.values()
        if namespace.startswith(prefixes["id"]) and namespace != prefixes["id"]
    )
    methods = ["GET", "HEAD"]

    @made.get(CONTEXT, summary="The names that our JSON-LD uses")
    async def context() -> Response:
        body = (await things.vocabulary()).context.written()
        return Response(body, media_type=media.JSON_LD.media_type)

    @made.get(STATIC + "{name}", include_in_schema=False)
    async def static(request: Request, name: str) -> Response:
        if name not in doors.templates.files:
            raise HTTPException(404)
        kind, content = doors.templates.files[name]
        is_named_whole = doors.templates.address(name).endswith(f"?{request.url.query}")
        headers = {"Cache-Control": _FOR_EVER if is_named_whole else _KEPT}
        return Response(content, media_type=kind, headers=headers)

    @made.api_route("/def", methods=methods, include_in_schema=False)
    async def ontology(request: Request) -> Response:
        return RedirectResponse(doors._root(request) + "/def/" + _query(request), 301)

    @made.get("/ontology", include_in_schema=False)
    async def by_its_kind(request: Request) -> Response:
        return RedirectResponse(doors._root(request) + "/def/" + _query(request), 303)

    @made.head("/resource", include_in_schema=False)
    @made.get("/resource", summary="The document on any IRI of the graph: ?iri=")
    async def resource(request: Request, iri: str) -> Response:
        return await doors.resource(request, iri)

    @made.api_route("/problem/{slug}", methods=methods, include_in_schema=False)
    async def problem(request: Request, slug: str) -> Response:
        return doors.problem(request, slug)

    async def identified(request: Request) -> Response:
        kind = request.path_params["kind"]
        if kind in kinds:
            return await doors.identified(request)
        return await doors.document(request, doors.iri(request))

    async def named(request: Request) -> Response:
        return await doors.document(request, doors.iri(request))

    async def about(request: Request) -> Response:
        iri = prefixes["id"] + doors.iri(request).removeprefix(prefixes.base)
        return await doors.document(request, iri)

    told = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in ("kind", "slug")
    ]
    made.get(
        "/id/{kind}/{slug:path}",
        summary="A thing: its document is answered by 303",
        openapi_extra={"parameters": told},
    )(identified)
    made.get("/id/{kind}", include_in_schema=False)(identified)
    made.head("/id/{kind}/{slug:path}", include_in_schema=False)(identified)
    for space in _SPACES:
        made.add_api_route(
            f"/{space}/{{name:path}}", named, methods=methods, include_in_schema=False
        )
    made.add_api_route("/prefixes", named, methods=methods, include_in_schema=False)
    for kind in kinds:
        made.add_api_route(
            f"/{kind}/{{slug:path}}", about, methods=methods, include_in_schema=False
        )
    return made


def _path(request: Request) -> str:
    """Give the path as it was sent, whatever stood in it fit to be written into an address."""
    raw: bytes = request.scope.get("raw_path") or urllib.parse.quote(request.url.path).encode()
    return urllib.parse.quote(raw.partition(b"?")[0], safe="/%:~!$&'()*+,;=@")


def _kinds(kind: type[ErgaOmnesError]) -> Iterator[type[ErgaOmnesError]]:
    for narrower in kind.__subclasses__():
        yield narrower
        yield from _kinds(narrower)


def _number(request: Request) -> int:
    text = request.query_params.get("page", "1")
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= _MOST_PAGES:
        raise BadParameter("page", text[:100], "it is the number of a page, from 1")
    return int(text[:9])


def _same_generation(request: Request, said: Said) -> None:
    wanted = request.query_params.get("generation")
    if wanted and wanted != said.generation:
        why = "the graph has changed since the page before this one; begin again at the first"
        raise BadParameter("generation", wanted[:100], why)


def _language(request: Request, vocabulary: Vocabulary) -> str:
    known = vocabulary.languages or ("en",)
    asked = request.query_params.get("lang", "")
    return media.language(asked, request.headers.get("accept-language", ""), known)


def _address(path: str, request: Request, **changed: str) -> str:
    pairs = dict(request.query_params) | changed
    if "page" in pairs and pairs["page"] == "1":
        pairs.pop("page")
        pairs.pop("generation", None)
    return path + ("?" + urllib.parse.urlencode(pairs, safe=":/") if pairs else "")


def _query(request: Request) -> str:
    query = request.scope.get("query_string", b"").decode("latin-1")
    return f"?{query}" if query else ""


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, tuple) else []
