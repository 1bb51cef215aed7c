"""The tables of a release: what `queries/tables/` answers, with keys, references and types.

A table is a query whose header says all that a table needs. Its first column is its key; a table
tagged `link` only ties others together, and its whole row is the key. The description of a column
that refers to the key of another table ends in an arrow and the name of that table.
"""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ergaomnes.catalogue import Catalogue, Question
from ergaomnes.engine import Iri, Literal, Table, Term
from ergaomnes.errors import CatalogueFault
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import Prefixes

FOLDER = "tables"
LINK = "link"

_REFERENCE = re.compile(r"(?P<about>.*?) → (?P<table>[a-z][a-z-]*)$")
_XSD = "http://www.w3.org/2001/XMLSchema#"
_TYPES = {_XSD + name: name for name in ("boolean", "date", "integer")}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it is called, means, holds and refers to."""

    name: str
    about: str
    holds: str
    """`anyURI`, `boolean`, `date`, `integer`, `text` (in a language) or `string`."""
    refers_to: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table with its rows as terms, in a total order."""

    name: str
    title: str
    about: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rows: tuple[tuple[Term | None, ...], ...]

    @property
    def is_link(self) -> bool:
        """Tell whether the table only ties others together."""
        return len(self.key) > 1

    def texts(self) -> Iterator[tuple[str | None, ...]]:
        """Give the rows as text, empty cells as None."""
        for row in self.rows:
            yield tuple(None if term is None else str(term) for term in row)


def sheets(queries: Path, engine: EmbeddedEngine, prefixes: Prefixes) -> Iterator[Sheet]:
    """Answer the query of every table, one table at a time, by name."""
    catalogue = Catalogue(queries / FOLDER, prefixes)
    for name in sorted(catalogue.files):
        question = catalogue[name]
        yield _sheet(question, engine.select(question.text))


def check(found: Sequence[Sheet]) -> None:
    """Raise CatalogueFault when a key repeats or a reference leads nowhere."""
    keys = {sheet.name: {row[0] for row in sheet.rows} for sheet in found if not sheet.is_link}
    for sheet in found:
        faults = []
        names = [column.name for column in sheet.columns]
        places = [names.index(name) for name in sheet.key]
        counts = Counter(tuple(row[place] for place in places) for row in sheet.rows)
        faults += [
            f"the key {' '.join(map(str, key))} repeats" for key, many in counts.items() if many > 1
        ]
        faults += [
            f"the key {name} is empty in a row"
            for name, place in zip(sheet.key, places, strict=True)
            if any(row[place] is None for row in sheet.rows)
        ]
        for place, column in enumerate(sheet.columns):
            if not column.refers_to:
                continue
            if column.refers_to not in keys:
                faults.append(f"{column.name} refers to no table: {column.refers_to}")
                continue
            lost = {row[place] for row in sheet.rows} - keys[column.refers_to] - {None}
            faults += [
                f"{column.name} {term} is not in {column.refers_to}"
                for term in sorted(map(str, lost))
            ]
        if faults:
            raise CatalogueFault(f"{sheet.name}.rq", faults[:10])


def write_csv(sheet: Sheet, file: Path) -> None:
    """Write a table as CSV (RFC 4180) in UTF-8: a header, then a row a line."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in sheet.columns])
    writer.writerows(sheet.texts())
    file.write_bytes(text.getvalue().encode())


def described(found: Sequence[Sheet], title: str, license_iri: str) -> bytes:
    """Describe the CSV files as https://www.w3.org/TR/tabular-data-primer/ has it."""
    first = {sheet.name: sheet.columns[0].name for sheet in found}
    tables = [
        {
            "url": f"{sheet.name}.csv",
            "dc:title": sheet.title,
            "dc:description": sheet.about,
            "tableSchema": {
                "columns": [_described(sheet, column) for column in sheet.columns],
                "primaryKey": list(sheet.key),
                "foreignKeys": [
                    {
                        "columnReference": column.name,
                        "reference": {
                            "resource": f"{column.refers_to}.csv",
                            "columnReference": first[column.refers_to],
                        },
                    }
                    for column in sheet.columns
                    if column.refers_to
                ],
            },
        }
        for sheet in found
    ]
    whole = {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
        "dc:title": title,
        "dc:license": {"@id": license_iri},
        "tables": tables,
    }
    return json.dumps(whole, ensure_ascii=False, indent=2).encode() + b"\n"


def _described(sheet: Sheet, column: Column) -> Mapping[str, object]:
    return {
        "name": column.name,
        "titles": column.name,
        "dc:description": column.about,
        "datatype": "string" if column.holds == "text" else column.holds,
        "required": column.name in sheet.key,
    }


def _sheet(question: Question, answer: Table) -> Sheet:
    columns = tuple(
        _column(name, about, answer.column(name)) for name, about in question.columns.items()
    )
    names = tuple(question.columns)
    return Sheet(
        name=question.name,
        title=question.title,
        about=question.question,
        columns=columns,
        key=names if LINK in question.tags else names[:1],
        rows=answer.rows,
    )


def _column(name: str, about: str, terms: Sequence[Term | None]) -> Column:
    found = _REFERENCE.fullmatch(about)
    holds = {_holds(term) for term in terms if term is not None}
    return Column(
        name=name,
        about=found["about"] if found else about,
        holds=holds.pop() if len(holds) == 1 else "string",
        refers_to=found["table"] if found else "",
    )


def _holds(term: Term) -> str:
    if isinstance(term, Iri):
        return "anyURI"
    if isinstance(term, Literal):
        return "text" if term.language else _TYPES.get(term.datatype, "string")
    return "string"
