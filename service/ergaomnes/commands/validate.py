"""`ergaomnes validate`: check facts against the shapes."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ergaomnes.build import current
from ergaomnes.contribution import Packaged
from ergaomnes.errors import EXIT_FINDINGS
from ergaomnes.intake import Intake
from ergaomnes.judgement import WRITTEN, Judgement
from ergaomnes.ownshapes import OwnJudgement
from ergaomnes.ownshapes import judged as judged_by
from ergaomnes.progress import shown
from ergaomnes.settings import Settings
from ergaomnes.shipped import shipped
from ergaomnes.submission import (
    TABLES,
    Part,
    Submission,
    format_named,
    part_of,
    read_submission,
)
from ergaomnes.terms import prefixes


class Form(StrEnum):
    """How the report is written."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    TTL = "ttl"
    NT = "nt"
    RDF = "rdf"
    JSONLD = "jsonld"
    TRIG = "trig"
    NQ = "nq"


class Language(StrEnum):
    """The language of the report."""

    EN = "en"
    FR = "fr"
    RU = "ru"


def validate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="Facts to judge against what stands; none means the packaged data itself.",
            show_default=False,
        ),
    ] = None,
    media_type: Annotated[
        str | None,
        typer.Option(
            metavar="TYPE", help="What the files are, when their endings do not say: text/turtle."
        ),
    ] = None,
    form: Annotated[
        Form,
        typer.Option(
            "--format", help="A text, plain JSON, SARIF for editors, or the W3C report as RDF."
        ),
    ] = Form.TEXT,
    language: Annotated[
        Language, typer.Option("--lang", help="The language of the sentences.")
    ] = Language.EN,
    shapes: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Judge the files by these shapes alone, and not beside what stands.",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail on warnings too, not on violations alone.")
    ] = False,
) -> None:
    """Check facts against the shapes, and say what to correct.

    A file is Turtle, TriG, N-Triples, N-Quads, JSON-LD or RDF/XML, or a table of acts (.csv, .xlsx)
    as `ergaomnes import` reads it. Several files are judged
    together, beside the packaged graph; what that graph says already need not be repeated.
    """
    kind = None if media_type is None else format_named(media_type)
    sent = [part_of(file, kind) for file in files or []]
    if shapes and not sent:
        raise typer.BadParameter("name the files that are judged by them", param_hint="--shapes")
    own = [_read(part_of(file)) for file in shapes or []]
    plain = {one.name: _read(one) for one in sent if one.kind not in TABLES}
    if own and len(plain) == len(sent):
        judged: Judgement | OwnJudgement = judged_by(own, list(plain.values()))
    else:
        packaged = Packaged(current(Settings.from_environment()).dump, shipped(), prefixes())
        intake = Intake(packaged)
        submissions = [plain.get(one.name) or intake.read(one) for one in sent]
        with shown("Validating") as tell:
            if own:
                judged = judged_by(own, submissions)
            elif sent:
                judged = packaged.judge_contribution(submissions)
            else:
                judged = packaged.judge(tell)
    typer.echo(_written(judged, form, language.value))
    if not judged.passes(strict=strict):
        raise typer.Exit(EXIT_FINDINGS)


def _read(part: Part) -> Submission:
    return read_submission(part.content, part.kind, part.name)


def _written(judged: Judgement | OwnJudgement, form: Form, language: str) -> str:
    if form is Form.TEXT:
        return judged.as_text(prefixes(), language)
    written_as = next(one for one in WRITTEN if one.name == form.value)
    return judged.written(written_as, prefixes(), language).decode()
