"""The tables of a release as Parquet files, where pyarrow is installed."""

import datetime
from pathlib import Path

from ergaomnes.engine import Term
from ergaomnes.sheets import Column, Sheet

try:
    import pyarrow as arrow
    import pyarrow.parquet as files
except ImportError:  # it is wanted for releases only, and weighs more than all the rest
    arrow = files = None

EXTRA = "release"  # the extra of our package that brings pyarrow


def installed() -> bool:
    """Tell whether Parquet can be written here."""
    return arrow is not None


def write_parquet(sheet: Sheet, file: Path) -> None:
    """Write a table with true types; each column carries its description."""
    fields = [
        arrow.field(
            column.name,
            _type(column),
            nullable=column.name not in sheet.key,
            metadata={"description": column.about},
        )
        for column in sheet.columns
    ]
    schema = arrow.schema(fields, metadata={"title": sheet.title, "description": sheet.about})
    columns = [
        [_value(row[place], column) for row in sheet.rows]
        for place, column in enumerate(sheet.columns)
    ]
    arrays = [
        arrow.array(values, type=field.type) for values, field in zip(columns, fields, strict=True)
    ]
    files.write_table(
        arrow.Table.from_arrays(arrays, schema=schema), file, compression="zstd", version="2.6"
    )


def _type(column: Column) -> object:
    match column.holds:
        case "date":
            return arrow.date32()
        case "integer":
            return arrow.int64()
        case "boolean":
            return arrow.bool_()
        case _:
            return arrow.string()


def _value(term: Term | None, column: Column) -> str | int | bool | datetime.date | None:
    if term is None:
        return None
    text = str(term)
    match column.holds:
        case "date":
            return datetime.date.fromisoformat(text)
        case "integer":
            return int(text)
        case "boolean":
            return text in ("true", "1")
        case _:
            return text
