"""`ergaomnes backup`: the state of a service in one file."""

from pathlib import Path
from typing import Annotated

import typer

from ergaomnes.backup import take
from ergaomnes.settings import Settings


def backup(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What to write, as .tar.gz or .tar.zst.")
    ],
) -> None:
    """Write the state of a service to a file, also while it runs.

    State is what cannot be made again: which generations there were, which is published, and what
    curators have changed. The stores are made again from that and the packaged facts.
    """
    taken = take(Settings.from_environment(), file)
    typer.echo(f"{taken.files} files in {taken.file}")
    typer.echo(f"published {taken.published or 'nothing yet'}")
