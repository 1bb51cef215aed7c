"""What every engine takes and gives: one query in, one answer out, in terms of our own.

The embedded store and a remote endpoint both are an `Engine`; whoever asks need not know which.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

_XSD = "http://www.w3.org/2001/XMLSchema#"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


@dataclass(frozen=True, slots=True, order=True)
class Iri:
    """A named thing."""

    value: str

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, order=True)
class Blank:
    """A nameless thing; the label means nothing outside its answer."""

    value: str

    def __str__(self) -> str:
        return f"_:{self.value}"


@dataclass(frozen=True, slots=True, order=True)
class Literal:
    """A value as it was written: the lexical form is never normalised."""

    value: str
    datatype: str = _XSD + "string"
    language: str = ""

    STRING: ClassVar[str] = _XSD + "string"
    LANG_STRING: ClassVar[str] = _RDF + "langString"
    DATE: ClassVar[str] = _XSD + "date"
    INTEGER: ClassVar[str] = _XSD + "integer"

    def __str__(self) -> str:
        return self.value


Term = Iri | Blank | Literal


@dataclass(frozen=True, slots=True)
class Table:
    """What a SELECT answers: the columns in their order, and one tuple a row (None = unbound)."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Term | None, ...], ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Mapping[str, Term | None]]:
        """Give the rows as mappings from column to term."""
        for row in self.rows:
            yield dict(zip(self.columns, row, strict=True))

    def column(self, name: str) -> tuple[Term | None, ...]:
        """Give one column."""
        position = self.columns.index(name)
        return tuple(row[position] for row in self.rows)


@dataclass(frozen=True, slots=True)
class Truth:
    """What an ASK answers."""

    value: bool

    def __bool__(self) -> bool:
        return self.value


@dataclass(frozen=True, slots=True)
class Triples:
    """What a CONSTRUCT or DESCRIBE answers, each triple once, sorted."""

    triples: tuple[tuple[Term, Iri, Term], ...]

    def __len__(self) -> int:
        return len(self.triples)

    def __iter__(self) -> Iterator[tuple[Term, Iri, Term]]:
        return iter(self.triples)


Answer = Table | Truth | Triples


class Engine(Protocol):
    """Something that answers SPARQL 1.1 queries over the union of its graphs."""

    def query(self, text: str) -> Answer:
        """Answer one query; what goes wrong is one of the errors of our tree."""
        ...
