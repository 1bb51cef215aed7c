"""`ergaomnes build`: make the store and the dump."""

from pathlib import Path
from typing import Annotated

import typer

from ergaomnes.build import Built, current, publish, write_dump
from ergaomnes.build import build as make
from ergaomnes.settings import Settings


def build(
    dump: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write every fact to FILE, as sorted N-Quads."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Build even when the store is there already.")
    ] = False,
) -> None:
    """Build the store: load the facts, run the rules, write the dump.

    Nobody needs to: every command builds the store by itself when the packaged facts have changed.
    A running service moves to the store at once.
    """
    settings = Settings.from_environment()
    built = make(settings, again=True) if again else current(settings)
    publish(settings, built)
    if dump is not None:
        write_dump(built, dump)
    typer.echo(_report(built))
    if dump is not None:
        typer.echo(f"dump     {dump}")


def _report(built: Built) -> str:
    counts = [f"{number:>9,} {name}" for name, number in built.counts.items()]
    width = max((len(name) for name in built.rules), default=0)
    derived = [f"{number:>9,} {name:<{width}}" for name, number in built.rules.items()]
    versions = ", ".join(f"{name} {version}" for name, version in built.versions.items())
    return "\n".join(
        [
            *counts,
            "Derived by rule:",
            *(line.rstrip() for line in derived),
            f"sha256   {built.sha256}",
            f"store    {built.place}",
            f"made in  {built.seconds:.1f} s with {versions}",
        ]
    )
