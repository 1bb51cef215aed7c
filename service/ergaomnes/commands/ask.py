"""`ergaomnes ask`: one question, one sourced answer."""

import datetime
import inspect
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from ergaomnes import answers
from ergaomnes.build import current, open_read_only
from ergaomnes.catalogue import Catalogue, Parameter, Question
from ergaomnes.engine import Engine
from ergaomnes.errors import NotFound
from ergaomnes.settings import Settings
from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import prefixes


class Format(StrEnum):
    """The ways an answer can be printed."""

    table = "table"
    csv = "csv"
    tsv = "tsv"
    json = "json"
    xml = "xml"
    ttl = "ttl"
    md = "md"


Name = Annotated[
    str, typer.Argument(help="The question's name or number: see `ergaomnes questions`.")
]
WrittenAs = Annotated[Format, typer.Option("--format", "-f", help="How the answer is printed.")]
Columns = Annotated[
    str | None,
    typer.Option(metavar="A,B,C", help="Print these columns only; their names are in the CSV."),
]
Endpoint = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Ask this SPARQL 1.1 endpoint and not the store here."),
]
Timeout = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", min=0.1, help="How long the endpoint may take."),
]


def ask(
    name: Name,
    format: WrittenAs = Format.table,  # noqa: A002 - the name of the option
    columns: Columns = None,
    endpoint: Endpoint = None,
    timeout: Timeout = None,
) -> None:
    """Ask a question as at any day, and get a sourced answer.

    Each question has options of its own, such as --state and --day: `ergaomnes ask NAME --help`
    shows them. A day that is not given is today.
    """
    _print_answer(name, {}, format, columns=columns, endpoint=endpoint, timeout=timeout)


def fitted(typed: Sequence[str]) -> Callable[..., None]:
    """Give the command with the options of the question that was typed."""
    question = _typed_question(typed)
    if question is None:
        return ask
    options = {
        f"asked_{parameter.name}": parameter.name for parameter in question.parameters.values()
    }

    def fitted_ask(**given: Any) -> None:  # noqa: ANN401 - its real signature is put on below
        values = {
            name: given[option] for option, name in options.items() if given[option] is not None
        }
        common = {name: given[name] for name in ("columns", "endpoint", "timeout")}
        _print_answer(question.name, values, given["format"], **common)

    common = list(inspect.signature(ask).parameters.values())
    own = [
        inspect.Parameter(
            f"asked_{parameter.name}",
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=_option(parameter),
        )
        for parameter in question.parameters.values()
    ]
    kept = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in common]
    signature = inspect.Signature([kept[0], *own, *kept[1:]])
    fitted_ask.__signature__ = signature  # type: ignore[attr-defined]  # what Typer reads
    fitted_ask.__annotations__ = {
        parameter.name: parameter.annotation for parameter in signature.parameters.values()
    }
    number = f"{question.number} " if question.number else ""
    fitted_ask.__doc__ = f"{number}{question.title}.\n\n{question.question}"
    return fitted_ask


def _typed_question(typed: Sequence[str]) -> Question | None:
    """Find the question among the words that are not the values of options."""
    words = [
        word
        for before, word in zip(("", *typed), typed, strict=False)
        if not word.startswith("-") and (not before.startswith("-") or "=" in before)
    ]
    if not words:
        return None
    try:
        return _catalogue()[words[0]]
    except NotFound:
        if any(word in ("-h", "--help") for word in typed):
            return None
        raise


def _option(parameter: Parameter) -> object:
    default = "today" if parameter.is_today else parameter.typed(parameter.default, prefixes())
    metavar = {"iri": parameter.of.upper() or "IRI", "date": "YYYY-MM-DD"}.get(
        parameter.kind, parameter.kind.upper()
    )
    help_text = f"{parameter.about[:1].upper()}{parameter.about[1:]}. [default: {default}]"
    flag = f"--{parameter.name.replace('_', '-')}"
    return Annotated[
        str | None,
        typer.Option(flag, metavar=metavar, help=help_text.replace("[", r"\["), show_default=False),
    ]


def _catalogue() -> Catalogue:
    return Catalogue(shipped().queries, prefixes())


def _print_answer(
    name: str,
    values: Mapping[str, str],
    written_as: Format,
    *,
    columns: str | None,
    endpoint: str | None,
    timeout: float | None,
) -> None:
    settings = Settings.from_environment()
    engine = _engine(settings, endpoint, timeout)
    today = datetime.datetime.now(datetime.UTC).date()
    answered = answers.ask(_catalogue(), name, values, engine, today)
    if columns is not None:
        answered = answered.narrowed([name.strip() for name in columns.split(",")])
    if written_as is Format.table:
        typer.echo(answers.table(answered, prefixes()), nl=False)
        return
    typer.echo(answers.WRITERS[written_as.value](answered, prefixes()), nl=False)
    if written_as is not Format.md:
        for note in answers.notes(answered, prefixes()):
            typer.echo(note, err=True)


def _engine(settings: Settings, endpoint: str | None, timeout: float | None) -> Engine:
    if endpoint is None:
        dump: Path | None = settings.dump
        return EmbeddedEngine.of_dump(dump) if dump else open_read_only(current(settings))
    # SPARQLWrapper brings rdflib with it, which nobody else waits for.
    remote = import_module("ergaomnes.remote")
    engine: Engine = remote.RemoteEngine(
        endpoint,
        timeout or settings.endpoint_timeout,
        settings.endpoint_user,
        settings.endpoint_password,
    )
    return engine
