"""`ergaomnes serve`: SPARQL and the questions over HTTP."""

import importlib
from dataclasses import replace
from typing import Annotated

import typer
import uvicorn

from ergaomnes.generations import begin
from ergaomnes.settings import Settings


def serve(
    host: Annotated[
        str | None, typer.Option(help="The network address to listen on: by default this machine.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="The port.")] = None,
    readers: Annotated[
        int | None, typer.Option(min=1, help="How many queries are worked on at a time.")
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(min=0.1, metavar="SECONDS", help="When a query is stopped."),
    ] = None,
    memory_limit: Annotated[
        int | None,
        typer.Option(min=64, metavar="MIB", help="How much memory a query may take."),
    ] = None,
) -> None:
    """Answer SPARQL and the questions over HTTP.

    The other limits are set by the environment: ERGAOMNES_ROW_LIMIT, ERGAOMNES_QUERY_LIMIT, …
    """
    settings = Settings.from_environment()
    settings = replace(
        settings,
        host=settings.host if host is None else host,
        port=settings.port if port is None else port,
        readers=settings.readers if readers is None else readers,
        time_limit=settings.time_limit if time_limit is None else time_limit,
        memory_limit=settings.memory_limit if memory_limit is None else memory_limit * 2**20,
    )
    settings.check()
    # Built before anything listens, so that a fault is a sentence and no traceback; and loaded by
    # the readers while this process loads what the service is made of, which takes as long.
    begun = begin(settings)
    create_app = importlib.import_module("ergaomnes.app").create_app
    typer.echo(f"Serving on http://{settings.host}:{settings.port}/ (Ctrl-C ends it)", err=True)
    uvicorn.run(
        create_app(settings, begun),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
    )
