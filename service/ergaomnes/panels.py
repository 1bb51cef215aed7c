"""The panels of a page: named questions, asked together, and shown in the reader's language."""

import asyncio
import datetime
import unicodedata
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ergaomnes import media, results
from ergaomnes.catalogue import Bound, Catalogue, as_typed, bound, bound_text
from ergaomnes.drawing import STANDINGS
from ergaomnes.engine import Iri, Literal, Table, Term
from ergaomnes.errors import Busy
from ergaomnes.guard import Guarded
from ergaomnes.links import Links
from ergaomnes.plans import Plan, Plans, Words, plans, said
from ergaomnes.worker import Readers

DAY = "day"
"""The parameter that is the day of the page."""
CHOICE = "choice"
"""The column of what can be chosen."""
_LABEL, _LAST_KNOWN = "_label", "last_known"
_LANGUAGE = "language"
_SOURCES = ("source", "text_source", "status_source")
_THINGS = {"label": "act"}
_STATEMENTS = {
    "statement": ("statement", "claim", "gap"),
    "answer_statement": ("statement", "answer"),
    "consequence": ("consequence", "gap"),
}
"""The columns that hold what a thing says: what it is asked for, and in which column it stands."""
_ARTICLE = " art. "
_ARTICLES = ("provision", "basis")
_TRIES = 3
_ADDRESS = "http://www.w3.org/2001/XMLSchema#anyURI"


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
    title: str = ""
    """What a short name stands for."""
    word: str = ""
    """Of a chip: the word that the question answers."""
    sign: str = ""
    """Of a chip: the sign for it where there is room for no more."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table of two ways: what it is of, and what stands in each column."""

    head: Cell
    cells: tuple[tuple[Cell, ...], ...]
    differs: bool
    """Whether its first values are not the same in all columns."""


@dataclass(frozen=True, slots=True)
class Grid:
    """An answer as a table of two ways."""

    columns: tuple[Cell, ...]
    lines: tuple[Line, ...]
    known: tuple[tuple[str, str], ...]
    """For each column, the first and the last of the days after which it is only last known."""
    legend: tuple[Cell, ...]
    """What the signs in it mean."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A question with its answer, ready to be shown."""

    plan: Plan
    title: str
    text: str
    """The query as it was asked, without the header that its page shows."""
    typed: Mapping[str, str]
    """Its parameters as they are typed in an address."""
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int
    table: Table
    grid: Grid | None
    left_out: Counter[str]
    """How many rows are not shown for what they answer, by how that is said."""
    names: Mapping[str, str]
    """What the things of the table are called in the reader's language, where it is not English."""

    columns: tuple[str, ...] = ()
    """The columns that are shown."""

    @property
    def name(self) -> str:
        """Give the name that it has on its page."""
        return self.plan.name

    @property
    def records(self) -> tuple[Mapping[str, Cell], ...]:
        """Give the rows that are shown, each value by its column, those without any too."""
        empty = dict.fromkeys(self.plan.columns, Cell(""))
        return tuple(empty | dict(zip(self.columns, row, strict=True)) for row in self.rows)

    def addresses(self, root: str) -> dict[str, str]:
        """Give where the question is told, answered whole in two forms, cited, and edited."""
        given = urllib.parse.urlencode(self.typed, safe=":,")
        here = f"{root}/questions/{self.plan.question}"
        both = f"{here}?{given}&" if given else f"{here}?"
        return {
            "csv": f"{both}format=csv",
            "json": f"{both}format=json",
            "citation": f"{here}/citation?{given}" if given else f"{here}/citation",
            "editor": f"{here}/editor?{given}" if given else f"{here}/editor",
            "asked": f"{here}?{given}" if given else here,
            "about": f"{root}/query/{self.plan.question}",
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """One of what can be chosen for a field: the end of its IRI, and what it is called."""

    slug: str
    name: str
    english: str


@dataclass(frozen=True, slots=True)
class Asked:
    """All panels of a page, with the sources of all: a cell names one by its number, from 1."""

    panels: tuple[Panel, ...]
    sources: tuple[str, ...]

    def __getitem__(self, name: str) -> Panel:
        """Give a panel by its name."""
        return next(one for one in self.panels if one.name == name)


class Panels:
    """Asks the questions of a page, all of one generation."""

    def __init__(self, readers: Readers, catalogue: Catalogue) -> None:
        self.readers = readers
        self.catalogue = catalogue
        self.prefixes = catalogue.prefixes
        self.plans: Plans = plans(catalogue)
        self._called: dict[tuple[str, str], dict[str, str]] = {}

    async def of(
        self, chosen: Sequence[Plan], given: Mapping[str, str], lang: str, links: Links
    ) -> Asked:
        """Ask panels with these parameters, as far as each takes them."""
        asked = [self._bound(one.question, {**given, **one.given}) for one in chosen]
        tables = await self._tables([one.text for one in asked])
        names, texts = await asyncio.gather(
            self._names(tables, lang), self._statements(tables, lang)
        )
        painter = _Painter(self.plans, names, texts, lang, links)
        panels = tuple(
            painter.panel(plan, one, table, as_typed(one, self.prefixes))
            for plan, one, table in zip(chosen, asked, tables, strict=True)
        )
        return Asked(panels, tuple(painter.sources))

    def words(self, values: Iterable[str], lang: str) -> Words:
        """Say how what questions answer in words of their own is said in a language."""
        return {one: said(self.plans.values[one], lang) for one in values}

    async def choices(self, question: str, lang: str) -> tuple[Choice, ...]:
        """Ask for what can be chosen, in the order of the alphabet."""
        [table] = await self._tables([self._bound(question, {}).text])
        names = await self._names([table], lang)
        found = []
        for row in table:
            iri, english = str(row[CHOICE]), str(row[f"{CHOICE}_label"])
            found.append(Choice(iri.rsplit("/", 1)[-1], names.get(iri, english), english))
        return tuple(sorted(found, key=lambda one: alphabetical(one.name)))

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
        question = self.catalogue[name]
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
        found = await self._said("names", things, lang)
        return {str(row["thing"]): str(row["name"]) for row in found}

    async def _statements(self, tables: Iterable[Table], lang: str) -> Mapping[str, str]:
        """Give what is said in another language, by what it is in English."""
        if lang == "en":
            return {}
        english: dict[Term, list[tuple[str, str]]] = {}
        for table in tables:
            for text, (asks, *things) in _STATEMENTS.items():
                for row in table if text in table.columns else ():
                    for one in (row[name] for name in things if name in table.columns):
                        if one is not None and row[text] is not None:
                            english.setdefault(one, []).append((asks, str(row[text])))
        found = await self._said("statements", english, lang) if english else ()
        return await self._labels(lang) | {
            text: str(row[asks])
            for row in found
            for asks, text in english[row["thing"] or Iri("")]
            if row[asks] is not None
        }

    async def _labels(self, lang: str) -> dict[str, str]:
        """Give what concepts, bodies and speakers are called, by their English names."""
        key = self.readers.generation, lang
        if key not in self._called:
            asked = bound_text(self.catalogue["labels"], {"lang": Literal(lang)})
            [found] = await self._tables([asked])
            self._called = {one: kept for one, kept in self._called.items() if one[0] == key[0]}
            self._called[key] = {str(row["english"]): str(row["label"]) for row in found}
        return self._called[key]

    async def _said(self, question: str, things: Iterable[Term | None], lang: str) -> Table:
        ordered = sorted((one for one in things if isinstance(one, Iri)), key=str)
        asked = bound_text(self.catalogue[question], {"thing": ordered, "lang": Literal(lang)})
        [found] = await self._tables([asked])
        return found


@dataclass(frozen=True, slots=True)
class _Painter:
    plans: Plans
    names: Mapping[str, str]
    texts: Mapping[str, str]
    """What texts in English are in the reader's language."""
    lang: str
    links: Links
    sources: dict[str, int] = field(default_factory=dict)
    """The number of each source that was shown so far."""

    def panel(self, plan: Plan, asked: Bound, table: Table, typed: Mapping[str, str]) -> Panel:
        shown = [one for one in plan.columns if any(value is not None for value in _of(table, one))]
        rows = list(table)
        left_out: Counter[str] = Counter()
        for column, values in plan.without.items():
            for row in rows:
                if str(row[column]) in values:
                    left_out[said(self.plans.values[str(row[column])], self.lang)] += 1
            rows = [row for row in rows if str(row[column]) not in values]
        grid = self._grid(plan, rows) if plan.across and rows else None
        # Rows that differ only in what is not shown are shown once.
        distinct = list({tuple(row[one] for one in shown): row for row in reversed(rows)}.values())
        few = [] if grid else distinct[::-1][: plan.rows]
        cells = tuple(tuple(self._cell(row, one) for one in shown) for row in few)
        return Panel(
            plan=plan,
            title=said(plan.title, self.lang),
            text=asked.body,
            typed=typed,
            headings=tuple(said(self.plans.columns[_bare(one)], self.lang) for one in shown),
            rows=cells,
            total=len(distinct),
            table=table,
            grid=grid,
            left_out=left_out,
            names=self.names,
            columns=tuple(shown),
        )

    def _grid(self, plan: Plan, rows: Sequence[Mapping[str, Term | None]]) -> Grid:
        down, along = plan.across["row"], plan.across["column"]
        columns: dict[Term | None, Cell] = {}
        heads: dict[Term | None, Cell] = {}
        cells: dict[tuple[Term | None, Term | None], tuple[Cell, ...]] = {}
        known: dict[Term | None, set[str]] = {}
        for row in rows:
            place = row[down], row[along]
            if place[0] not in heads:
                heads[place[0]] = self._cell(row, down + _LABEL)
            if place[1] is None:  # there is nothing that it could stand towards
                continue
            if place[1] not in columns:
                head = self._short(row, along) if plan.short else self._cell(row, along + _LABEL)
                columns[place[1]] = head
            cells[place] = tuple(self._cell(row, one) for one in plan.columns)
            known.setdefault(place[1], set()).add(str(row.get(_LAST_KNOWN) or ""))
        across = sorted(columns, key=lambda one: alphabetical(columns[one].text))
        lines = []
        for one in sorted(heads, key=lambda one: alphabetical(heads[one].text)):
            found = tuple(cells.get((one, column), ()) for column in across)
            differs = len({each[0].text if each else "" for each in found}) > 1
            lines.append(Line(heads[one], found, differs))
        days = [sorted(known[column] - {""}) or [""] for column in across]
        used = {
            str(row[plan.columns[0]]): cells[row[down], row[along]][0]
            for row in rows
            if row[along] is not None and cells[row[down], row[along]][0].sign
        }
        order = (*STANDINGS, *sorted(used))
        return Grid(
            tuple(columns[one] for one in across),
            tuple(lines),
            tuple((each[0], each[-1]) for each in days),
            tuple(used[one] for one in sorted(used, key=order.index)),
        )

    def _short(self, row: Mapping[str, Term | None], column: str) -> Cell:
        """Show a thing by the label that the answer has for it, in whatever language."""
        cell, label = self._cell(row, column + _LABEL), str(row[column + _LABEL])
        return replace(cell, text=label, lang="en", title=cell.text if cell.text != label else "")

    def _cell(self, row: Mapping[str, Term | None], column: str) -> Cell:
        value = row[column]
        if value is None:
            return Cell("")
        text = str(value)
        if column in self.plans.chips:
            return self._chip(text, str(row.get(_LAST_KNOWN) or ""))
        if isinstance(value, Iri):
            short = text.removeprefix(self.links.prefixes.base)
            return Cell(short, href=self.links(text), title=text)
        if column in _SOURCES:
            number = self.sources.setdefault(text, len(self.sources) + 1)
            return Cell(str(number), kind="source")
        if isinstance(value, Literal) and value.datatype in _TYPED:
            return _TYPED[value.datatype](text)
        return self._named(row, column, text)

    def _chip(self, text: str, last_known: str) -> Cell:
        words = self.plans.values.get(text, {"en": text, "tone": "none"})
        return Cell(
            said(words, self.lang),
            "" if self.lang in words else "en",
            kind="chip",
            tone=words["tone"],
            last_known=last_known,
            word=text,
            sign=words.get("sign", ""),
        )

    def _named(self, row: Mapping[str, Term | None], column: str, text: str) -> Cell:
        """Show what something is called, or other words."""
        if column in _ARTICLES:
            return Cell(together(text), "en")
        thing = row.get(_THINGS.get(column, _bare(column)))
        href = self.links(thing.value) if isinstance(thing, Iri) else ""
        if href and str(thing) in self.names:
            return Cell(self.names[str(thing)], self.lang, href)
        # An answer that says of which language its words are wants them in that one.
        if not href and text in self.texts and _LANGUAGE not in row:
            return Cell(self.texts[text], self.lang)
        said_in = value.language if isinstance(value := row[column], Literal) else ""
        return Cell(text, said_in or "en", href)


def alphabetical(text: str) -> str:
    """Give what a text is sorted by: marks on its letters, and their case, come last."""
    plain = unicodedata.normalize("NFKD", text)
    bare = "".join(one for one in plain if not unicodedata.combining(one))
    return f"{bare.casefold()} {text}"


def together(text: str) -> str:
    """Name an instrument once for all of its articles that follow each other in a list.

    >>> together("CAT art. 20(1), CAT art. 20(2), OPCAT art. 4")
    'CAT art. 20(1), 20(2); OPCAT art. 4'
    """
    found: list[tuple[str, list[str]]] = []
    for one in text.split(", "):
        before, article, number = one.partition(_ARTICLE)
        if not article or not found or found[-1][0] != before:
            found.append((before, [one]))
        else:
            found[-1][1].append(number)
    parts = (", ".join(numbers) for _, numbers in found)
    return ("; " if _ARTICLE in text else ", ").join(parts)


def _abroad(address: str) -> Cell:
    """Lead to where a document is, named by its host, if a browser may be sent there."""
    parts = urllib.parse.urlsplit(address)
    if parts.scheme not in ("https", "http"):
        return Cell(address)
    return Cell(parts.netloc, href=address)


_TYPED: Mapping[str, Callable[[str], Cell]] = {
    Literal.DATE: lambda text: Cell(text, kind="day"),
    Literal.INTEGER: Cell,
    _ADDRESS: _abroad,
}


def _of(table: Table, column: str) -> Sequence[Term | None]:
    return table.column(column) if column in table.columns else ()


def _bare(column: str) -> str:
    return column.removesuffix(_LABEL)
