"""Tables that people fill in: what their columns are, and their rows as text.

What a column is called, means and holds is said in `ontology/tables/`; a table is a CSV file in
UTF-8 or the first sheet of an .xlsx workbook. Rows are read one at a time and never kept.
"""

import csv
import datetime
import io
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from python_calamine import CalamineError, CalamineWorkbook

from ergaomnes.engine import Iri, Literal, Table, Term
from ergaomnes.errors import BadColumns, ColumnFault, NoSuchFile, TableUnreadable, near
from ergaomnes.store import EmbeddedEngine

DELIMITERS = (",", ";", "\t")
CELL_LIMIT = 100_000  # characters in one cell; more is a quotation mark that was never closed

_COLUMNS = """
PREFIX csvw: <http://www.w3.org/ns/csvw#>
PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX schema: <https://schema.org/>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
SELECT ?name ?about ?example ?property ?range ?scheme ?required ?separator
  (GROUP_CONCAT(?title; SEPARATOR="|") AS ?titles)
WHERE {
  {
    SELECT ?column (COUNT(?before) AS ?place)
    WHERE {
      <%s> csvw:column/rdf:rest* ?before .
      ?before rdf:rest*/rdf:first ?column .
    }
    GROUP BY ?column
  }
  ?column csvw:name ?name ;
    skos:definition ?about ;
    schema:rangeIncludes ?range .
  OPTIONAL { ?column skos:example ?example . }
  OPTIONAL { ?column csvw:propertyUrl ?property . }
  OPTIONAL { ?column rdfs:seeAlso ?scheme . }
  OPTIONAL { ?column csvw:required ?required . }
  OPTIONAL { ?column csvw:separator ?separator . }
  OPTIONAL { ?column csvw:title ?title . }
}
GROUP BY ?name ?about ?example ?property ?range ?scheme ?required ?separator ?place
ORDER BY ?place
"""


@dataclass(frozen=True, slots=True)
class Column:
    """What one column is called, means and holds."""

    name: str
    titles: tuple[str, ...]
    about: str
    example: str
    property: str
    range: str
    scheme: str
    required: bool
    separator: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row that is not empty: its number as a spreadsheet shows it, and its filled cells."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Upload:
    """A table that was sent: as far as it is read, it is like a file of this name."""

    name: str
    content: bytes

    def __str__(self) -> str:
        return self.name

    @property
    def suffix(self) -> str:
        """The ending, which tells a workbook from a text."""
        return Path(self.name).suffix

    def is_file(self) -> bool:
        """Tell that there is something to read."""
        return True

    def open(self, _: str = "rb") -> BinaryIO:
        """Give the content as a stream."""
        return io.BytesIO(self.content)


def columns(engine: EmbeddedEngine, schema: str) -> tuple[Column, ...]:
    """Read the description of a table, its columns in their order."""
    found: Table = engine.select(_COLUMNS % schema)
    return tuple(_column(row) for row in found)


def count(file: Path | Upload) -> int:
    """Give about how many rows a table has, quickly, for a progress bar; 0 when unknown."""
    if file.suffix.lower() != ".csv":
        return 0
    try:
        with file.open("rb") as stream:
            return sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b""))
    except OSError:
        return 0


def rows(
    file: Path | Upload, described: Sequence[Column], given: Iterable[str] = ()
) -> Iterator[Row]:
    """Read the rows of a table; `given` names the columns that need not be in it."""
    lines = _sheet(file) if file.suffix.lower() == ".xlsx" else _csv(file)
    header: list[str] | None = None
    for number, cells in lines:
        if header is None:
            if any(cells):
                header = _header(file, cells, described, set(given))
            continue
        filled = {name: text for name, text in zip(header, cells, strict=False) if text and name}
        over = [text for text in cells[len(header) :] if text]
        if over:
            filled[""] = over[0]  # a cell that stands under no column
        if filled:
            yield Row(number, filled)
    if header is None:
        raise TableUnreadable(str(file), "it is empty", "Write the names of the columns first.")


def normal(name: str) -> str:
    """Give a name without what people write differently: case, accents, apostrophes, spaces."""
    plain = unicodedata.normalize("NFKD", name.replace("’", "'").replace("`", "'").casefold())
    letters = "".join(each for each in plain if not unicodedata.combining(each))
    return " ".join(letters.split())


def _column(row: Mapping[str, Term | None]) -> Column:
    def text(name: str) -> str:
        term = row[name]
        return term.value if isinstance(term, Iri | Literal) else ""

    return Column(
        name=text("name"),
        titles=tuple(title for title in text("titles").split("|") if title),
        about=text("about"),
        example=text("example"),
        property=text("property"),
        range=text("range"),
        scheme=text("scheme"),
        required=text("required") == "true",
        separator=text("separator"),
    )


def _header(
    file: Path | Upload, cells: Sequence[str], described: Sequence[Column], given: set[str]
) -> list[str]:
    """Match the names in the first row; report every fault of it together."""
    known = {normal(name): column.name for column in described for name in column.titles}
    known |= {normal(column.name): column.name for column in described}
    known |= {normal(column.name.replace("_", " ")): column.name for column in described}
    header = [known.get(normal(cell), "") for cell in cells]
    names = [column.name for column in described]
    faults = [
        ColumnFault(cell, "there is no such column", near(cell, names))
        for cell, name in zip(cells, header, strict=True)
        if cell and not name
    ]
    faults += [
        ColumnFault(name, "this column is given twice", ())
        for name in dict.fromkeys(header)
        if name and header.count(name) > 1
    ]
    faults += [
        ColumnFault(column.name, "this column is needed and is not there", ())
        for column in described
        if column.required and column.name not in header and column.name not in given
    ]
    if faults:
        raise BadColumns(str(file), faults, names)
    return header


def _csv(file: Path | Upload) -> Iterator[tuple[int, list[str]]]:
    """Read a CSV file row by row; the number is that of the row, as a spreadsheet shows it."""
    try:
        with file.open("rb") as raw:
            start = raw.read(4)
            if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise TableUnreadable(str(file), "it is UTF-16 text", _SAVE)
            if start == b"PK\x03\x04":
                raise TableUnreadable(
                    str(file), "it is a workbook, not a CSV file", "Name it with the ending .xlsx."
                )
            raw.seek(0)
            text = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
            delimiter = _delimiter(text.readline())
            text.seek(0)
            csv.field_size_limit(CELL_LIMIT)
            reader = csv.reader(text, delimiter=delimiter, strict=True)
            for number, cells in enumerate(reader, start=1):
                yield number, [_clean(cell) for cell in cells]
    except UnicodeDecodeError:
        raise TableUnreadable(str(file), "it is not UTF-8 text", _SAVE) from None
    except csv.Error as error:
        raise TableUnreadable(
            str(file),
            f"line {reader.line_num}: {error}",
            "Look for a quotation mark that is not closed, or that is not doubled inside a cell.",
        ) from None
    except OSError as error:
        raise NoSuchFile(str(file), error.strerror or "it cannot be read") from None


_SAVE = "Save it as “CSV UTF-8”, or hand in the .xlsx file itself."


def _delimiter(line: str) -> str:
    """Choose what the first line is cut by; names of columns hold none of the three."""
    return max(DELIMITERS, key=line.count)


def _sheet(file: Path | Upload) -> Iterator[tuple[int, list[str]]]:
    """Read the first sheet of a workbook."""
    try:
        if not file.is_file():
            raise NoSuchFile(str(file), "there is no such file")
        with file.open("rb") as stream, CalamineWorkbook.from_filelike(stream) as book:
            sheet = book.get_sheet_by_index(0)
            for number, cells in enumerate(sheet.iter_rows(), start=1):
                yield number, [_clean(_text(cell)) for cell in cells]
    except (CalamineError, OSError) as error:
        raise TableUnreadable(str(file), f"it is not a workbook: {error}", _SAVE) from None


def _text(cell: object) -> str:
    """Write a cell of a workbook as a person would type it."""
    if isinstance(cell, datetime.datetime):
        return cell.date().isoformat() if cell.time() == datetime.time() else cell.isoformat()
    if isinstance(cell, datetime.date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def _clean(cell: str) -> str:
    """Drop what cannot be seen at the edges of a cell."""
    return cell.strip().strip("\ufeff\u200b\u200e\u200f\u00a0").strip()
