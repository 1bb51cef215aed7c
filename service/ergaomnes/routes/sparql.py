"""/sparql: the SPARQL 1.1 Protocol for queries, https://www.w3.org/TR/sparql11-protocol/.

It is raw ASGI, without a framework and without threads: most of what a short query costs is what
is done around it.
"""

import functools
import re
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from ergaomnes import media, results
from ergaomnes.endpoint import SPARQL, Endpoint, address, field
from ergaomnes.errors import (
    BadRequest,
    ErgaOmnesError,
    MissingQuery,
    QuerySyntax,
    QueryTooLong,
    ReadOnly,
    UnknownDataset,
    UnknownParameter,
    UnsupportedMediaType,
    WrongMethod,
    did_you_mean,
    near,
)
from ergaomnes.guard import Guarded, own_graph
from ergaomnes.known import Known
from ergaomnes.problems import MEDIA_TYPE, Fields, printed
from ergaomnes.syntax import explained

PATHS = (SPARQL, f"{SPARQL}/")
METHODS = ("GET", "HEAD", "POST", "OPTIONS")
HINT = "Ergaomnes-Hint"
"""The field that says which name in a query is none of ours, and what may have been meant."""

FORM = "application/x-www-form-urlencoded"
QUERY = "application/sparql-query"
UPDATE = "application/sparql-update"
PARAMETERS = ("query", "default-graph-uri", "named-graph-uri", "format")
# Clients such as SPARQLWrapper name the format in all the ways that endpoints have ever known.
SYNONYMS = {"output": "format", "results": "format"}

_GRAPHS = (*media.GRAPHS, *media.DATASETS)
_MOST_FIELDS = 1000
_UPDATE_FIELD = re.compile(rb"(?:^|&)update=")
# An answer in which nothing was found, in each of the formats.
_EMPTY = re.compile(
    rb'.*(?:"bindings":\[\]|"boolean":false|<results ?/>|<results></results>|<boolean>false)'
    rb"|(?![{<])[^\n]*\n?\Z",
    re.DOTALL,
)
_SMALL = 1000

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Pairs = list[tuple[str, str]]
Answer = tuple[int, Fields, bytes]
Ask = Callable[[str, media.Format], Awaitable[tuple[Guarded, bytes, str]]]
Paged = Callable[[Scope, Ask], Awaitable[Callable[[Scope, Receive, Send], Awaitable[None]]]]
Updated = Callable[[Scope, Receive], Awaitable[Callable[[Scope, Receive, Send], Awaitable[None]]]]


class Door:
    """The address of the endpoint; without a query it describes itself.

    An update is handed on to `updated`, which knows who may send one, and a browser to `paged`.
    """

    def __init__(
        self,
        known: Known,
        endpoint: Endpoint,
        updated: Updated | None = None,
        paged: Paged | None = None,
    ) -> None:
        self.updated = updated
        self.paged = paged
        self.readers = known.readers
        self.known = known
        self.endpoint = endpoint
        self.prefixes = endpoint.prefixes
        self.graphs = endpoint.prefixes["graph"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever is wrong with it."""
        try:
            if self.paged is not None and scope["method"] in ("GET", "HEAD") and reads_pages(scope):
                response = await self.paged(scope, self.asked)
                await response(scope, receive, send)
                return
            if scope["method"] == "POST" and self.updated is not None:
                receive, is_update = await _peeked(
                    scope, receive, self.readers.settings.query_limit
                )
                if is_update:
                    response = await self.updated(scope, receive)
                    await response(scope, receive, send)
                    return
            status, fields, body = await self._answered(scope, receive)
        except ErgaOmnesError as error:
            status, fields, body = printed(error)
        await send({"type": "http.response.start", "status": status, "headers": fields})
        body = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": body})

    async def _answered(self, scope: Scope, receive: Receive) -> Answer:
        method = scope["method"]
        if method == "OPTIONS":
            allow = ", ".join(METHODS).encode()
            return 204, [(b"allow", allow), (b"accept-post", f"{QUERY}, {FORM}".encode())], b""
        if method not in METHODS:
            raise WrongMethod(method, METHODS)
        pairs = _pairs(scope["query_string"])
        if method == "POST":
            pairs += await _posted(scope, receive, self.readers.settings.query_limit)
        values = _values(pairs)
        accept, name = field(scope, b"accept"), "".join(values["format"])
        if values["query"]:
            return await self._asked(values, accept, name)
        if method == "POST" or values["default-graph-uri"] or values["named-graph-uri"]:
            raise MissingQuery
        return await self._described(accept, name, address(scope))

    async def asked(self, text: str, form: media.Format) -> tuple[Guarded, bytes, str]:
        """Ask a query for a page: a table in this form or a graph in Turtle, and a hint."""
        try:
            asked = await self.readers.checked(text, self.graphs)
            if asked.graphs or asked.named_graphs:
                await self._check_graphs([], [], asked)
            written_as = media.TURTLE if asked.answers_with_a_graph else form
            reply = await self.readers.replied(asked, written_as)
        except QuerySyntax as fault:
            raise explained(text, fault, self.prefixes, await self.known.terms()) from None
        is_empty = len(reply.body) < _SMALL and _EMPTY.match(reply.body)
        return asked, reply.body, await self._hint(text) if is_empty else ""

    async def _asked(self, values: dict[str, list[str]], accept: str, name: str) -> Answer:
        [text] = values["query"]
        default, named = values["default-graph-uri"], values["named-graph-uri"]
        try:
            asked = await self.readers.checked(text, self.graphs)
            if default or named or asked.graphs or asked.named_graphs:
                await self._check_graphs(default, named, asked)
            offered = _GRAPHS if asked.answers_with_a_graph else media.TABLES
            written_as, media_type = wanted(accept, name, offered)
            reply = await self.readers.replied(
                asked, written_as, default_graphs=default, named_graphs=named
            )
        except QuerySyntax as fault:
            terms = await self.known.terms()
            raise explained(text, fault, self.prefixes, terms) from None
        status, fields, body = answer(reply.body, media_type)
        if asked.calls:  # what another endpoint says is of no generation of ours
            fields.append((b"cache-control", b"no-store"))
        is_empty = len(body) < _SMALL and _EMPTY.match(body)
        if is_empty and (hint := await self._hint(text)):
            fields.append((HINT.lower().encode(), hint.encode("ascii", "backslashreplace")))
        return status, fields, body

    async def _check_graphs(self, default: list[str], named: list[str], asked: Guarded) -> None:
        known = await self.known.graphs()
        for graph in (*default, *named, *asked.graphs, *asked.named_graphs):
            if own_graph(graph, self.graphs) not in known:
                raise UnknownDataset(graph, near(graph, known)[:3])

    async def _hint(self, text: str) -> str:
        """Name what looks like a term of ours and is none: a query with it finds nothing."""
        namespace = self.prefixes["erga"]
        if namespace not in text:
            return ""
        terms = await self.known.terms()
        names = {term.removeprefix(namespace) for term in terms}
        given = set(re.findall(rf"<{re.escape(namespace)}(\w+)>", text))
        for prefix in re.findall(rf"([\w-]*):\s*<{re.escape(namespace)}>", text):
            given |= set(re.findall(rf"(?<![\w-]){re.escape(prefix)}:(\w+)", text))
        unknown = sorted(given - names)[:3]
        return " ".join(
            f"erga:{name} is no term of the ontology."
            f" {did_you_mean([f'erga:{one}' for one in near(name, names)[:2]])}".rstrip()
            for name in unknown
        )

    async def _described(self, accept: str, name: str, place: str) -> Answer:
        written_as, media_type = wanted(accept, name, _GRAPHS)
        found = await self.endpoint.service(place)
        body = results.graph(found, written_as, self.prefixes)
        return answer(body, media_type, is_public=True)


def reads_pages(scope: Mapping[str, Any]) -> bool:
    """Tell whether a browser asks, or somebody for a page by `format=html`."""
    pairs = urllib.parse.parse_qs(scope["query_string"].decode("latin-1"), errors="replace")
    if "format" in pairs:
        return pairs["format"] == [media.HTML.name]
    if not pairs.keys().isdisjoint(PARAMETERS[1:]):
        return False
    accept = field(scope, b"accept")
    if "text/html" not in accept:
        return False
    others = (one.media_type for one in (*media.TABLES, *media.GRAPHS))
    try:
        return media.choose(accept, (media.HTML.media_type, *others)) == media.HTML.media_type
    except media.MalformedAcceptError:
        return False


def answer(body: bytes, media_type: str, *, is_public: bool = False) -> Answer:
    """Make the answer of a body; what did not come from the readers alone says that it is kept."""
    charset = "; charset=utf-8" if media_type.startswith("text/") else ""
    fields = [
        (b"content-type", (media_type + charset).encode()),
        (b"content-length", str(len(body)).encode()),
        (b"vary", b"Accept"),
    ]
    if is_public:
        fields.append((b"cache-control", b"public, max-age=60"))
    return 200, fields, body


@functools.lru_cache(maxsize=1000)
def wanted(accept: str, name: str, formats: tuple[media.Format, ...]) -> tuple[media.Format, str]:
    """Give the format that is asked for, as `media.wanted`; most requests ask alike."""
    return media.wanted(accept, name, formats)


def _pairs(query_string: bytes) -> Pairs:
    try:
        return urllib.parse.parse_qsl(
            query_string.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except UnicodeDecodeError:
        raise BadRequest("The parameters are not UTF-8.") from None
    except ValueError as error:
        raise BadRequest(f"The parameters cannot be read: {error}.") from None


def _values(pairs: Pairs) -> dict[str, list[str]]:
    """Sort out the parameters of the protocol.

    What is not of it is ignored, as clients add what other endpoints want; but what looks like a
    slip of the pen is refused, for without it the answer would be another.
    """
    values: dict[str, list[str]] = {name: [] for name in PARAMETERS}
    for given, value in pairs:
        name = SYNONYMS.get(given, given)
        if name in ("update", "using-graph-uri", "using-named-graph-uri"):
            raise ReadOnly
        if name in values:
            if value not in values[name]:
                values[name].append(value)
        elif likely := near(name[:100], PARAMETERS):
            raise UnknownParameter(name[:100], likely)
    for name in ("query", "format"):
        if len(values[name]) > 1:
            raise BadRequest(f"The parameter “{name}” is given more than one value.")
    return values


async def _peeked(scope: Scope, receive: Receive, limit: int) -> tuple[Receive, bool]:
    """Say whether an update is posted; a form that is read for it can be received again."""
    kind = field(scope, b"content-type").partition(";")[0].strip().lower()
    if kind == UPDATE:
        return receive, True
    if kind != FORM:
        return receive, False
    body = await _body(receive, limit)
    waiting = [body]

    async def again() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return again, bool(_UPDATE_FIELD.search(body))


async def _posted(scope: Scope, receive: Receive, limit: int) -> Pairs:
    """Read the two ways of posting a query."""
    content_type, _, rest = field(scope, b"content-type").partition(";")
    kind = content_type.strip().lower()
    if kind == UPDATE:
        raise ReadOnly
    if kind not in (FORM, QUERY):
        raise UnsupportedMediaType(kind[:100] or "none", (QUERY, FORM))
    if field(scope, b"content-encoding").lower() not in ("", "identity"):
        raise UnsupportedMediaType("a compressed body", (QUERY, FORM))
    charset = rest.lower().partition("charset=")[2].strip(' "')
    if charset not in ("", "utf-8", "utf8"):
        raise UnsupportedMediaType(f"charset {charset[:40]}", (QUERY, FORM))
    body = await _body(receive, limit)
    if kind == FORM:
        return _pairs(body)
    try:
        return [("query", body.decode())]
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8.") from None


async def _body(receive: Receive, limit: int) -> bytes:
    """Read no more than a query of the greatest length can need, whatever is announced."""
    # Four bytes a character, three characters a byte in a form, and room for the graphs.
    most = 12 * limit + 10_000
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("The body is not whole.")
        body += message.get("body", b"")
        if len(body) > most:
            raise QueryTooLong(len(body), limit)
        if not message.get("more_body"):
            return bytes(body)


def operations() -> dict[str, object]:
    """Describe this address for OpenAPI."""
    tables, graphs = ([one.media_type for one in some] for some in (media.TABLES, _GRAPHS))
    answers: dict[str, object] = {media_type: {} for media_type in (*tables, *graphs)}
    found: dict[str, object] = {
        "200": {"description": "the answer, or without a query the description", "content": answers}
    }
    problem: dict[str, object] = {MEDIA_TYPE: {}}
    found |= {
        status: {"description": why, "content": problem}
        for status, why in (
            ("400", "the query cannot be read: where, and what may have been meant"),
            ("403", "it would reach out or write"),
            ("406", "no media type fits"),
            ("413", "the query or the answer is too large"),
            ("503", "all readers are at work; see Retry-After"),
            ("504", "it took too long"),
            ("507", "it took too much memory"),
        )
    }
    about = {
        "query": "the SPARQL 1.1 query",
        "default-graph-uri": "a graph to ask as the default graph, instead of the union of all",
        "named-graph-uri": "a graph to ask by its name",
        "format": "the short name or the media type of the answer, instead of Accept",
    }
    many = {"type": "array", "items": {"type": "string", "format": "iri"}}
    schemas = {name: many if name.endswith("-uri") else {"type": "string"} for name in about}
    parameters = [
        {"name": name, "in": "query", "description": said, "schema": schemas[name]}
        for name, said in about.items()
    ]
    content = {
        FORM: {"schema": {"type": "object", "properties": schemas, "required": ["query"]}},
        QUERY: {"schema": {"type": "string"}},
    }
    said = {"summary": "Ask a SPARQL query", "responses": found}
    return {
        "get": {**said, "operationId": "sparql_get", "parameters": parameters},
        "post": {
            **said,
            "operationId": "sparql_post",
            "parameters": parameters[1:],
            "requestBody": {"required": True, "content": content},
        },
    }
