"""What is said of one thing, both ways, a page at a time, and its writing as RDF.

A page is asked for by its number in the order in which the readers list the facts. It is the same
for all of them, as each is a fork of one process that never changes what it holds; a page belongs
to the generation that its address names, so that going on loses and repeats nothing.
"""

import asyncio
import io
import re
import urllib.parse
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyoxigraph as ox

from ergaomnes import jsonld, media, results, turtle
from ergaomnes.catalogue import Catalogue, Question, bound_text, described
from ergaomnes.engine import Blank, Iri, Literal, Table, Term
from ergaomnes.errors import AnswerUnwritable, UnknownThing, near
from ergaomnes.guard import Guarded
from ergaomnes.store import theirs
from ergaomnes.worker import Readers

PAGE = 200  # facts; the queries ask for one more, to know whether there is a next page
FORMATS = (*media.GRAPHS, *media.DATASETS)

_OFFSET = re.compile(r"^( *OFFSET) 0$", re.MULTILINE)
_ESCAPED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_OUTSIDE = re.compile(r"[^\x21-\x7e]|[\"<>\\^`{|}]")
_LONGEST = 2000
_NEAR_LETTERS = (2, 1, 0)
_QUERIES = (
    "thing-facts",
    "thing-references",
    "thing-size",
    "thing-nested",
    "thing-known",
    "thing-near",
    "graph-facts",
    "ontology-facts",
    "term-names",
    "term-classes",
    "term-properties",
    "term-examples",
    "term-shapes",
    "dataset-licence",
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact: the graph that states it, what the other thing in it is called, its sources."""

    graph: str
    subject: Term
    property: str
    value: Term
    name: Literal | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """A page of what is said of a thing."""

    iri: str
    name: Literal | None
    facts: tuple[Fact, ...]
    number: int = 1
    has_next: bool = False
    generation: str = ""
    replacement: str = ""


@dataclass(frozen=True, slots=True)
class Meaning:
    """A term of the ontology: its kind, and by language what it is called and means."""

    iri: str
    kind: str
    wider: tuple[str, ...]
    names: Mapping[str, str]
    definitions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape that uses a term, and what it says of a record that does not fit."""

    iri: str
    name: str
    message: str


@dataclass(frozen=True)
class Vocabulary:
    """What one generation says of the terms: meanings, counts, the JSON-LD names, the licence."""

    generation: str
    meanings: Mapping[str, Meaning]
    classes: Mapping[str, int]
    properties: Mapping[str, int]
    context: jsonld.Context
    licence: str

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages in which every term has a name, English first."""
        common: set[str] | None = None
        for meaning in self.meanings.values():
            common = set(meaning.names) if common is None else common & set(meaning.names)
        return tuple(sorted(common or (), key=lambda tag: (tag != "en", tag)))


class Things:
    """What can be asked of a thing, through a pool of readers."""

    def __init__(self, readers: Readers, catalogue: Catalogue) -> None:
        self.readers = readers
        self.catalogue = catalogue
        self.prefixes = catalogue.prefixes
        self.questions = {name: catalogue[name] for name in _QUERIES}
        self._reading = asyncio.Lock()
        self._vocabulary: Vocabulary | None = None
        self._users: Mapping[str, tuple[Question, ...]] | None = None

    async def said(self, iri: str, lang: str, number: int = 1) -> Said:
        """Give a page of what is said of a thing, or raise UnknownThing with the near ones."""
        if iri.startswith(self.prefixes["query"]):
            return self._question(iri)
        if not is_sound(iri):
            raise UnknownThing(iri[:_LONGEST])
        start = PAGE * (number - 1)
        facts: tuple[Fact, ...] = ()
        if iri.startswith(self.prefixes["graph"]):
            facts, generation = await self._facts("graph-facts", {"graph": Iri(iri)}, lang, start)
        if not facts:
            facts, generation = await self._both_ways(iri, lang, start)
        if not facts and number > 1:
            raise UnknownThing(iri)
        has_next, facts = len(facts) > PAGE, facts[:PAGE]
        name, replacement = self._name(iri, facts, lang), self._replacement(iri, facts)
        if name is None:
            known = await self.known(iri, lang)
            name, replacement = known.name, known.replacement
        facts += await self._nested(iri, facts, lang)
        return Said(iri, name, facts, number, has_next, generation, replacement)

    async def known(self, iri: str, lang: str) -> "Known":
        """Say what a thing is called and what has replaced it, or raise UnknownThing."""
        if iri.startswith(self.prefixes["query"]):
            return Known(iri, self._question(iri).name)
        if not is_sound(iri):
            raise UnknownThing(iri[:_LONGEST])
        table, _ = await self._table("thing-known", {"thing": Iri(iri)}, lang)
        for row in table:
            if row["thing"] is not None:
                name, other = row["name"], row["replacement"]
                return Known(
                    iri,
                    name if isinstance(name, Literal) else None,
                    other.value if isinstance(other, Iri) and other.value != iri else "",
                )
        raise UnknownThing(iri, await self._near(iri, lang))

    async def ontology(self, lang: str) -> Said:
        """Give all that the files of the ontology declare."""
        table, generation = await self._table("ontology-facts", {}, lang)
        facts = tuple(_fact(row) for row in table.rows)
        return Said(self.prefixes["erga"], None, facts, generation=generation)

    async def vocabulary(self) -> Vocabulary:
        """Give what the generation at hand says of the terms; it is asked once."""
        async with self._reading:
            kept = self._vocabulary
            if kept is None or kept.generation != self.readers.generation:
                kept = self._vocabulary = await self._read_vocabulary()
            return kept

    async def examples(self, iri: str, lang: str) -> tuple[Fact, ...]:
        """Give a few facts that use a class or property."""
        table, _ = await self._table("term-examples", {"term": Iri(iri)}, lang)
        found = []
        for row in table:
            subject, name, value = row["subject"], row["subject_name"], row["value"]
            if subject is not None and value is not None:
                named = name if isinstance(name, Literal) else None
                said = row["value_name"]
                shown = said if isinstance(said, Literal) else value
                found.append(Fact("", subject, iri, shown, named))
        return tuple(found)

    async def shapes(self, iri: str, lang: str) -> tuple[Shape, ...]:
        """Give the shapes that guard the things of a class or the values of a property."""
        table, _ = await self._table("term-shapes", {"term": Iri(iri)}, lang)
        found: dict[str, Shape] = {}
        for row in table:
            shape = Shape(str(row["shape"]), str(row["name"]), str(row["message"] or ""))
            found.setdefault(shape.iri, shape)
        return tuple(found.values())

    async def users(self, iri: str) -> Sequence[Question]:
        """Give the questions whose query uses a term."""
        if self._users is None:
            self._users = await asyncio.to_thread(self._read_users)
        return self._users.get(self.prefixes.short(iri), ())

    async def _table(
        self, query: str, given: Mapping[str, Term], lang: str, offset: int = 0
    ) -> tuple[Table, str]:
        question = self.questions[query]
        terms = dict(given)
        if "lang" in question.parameters:
            terms["lang"] = Literal(lang)
        text = bound_text(question, terms)
        if offset:
            text = _OFFSET.sub(rf"\1 {offset}", text)
        reply = await self.readers.replied(Guarded(text, "SELECT"), media.SPARQL_JSON)
        return results.table(reply.body), reply.generation

    async def _both_ways(self, iri: str, lang: str, start: int) -> tuple[tuple[Fact, ...], str]:
        """Give the facts from a place on: those about the thing, then those that refer to it."""
        given = {"thing": Iri(iri)}
        size = 0
        if start:
            table, _ = await self._table("thing-size", given, lang)
            size = int(str(table.rows[0][0]))
        (own, generation), (others, other) = await asyncio.gather(
            self._facts("thing-facts", given, lang, start),
            self._facts("thing-references", given, lang, max(0, start - size)),
        )
        if generation != other:  # it has moved on in between
            return await self._both_ways(iri, lang, start)
        return (own + others)[: PAGE + 1], generation

    async def _facts(
        self, query: str, given: Mapping[str, Term], lang: str, start: int
    ) -> tuple[tuple[Fact, ...], str]:
        table, generation = await self._table(query, given, lang, start)
        found: dict[tuple[object, ...], Fact] = {}
        for row in table.rows:  # two names or sources do not make two facts
            found.setdefault(row[:4], _fact(row))
        return tuple(found.values()), generation

    async def _nested(self, iri: str, facts: Iterable[Fact], lang: str) -> tuple[Fact, ...]:
        """Give what is said of the nameless nodes that these facts lead to."""
        wanted = [str(fact.value) for fact in facts if isinstance(fact.value, Blank)]
        if not wanted or iri.startswith(self.prefixes["graph"]):
            return ()
        table, _ = await self._table("thing-nested", {"thing": Iri(iri)}, lang)
        of: dict[str, list[Fact]] = defaultdict(list)
        for row in table.rows:
            fact = _fact(row)
            of[str(fact.subject)].append(fact)
        found: list[Fact] = []
        for node in wanted:  # it grows
            for fact in of.pop(node, ()):
                found.append(fact)
                if isinstance(fact.value, Blank):
                    wanted.append(str(fact.value))
        return tuple(found)

    async def _near(self, iri: str, lang: str) -> tuple[str, ...]:
        stem = iri[: max(iri.rfind("/", 0, len(iri) - 1), iri.rfind("#")) + 1]
        slug = iri[len(stem) :].lower()
        if not stem.startswith(self.prefixes.base) or stem == self.prefixes.base:
            return ()
        for letters in _NEAR_LETTERS:
            table, _ = await self._table(
                "thing-near", {"stem": Literal(stem + slug[:letters])}, lang
            )
            names = {str(row["thing"])[len(stem) :]: str(row["thing"]) for row in table}
            if found := near(slug, names):
                return tuple(names[name] for name in found)
        return ()

    def _name(self, iri: str, facts: Iterable[Fact], lang: str) -> Literal | None:
        label = self.prefixes.iri("skos:prefLabel")
        names = {
            one.value.language: one.value
            for one in facts
            if one.property == label and str(one.subject) == iri and isinstance(one.value, Literal)
        }
        return names.get(lang) or names.get("en")

    def _replacement(self, iri: str, facts: Iterable[Fact]) -> str:
        replaced = self.prefixes.iri("dcterms:isReplacedBy")
        found = [str(one.value) for one in facts if one.property == replaced]
        return next((one for one in sorted(found) if one != iri), "")

    def _question(self, iri: str) -> Said:
        name = iri.removeprefix(self.prefixes["query"]).partition("/")[0]
        if name not in self.catalogue.files:
            known = [self.prefixes["query"] + one for one in near(name, self.catalogue.files)]
            raise UnknownThing(iri, known)
        question = self.catalogue[name]
        facts = tuple(
            Fact("", subject, said.value, value)
            for subject, said, value in described(question, self.prefixes)
            if iri in (str(subject), str(value)) or iri == self.prefixes["query"] + name
        )
        if not facts:
            names = [f"{self.prefixes['query']}{name}/{one}" for one in question.parameters]
            raise UnknownThing(iri, names)
        title = Literal(question.title, Literal.LANG_STRING, "en")
        return Said(iri, title, facts, generation=self.readers.generation)

    def _read_users(self) -> Mapping[str, tuple[Question, ...]]:
        found: dict[str, list[Question]] = defaultdict(list)
        for question in self.catalogue:
            for name in set(re.findall(r"\berga:\w+", question.text)):
                found[name].append(question)
        return {name: tuple(those) for name, those in found.items()}

    async def _read_vocabulary(self) -> Vocabulary:
        names, generation = await self._table("term-names", {}, "en")
        classes, _ = await self._table("term-classes", {}, "en")
        properties, _ = await self._table("term-properties", {}, "en")
        licence, _ = await self._table("dataset-licence", {}, "en")
        declared = await self.readers.replied(Guarded(jsonld.DECLARED, "SELECT"), media.SPARQL_JSON)
        declarations = results.table(declared.body)
        things = {str(row["class"]): int(str(row["things"])) for row in classes}
        facts: dict[str, int] = defaultdict(int)
        seen: dict[str, set[str]] = defaultdict(set)
        for row in properties:
            iri, datatype = str(row["property"]), row["datatype"]
            facts[iri] += int(str(row["facts"]))
            seen[iri].add("@id" if datatype is None else str(datatype))
        return Vocabulary(
            generation,
            _meanings(names),
            things,
            facts,
            jsonld.context_of(seen, set(things), declarations, self.prefixes),
            next((str(row["licence"]) for row in licence), ""),
        )


@dataclass(frozen=True, slots=True)
class Known:
    """A thing that is known: what it is called, and what has replaced it."""

    iri: str
    name: Literal | None = None
    replacement: str = ""


def is_sound(iri: str) -> bool:
    """Tell whether a text can be an IRI at all."""
    if len(iri) > _LONGEST:
        return False
    try:
        ox.NamedNode(iri)
    except ValueError:
        return False
    return True


def of_path(base: str, raw: str) -> str:
    """Give the IRI that a path as it was sent stands for: escapes stay only where they are needed.

    >>> of_path("https://example.org/", "/id/%C3%A9t%65/a%2Fb")
    'https://example.org/id/été/a%2Fb'
    """

    def plain(found: re.Match[str]) -> str:
        try:
            text = urllib.parse.unquote(found[0], errors="strict")
        except UnicodeDecodeError:
            return found[0].upper()
        return "".join(
            one
            if _UNRESERVED.match(one) or (ord(one) > 0x9F and one.isprintable())
            else urllib.parse.quote(one, safe="")
            for one in text
        )

    return base + _ESCAPED.sub(plain, raw.lstrip("/"))


def path_of(base: str, iri: str) -> str:
    """Give the path, ready for an address, at which an IRI of ours is answered."""
    return "/" + _OUTSIDE.sub(lambda found: urllib.parse.quote(found[0]), iri.removeprefix(base))


def written(said: Said, form: media.Format, vocabulary: Vocabulary, context: str) -> bytes:
    """Write what is said in an RDF format; `context` is the address of the JSON-LD context."""
    prefixes = vocabulary.context.prefixes
    quads = _named_alike(
        ox.Quad(theirs(one.subject), ox.NamedNode(one.property), theirs(one.value), _graph(one))  # type: ignore[arg-type]  # no literal is a subject
        for one in said.facts
    )
    triples = sorted({quad.triple for quad in quads}, key=str)
    if form is media.TURTLE:
        return turtle.write(triples, prefixes).encode()
    if form is media.JSON_LD:
        out = io.BytesIO()
        jsonld.write_document(triples, vocabulary.context, out, context)
        return out.getvalue()
    kind = ox.RdfFormat.from_media_type(form.media_type)
    assert kind is not None  # noqa: S101 - it is one of ours
    items: Sequence[ox.Quad] | Sequence[ox.Triple] = quads if form in media.DATASETS else triples
    used = {
        one: namespace for one, namespace in prefixes.namespaces.items() if namespace[-1] in "/#"
    }
    body = ox.serialize(items, format=kind, prefixes=used)
    assert body is not None  # noqa: S101 - bytes come back where no output is given
    if form is media.RDF_XML:
        whole = media.whole_xml(body)
        if whole is None:
            raise AnswerUnwritable(form.media_type)
        return whole
    return body


def _named_alike(quads: Iterable[ox.Quad]) -> list[ox.Quad]:
    """Sort, and name nameless nodes by what they say: the same facts give the same bytes."""
    found = list(dict.fromkeys(quads))
    if any(
        isinstance(node, ox.BlankNode) for quad in found for node in (quad.subject, quad.object)
    ):
        dataset = ox.Dataset(found)
        dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
        found = list(dataset)
    return sorted(found, key=str)


def _graph(fact: Fact) -> ox.NamedNode | ox.DefaultGraph:
    return ox.NamedNode(fact.graph) if fact.graph else ox.DefaultGraph()


def _fact(row: Sequence[Term | None]) -> Fact:
    graph, subject, said, value, *rest = row
    assert graph is not None and subject is not None  # noqa: S101, PT018 - the query binds them
    assert said is not None and value is not None  # noqa: S101, PT018
    name, source = rest or (None, None)
    named = name if isinstance(name, Literal) else None
    return Fact(str(graph), subject, str(said), value, named, str(source or ""))


def _meanings(table: Table) -> Mapping[str, Meaning]:
    kinds: dict[str, str] = {}
    wider: dict[str, dict[str, None]] = defaultdict(dict)
    names: dict[str, dict[str, str]] = defaultdict(dict)
    definitions: dict[str, dict[str, str]] = defaultdict(dict)
    for row in table:
        iri, name, definition = str(row["term"]), row["name"], row["definition"]
        kinds.setdefault(iri, str(row["kind"]))
        if row["wider"] is not None:
            wider[iri][str(row["wider"])] = None
        if isinstance(name, Literal):
            names[iri].setdefault(name.language, name.value)
        if isinstance(definition, Literal):
            definitions[iri].setdefault(definition.language, definition.value)
    return {
        iri: Meaning(iri, kind, tuple(wider[iri]), names[iri], definitions[iri])
        for iri, kind in kinds.items()
    }
