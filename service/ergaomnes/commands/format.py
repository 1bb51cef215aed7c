"""`ergaomnes format`: write Turtle in the house form, or check that it is."""

from collections.abc import Iterator
from difflib import unified_diff
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from ergaomnes.errors import NoSuchFile, UnformattedTurtle
from ergaomnes.shipped import shipped
from ergaomnes.terms import prefixes
from ergaomnes.turtle import formatted, read, replace

SHOWN = 12  # lines of a difference that are shown


def format(  # noqa: A001 - the name of the command
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Turtle files, or folders of them; none means the packaged ontology and data.",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Write nothing; list what differs and exit with status 1."),
    ] = False,
    drop_comments: Annotated[
        bool,
        typer.Option("--drop-comments", help="Throw comments away instead of refusing the file."),
    ] = False,
) -> None:
    """Write Turtle in the one house form, changing no fact.

    Every file is read, and every new text proved to say the same, before the first is written.
    A file with comments is refused, since they would be lost: say it in skos:editorialNote.
    """
    table = prefixes()
    files = list(_files(paths)) if paths else shipped().turtle_files()
    changed: list[tuple[Path, str, str]] = []
    for file in files:
        old = read(file)
        new = formatted(old, table, file=str(file), drop_comments=drop_comments)
        if new != old:
            changed.append((file, old, new))
    if check:
        for file, old, new in changed:
            typer.echo(_difference(str(file), old, new))
        if changed:
            raise UnformattedTurtle([str(file) for file, _, _ in changed])
    else:
        for file, _, new in changed:
            replace(file, new.encode("utf-8"))
            typer.echo(str(file))
    unchanged = len(files) - len(changed)
    typer.echo(
        f"{_count(len(changed))} rewritten, {unchanged} already in the house form.", err=True
    )


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            found = sorted(path.rglob("*.ttl"))
            if not found:
                raise NoSuchFile(str(path), "there is no .ttl file in this folder")
            yield from found
        else:
            yield path


def _difference(name: str, old: str, new: str) -> str:
    lines = list(
        unified_diff(
            old.splitlines(), new.splitlines(), name, f"{name} (house form)", "", "", 1, ""
        )
    )
    shown = list(islice(lines, SHOWN + 2))
    more = len(lines) - len(shown)
    return "\n".join([*shown, f"… {more} more lines"] if more > 0 else shown) + "\n"


def _count(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"
