"""`ergaomnes restore`: put a backup back."""

from pathlib import Path
from typing import Annotated

import typer

from ergaomnes.backup import restore as put_back
from ergaomnes.settings import Settings


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file written by backup.")],
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace another state, which is moved aside."),
    ] = False,
) -> None:
    """Put the state of a service back from a backup.

    Every file of it is checked before anything is touched. No service may run over the folder.
    """
    settings = Settings.from_environment()
    taken = put_back(settings, file, force=force)
    typer.echo(f"{taken.files} files restored into {settings.data_dir}")
    typer.echo(f"published {taken.published or 'nothing yet'}")
