"""/sparql for who reads pages: an editor, the answer as a table, what was wrong with the query."""

import json
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from ergaomnes import media, results
from ergaomnes.catalogue import Catalogue, Question
from ergaomnes.endpoint import SPARQL, address, field
from ergaomnes.errors import ErgaOmnesError, UnknownQuestion
from ergaomnes.guard import Guarded
from ergaomnes.operations import scripted
from ergaomnes.shown import Shown, plain
from ergaomnes.templates import LANGUAGES, Templates, language_of, root_of
from ergaomnes.terms import Prefixes
from ergaomnes.thing import Things

VOCABULARY = "/vocab.json"
_TABLES = ("csv", "tsv", "srj", "srx")
_GRAPHS = ("ttl", "jsonld", "nt", "rdf")
_LONGEST_NOTE = 200
_MOST_LINES = 2000
_BEGINNING = """PREFIX erga: <https://w3id.org/ergaomnes/def/>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>

SELECT ?treaty ?name
WHERE {
  ?treaty a erga:Treaty ;
    skos:prefLabel ?name .
  FILTER(LANG(?name) = "en")
}
ORDER BY ?name
"""

Ask = Callable[[str, media.Format], Awaitable[tuple[Guarded, bytes, str]]]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a query answered, as a page shows it."""

    table: Shown | None = None
    text: str = ""
    """The first lines of a graph, in Turtle."""
    left_out: int = 0
    """How many lines of it are not shown."""
    hint: str = ""
    formats: tuple[str, ...] = _TABLES


class Workbench:
    """Makes the page over what asks queries."""

    def __init__(self, things: Things, catalogue: Catalogue, templates: Templates) -> None:
        self.things = things
        self.catalogue = catalogue
        self.templates = templates
        self.prefixes: Prefixes = catalogue.prefixes

    async def page(self, scope: MutableMapping[str, Any], ask: Ask) -> Response:
        """Answer a browser: with the editor, and with what `ask` says to what stands in it."""
        text = scope["query_string"].decode("latin-1")
        pairs = dict(urllib.parse.parse_qsl(text, keep_blank_values=True, errors="replace"))
        fields = {"accept-language": field(scope, b"accept-language")}
        lang = language_of(fields, pairs.get("lang"))
        root, status = root_of(scope), 200
        query = pairs.get("query", "").replace("\r\n", "\n")
        answered: Answered | None = None
        fault: ErgaOmnesError | None = None
        if name := pairs.get("question", ""):
            try:
                query = self.catalogue[name].text
            except UnknownQuestion as unknown:
                fault, status = unknown, unknown.status
        elif query.strip() and not pairs.get("edit"):
            try:
                answered = await self._answered(query, ask, root)
            except ErgaOmnesError as error:
                fault, status = error, error.status
        here = f"{root}{SPARQL}"
        asked = urllib.parse.urlencode({"query": query})
        values: dict[str, object] = {
            "query": query or _BEGINNING,
            "here": here,
            "answered": answered,
            "fault": fault,
            "lines": _lines(query, fault),
            "groups": self._groups(),
            "chosen": name,
            "share": f"{address(scope)}{SPARQL}?{asked}" if query else "",
            "formats": [(one, f"{here}?{asked}&format={one}") for one in answered.formats]
            if answered
            else [],
            "vocabulary": f"{root}{VOCABULARY}?lang={lang}",
            "languages": [
                (one, f"{here}?{urllib.parse.urlencode({**pairs, 'lang': one})}")
                for one in LANGUAGES
            ],
        }
        page = self.templates.page("sparql.html", lang, root, values)
        headers = scripted(lang)
        if fault is not None and (seconds := fault.data.get("retry_after")):
            headers["Retry-After"] = str(seconds)
        return HTMLResponse(page, status, headers)

    async def vocabulary(self, lang: str) -> Mapping[str, object]:
        """Give the prefixes and the terms that an editor completes, named in a language."""
        known = await self.things.vocabulary()
        kinds = {
            self.prefixes.iri("owl:Class"): "class",
            self.prefixes.iri("skos:Concept"): "concept",
        }
        terms = [
            {
                "name": self.prefixes.short(one.iri),
                "label": _best(one.names, lang),
                "kind": kinds.get(one.kind, "property"),
                "note": _best(one.definitions, lang)[:_LONGEST_NOTE],
            }
            for one in known.meanings.values()
        ]
        named = dict(self.prefixes.namespaces)
        return {"prefixes": named, "terms": sorted(terms, key=lambda one: one["name"])}

    async def _answered(self, query: str, ask: Ask, root: str) -> Answered:
        asked, body, hint = await ask(query, media.SPARQL_JSON)
        if asked.answers_with_a_graph:
            lines = body.decode().splitlines()
            text, left_out = "\n".join(lines[:_MOST_LINES]), max(len(lines) - _MOST_LINES, 0)
            return Answered(text=text, left_out=left_out, hint=hint, formats=_GRAPHS)
        told = json.loads(body)
        if "boolean" in told:
            return Answered(Shown((), (), 1, told["boolean"]), hint=hint)
        return Answered(plain(results.table(body), self.prefixes, root), hint=hint)

    def _groups(self) -> list[tuple[str, list[Question]]]:
        groups: dict[str, list[Question]] = {}
        for one in self.catalogue:
            groups.setdefault(one.tags[0] if one.tags else "", []).append(one)
        return sorted(groups.items())


def router(workbench: Workbench) -> APIRouter:
    """Make the route of what the editor completes."""
    made = APIRouter()

    @made.head(VOCABULARY, include_in_schema=False)
    @made.get(VOCABULARY, summary="The prefixes and terms that the editor completes")
    async def vocabulary(request: Request, lang: str = "") -> Response:
        chosen = language_of(request.headers, lang)
        headers = {"Vary": "Accept-Language", "Content-Language": chosen}
        return JSONResponse(await workbench.vocabulary(chosen), headers=headers)

    return made


def _lines(query: str, fault: ErgaOmnesError | None) -> list[tuple[int, str, bool]]:
    """Give the lines about the one that is wrong, with their numbers."""
    wrong = fault.data.get("line") if fault else None
    if not isinstance(wrong, int):
        return []
    lines = query.split("\n")
    first, last = max(wrong - 3, 1), min(wrong + 2, len(lines))
    return [(number, lines[number - 1], number == wrong) for number in range(first, last + 1)]


def _best(texts: Mapping[str, str], lang: str) -> str:
    return next((texts[tag] for tag in (lang, "en", *sorted(texts)) if tag in texts), "")
