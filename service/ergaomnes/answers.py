"""Ask a question of an engine, and write the answer for people and for programs."""

import csv
import datetime
import io
import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyoxigraph as ox
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from ergaomnes import media
from ergaomnes.catalogue import (
    ANY,
    Bound,
    Catalogue,
    Parameter,
    Question,
    as_typed,
    bound,
    described,
    renamed,
)
from ergaomnes.engine import Answer, Blank, Engine, Iri, Literal, Table, Term, Triples, Truth
from ergaomnes.errors import AnswerUnwritable, BadParameter, NotAcceptable, near
from ergaomnes.store import theirs
from ergaomnes.terms import Prefixes

LABEL = "_label"
SOURCE = "source"
LAST_KNOWN = "last_known"
DAY = "day"

_COMFORTABLE = 24
_LONGEST_IN_GRID = 160
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~&$#])")
_RESULT_SET = "http://www.w3.org/2001/sw/DataAccess/tests/result-set#"
_RDF_TYPE = ox.NamedNode("http://www.w3.org/1999/02/22-rdf-syntax-ns#type")


@dataclass(frozen=True, slots=True)
class Answered:
    """A question, the terms it was asked with, and what came back."""

    bound: Bound
    answer: Answer
    whole: Answer | None = None
    """The answer with all its columns, where only some are kept."""

    @property
    def question(self) -> Question:
        """Give the question that was asked."""
        return self.bound.question

    @property
    def day(self) -> str | None:
        """Give the day asked about, where the question has one."""
        day = self.bound.terms.get(DAY)
        return None if day is None else str(day[0])

    @property
    def last_known(self) -> tuple[str, ...]:
        """List the days after which some row is no more than the last known state."""
        answer = self.answer if self.whole is None else self.whole
        if not isinstance(answer, Table) or LAST_KNOWN not in answer.columns:
            return ()
        return tuple(sorted({str(day) for day in answer.column(LAST_KNOWN) if day}))

    def narrowed(self, columns: Sequence[str]) -> "Answered":
        """Keep these columns only, in this order; what is known of the whole answer stays."""
        if not isinstance(self.answer, Table):
            raise BadParameter("columns", ", ".join(columns), "the answer is no table")
        known = self.answer.columns
        for name in columns:
            if name not in known:
                why = "the answer has no such column"
                raise BadParameter("columns", name, why, near(name, known) or known)
        rows = tuple(tuple(row[name] for name in columns) for row in self.answer)
        return replace(self, answer=Table(tuple(columns), rows), whole=self.answer)


def ask(
    catalogue: Catalogue,
    name: str,
    given: Mapping[str, str],
    engine: Engine,
    today: datetime.date,
) -> Answered:
    """Ask the question of this name with these values; what is not given takes its default."""
    asked = bound(catalogue[name], given, catalogue.prefixes, today)
    for one in mentions(asked, given, catalogue.prefixes):
        if not engine.query(one.is_known):
            meant = one.meant(engine.query(one.coded))
            if meant is None:
                raise one.unknown(engine.query(one.siblings))
            asked = renamed(asked, one.parameter.name, one.iri, meant)
    return Answered(asked, engine.query(asked.text))


@dataclass(frozen=True, slots=True)
class Mention:
    """An individual that somebody asks about, and what to ask an engine of it beforehand."""

    parameter: Parameter
    written: str
    iri: Iri
    prefixes: Prefixes

    @property
    def is_known(self) -> str:
        """Give the query whether anything is said of it."""
        return f"ASK {{ {theirs(self.iri)} ?property ?value }}"

    @property
    def siblings(self) -> str:
        """Give the query for the things of its kind and their names."""
        return (
            f"SELECT DISTINCT ?thing ?label"
            f" {{ ?thing <{self.prefixes.iri('skos:prefLabel')}> ?label ."
            f" FILTER(STRSTARTS(STR(?thing), {theirs(Literal(self._stem))})) }}"
        )

    @property
    def coded(self) -> str:
        """Give the query for the things of its kind that have what was written as a code."""
        code = self.iri.value[len(self._stem) :].upper()
        return (
            f"SELECT DISTINCT ?thing {{ ?thing <{self.prefixes.iri('skos:notation')}> ?code ."
            f" FILTER(UCASE(STR(?code)) = {theirs(Literal(code))}"
            f" && STRSTARTS(STR(?thing), {theirs(Literal(self._stem))})) }}"
        )

    def meant(self, coded: Answer) -> Iri | None:
        """Give the one thing that a code stands for, if there is one and no other."""
        found = coded.column("thing") if isinstance(coded, Table) else ()
        [only, *others] = found or (None,)
        return only if isinstance(only, Iri) and not others else None

    @property
    def _stem(self) -> str:
        value = self.iri.value
        return value[: max(value.rfind("/"), value.rfind("#")) + 1]

    def unknown(self, siblings: Answer) -> BadParameter:
        """Make the error that says so, with the names of its kind that come near."""
        names: dict[str, str] = {}
        if isinstance(siblings, Table):
            for row in siblings:
                slug = str(row["thing"])[len(self._stem) :]
                names[str(row["label"])] = names[slug] = slug
        found = [*near(self.iri.value[len(self._stem) :], names), *near(self.written, names)]
        suggested = tuple(dict.fromkeys(names[one] for one in found))
        kind = "record" if self.parameter.of in ("", ANY) else self.parameter.of
        why = f"no {kind} {self.prefixes.short(self.iri.value)} is in the graph"
        return BadParameter(self.parameter.name, self.written, why, suggested[:5])


def mentions(asked: Bound, given: Mapping[str, str], prefixes: Prefixes) -> Iterator[Mention]:
    """Give the individuals that were named, not those that are asked about by default."""
    for parameter in asked.question.parameters.values():
        for value in asked.terms[parameter.name] if parameter.name in given else ():
            if isinstance(value, Iri):
                written = given[parameter.name]
                if parameter.several:
                    written = parameter.typed((value,), prefixes)
                yield Mention(parameter, written, value, prefixes)


def catalogue_turtle(questions: Iterable[Question], prefixes: Prefixes) -> bytes:
    """Write questions as Turtle: executable SPARQL with what its header says."""
    found = [triple for one in questions for triple in described(one, prefixes)]
    return _turtle_of(_triples(Triples(tuple(found))), {}, prefixes)


# for people


def table(answered: Answered, prefixes: Prefixes, width: int | None = None) -> str:
    """Write an answer for a terminal: a grid where it fits, else a block for each row."""
    out = io.StringIO()
    console = Console(
        file=out,
        width=None if width is None else max(width, 20),
        force_terminal=False,
        color_system=None,
        markup=False,
        highlight=False,
        emoji=False,
    )
    answer = answered.answer
    if isinstance(answer, Triples):
        return turtle(answered, prefixes).decode()
    if isinstance(answer, Table) and answer.rows:
        columns = shown_columns(answer)
        if _fits(answer, columns, prefixes, console.width):
            console.print(_grid(answer, columns, prefixes))
        else:
            _print_blocks(console, answer, columns, prefixes)
    for line in notes(answered, prefixes):
        console.print(Text(line), soft_wrap=False)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _fits(answer: Table, columns: list[tuple[str, str]], prefixes: Prefixes, width: int) -> bool:
    """Say whether a grid of this width can be read: no narrow columns with long texts in them."""
    longest = [
        max(len(title), *(len(_shown(cell, prefixes)) for cell in answer.column(name)))
        for title, name in columns
    ]
    needed = sum(min(length, _COMFORTABLE) + 3 for length in longest)
    return needed <= width and max(longest) <= _LONGEST_IN_GRID


def _grid(answer: Table, columns: list[tuple[str, str]], prefixes: Prefixes) -> Grid:
    grid = Grid(show_lines=False, header_style="", pad_edge=False, expand=False)
    for title, name in columns:
        dates = all(
            isinstance(cell, Literal) and cell.datatype == Literal.DATE
            for cell in answer.column(name)
            if cell is not None
        )
        grid.add_column(Text(title), overflow="fold", no_wrap=dates)
    for row in answer:
        grid.add_row(*(Text(_shown(row[name], prefixes)) for _, name in columns))
    return grid


def _print_blocks(
    console: Console, answer: Table, columns: list[tuple[str, str]], prefixes: Prefixes
) -> None:
    label_width = max(len(title) for title, _ in columns)
    for number, row in enumerate(answer, 1):
        block = Grid(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
        block.add_column(width=label_width, no_wrap=True)
        block.add_column(overflow="fold")
        for title, name in columns:
            if row[name] is not None:
                shown = _shown(row[name], prefixes)
                # Sources come joined; one a line is what a reader looks through.
                parts = shown.split("; ") if name.endswith(SOURCE) else [shown]
                block.add_row(Text(title), Text("\n".join(parts)))
        console.print(Text(f"{number} of {len(answer)}"))
        console.print(block)
        console.print()


def notes(answered: Answered, prefixes: Prefixes) -> list[str]:
    """Say below an answer what was asked, how far the records reach, and how much came back."""
    lines = []
    typed = as_typed(answered.bound, prefixes)
    asked = ", ".join(f"{name} {_plain(value)}" for name, value in typed.items())
    number = answered.question.number
    title = f"{number}: {answered.question.title}" if number else answered.question.title
    lines.append(f"{title}. Asked with {asked}." if asked else f"{title}.")
    known = answered.last_known
    if len(known) == 1:
        lines.append(f"After {known[0]} this is the last known state.")
    elif known:
        lines.append(
            "After the day in “last known” of its row"
            f" (between {known[0]} and {known[-1]}) an answer is the last known state."
        )
    answer = answered.answer
    if isinstance(answer, Truth):
        lines.append("Yes." if answer else "No.")
    elif len(answer) == 0:
        lines.append("No rows: nothing on record answers this. That is not the same as a no.")
    else:
        what = "triple" if isinstance(answer, Triples) else "row"
        lines.append(f"{len(answer):,} {what}{'' if len(answer) == 1 else 's'}.")
    return lines


def shown_columns(answer: Table) -> list[tuple[str, str]]:
    """Pair each column to show with its title: labels instead of things, none that is empty."""
    columns = set(answer.columns)
    return [
        (_title(name), name)
        for name in answer.columns
        if name + LABEL not in columns and any(cell is not None for cell in answer.column(name))
    ]


def _title(column: str) -> str:
    return column.removesuffix(LABEL).replace("_", " ")


def _shown(term: Term | None, prefixes: Prefixes) -> str:
    """Give a term as people read it, with nothing in it that a terminal would obey."""
    if term is None:
        return ""
    return _plain(prefixes.short(term.value) if isinstance(term, Iri) else str(term))


def _plain(text: str) -> str:
    """Keep a text on one line, and its control characters from being obeyed."""
    return "".join(
        f"\\u{ord(one):04x}" if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") else one
        for one in text.replace("\r\n", "\n").replace("\n", " ").replace("\t", " ")
    )


def markdown(answered: Answered, prefixes: Prefixes) -> bytes:
    """Write a Markdown table; whatever a label holds stays text."""
    answer = answered.answer
    if isinstance(answer, Triples):
        raise NotAcceptable(media.offers(media.GRAPHS))
    lines = []
    if isinstance(answer, Table) and answer.rows:
        columns = shown_columns(answer)
        lines.append("| " + " | ".join(_escaped(title) for title, _ in columns) + " |")
        lines.append("|" + " --- |" * len(columns))
        for row in answer:
            cells = (_markdown_cell(row, name, prefixes) for _, name in columns)
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    lines += [part for line in notes(answered, prefixes) for part in (_escaped(line), "")]
    return ("\n".join(lines).rstrip("\n") + "\n").encode()


def _markdown_cell(row: Mapping[str, Term | None], name: str, prefixes: Prefixes) -> str:
    text = _escaped(_shown(row[name], prefixes))
    thing = row[name] if isinstance(row[name], Iri) else row.get(name.removesuffix(LABEL))
    if isinstance(thing, Iri) and thing.value.startswith(("https://", "http://")) and text:
        address = thing.value.replace("|", "%7C").replace(")", "%29").replace("(", "%28")
        return f"[{text}](<{address}>)"
    return text


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


# for programs


def comma_separated(answered: Answered, _: Prefixes) -> bytes:
    """Write CSV as RFC 4180 and the SPARQL CSV format have it: every value whole and unaltered.

    A value that begins with `=` or `@` is written as it is, because this is data and not a sheet:
    a program that takes it for a formula has been told wrongly what it reads.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    answer = answered.answer
    if isinstance(answer, Triples):
        raise NotAcceptable(media.offers(media.GRAPHS))
    if isinstance(answer, Truth):
        writer.writerow([str(answer.value).lower()])
    else:
        writer.writerow(answer.columns)
        for row in answer.rows:
            writer.writerow(["" if term is None else str(term) for term in row])
    return out.getvalue().encode()


def results_json(answered: Answered, _: Prefixes) -> bytes:
    """Write SPARQL 1.1 Query Results JSON, or JSON-LD for a graph."""
    answer = answered.answer
    if isinstance(answer, Triples):
        return _graph(answer, ox.RdfFormat.JSON_LD)
    written = json.dumps(_as_json(answer), ensure_ascii=False, indent=1)
    return written.encode() + b"\n"


def _as_json(answer: Table | Truth) -> dict[str, object]:
    if isinstance(answer, Truth):
        return {"head": {}, "boolean": answer.value}
    bindings = [
        {name: _json_term(term) for name, term in row.items() if term is not None} for row in answer
    ]
    return {"head": {"vars": list(answer.columns)}, "results": {"bindings": bindings}}


def _json_term(term: Term) -> dict[str, str]:
    if isinstance(term, Iri):
        return {"type": "uri", "value": term.value}
    if isinstance(term, Blank):
        return {"type": "bnode", "value": term.value}
    written = {"type": "literal", "value": term.value}
    if term.language:
        written["xml:lang"] = term.language
    elif term.datatype != Literal.STRING:
        written["datatype"] = term.datatype
    return written


def results_xml(answered: Answered, _: Prefixes) -> bytes:
    """Write SPARQL Query Results XML, or RDF/XML for a graph."""
    answer = answered.answer
    if isinstance(answer, Triples):
        body = media.whole_xml(_graph(answer, ox.RdfFormat.RDF_XML))
        what = media.RDF_XML
    else:
        body = media.whole_xml(_results(answer, ox.QueryResultsFormat.XML))
        what = media.SPARQL_XML
    if body is None:
        raise AnswerUnwritable(what.media_type)
    return body


def rows_json(answered: Answered, prefixes: Prefixes) -> bytes:
    """Write plain JSON that a person can read: what was asked, the columns, a row an object.

    An IRI and a date are strings, a whole number is a number, what is absent is null.
    """
    answer = answered.answer
    if isinstance(answer, Triples):
        return results_json(answered, prefixes)
    return (json.dumps(as_rows(answered, prefixes), ensure_ascii=False, indent=1) + "\n").encode()


def as_rows(answered: Answered, prefixes: Prefixes) -> dict[str, object]:
    """Say an answer as plain values, for JSON."""
    question, answer = answered.question, answered.answer
    said: dict[str, object] = {
        "question": question.question,
        "name": question.name,
        "number": question.number or None,
        "title": question.title,
        "asked": as_typed(answered.bound, prefixes),
        "last_known": list(answered.last_known),
        "notes": notes(answered, prefixes),
    }
    if isinstance(answer, Truth):
        return {**said, "answer": answer.value}
    assert isinstance(answer, Table)  # noqa: S101 - triples have formats of their own
    columns = [{"name": name, "about": question.columns.get(name, "")} for name in answer.columns]
    rows = [{name: _plain_value(term) for name, term in row.items()} for row in answer]
    return {**said, "columns": columns, "rows": rows}


def _plain_value(term: Term | None) -> str | int | float | bool | None:
    if not isinstance(term, Literal):
        return None if term is None else str(term)
    kind = term.datatype.rpartition("#")[2]
    if kind == "integer":
        return int(term.value)
    if kind == "boolean":
        return term.value in ("true", "1")
    if kind in ("decimal", "double") and math.isfinite(number := float(term.value)):
        return number
    return term.value


def tab_separated(answered: Answered, _: Prefixes) -> bytes:
    """Write SPARQL TSV."""
    if isinstance(answered.answer, Triples):
        raise NotAcceptable(media.offers(media.GRAPHS))
    return _results(answered.answer, ox.QueryResultsFormat.TSV)


def _results(answer: Table | Truth, written_as: ox.QueryResultsFormat) -> bytes:
    """Let pyoxigraph write: other writers lose `0` and `false`."""
    written = json.dumps(_as_json(answer))
    read = ox.parse_query_results(written, format=ox.QueryResultsFormat.JSON)
    body = read.serialize(format=written_as)
    assert body is not None  # noqa: S101 - bytes come back where no output is given
    return body


def turtle(answered: Answered, prefixes: Prefixes) -> bytes:
    """Write a graph as Turtle; a table or truth value becomes one in the result-set vocabulary."""
    answer = answered.answer
    if not isinstance(answer, Triples):
        return _turtle_of(_result_set(answer), {"rs": _RESULT_SET}, prefixes)
    return _turtle_of(_triples(answer), {}, prefixes)


def _turtle_of(triples: list[ox.Triple], more: Mapping[str, str], prefixes: Prefixes) -> bytes:
    used = dict(more)
    for triple in triples:
        for node in (triple.subject, triple.predicate, triple.object):
            iri = node.datatype if isinstance(node, ox.Literal) else node
            prefix = prefixes.prefix_of(iri.value) if isinstance(iri, ox.NamedNode) else None
            if prefix is not None:
                used[prefix] = prefixes[prefix]
    body = ox.serialize(triples, format=ox.RdfFormat.TURTLE, prefixes=dict(sorted(used.items())))
    assert body is not None  # noqa: S101 - bytes come back where no output is given
    # Its prefixes come in no order, and the same answer shall be the same bytes.
    lines = body.splitlines(keepends=True)
    declared = [line for line in lines if line.startswith(b"@prefix ")]
    return b"".join([*sorted(declared), *lines[len(declared) :]])


def _graph(answer: Triples, written_as: ox.RdfFormat) -> bytes:
    body = ox.serialize(_triples(answer), format=written_as)
    assert body is not None  # noqa: S101 - bytes come back where no output is given
    return body


def _triples(answer: Triples) -> list[ox.Triple]:
    made = []
    for subject, predicate, value in answer:
        node = theirs(subject)
        assert not isinstance(node, ox.Literal)  # noqa: S101 - no literal is a subject
        made.append(ox.Triple(node, ox.NamedNode(predicate.value), theirs(value)))
    return made


def _result_set(answer: Table | Truth) -> list[ox.Triple]:
    """Give the triples of https://www.w3.org/2001/sw/DataAccess/tests/result-set."""

    def named(term: str) -> ox.NamedNode:
        return ox.NamedNode(_RESULT_SET + term)

    whole = ox.BlankNode("results")
    triples = [ox.Triple(whole, _RDF_TYPE, named("ResultSet"))]
    if isinstance(answer, Truth):
        return [*triples, ox.Triple(whole, named("boolean"), ox.Literal(answer.value))]
    triples += [
        ox.Triple(whole, named("resultVariable"), ox.Literal(name)) for name in answer.columns
    ]
    triples.append(ox.Triple(whole, named("size"), ox.Literal(len(answer))))
    for number, row in enumerate(answer, 1):
        solution = ox.BlankNode(f"row{number}")
        triples.append(ox.Triple(whole, named("solution"), solution))
        triples.append(ox.Triple(solution, named("index"), ox.Literal(number)))
        for column, (name, term) in enumerate(row.items()):
            if term is None:
                continue
            binding = ox.BlankNode(f"row{number}column{column}")
            triples.append(ox.Triple(solution, named("binding"), binding))
            triples.append(ox.Triple(binding, named("variable"), ox.Literal(name)))
            triples.append(ox.Triple(binding, named("value"), theirs(term)))
    return triples


Writer = Callable[[Answered, Prefixes], bytes]

WRITERS: Mapping[str, Writer] = {
    media.SPARQL_JSON.name: results_json,
    media.SPARQL_XML.name: results_xml,
    media.CSV.name: comma_separated,
    media.TSV.name: tab_separated,
    media.TURTLE.name: turtle,
    media.MARKDOWN.name: markdown,
}
"""How an answer is written, by the short name of the format."""

FORMATS = (
    media.SPARQL_JSON,
    media.SPARQL_XML,
    media.CSV,
    media.TSV,
    media.TURTLE,
    media.MARKDOWN,
)
