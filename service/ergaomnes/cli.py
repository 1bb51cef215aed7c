"""The command line: what can be typed after `ergaomnes`.

A command's module is loaded when that command is the one typed, so that `--help` and a quick
question never wait for the validator or the web server. `COMMANDS` is all that the help of the
others needs; `tests/test_cli.py` proves that it says the same as the modules.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from keyword import iskeyword
from typing import Annotated, Any

import typer

from ergaomnes import __version__
from ergaomnes.errors import ErgaOmnesError

ASK, SERVE, KEEP = "Ask", "Serve", "Check and keep"


@dataclass(frozen=True, slots=True)
class Command:
    """A command before it is loaded: its place and its line in the help."""

    panel: str
    line: str


# The name is the module in ergaomnes.commands, and the function in that module.
COMMANDS = {
    "ask": Command(ASK, "Ask a question as at any day, and get a sourced answer."),
    "questions": Command(ASK, "List the questions that can be asked."),
    "serve": Command(SERVE, "Answer SPARQL and the questions over HTTP."),
    "token": Command(SERVE, "Make, list and revoke the tokens of those who may write."),
    "backup": Command(SERVE, "Write the state of a service to a file, also while it runs."),
    "restore": Command(SERVE, "Put the state of a service back from a backup."),
    "validate": Command(KEEP, "Check facts against the shapes, and say what to correct."),
    "import": Command(KEEP, "Take over a table of acts: one act a row, kept in a spreadsheet."),
    "contribute": Command(
        KEEP, "Hand facts in for review at a service, and hear what it says of them."
    ),
    "review": Command(
        KEEP,
        "Read what was handed in, and decide about it: at a service, or on the data folder here.",
    ),
    "format": Command(KEEP, "Write Turtle in the one house form, changing no fact."),
    "build": Command(KEEP, "Build the store: load the facts, run the rules, write the dump."),
    "audit": Command(
        KEEP,
        "Check what was kept of changes, contributions and generations: hashes and signatures.",
    ),
    "diff": Command(KEEP, "Compare two generations of the graph, record by record."),
    "export": Command(KEEP, "Write a release: every format, with checksums and a description."),
}

ABOUT = """The knowledge graph of human-rights instruments.

Ask which obligations bind a state on a day, who may inspect its prisons, and who says so.
Every answer carries its sources; a day that is not given is today.
"""
BELOW = (
    "Begin with [bold]ergaomnes questions[/bold]. Exit status: 0 done, 1 a check found something, "
    "2 asked wrongly, 3 a file cannot be read, 4 stopped by a limit or another service, "
    "5 a fault of ours."
)


def app(wanted: str | None = None, typed: Sequence[str] = ()) -> typer.Typer:
    """Make the application with one command loaded, or all of them for `*`.

    A command whose options depend on what was `typed` after its name is fitted to that.
    """
    made = typer.Typer(
        name="ergaomnes",
        help=ABOUT,
        epilog=BELOW,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(_options)
    for name, command in COMMANDS.items():
        loaded = wanted in (name, "*")
        made.command(
            name,
            help=None if loaded else command.line,
            rich_help_panel=command.panel,
        )(_load(name, typed) if loaded else _unloaded)
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what was typed; an error of ours is one paragraph and an exit status."""
    typed = sys.argv[1:] if arguments is None else list(arguments)
    completing = "_ERGAOMNES_COMPLETE" in os.environ
    wanted = next((word for word in typed if not word.startswith("-")), None)
    try:
        following = typed[typed.index(wanted) + 1 :] if wanted else []
        app("*" if completing else wanted, following)(args=typed, prog_name="ergaomnes")
    except ErgaOmnesError as error:
        sys.stderr.write(f"{paragraph(error)}\n")
        sys.exit(error.exit_status)


def paragraph(error: ErgaOmnesError) -> str:
    """Say what happened, where, and what to do."""
    parts = (part.strip() for part in (error.title, error.detail, error.remedy))
    return " ".join(part if part[-1] in ".?!:" else f"{part}." for part in parts if part)


def _load(name: str, typed: Sequence[str]) -> Callable[..., Any]:
    called = f"{name}_" if iskeyword(name) else name
    module = import_module(f"ergaomnes.commands.{called}")
    command: Callable[..., Any] = getattr(module, called)
    fitted: Callable[[Sequence[str]], Callable[..., Any]] | None = getattr(module, "fitted", None)
    return fitted(typed) if fitted else command


def _unloaded() -> None:
    """Stand for a command that is not the one typed."""


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"ergaomnes {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    pass
