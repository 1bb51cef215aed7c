"""`ergaomnes serve`: SPARQL and the questions over HTTP."""

import functools
import importlib
import logging
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from ergaomnes import assets, backup, journal
from ergaomnes.errors import EXIT_OURS, ErgaOmnesError
from ergaomnes.generations import begin, first
from ergaomnes.settings import Settings


def serve(
    host: Annotated[
        str | None, typer.Option(help="The network address to listen on: by default this machine.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="The port.")] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="How many server processes share the port, each with readers."),
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The address under which the service is reached."),
    ] = None,
    forwarded_allow_ips: Annotated[
        str | None,
        typer.Option(metavar="ADDRESSES", help="The proxies that may tell who asks, with commas."),
    ] = None,
    requests_per_minute: Annotated[
        int | None,
        typer.Option(min=0, help="How many requests a client may send; 0 sets no limit."),
    ] = None,
    concurrent_requests: Annotated[
        int | None,
        typer.Option(min=0, help="How many a client may have open; 0 sets no limit."),
    ] = None,
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
    drain_time: Annotated[
        int | None,
        typer.Option(min=1, metavar="SECONDS", help="How long requests may take at the end."),
    ] = None,
    log_format: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="How requests are logged: json, text, none."),
    ] = None,
) -> None:
    """Answer SPARQL and the questions over HTTP.

    The other limits are set by the environment: ERGAOMNES_ROW_LIMIT, ERGAOMNES_QUERY_LIMIT, …
    """
    given = {
        "host": host,
        "port": port,
        "workers": workers,
        "public_url": public_url,
        "forwarded_allow_ips": forwarded_allow_ips,
        "requests_per_minute": requests_per_minute,
        "concurrent_requests": concurrent_requests,
        "readers": readers,
        "time_limit": time_limit,
        "memory_limit": memory_limit and memory_limit * 2**20,
        "drain_time": drain_time,
        "log_format": log_format,
    }
    named: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    settings = replace(Settings.from_environment(), **named)
    settings.check()
    backup.check_finished(settings)
    if settings.workers > 1:
        _serve_together(settings)
        return
    # Built before anything listens, so that a fault is a sentence and no traceback; and loaded by
    # the readers while this process loads what the service is made of, which takes as long.
    begun = begin(settings)
    create_app = importlib.import_module("ergaomnes.app").create_app
    _announce(settings)
    uvicorn.Server(_configuration(settings, create_app(settings, begun))).run()


def _serve_together(settings: Settings) -> None:
    """Have several processes answer on one port, each started anew when it dies."""
    first(settings)  # built once, and not by each of them
    shared = Path(tempfile.mkdtemp(prefix="ergaomnes-"))
    try:
        made = functools.partial(_worker, settings, shared)
        config = _configuration(settings, made)
        bound = config.bind_socket()
        with bound:
            _announce(settings)
            together = Multiprocess(config, sockets=[bound])
            together.run()
        if any(one.exitcode == STARTUP_FAILURE for one in together.processes):
            raise typer.Exit(EXIT_OURS)
    finally:
        shutil.rmtree(shared, ignore_errors=True)


def _worker(settings: Settings, shared: Path) -> Any:  # noqa: ANN401 - its type is the framework's, and that loads late
    """Make the application of one of several processes."""
    threading.Thread(target=_end_with_parent, args=(shared,), daemon=True).start()
    try:
        begun = begin(settings)
    except ErgaOmnesError as error:
        # Another one started in its place would fail as well: with this status none is.
        logging.getLogger("ergaomnes").error("%s", error)
        sys.exit(STARTUP_FAILURE)
    return importlib.import_module("ergaomnes.app").create_app(settings, begun, shared)


def _end_with_parent(shared: Path) -> None:
    """Wait for the end of the process that started this one; nobody would restart this one then."""
    if parent := multiprocessing.parent_process():
        parent.join()
        shutil.rmtree(shared, ignore_errors=True)
        os.kill(os.getpid(), signal.SIGTERM)


def _configuration(settings: Settings, app: Any) -> uvicorn.Config:  # noqa: ANN401 - as there
    return uvicorn.Config(
        app,
        factory=isinstance(app, functools.partial),
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=journal.configuration(settings.log_format),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.forwarded_allow_ips),
        forwarded_allow_ips=settings.forwarded_allow_ips,
        timeout_graceful_shutdown=settings.drain_time,
    )


def _announce(settings: Settings) -> None:
    typer.echo(f"Serving on http://{settings.host}:{settings.port}/ (Ctrl-C ends it)", err=True)
    if not assets.present():
        typer.echo("Installed without npm: no editor, no map, no pictures as PNG.", err=True)
