"""The tables of a release as one SQLite file, and what Datasette wants to know about it.

The file is the same, byte for byte, for the same rows and the same version of SQLite: it is written
in one go, in one order, and nothing in it is a time.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from ergaomnes.engine import Term
from ergaomnes.sheets import Column, Sheet

NAME = "ergaomnes"

_STORED = {"boolean": "INTEGER", "integer": "INTEGER"}


def write_database(sheets: Sequence[Sheet], file: Path) -> None:
    """Write every table with its keys, references, indexes and full-text search."""
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("PRAGMA page_size = 4096")
        database.execute("PRAGMA journal_mode = OFF")  # nobody reads it before it is whole
        database.execute("PRAGMA encoding = 'UTF-8'")
        database.execute("BEGIN")
        keys = {sheet.name: sheet.key[0] for sheet in sheets}
        for sheet in sheets:
            _write(database, sheet, keys)
        database.execute("COMMIT")
        database.execute("ANALYZE")
        database.execute("VACUUM")


def metadata(
    sheets: Sequence[Sheet], *, title: str, about: str, license_iri: str, source: str
) -> bytes:
    """Describe the database for Datasette: https://docs.datasette.io/en/stable/metadata.html."""
    tables = {table_name(sheet): _metadata(sheet) for sheet in sheets}
    whole = {
        "title": title,
        "description": about,
        "license_url": license_iri,
        "source": source,
        "databases": {NAME: {"tables": tables}},
    }
    return json.dumps(whole, ensure_ascii=False, indent=2).encode() + b"\n"


def table_name(sheet: Sheet) -> str:
    """Name the SQL table of a sheet: no hyphen, so that nobody need quote it."""
    return _named(sheet.name)


def searched(sheet: Sheet) -> list[str]:
    """Give the columns that full-text search looks into: all that hold words of a language."""
    return [column.name for column in sheet.columns if column.holds == "text"]


def _named(name: str) -> str:
    return name.replace("-", "_")


def _write(database: sqlite3.Connection, sheet: Sheet, keys: Mapping[str, str]) -> None:
    table = table_name(sheet)
    lines = [_definition(column, sheet, keys) for column in sheet.columns]
    if sheet.is_link:
        lines.append(f"PRIMARY KEY ({', '.join(map(_quoted, sheet.key))})")
    database.execute(f"CREATE TABLE {_quoted(table)} (" + ", ".join(lines) + ")")
    places = ", ".join("?" for _ in sheet.columns)
    database.executemany(
        f"INSERT INTO {_quoted(table)} VALUES ({places})",  # noqa: S608 - the name is quoted
        (tuple(map(_stored, row, sheet.columns)) for row in sheet.rows),
    )
    for column in sheet.columns:
        if column.refers_to and column.name != sheet.key[0]:
            index = _quoted(f"{table}_{column.name}")
            database.execute(f"CREATE INDEX {index} ON {_quoted(table)} ({_quoted(column.name)})")
    if words := searched(sheet):
        found = _quoted(f"{table}_fts")
        named = ", ".join(map(_quoted, words))
        database.execute(
            f"CREATE VIRTUAL TABLE {found} USING fts5 ({named}, content={_quoted(table)},"
            " tokenize='unicode61 remove_diacritics 2')"
        )
        database.execute(f"INSERT INTO {found} ({found}) VALUES ('rebuild')")  # noqa: S608 - quoted


def _definition(column: Column, sheet: Sheet, keys: Mapping[str, str]) -> str:
    parts = [_quoted(column.name), _STORED.get(column.holds, "TEXT")]
    if not sheet.is_link and column.name in sheet.key:
        parts.append("PRIMARY KEY")
    if column.name in sheet.key:
        parts.append("NOT NULL")
    if column.refers_to:
        key = _quoted(keys[column.refers_to])
        parts.append(f"REFERENCES {_quoted(_named(column.refers_to))} ({key})")
    return " ".join(parts)


def _stored(term: Term | None, column: Column) -> str | int | None:
    if term is None:
        return None
    if column.holds == "integer":
        return int(str(term))
    if column.holds == "boolean":
        return int(str(term) in ("true", "1"))
    return str(term)


def _metadata(sheet: Sheet) -> Mapping[str, object]:
    said: dict[str, object] = {
        "title": sheet.title,
        "description": sheet.about,
        "columns": {column.name: column.about for column in sheet.columns},
    }
    names = [column.name for column in sheet.columns]
    if not sheet.is_link:
        said["label_column"] = "label" if "label" in names else names[0]
        said["sort"] = names[0]
    if searched(sheet):
        said["fts_table"] = f"{table_name(sheet)}_fts"
    return said


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
