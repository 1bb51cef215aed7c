"""The panels of a page: named questions, asked together, and shown in the reader's language.

Which questions a page has, and the words for what they answer, stand in
`queries/pages/panels.yaml`.
"""

import asyncio
import datetime
import re
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from ergaomnes import media, results
from ergaomnes.catalogue import Bound, Catalogue, Question, as_typed, bound, bound_text
from ergaomnes.engine import Iri, Literal, Table, Term
from ergaomnes.errors import Busy
from ergaomnes.guard import Guarded
from ergaomnes.thing import path_of
from ergaomnes.worker import Readers

FILE = "pages/panels.yaml"
ON = "day"
"""The parameter that is the day of the page."""
_LABEL, _LAST_KNOWN, _STANDING = "_label", "last_known", "standing"
_CHIPS = (_STANDING, "could", "answer")
_SOURCES = ("source", "text_source")
_HEADER = re.compile(r"^#\+.*\n", re.MULTILINE)
_THINGS = {"label": "act"}
_TRIES = 3
_MOST_ROWS = 50  # a page is to stay small; all rows are one link away

Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a panel asks, and how it is shown."""

    name: str
    question: str
    title: Words
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plans:
    """All panels of all pages, with their words."""

    pages: Mapping[str, tuple[Plan, ...]]
    values: Mapping[str, Words]
    """For what a question answers in words of its own: how it is said, and its `tone`."""
    columns: Mapping[str, Words]


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as it is shown."""

    text: str
    lang: str = ""
    href: str = ""
    kind: str = ""
    """`chip`, `day`, `source` (then the text is the number of one), or nothing."""
    tone: str = ""
    """Of a chip: good, doubt, bad, none, or open where nothing is known."""
    last_known: str = ""
    """Of a chip: the day after which it is no more than the last known state."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A question with its answer, ready to be shown."""

    name: str
    title: str
    question: str
    text: str
    """The query as it was asked, without the header that its page shows."""
    typed: Mapping[str, str]
    """Its parameters as they are typed in an address."""
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    sources: tuple[str, ...]
    """The sources of the rows, each named once; they are counted from 1."""
    total: int
    table: Table

    def addresses(self, root: str) -> dict[str, str]:
        """Give where the question is told, its whole answer in two forms, and how it is cited."""
        given = urllib.parse.urlencode(self.typed, safe=":,")
        here = f"{root}/questions/{self.question}"
        both = f"{here}?{given}&" if given else f"{here}?"
        return {
            "csv": f"{both}format=csv",
            "json": f"{both}format=json",
            "citation": f"{here}/citation?{given}" if given else f"{here}/citation",
            "about": f"{root}/query/{self.question}",
        }


def plans(catalogue: Catalogue) -> Plans:
    """Read which panels there are."""
    said: Mapping[str, Any] = yaml.safe_load((catalogue.folder / FILE).read_text("utf-8"))
    pages = {
        page: tuple(
            Plan(one["name"], one["question"], one["title"], tuple(one["columns"])) for one in made
        )
        for page, made in said["pages"].items()
    }
    return Plans(pages, said["values"], said["columns"])


class Panels:
    """Asks the questions of a page, all of one generation."""

    def __init__(self, readers: Readers, catalogue: Catalogue) -> None:
        self.readers = readers
        self.catalogue = catalogue
        self.prefixes = catalogue.prefixes
        self.plans = plans(catalogue)
        self._questions: dict[str, Question] = {}

    async def of(
        self, page: str, given: Mapping[str, str], lang: str, root: str
    ) -> tuple[Panel, ...]:
        """Ask all panels of a page with these parameters, as far as each takes them."""
        chosen = self.plans.pages[page]
        asked = [self._bound(one.question, given) for one in chosen]
        tables = await self._tables([one.text for one in asked])
        names = await self._names(tables, lang)
        painted = _Painter(self.plans, names, lang, root, self.prefixes.base)
        return tuple(
            painted.panel(plan, one, table, as_typed(one, self.prefixes))
            for plan, one, table in zip(chosen, asked, tables, strict=True)
        )

    def words(self, values: Iterable[str], lang: str) -> Words:
        """Say how what questions answer in words of their own is said in a language."""
        said = self.plans.values
        return {one: said[one].get(lang) or said[one]["en"] for one in values}

    def href(self, thing: Iri, root: str) -> str:
        """Give the address of the page of a thing of ours; nothing for others."""
        base = self.prefixes.base
        return root + path_of(base, thing.value) if thing.value.startswith(base) else ""

    async def days(self, question: str, given: Mapping[str, str]) -> list[datetime.date]:
        """Ask for days, and give those that are any."""
        [table] = await self._tables([self._bound(question, given).text])
        found = []
        for [day] in table.rows:
            try:
                found.append(datetime.date.fromisoformat(str(day)))
            except ValueError:
                continue
        return found

    def _bound(self, name: str, given: Mapping[str, str]) -> Bound:
        if name not in self._questions:  # reading a file of the package costs more than asking
            self._questions[name] = self.catalogue[name]
        question = self._questions[name]
        fit = {one: value for one, value in given.items() if one in question.parameters}
        return bound(question, fit, self.prefixes, datetime.datetime.now(datetime.UTC).date())

    async def _tables(self, texts: Sequence[str]) -> list[Table]:
        """Ask several at once, and again where the graph has changed between two of them."""
        for _ in range(_TRIES):
            replies = await asyncio.gather(
                *(self.readers.replied(Guarded(one, "SELECT"), media.SPARQL_JSON) for one in texts)
            )
            if len({reply.generation for reply in replies}) <= 1:
                break
        else:
            raise Busy(retry_after=1)
        return [results.table(reply.body) for reply in replies]

    async def _names(self, tables: Iterable[Table], lang: str) -> Mapping[str, str]:
        """Give what the things in these tables are called in a language other than English."""
        things = {
            row[name]
            for table in tables
            for row in table
            for name in table.columns
            if name + _LABEL in table.columns and isinstance(row[name], Iri)
        }
        if lang == "en" or not things:
            return {}
        question = self.catalogue["names"]
        ordered = sorted((one for one in things if one is not None), key=str)
        asked = bound_text(question, {"thing": ordered, "lang": Literal(lang)})
        [found] = await self._tables([asked])
        return {str(row["thing"]): str(row["name"]) for row in found}


@dataclass(frozen=True, slots=True)
class _Painter:
    plans: Plans
    names: Mapping[str, str]
    lang: str
    root: str
    base: str

    def panel(self, plan: Plan, asked: Bound, table: Table, typed: Mapping[str, str]) -> Panel:
        shown = [one for one in plan.columns if any(value is not None for value in _of(table, one))]
        rows = list(table)
        sources: dict[str, int] = {}
        cells = tuple(
            tuple(self._cell(row, one, sources) for one in shown) for row in rows[:_MOST_ROWS]
        )
        return Panel(
            name=plan.name,
            title=self._word(plan.title),
            question=asked.question.name,
            text=_HEADER.sub("", asked.text),
            typed=typed,
            headings=tuple(self._word(self.plans.columns[_bare(one)]) for one in shown),
            rows=cells,
            sources=tuple(sources),
            total=len(rows),
            table=table,
        )

    def _word(self, words: Words) -> str:
        return words.get(self.lang) or words["en"]

    def _cell(self, row: Mapping[str, Term | None], column: str, sources: dict[str, int]) -> Cell:
        value = row[column]
        if value is None:
            return Cell("")
        text = str(value)
        if column in _CHIPS:
            words = self.plans.values.get(text, {"en": text, "tone": "none"})
            lang = "" if self.lang in words else "en"
            last = str(row.get(_LAST_KNOWN) or "")
            return Cell(self._word(words), lang, "", "chip", words["tone"], last)
        if isinstance(value, Literal) and value.datatype == Literal.DATE:
            return Cell(text, kind="day")
        if isinstance(value, Iri):
            return Cell(text.removeprefix(self.base), href=self._href(value))
        if column in _SOURCES:
            return Cell(str(sources.setdefault(text, len(sources) + 1)), kind="source")
        return self._named(row, column, text)

    def _named(self, row: Mapping[str, Term | None], column: str, text: str) -> Cell:
        """Show what something is called, or other words."""
        thing = row.get(_THINGS.get(column, _bare(column)))
        href = self._href(thing) if isinstance(thing, Iri) else ""
        if href and str(thing) in self.names:
            return Cell(self.names[str(thing)], self.lang, href)
        return Cell(text, "en", href)

    def _href(self, thing: Iri) -> str:
        if not thing.value.startswith(self.base):
            return ""
        return self.root + path_of(self.base, thing.value)


def _of(table: Table, column: str) -> Sequence[Term | None]:
    return table.column(column) if column in table.columns else ()


def _bare(column: str) -> str:
    return column.removesuffix(_LABEL)
