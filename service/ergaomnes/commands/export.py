"""`ergaomnes export`: write a release."""

from pathlib import Path
from typing import Annotated

import typer

from ergaomnes.build import current
from ergaomnes.parquet import EXTRA
from ergaomnes.progress import shown
from ergaomnes.release import Release, release
from ergaomnes.settings import Settings
from ergaomnes.shipped import shipped
from ergaomnes.terms import prefixes


def export(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="A folder that does not exist yet, or an empty one."),
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Replace the older release that is in DIR.")
    ] = False,
) -> None:
    """Write a release: every format, with checksums and a description.

    The graph as N-Quads, TriG, Turtle, RDF/XML and JSON-LD; its tables as CSV, Parquet and one
    SQLite file for Datasette; dataset.ttl (DCAT, VoID) and SHA256SUMS. The folder appears when it
    is whole. The same facts give the same bytes.
    """
    files = shipped()
    built = current(Settings.from_environment(), files)
    with shown("Writing the release") as tell:
        made = release(built, files, prefixes(), folder, tell, replace=force)
    typer.echo(_report(made))
    if not made.with_parquet:
        typer.echo(
            f"Without Parquet: pyarrow is not installed (pip install 'ergaomnes[{EXTRA}]').",
            err=True,
        )


def _report(made: Release) -> str:
    lines = [f"{size:>12,}  {name}" for name, size in made.files]
    total = sum(size for _, size in made.files)
    return "\n".join(
        [
            *lines,
            f"{total:>12,}  bytes in {len(made.files)} files",
            f"sha256   {made.sha256}",
            f"release  {made.folder}",
        ]
    )
