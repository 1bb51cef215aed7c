"""`ergaomnes contribute`: hand facts in for review at a service."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ergaomnes.client import Client
from ergaomnes.contributing import LICENCES
from ergaomnes.errors import EXIT_FINDINGS, ContributionRejected, NoSuchFile
from ergaomnes.judgement import text_of
from ergaomnes.progress import shown
from ergaomnes.settings import Settings, variable
from ergaomnes.submission import ADD, REMOVE, REPLACE

TOKEN = variable("token")


class Mode(StrEnum):
    """What the facts do."""

    ADD = ADD
    REPLACE = REPLACE
    REMOVE = REMOVE


def contribute(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Facts: Turtle, JSON-LD and the rest.")
    ],
    to: Annotated[str, typer.Option(metavar="URL", help="The service to hand them in at.")],
    author: Annotated[
        str, typer.Option(help="The name you want to be known by; a pseudonym serves.")
    ] = "",
    licence: Annotated[
        str, typer.Option(help=f"The licence you give them under: {', '.join(LICENCES)}.")
    ] = "",
    source: Annotated[
        str, typer.Option(help="Where all of it was taken from, unless each fact cites its own.")
    ] = "",
    note: Annotated[str, typer.Option(help="What a curator should know.")] = "",
    mode: Annotated[
        Mode, typer.Option(help="Add the facts, put them in the place of others, or remove them.")
    ] = Mode.ADD,
    supersedes: Annotated[
        str, typer.Option(metavar="NUMBER", help="The contribution it is sent instead of.")
    ] = "",
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=f"Where your token stands; {TOKEN} serves as well."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Hand nothing in; only say what the shapes say.")
    ] = False,
    language: Annotated[str, typer.Option("--lang", help="en, fr or ru.")] = "en",
) -> None:
    """Hand facts in for review at a service, and hear what it says of them.

    What breaks a rule is refused with every line that does. A connection that is lost is tried
    again under the same key: nothing is handed in twice.
    """
    client = Client(to, "" if check else token(token_file))
    fields = {
        "author": author,
        "licence": licence,
        "source": source,
        "note": note,
        "mode": mode.value,
        "supersedes": supersedes,
    }
    with shown("Asking the service"):
        if check:
            report = client.validated(files, language)
            typer.echo(text_of(report))
            if not report["conforms"]:
                raise typer.Exit(EXIT_FINDINGS)
            return
        try:
            said = client.contributed(files, fields, language)
        except ContributionRejected as rejected:
            refused = rejected.data["report"]
            assert isinstance(refused, dict)  # noqa: S101 - as the error was made
            typer.echo(text_of(refused))
            raise typer.Exit(EXIT_FINDINGS) from None
    diff = said["diff"]
    typer.echo(
        f"Contribution {said['id']} is {said['state']}: {said['iri']}\n"
        f"  {len(diff['added']):,} facts more, {len(diff['removed']):,} fewer; by the rules"
        f" {len(diff['follows']['added']):,} more and {len(diff['follows']['removed']):,} fewer;"
        f" {said['warnings']:,} warnings."
    )


def token(file: Path | None) -> str:
    """Give the token of a file, or of the environment."""
    if file is None:
        return Settings.from_environment().token
    try:
        return file.read_text("utf-8").strip()
    except OSError as error:
        raise NoSuchFile(str(file), error.strerror or "it cannot be read") from None
