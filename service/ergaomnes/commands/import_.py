"""`ergaomnes import`: take over a table of acts."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ergaomnes.errors import BadRows, NoSuchFile, VanishedActs
from ergaomnes.imports import Difference, describe, differences, save
from ergaomnes.progress import shown
from ergaomnes.shipped import shipped
from ergaomnes.terms import prefixes

SHOWN = 20  # acts of one sort that are listed


class Vanished(StrEnum):
    """What becomes of acts that the newer table does not show."""

    keep = "keep"
    remove = "remove"


def import_(
    table: Annotated[
        Path | None,
        typer.Argument(metavar="TABLE", help="A .csv or .xlsx file.", show_default=False),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; say what would be written.")
    ] = False,
    source: Annotated[
        str,
        typer.Option(metavar="SOURCE", help="The source of rows that name none."),
    ] = "",
    as_of: Annotated[
        str,
        typer.Option(metavar="DATE", help="The day on which the source stood, for such rows too."),
    ] = "",
    vanished: Annotated[
        Vanished | None,
        typer.Option(
            help="What to do with acts that the source showed before and the table lacks."
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Where the Turtle goes; data/acts of the clone if not given."
        ),
    ] = None,
    columns: Annotated[
        bool, typer.Option("--columns", help="List the columns of the table and what they mean.")
    ] = False,
) -> None:
    """Take over a table of acts: one act a row, kept in a spreadsheet.

    Every fault is reported with its row, column, value and remedy, all in one run, and nothing is
    written unless the whole table is right. What changes is shown first: new, changed and vanished
    acts. Importing the same table again changes nothing. `--columns` says what a table holds.
    """
    files, table_of_prefixes = shipped(), prefixes()
    if columns:
        typer.echo(describe(files, table_of_prefixes))
        return
    if table is None:
        raise typer.BadParameter("give a table, or --columns", param_hint="TABLE")
    if to is None and files.packaged and not check:
        raise NoSuchFile(str(files.data), "the packaged data are not written to; give --to FOLDER")
    try:
        with shown("Reading the table") as tell:
            found = differences(
                table,
                files,
                table_of_prefixes,
                tell,
                source=source,
                day=as_of,
                folder=to,
                remove_vanished=vanished is Vanished.remove,
            )
    except BadRows as error:
        for fault in error.faults:
            typer.echo(str(fault), err=True)
        raise
    for difference in found:
        typer.echo(_report(difference))
    gone = [prefixes().short(iri) for each in found for iri in each.vanished]
    if gone and vanished is None:
        raise VanishedActs(gone)
    if check:
        typer.echo("Nothing was written.", err=True)
        return
    for difference in found:
        save(difference)
        for file in difference.writes:
            typer.echo(f"wrote {file}", err=True)


def _report(difference: Difference) -> str:
    """Say what an import changes in the file of one source."""
    short = prefixes().short
    day = difference.day or difference.known_day
    if difference.known_day and difference.day > difference.known_day:
        day = f"{difference.day}, before: {difference.known_day}"
    lines = [f"{short(difference.source)}" + (f" as it stood on {day}" if day else "")]
    lines += _listed("new", difference.new)
    lines += _listed("changed", difference.changed)
    lines += _listed("vanished", difference.vanished)
    lines += [f"{difference.unchanged:>7,} unchanged"]
    kept = [f"{short(iri)} in {short(graph)}" for iri, graph in difference.elsewhere.items()]
    lines += _listed("recorded by editors, left as they stand", kept)
    return "\n".join(lines)


def _listed(what: str, acts: "list[str] | tuple[str, ...]") -> list[str]:
    if not acts:
        return []
    lines = [f"{len(acts):>7,} {what}"]
    lines += [f"          {prefixes().short(iri)}" for iri in acts[:SHOWN]]
    if len(acts) > SHOWN:
        lines.append(f"          … {len(acts) - SHOWN:,} more")
    return lines
