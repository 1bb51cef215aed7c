"""`ergaomnes diff`: what sets two generations apart."""

import datetime
from pathlib import Path
from typing import Annotated

import typer

from ergaomnes.build import current, lines_of, publish
from ergaomnes.comparing import by_record
from ergaomnes.errors import NoSuchFile
from ergaomnes.history import History
from ergaomnes.patch import Patch
from ergaomnes.settings import Settings
from ergaomnes.terms import prefixes

SHOWN = 20


def diff(
    begin: Annotated[
        str, typer.Argument(metavar="A", help="A generation, a day, “current”, or an .nq file.")
    ],
    end: Annotated[str, typer.Argument(metavar="B", help="The same.")] = "current",
    as_patch: Annotated[
        bool, typer.Option("--patch", help="Write RDF Patch, which other tools can apply.")
    ] = False,
    whole: Annotated[
        bool, typer.Option("--all", help=f"Show every record, not the first {SHOWN}.")
    ] = False,
) -> None:
    """Compare two generations of the graph, record by record.

    A generation is named by its key or the beginning of it, or by a day: the last that was
    published on it. What the rules made of a change is counted apart from what was written.
    """
    found = _found(begin, end)
    if as_patch:
        typer.echo(found.written().decode(), nl=False)
        return
    records = by_record(found, prefixes())
    for one in records if whole else records[:SHOWN]:
        typer.echo(prefixes().short(one.iri))
        for mark, lines in (("+", one.added), ("-", one.removed)):
            for line in lines:
                typer.echo(f"  {mark} {line.partition(' ')[2].removesuffix(' .')}")
        follows = len(one.follows.added), len(one.follows.removed)
        if any(follows):
            typer.echo(f"    by the rules: {follows[0]:,} facts more, {follows[1]:,} fewer")
    if not whole and len(records) > SHOWN:
        typer.echo(f"… and {len(records) - SHOWN:,} records more: --all shows them.")
    typer.echo(
        f"{len(records):,} records differ:"
        f" {len(found.added):,} facts more, {len(found.removed):,} fewer."
    )


def _found(begin: str, end: str) -> Patch:
    settings = Settings.from_environment()
    files = [Path(one) for one in (begin, end) if one.endswith(".nq")]
    if not files:
        publish(settings, current(settings))
        history = History(settings)
        return history.delta(*(_key(one, history) for one in (begin, end)))
    was, now = (set(_lines(one, settings)) for one in (begin, end))
    return Patch.of((line.decode() for line in now - was), (line.decode() for line in was - now))


def _lines(name: str, settings: Settings) -> list[bytes]:
    file = Path(name)
    if not name.endswith(".nq"):
        history = History(settings)
        file = history.dump(_key(name, history))
    try:
        return lines_of(file)
    except OSError as error:
        raise NoSuchFile(name, error.strerror or "it cannot be read") from None


def _key(name: str, history: History) -> str:
    if name == "current":
        return current(history.settings).key
    try:
        day = datetime.date.fromisoformat(name)
    except ValueError:
        return name
    end = datetime.datetime.combine(day, datetime.time.max, datetime.UTC)
    return history.at(end).key
