"""The answer to a question as a page shows it: labels that lead to what they name, days, words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ergaomnes import media, results
from ergaomnes.answers import Answered, shown_columns
from ergaomnes.catalogue import Parameter
from ergaomnes.comparing import by_record
from ergaomnes.engine import Iri, Literal, Table, Term, Triples, Truth
from ergaomnes.patch import Patch
from ergaomnes.search import Index
from ergaomnes.terms import Prefixes
from ergaomnes.thing import path_of

MOST_ROWS = 200
_MOST_CHOICES = 400
_LABEL = "_label"
_TRIPLE = ("subject", "property", "value")

# What a text or a number is of itself needs no saying.
_PLAIN = (Literal.STRING, Literal.INTEGER)


@dataclass(frozen=True, slots=True)
class Cell:
    """A value, and where it leads."""

    text: str
    href: str = ""
    is_day: bool = False
    is_abroad: bool = False
    lang: str = ""
    note: str = ""
    """The language of a text, or the datatype of a value, in short."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column and what stands in it."""

    name: str
    about: str


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer in rows; nothing but `truth` where it is yes or no."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int
    truth: bool | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter as a form asks for it."""

    name: str
    about: str
    kind: str
    value: str
    choices: tuple[tuple[str, str], ...] = ()
    several: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact that came or went: a property and its value."""

    is_added: bool
    name: Cell
    value: Cell


@dataclass(frozen=True, slots=True)
class Record:
    """What came and went of one record, and what followed from it by the rules."""

    iri: Cell
    facts: tuple[Fact, ...]
    follows: tuple[Fact, ...]


def records(patch: Patch, prefixes: Prefixes, root: str) -> tuple[Record, ...]:
    """Show a patch by record: what goes stands beside what comes in its place."""

    def facts(lines: Patch) -> Iterator[Fact]:
        for is_added, side in ((False, lines.removed), (True, lines.added)):
            for _, name, value in results.triples("\n".join(side), media.N_QUADS.media_type):
                row = {"name": name, "value": value}
                told = _noted(value, _cell(row, "value", prefixes, root), prefixes)
                yield Fact(is_added, _cell(row, "name", prefixes, root), told)

    def in_order(lines: Patch) -> tuple[Fact, ...]:
        return tuple(sorted(facts(lines), key=lambda one: (one.name.text, one.is_added)))

    return tuple(
        Record(
            _cell({"iri": Iri(one.iri)}, "iri", prefixes, root),
            in_order(Patch.of(one.added, one.removed)),
            in_order(one.follows),
        )
        for one in by_record(patch, prefixes)
    )


def shown(answered: Answered, prefixes: Prefixes, root: str) -> Shown:
    """Show an answer; a thing is shown by its label where the answer has one."""
    answer = answered.answer
    if isinstance(answer, Truth):
        return Shown((), (), 1, answer.value)
    if isinstance(answer, Triples):
        answer = Table(_TRIPLE, tuple(answer))
    assert isinstance(answer, Table)  # noqa: S101 - there is no other answer
    about = answered.question.columns
    chosen = shown_columns(answer)
    columns = tuple(Column(title, about.get(name, "")) for title, name in chosen)
    rows = tuple(
        tuple(_cell(row, name, prefixes, root) for _, name in chosen)
        for row in list(answer)[:MOST_ROWS]
    )
    return Shown(columns, rows, len(answer.rows))


def plain(table: Table, prefixes: Prefixes, root: str) -> Shown:
    """Show the answer to any query: things by the short forms of their addresses."""
    columns = tuple(Column(name, "") for name in table.columns)
    rows = tuple(
        tuple(_noted(row[name], _cell({name: row[name]}, name, prefixes, root), prefixes)
              for name in table.columns)
        for row in list(table)[:MOST_ROWS]
    )  # fmt: skip
    return Shown(columns, rows, len(table.rows))


def _noted(value: Term | None, cell: Cell, prefixes: Prefixes) -> Cell:
    """Say of a literal what it is, where it is more than a text or a day."""
    if not isinstance(value, Literal) or cell.is_day or value.datatype in _PLAIN:
        return cell
    if value.language:
        return replace(cell, lang=value.language, note=value.language)
    return replace(cell, note=prefixes.short(value.datatype))


def fields(answered: Answered, prefixes: Prefixes, index: Index, lang: str) -> tuple[Field, ...]:
    """Give the form of a question, filled in as it was asked."""
    return tuple(
        _field(one, answered.bound.terms[one.name], prefixes, index, lang)
        for one in answered.question.parameters.values()
    )


def _field(
    one: Parameter, terms: tuple[Term, ...], prefixes: Prefixes, index: Index, lang: str
) -> Field:
    value = one.typed(terms, prefixes)
    choices: tuple[tuple[str, str], ...] = ()
    if one.kind == "iri" and one.of in prefixes.namespaces and not one.several:
        namespace = prefixes[one.of]
        found = index.choices(namespace, lang, _MOST_CHOICES)
        choices = tuple((iri.removeprefix(namespace), name) for iri, name in found)
        if value not in dict(choices):
            choices = ()
    return Field(one.name, one.about, one.kind, value, choices, one.several)


def _cell(row: Mapping[str, Term | None], name: str, prefixes: Prefixes, root: str) -> Cell:
    value = row[name]
    if value is None:
        return Cell("")
    thing = row.get(name.removesuffix(_LABEL)) if name.endswith(_LABEL) else value
    is_day = isinstance(value, Literal) and value.datatype == Literal.DATE
    text = prefixes.short(value.value) if isinstance(value, Iri) else str(value)
    if not isinstance(thing, Iri):
        return Cell(text, is_day=is_day)
    if thing.value.startswith(prefixes.base):
        return Cell(text, root + path_of(prefixes.base, thing.value))
    is_web = thing.value.startswith(("https://", "http://"))
    return Cell(text, thing.value if is_web else "", is_abroad=is_web)
