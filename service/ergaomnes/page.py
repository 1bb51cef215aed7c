"""What a page shows of a thing or a term: groups of facts with names, ready for a template.

Nothing here is markup. Names come from the graph, in the language of the reader where it has them;
an address is a link only where a browser may follow it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ergaomnes.engine import Blank, Iri, Literal, Term
from ergaomnes.terms import Prefixes
from ergaomnes.thing import Fact, Meaning, Said, Shape, Vocabulary, path_of

_FOLLOWED = ("http://", "https://")
_FIRST = ("rdf:type", "skos:prefLabel", "skos:altLabel", "skos:definition", "skos:scopeNote")
_LEADS = ("skos:definition", "dcterms:description", "rdfs:comment", "skos:scopeNote", "sh:message")
_SOURCES = "erga:sourceSummary"
_TYPE = "rdf:type"


@dataclass(frozen=True, slots=True)
class Shown:
    """A value as it is shown: its text, the language of the text, and where it leads."""

    text: str
    lang: str = ""
    href: str = ""
    code: str = ""
    """The short form of the address, or the datatype, where it says more than the text."""
    file: str = ""
    file_href: str = ""
    source: str = ""
    parts: tuple["Group", ...] = ()
    """For a nameless node: what it is made of."""


@dataclass(frozen=True, slots=True)
class Group:
    """The values of one property."""

    name: Shown
    values: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A thing as a page shows it."""

    iri: str
    code: str
    title: str
    title_lang: str
    lead: Shown | None
    kinds: tuple[Shown, ...]
    sources: str
    stated: tuple[Group, ...]
    referring: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """A term, and the narrower ones below it."""

    name: Shown
    definition: Shown | None
    count: int
    narrower: tuple["Branch", ...]


@dataclass(frozen=True, slots=True)
class TermPage:
    """What is shown of a term besides its facts."""

    is_class: bool
    count: int
    wider: tuple[Shown, ...]
    narrower: tuple[Shown, ...]
    examples: tuple[tuple[Shown, Shown], ...]
    shapes: tuple[tuple[Shown, str], ...]
    questions: tuple[tuple[Shown, str], ...]


class Painter:
    """Shows terms in one language, with links below one root."""

    def __init__(self, vocabulary: Vocabulary, lang: str, root: str = "") -> None:
        self.vocabulary = vocabulary
        self.prefixes: Prefixes = vocabulary.context.prefixes
        self.lang = lang
        self.root = root

    def href(self, iri: str) -> str:
        """Give where a browser finds an IRI; nothing for what it had better not follow."""
        if iri.startswith(self.prefixes.base):
            return self.root + path_of(self.prefixes.base, iri)
        return iri if iri.startswith(_FOLLOWED) else ""

    def named(self, iri: str, name: Literal | None = None) -> Shown:
        """Show a thing by its name, or by the short form of its address."""
        short = self.prefixes.short(iri)
        meaning = self.vocabulary.meanings.get(iri)
        if name is None and meaning is not None:
            return self.term(meaning)
        if name is None:
            return Shown(short, "", self.href(iri))
        return Shown(name.value, name.language, self.href(iri), short)

    def term(self, meaning: Meaning) -> Shown:
        """Show a term of the ontology by its name."""
        lang = self._best(meaning.names)
        short = self.prefixes.short(meaning.iri)
        if not lang:
            return Shown(short, "", self.href(meaning.iri))
        return Shown(meaning.names[lang], lang, self.href(meaning.iri), short)

    def definition(self, meaning: Meaning) -> Shown | None:
        """Show what a term means."""
        lang = self._best(meaning.definitions)
        return Shown(meaning.definitions[lang], lang) if lang else None

    def page(self, said: Said) -> Page:
        """Show what is said of a thing."""
        own = [fact for fact in said.facts if str(fact.subject) == said.iri]
        about = [fact for fact in said.facts if str(fact.subject) != said.iri]
        parts: dict[str, list[Fact]] = defaultdict(list)
        for fact in about:
            if isinstance(fact.subject, Blank):
                parts[str(fact.subject)].append(fact)
        about = [fact for fact in about if str(fact.value) == said.iri]
        code = self.prefixes.short(said.iri)
        title = said.name or Literal(code)
        is_type = self.prefixes.iri(_TYPE)
        kinds = {
            str(one.value): self.named(str(one.value), one.name)
            for one in own
            if one.property == is_type
        }
        return Page(
            said.iri,
            code,
            title.value,
            title.language,
            self._lead(own),
            tuple(sorted(kinds.values(), key=lambda one: one.text)),
            next((one.source for one in own if one.source), ""),
            self._groups(own, parts),
            self._groups(about, {}, is_turned=True),
        )

    def graph(self, said: Said) -> Page:
        """Show what a graph states, a group for each thing."""
        groups: dict[str, list[Fact]] = defaultdict(list)
        for fact in said.facts:
            groups[str(fact.subject)].append(fact)
        code = self.prefixes.short(said.iri)
        title = said.name or Literal(code)
        stated = []
        for subject, facts in sorted(groups.items()):
            name = Shown(subject) if isinstance(facts[0].subject, Blank) else self.named(subject)
            values = [
                Shown(shown.text, shown.lang, shown.href, self.named(fact.property).text)
                for fact, shown in ((one, self._value(one.value, one)) for one in facts)
            ]
            stated.append(Group(name, tuple(sorted(values, key=lambda one: (one.code, one.text)))))
        return Page(said.iri, code, title.value, title.language, None, (), "", tuple(stated), ())

    def tree(self, kinds: Iterable[str]) -> tuple[Branch, ...]:
        """Show the terms of these kinds below one another, by name."""
        chosen = set(kinds)
        meanings = {iri: one for iri, one in self.vocabulary.meanings.items() if one.kind in chosen}
        below: dict[str, list[Meaning]] = defaultdict(list)
        for one in meanings.values():
            for iri in [each for each in one.wider if each in meanings] or [""]:
                below[iri].append(one)

        def branches(iri: str, above: frozenset[str]) -> tuple[Branch, ...]:
            found = [
                Branch(
                    self.term(one),
                    self.definition(one),
                    self._count(one.iri),
                    branches(one.iri, above | {one.iri}),
                )
                for one in below[iri]
                if one.iri not in above
            ]
            return tuple(sorted(found, key=lambda one: one.name.text.casefold()))

        return branches("", frozenset())

    def term_page(
        self,
        iri: str,
        examples: Sequence[Fact],
        shapes: Sequence[Shape],
        questions: Sequence[tuple[str, str, str]],
    ) -> TermPage | None:
        """Show a term among the others; `questions` are names, titles and what they ask."""
        meanings = self.vocabulary.meanings
        meaning = meanings.get(iri)
        if meaning is None:
            return None
        narrower = [self.term(one) for one in meanings.values() if iri in one.wider]
        is_class = iri in self.vocabulary.classes or meaning.kind == self.prefixes.iri("owl:Class")
        return TermPage(
            is_class,
            self._count(iri),
            tuple(self.term(meanings[one]) for one in meaning.wider if one in meanings),
            tuple(sorted(narrower, key=lambda one: one.text.casefold())),
            tuple(
                (self.named(str(one.subject), one.name), self._value(one.value, one, is_plain=True))
                for one in examples
            ),
            tuple((self.named(one.iri, Literal(one.name)), one.message) for one in shapes),
            tuple(
                (self.named(self.prefixes["query"] + name, Literal(title)), asks)
                for name, title, asks in questions
            ),
        )

    def _count(self, iri: str) -> int:
        return self.vocabulary.classes.get(iri) or self.vocabulary.properties.get(iri, 0)

    def _best(self, texts: Mapping[str, str]) -> str:
        return next((tag for tag in (self.lang, "en", *sorted(texts)) if tag in texts), "")

    def _lead(self, own: Sequence[Fact]) -> Shown | None:
        for short in _LEADS:
            texts = {
                one.value.language: one.value.value
                for one in own
                if one.property == self.prefixes.iri(short) and isinstance(one.value, Literal)
            }
            if lang := self._best(texts):
                return Shown(texts[lang], lang)
        return None

    def _groups(
        self, facts: Iterable[Fact], parts: Mapping[str, Sequence[Fact]], *, is_turned: bool = False
    ) -> tuple[Group, ...]:
        by_property: dict[str, list[Shown]] = defaultdict(list)
        for fact in facts:
            term = fact.subject if is_turned else fact.value
            by_property[fact.property].append(self._value(term, fact, parts, is_turned=is_turned))
        first = [self.prefixes.iri(short) for short in _FIRST]

        def place(iri: str) -> tuple[int, str]:
            return first.index(iri) if iri in first else len(first), self.named(iri).text

        return tuple(
            Group(self.named(iri), tuple(sorted(by_property[iri], key=self._order)))
            for iri in sorted(by_property, key=place)
        )

    def _order(self, one: Shown) -> tuple[bool, str, str]:
        return one.lang != self.lang, one.lang, one.text.casefold()

    def _members(self, node: str, parts: dict[str, Sequence[Fact]]) -> list[Fact]:
        """Give the facts that name the members of a list, in their order."""
        first, rest = self.prefixes.iri("rdf:first"), self.prefixes.iri("rdf:rest")
        found: list[Fact] = []
        while facts := parts.pop(node, ()):
            found += [one for one in facts if one.property == first][:1]
            node = next((str(one.value) for one in facts if one.property == rest), "")
        return found

    def _value(
        self,
        term: Term,
        fact: Fact,
        parts: Mapping[str, Sequence[Fact]] | None = None,
        *,
        is_turned: bool = False,
        is_plain: bool = False,
    ) -> Shown:
        file = "" if is_plain or not fact.graph else self.prefixes.short(fact.graph)
        file = file.removeprefix("graph:")
        file_href = self.href(fact.graph) if file else ""
        source = fact.source if is_turned else ""
        if isinstance(term, Iri):
            name = None if is_plain else fact.name
            shown = self.named(term.value, name)
            return Shown(shown.text, shown.lang, shown.href, shown.code, file, file_href, source)
        if isinstance(term, Blank):
            made = dict(parts or {})
            inside = made.pop(str(term), ())  # what comes again is not shown again
            if members := self._members(str(term), dict(parts or {})):
                values = tuple(self._value(one.value, one, made) for one in members)
                listed = Group(self.named(self.prefixes.iri("rdf:List")), values)
                return Shown("", file=file, file_href=file_href, parts=(listed,))
            return Shown("", file=file, file_href=file_href, parts=self._groups(inside, made))
        plain = (Literal.STRING, Literal.LANG_STRING)
        code = "" if term.datatype in plain else self.prefixes.short(term.datatype)
        href = term.value if term.datatype == self.prefixes.iri("xsd:anyURI") else ""
        href = href if href.startswith(_FOLLOWED) else ""
        return Shown(term.value, term.language, href, code, file, file_href, source)
