"""/questions: the catalogue, each question asked over HTTP, and how an answer is cited."""

import datetime
import functools
import re
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from ergaomnes import answers, citing, media, problems, results
from ergaomnes.catalogue import (
    ANY,
    Catalogue,
    Parameter,
    Question,
    as_typed,
    bound,
    renamed,
)
from ergaomnes.endpoint import address, editing
from ergaomnes.engine import Answer, Literal, Table, Term, Triples
from ergaomnes.errors import BadParameter, BadRequest, GenerationGone, UnknownParameter, near
from ergaomnes.known import Known
from ergaomnes.operations import scripted
from ergaomnes.search import Search
from ergaomnes.shown import fields, shown
from ergaomnes.templates import LANGUAGES, Templates, language_of, root_of
from ergaomnes.terms import Prefixes

Runner = Callable[[Callable[[], Any]], Any]

PATH = "/questions"
LISTED = (media.PLAIN_JSON, media.TURTLE)
# Plain JSON comes first here: who asks a ready-made question reads rows, not bindings.
SPARQL_JSON = media.Format("srj", (media.SPARQL_JSON.media_type,))
FORMATS = (
    media.PLAIN_JSON,
    SPARQL_JSON,
    media.SPARQL_XML,
    media.CSV,
    media.TSV,
    media.TURTLE,
    media.MARKDOWN,
)
_WRITERS: Mapping[str, answers.Writer] = {
    **answers.WRITERS,
    media.PLAIN_JSON.name: answers.rows_json,
    SPARQL_JSON.name: answers.results_json,
}
_MANNER = ("format", "columns", "limit", "offset", "generation", "bom")
_NUMBER = re.compile(r"[0-9]{1,9}")
# What takes longer to read or write than others should wait is worked on beside the event loop.
_MANY = 500  # rows
_MUCH = 100_000  # bytes
_THIS_ONE = "answer from this generation or not at all"
_PROBLEMS: Mapping[str, Any] = {
    status: {"description": why, "content": {problems.MEDIA_TYPE: {}}}
    for status, why in (
        ("400", "A parameter that does not fit"),
        ("404", "There is no such question"),
        ("406", "No media type fits"),
        ("410", "Another generation is served now"),
        ("413", "The answer is too large"),
        ("503", "All readers are at work; see Retry-After"),
        ("504", "It took too long"),
        ("507", "It took too much memory"),
    )
}
_BOM = "\ufeff".encode()


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows of an answer are wanted, and of which generation."""

    limit: int | None = None
    offset: int = 0
    generation: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether every row is wanted."""
        return self.limit is None and not self.offset


class Doors:
    """Ask questions on behalf of requests, over one pool of readers."""

    def __init__(
        self,
        known: Known,
        catalogue: Catalogue,
        in_thread: Runner,
        templates: Templates,
        search: Search,
    ) -> None:
        self.templates = templates
        self.search = search
        self.known = known
        self.readers = known.readers
        self.catalogue = catalogue
        self.prefixes = catalogue.prefixes
        self.in_thread = in_thread

    async def listed(self, request: Request) -> Response:
        """List the questions, all or those of a tag or an audience."""
        given = _given(request)
        accept, name = request.headers.get("accept"), given.pop("format", None)
        written_as, media_type = media.wanted(accept, name, (*LISTED, media.HTML))
        if written_as is media.HTML:
            return self._list_shown(request, given)
        found = [one for one in self.catalogue if _matches(one, given)]
        headers = {"Vary": "Accept"}
        if written_as is media.TURTLE:
            body = answers.catalogue_turtle(found, self.prefixes)
            return Response(body, media_type=media_type, headers=headers)
        described = [_described(one, self.catalogue) for one in found]
        return JSONResponse({"questions": described}, headers=headers)

    async def asked(self, request: Request, name: str) -> Response:
        """Answer a question: all rows, or a page of them with links to the others."""
        given, manner = self._told(request)
        accept = request.headers.get("accept")
        written_as, media_type = media.wanted(accept, manner.get("format"), (*FORMATS, media.HTML))
        if written_as is media.HTML:
            return await self._shown(request, name, given, manner)
        page = _page(manner)
        answered, generation = await self._answered(name, given, page.generation)
        if "columns" in manner:
            answered = answered.narrowed(manner["columns"].split(","))
        root = address(request.scope)
        whole = answered.answer
        total = len(whole.rows) if isinstance(whole, Table) else 1
        if isinstance(whole, Table) and not page.is_whole:
            end = None if page.limit is None else page.offset + page.limit
            part = Table(whole.columns, whole.rows[page.offset : end])
            answered = replace(answered, answer=part, whole=answered.whole or whole)
        within = self._links(answered, manner, page, generation, total)
        links = {rel: root + where for rel, where in within.items()}
        if written_as is media.PLAIN_JSON and not isinstance(whole, Triples):
            more = {
                "generation": generation,
                "total": total,
                "offset": page.offset,
                "permanent": links["cite-as"],
                "citation": links["describedby"],
                "next": links.get("next"),
            }
            write = functools.partial(_plain, answered, self.prefixes, more)
        else:
            write = functools.partial(_WRITERS[written_as.name], answered, self.prefixes)
        rows = len(answered.answer.rows) if isinstance(answered.answer, Table) else total
        body = await self.in_thread(write) if rows > _MANY else write()
        if _flag(manner, "bom") and written_as in (media.CSV, media.TSV):
            body = _BOM + body
        headers = {
            "Vary": "Accept",
            "Content-Location": root
            + self._location(
                answered, _kept(manner, "format", "columns", "bom", "limit", "offset")
            ),
            "Link": ", ".join(f'<{where}>; rel="{rel}"' for rel, where in links.items()),
        }
        return Response(body, media_type=media_type, headers=headers)

    def _list_shown(self, request: Request, given: dict[str, str]) -> Response:
        """Show the questions as a page, by who asks them."""
        lang = language_of(request.headers, given.pop("lang", ""))
        found = [one for one in self.catalogue if _matches(one, given)]
        every = tuple(self.catalogue)
        values = {
            "groups": [
                (who, [one for one in found if who in one.audience])
                for who in dict.fromkeys(who for one in found for who in one.audience)
            ],
            "others": [one for one in found if not one.audience],
            "tags": sorted({tag for one in every for tag in one.tags}),
            "chosen": given.get("tag", ""),
        }
        return self._paged(request, lang, "questions.html", values)

    async def _shown(
        self, request: Request, name: str, given: dict[str, str], manner: Mapping[str, str]
    ) -> Response:
        """Show a question, a form to ask it, and its answer as a page."""
        question = self.catalogue[name]
        tag = given.get("lang", "") if "lang" in question.parameters else given.pop("lang", "")
        lang = language_of(request.headers, tag)
        # A browser sends a field that is left empty too.
        filled = {one: value for one, value in given.items() if value.strip()}
        answered, generation = await self._answered(name, filled, manner.get("generation", ""))
        index = await self.search.index()
        root = root_of(request.scope)

        def painted() -> Mapping[str, object]:
            return {
                "answer": shown(answered, self.prefixes, root),
                "fields": fields(answered, self.prefixes, index, lang),
            }

        values = {
            **await self.in_thread(painted),
            "question": question,
            "last_known": answered.last_known,
            "generation": generation,
            "permanent": address(request.scope)
            + self._location(answered, {"generation": generation}),
            "cite": root + self._location(answered, {"generation": generation}, "/citation"),
            "formats": [
                (one.name, root + self._location(answered, {"format": one.name}))
                for one in (media.CSV, media.TSV, media.PLAIN_JSON, media.TURTLE, media.MARKDOWN)
            ],
            "query": answered.bound.text,
            "editor": root + self._location(answered, {}, "/editor"),
        }
        return self._paged(request, lang, "question.html", values)

    def _paged(
        self, request: Request, lang: str, template: str, values: Mapping[str, object]
    ) -> Response:
        root = root_of(request.scope)
        pairs = dict(request.query_params)
        pairs.pop("format", None)
        languages = [
            (
                one,
                f"{root}{request.url.path.removeprefix(root)}?" + _encoded({**pairs, "lang": one}),
            )
            for one in LANGUAGES
        ]
        text = self.templates.page(template, lang, root, {**values, "languages": languages})
        return HTMLResponse(text, headers=scripted(lang))

    async def cited(self, request: Request, name: str) -> Response:
        """Say how the whole answer to a question is cited."""
        given, manner = self._told(request)
        if unfit := [one for one in manner if one not in ("format", "generation")]:
            raise UnknownParameter(unfit[0], ("format", "generation"))
        accept = request.headers.get("accept")
        written_as, media_type = media.wanted(accept, manner.get("format"), citing.FORMATS)
        answered, generation = await self._answered(name, given, manner.get("generation", ""))
        where = self._location(answered, {"generation": generation})
        citation = citing.cited(
            answered,
            self.prefixes,
            dataset=await self._dataset(),
            generation=generation,
            url=address(request.scope) + where,
            accessed=_today(),
        )
        body = citing.WRITERS[written_as.name](citation)
        return Response(body, media_type=media_type, headers={"Vary": "Accept"})

    def edited(self, request: Request, name: str) -> Response:
        """Send whoever would change the query of a question to the editor, with it filled in."""
        given, _ = self._told(request)
        asked = bound(self.catalogue[name], given, self.prefixes, _today())
        return RedirectResponse(root_of(request.scope) + editing(asked.body), 303)

    def _told(self, request: Request) -> tuple[dict[str, str], dict[str, str]]:
        """Part what the question is asked with from how its answer is wanted."""
        told = _given(request)
        manner = {name: told.pop(name) for name in _MANNER if name in told}
        return told, manner

    async def _answered(
        self, name: str, given: Mapping[str, str], generation: str
    ) -> tuple[answers.Answered, str]:
        """Ask a question; give the answer and the generation that it is of."""
        asked = bound(self.catalogue[name], given, self.prefixes, _today())
        self._same(generation, self.readers.generation)
        for one in answers.mentions(asked, given, self.prefixes):
            if not (await self._found(one.is_known))[0]:
                meant = one.meant((await self._found(one.coded))[0])
                if meant is None:
                    raise one.unknown((await self._found(one.siblings))[0])
                asked = renamed(asked, one.parameter.name, one.iri, meant)
        found, at = await self._found(asked.text, is_graph=asked.question.form == "CONSTRUCT")
        self._same(generation, at)
        return answers.Answered(asked, found), at

    async def _found(self, query: str, *, is_graph: bool = False) -> tuple[Answer, str]:
        written_as = media.N_TRIPLES if is_graph else media.SPARQL_JSON
        reply = await self.readers.replied(await self.readers.checked(query), written_as)
        read: Callable[[], Answer]
        if is_graph:
            read = functools.partial(results.triples, reply.body, written_as.media_type)
        else:
            read = functools.partial(results.table_or_truth, reply.body)
        is_much = len(reply.body) > _MUCH
        return (await self.in_thread(read) if is_much else read()), reply.generation

    @staticmethod
    def _same(wanted: str, found: str) -> None:
        if wanted and wanted != found:
            raise GenerationGone(wanted, found)

    async def _dataset(self) -> dict[str, str]:
        """Give the title, publisher and version that the data say of the dataset, in English."""
        told = await self.known.dataset()
        iri = self.prefixes.iri
        [whole] = {
            s for s, p, o in told if str(p) == iri("rdf:type") and str(o) == iri("dcat:Dataset")
        }

        def english(subject: Term | None, curie: str) -> str:
            values = (o for s, p, o in told if s == subject and str(p) == iri(curie))
            return next((str(o) for o in values if _is_english(o)), "")

        [publisher] = {o for s, p, o in told if s == whole and str(p) == iri("dcterms:publisher")}
        found = {
            "title": english(whole, "dcterms:title"),
            "version": english(whole, "dcat:version"),
            "publisher": english(publisher, "skos:prefLabel"),
        }
        version = found.get("version", "")
        issued = {"issued": version} if re.fullmatch(r"\d{4}-\d{2}-\d{2}", version) else {}
        return found | issued

    def _links(
        self,
        answered: answers.Answered,
        manner: Mapping[str, str],
        page: Page,
        generation: str,
        total: int,
    ) -> dict[str, str]:
        """Give where to go from an answer, by relation (RFC 8288, RFC 8574)."""
        fixed = {"generation": generation}
        links = {
            "cite-as": self._location(answered, fixed),
            "describedby": self._location(answered, fixed, "/citation"),
        }
        if page.limit is None:
            return links
        kept = _kept(manner, "format", "columns", "bom") | fixed

        def at(offset: int, limit: int) -> str:
            pair = {"limit": str(limit), "offset": str(offset)}
            return self._location(answered, kept | pair)

        links["first"] = at(0, page.limit)
        if page.offset:
            # The page before ends where this one begins, so the first may be a shorter one.
            before = min(page.limit, page.offset)
            links["prev"] = at(page.offset - before, before)
        if page.offset + page.limit < total:
            links["next"] = at(page.offset + page.limit, page.limit)
        return links

    def _location(
        self, answered: answers.Answered, more: Mapping[str, str], within: str = ""
    ) -> str:
        """Give the address at which this very answer is asked for, every parameter in it."""
        pairs = as_typed(answered.bound, self.prefixes) | dict(more)
        query = urllib.parse.urlencode(pairs, safe=":/,")
        return f"{PATH}/{answered.question.name}{within}" + (f"?{query}" if query else "")


def router(
    known: Known, catalogue: Catalogue, in_thread: Runner, templates: Templates, search: Search
) -> APIRouter:
    """Make the routes over a catalogue and what is served."""
    made = APIRouter()
    doors = Doors(known, catalogue, in_thread, templates, search)

    @made.head(PATH, include_in_schema=False)
    @made.get(PATH, summary="List the questions")
    async def listed(request: Request) -> Response:
        return await doors.listed(request)

    @made.head(PATH + "/{name}", include_in_schema=False)
    @made.get(PATH + "/{name}", summary="Ask a question")
    async def asked(request: Request, name: str) -> Response:
        return await doors.asked(request, name)

    @made.head(PATH + "/{name}/citation", include_in_schema=False)
    @made.get(PATH + "/{name}/citation", summary="Cite the answer to a question")
    async def cited(request: Request, name: str) -> Response:
        return await doors.cited(request, name)

    @made.head(PATH + "/{name}/editor", include_in_schema=False)
    @made.get(PATH + "/{name}/editor", include_in_schema=False)
    async def edited(request: Request, name: str) -> Response:
        return doors.edited(request, name)

    return made


def operations(catalogue: Catalogue) -> dict[str, Any]:
    """Describe each question for OpenAPI, from its header: a path of its own."""
    found = {f"{PATH}/{one.name}": {"get": _operation(one, catalogue)} for one in catalogue}
    every = tuple(catalogue)
    tags, readers = (
        {"type": "string", "enum": sorted({name for one in every for name in getattr(one, kind)})}
        for kind in ("tags", "audience")
    )
    named = {"type": "string", "description": "a question, or its number", "example": "CQ-03"}
    path = {"name": "name", "in": "path", "required": True, "schema": named}
    found[PATH] = _get(
        "questions",
        "List the questions",
        LISTED,
        [
            _in_query("tag", tags, "those that have this tag"),
            _in_query("audience", readers, "those that these readers ask"),
            _format(LISTED),
        ],
    )
    found[PATH + "/{name}"] = _get(
        "question", "Ask a question: each has an address of its own below", FORMATS, [path]
    )
    found[PATH + "/{name}/citation"] = _get(
        "citation",
        "Cite the answer to a question, with the question's own parameters",
        citing.FORMATS,
        [path, _format(citing.FORMATS), _in_query("generation", {"type": "string"}, _THIS_ONE)],
    )
    return found


def _get(
    name: str, summary: str, formats: Iterable[media.Format], parameters: list[dict[str, Any]]
) -> dict[str, Any]:
    content: dict[str, Any] = {one.media_type: {} for one in formats}
    answer = {"description": summary, "content": content}
    responses = {"200": answer, **_PROBLEMS}
    said = {"operationId": name, "summary": summary, "parameters": parameters}
    return {"get": {**said, "responses": responses}}


def _operation(question: Question, catalogue: Catalogue) -> dict[str, Any]:
    parameters = [_schema(one, catalogue) for one in question.parameters.values()]
    parameters += [
        _format(FORMATS),
        _in_query("columns", {"type": "string"}, "the columns to keep, with commas between them"),
        _in_query("limit", {"type": "integer", "minimum": 1}, "how many rows a page has"),
        _in_query("offset", {"type": "integer", "minimum": 0}, "how many rows come before it"),
        _in_query("generation", {"type": "string"}, _THIS_ONE),
        _in_query("bom", {"type": "boolean"}, "begin CSV and TSV with a byte order mark"),
    ]
    row = {
        "type": "object",
        "properties": {name: {"description": about} for name, about in question.columns.items()},
    }
    schema = {"type": "object", "properties": {"rows": {"type": "array", "items": row}}}
    content: dict[str, Any] = {one.media_type: {} for one in FORMATS}
    content[media.PLAIN_JSON.media_type] = {"schema": schema}
    return {
        "operationId": question.name,
        "summary": question.title,
        "description": question.question,
        "tags": list(question.tags),
        "parameters": parameters,
        "responses": {
            "200": {"description": "The answer", "content": content},
            **_PROBLEMS,
        },
    }


def _schema(parameter: Parameter, catalogue: Catalogue) -> dict[str, Any]:
    default = parameter.typed(parameter.default, catalogue.prefixes)
    schema: dict[str, Any] = {"type": "integer" if parameter.kind == "integer" else "string"}
    if parameter.kind == "date":
        schema["format"] = "date"
    about = parameter.about
    if parameter.is_today:
        about += "; today if not given"
    else:
        schema["default"] = int(default) if parameter.kind == "integer" else default
    if parameter.kind == "iri":
        kind = "record" if parameter.of in ("", ANY) else parameter.of
        about += f"; a {kind}: its short name, a code, its prefixed name or its IRI"
    if parameter.several:
        about += "; several with commas between them"
    return _in_query(parameter.name, schema, about)


def _format(offered: tuple[media.Format, ...]) -> dict[str, Any]:
    names = {"type": "string", "enum": [one.name for one in offered]}
    return _in_query("format", names, "the form of the answer, instead of Accept")


def _in_query(name: str, schema: Mapping[str, Any], about: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": about, "schema": dict(schema)}


def _plain(answered: answers.Answered, prefixes: Prefixes, more: Mapping[str, object]) -> bytes:
    return bytes(JSONResponse(answers.as_rows(answered, prefixes) | dict(more)).body)


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


def _is_english(term: Term | None) -> bool:
    return isinstance(term, Literal) and term.language in ("", "en")


def _given(request: Request) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise BadRequest(f"The parameter “{name[:100]}” is given more than once.")
        given[name] = value
    return given


def _kept(manner: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: manner[name] for name in names if name in manner}


def _page(manner: Mapping[str, str]) -> Page:
    limit = _number(manner, "limit", 1) if "limit" in manner else None
    offset = _number(manner, "offset", 0) if "offset" in manner else 0
    return Page(limit, offset, manner.get("generation", ""))


def _number(manner: Mapping[str, str], name: str, least: int) -> int:
    written = manner[name]
    if not _NUMBER.fullmatch(written) or int(written) < least:
        raise BadParameter(name, written[:100], f"a whole number is needed, {least} or more")
    return int(written)


def _flag(manner: Mapping[str, str], name: str) -> bool:
    written = manner.get(name, "false")
    if written not in ("true", "false"):
        raise BadParameter(name, written[:100], "true or false is needed")
    return written == "true"


def _encoded(pairs: Mapping[str, str]) -> str:
    return urllib.parse.urlencode(pairs, safe=":,")


def _matches(question: Question, given: Mapping[str, str]) -> bool:
    kinds = {"tag": question.tags, "audience": question.audience}
    for name in given:
        if name not in kinds:
            raise UnknownParameter(name, near(name, kinds) or tuple(kinds))
    return all(value in kinds[name] for name, value in given.items())


def _described(question: Question, catalogue: Catalogue) -> dict[str, object]:
    return {
        "name": question.name,
        "number": question.number,
        "title": question.title,
        "question": question.question,
        "audience": question.audience,
        "tags": question.tags,
        "parameters": {
            one.name: {
                "about": one.about,
                "type": one.kind,
                "kind": one.of,
                "several": one.several,
                "default": "today" if one.is_today else one.typed(one.default, catalogue.prefixes),
            }
            for one in question.parameters.values()
        },
        "columns": dict(question.columns),
        "href": f"{PATH}/{question.name}",
        "query": question.text,
    }
