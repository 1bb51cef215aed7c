"""Read what somebody sends: its facts, and where in the text each of them stands."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyoxigraph as ox

from ergaomnes import media
from ergaomnes.errors import (
    CellFault,
    NoSuchFile,
    SubmissionSyntax,
    SubmissionTooLarge,
    UnsupportedMediaType,
)
from ergaomnes.places import Places, deepest, places_in_turtle, places_of_names

READ: tuple[media.Format, ...] = (
    media.TURTLE,
    media.TRIG,
    media.N_TRIPLES,
    media.N_QUADS,
    media.JSON_LD,
    media.RDF_XML,
)
TABLES: tuple[media.Format, ...] = (media.CSV, media.XLSX)
"""Tables of acts, as the importer reads them."""
ADD, REPLACE, REMOVE = "add", "replace", "remove"
MODES = (ADD, REPLACE, REMOVE)
"""What a submission does: add its facts, put them in the place of others, or remove them."""
_ENDINGS = {
    ".ttl": media.TURTLE,
    ".trig": media.TRIG,
    ".nt": media.N_TRIPLES,
    ".nq": media.N_QUADS,
    ".jsonld": media.JSON_LD,
    ".json": media.JSON_LD,
    ".rdf": media.RDF_XML,
    ".owl": media.RDF_XML,
    ".xml": media.RDF_XML,
    ".csv": media.CSV,
    ".xlsx": media.XLSX,
}
_PARSED_AS = {
    media.TURTLE: ox.RdfFormat.TURTLE,
    media.TRIG: ox.RdfFormat.TRIG,
    media.N_TRIPLES: ox.RdfFormat.N_TRIPLES,
    media.N_QUADS: ox.RdfFormat.N_QUADS,
    media.JSON_LD: ox.RdfFormat.JSON_LD,
    media.RDF_XML: ox.RdfFormat.RDF_XML,
}
_TURTLE_FAMILY = (media.TURTLE, media.TRIG, media.N_TRIPLES, media.N_QUADS)
# pyoxigraph ends the process on JSON nested 5,000 deep; no honest contribution nests like this.
_DEEPEST = 100
_WHERE = re.compile(r"^Parser error (?:at|between) line[^:]*: |\s*\(line \d+\)$")


@dataclass(frozen=True, slots=True)
class Part:
    """One text as it was sent: its name, its format, its bytes."""

    name: str
    kind: media.Format
    content: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent: texts that hold facts, shapes of the sender's own, and the other fields."""

    parts: Sequence[Part]
    shapes: Sequence[Part] = ()
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Submission:
    """A text that was sent, as facts, and where each of them stands."""

    name: str
    facts: tuple[ox.Triple, ...]
    places: Places
    faults: tuple[CellFault, ...] = ()
    """The cells of a table that cannot be understood; then no fact is taken from it."""


def media_type_of(name: str) -> media.Format:
    """Give the format that a file's ending means."""
    ending = Path(name).suffix.lower()
    if ending not in _ENDINGS:
        raise UnsupportedMediaType(ending or name, [one.media_type for one in (*READ, *TABLES)])
    return _ENDINGS[ending]


def format_named(media_type: str) -> media.Format:
    """Give the format of a media type, or of a short name such as `ttl`."""
    essence = media_type.partition(";")[0].strip().lower()
    for one in (*READ, *TABLES):
        if essence == one.name or essence in one.media_types:
            return one
    raise UnsupportedMediaType(media_type or "none", [one.media_type for one in (*READ, *TABLES)])


def read_submission(
    content: bytes, kind: media.Format, name: str = "submission", *, limit: int | None = None
) -> Submission:
    """Parse what was sent; a fault says file, line and column."""
    if limit is not None and len(content) > limit:
        raise SubmissionTooLarge(limit)
    if kind not in _PARSED_AS:
        raise UnsupportedMediaType(kind.media_type, [one.media_type for one in READ])
    text = _text(content, name)
    _refuse_what_harms(text, kind, name)
    try:
        quads = list(ox.parse(text.encode(), format=_PARSED_AS[kind]))
    except SyntaxError as error:
        raise SubmissionSyntax(
            name, error.lineno, error.offset, _WHERE.sub("", str(error.msg)).strip()
        ) from None
    except ValueError as error:
        raise SubmissionSyntax(name, None, None, str(error)) from None
    if any(isinstance(quad.object, ox.Triple) for quad in quads):
        raise SubmissionSyntax(name, None, None, "triple terms (RDF 1.2) are not used here")
    facts = tuple(dict.fromkeys(quad.triple for quad in quads))
    if kind in _TURTLE_FAMILY:
        return Submission(name, facts, places_in_turtle(text))
    names = {
        term.value
        for fact in facts
        for term in (fact.subject, fact.predicate, fact.object)
        if isinstance(term, ox.NamedNode)
    }
    return Submission(name, facts, places_of_names(text, sorted(names)))


def part_of(file: Path, kind: media.Format | None = None) -> Part:
    """Take a file as it is; its ending says what it is unless that is given."""
    wanted = kind or media_type_of(file.name)
    try:
        return Part(str(file), wanted, file.read_bytes())
    except FileNotFoundError:
        raise NoSuchFile(str(file), "there is no such file") from None
    except IsADirectoryError:
        raise NoSuchFile(str(file), "this is a folder") from None
    except OSError as error:
        raise NoSuchFile(str(file), error.strerror or "it cannot be read") from None


def _text(content: bytes, name: str) -> str:
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        why = "this is not UTF-8 text"
        raise SubmissionSyntax(name, before.count(b"\n") + 1, column, why) from None
    if "\0" in text:
        before_it = text[: text.index("\0")]
        column = len(before_it) - (before_it.rfind("\n") + 1) + 1
        raise SubmissionSyntax(name, before_it.count("\n") + 1, column, "a NUL is not text")
    return text


def _refuse_what_harms(text: str, kind: media.Format, name: str) -> None:
    if kind == media.RDF_XML:
        # Entities can grow a small text to gigabytes, and RDF needs none.
        found = re.search(r"<!(?:DOCTYPE|ENTITY)", text)
        if found:
            before = text[: found.start()]
            column = found.start() - (before.rfind("\n") + 1) + 1
            why = "a document type declaration is not read: write names in full"
            raise SubmissionSyntax(name, before.count("\n") + 1, column, why)
        return
    depth = deepest(text, turtle=kind != media.JSON_LD)
    if depth > _DEEPEST:
        why = f"brackets nest {depth} deep; at most {_DEEPEST} are read"
        raise SubmissionSyntax(name, None, None, why)
