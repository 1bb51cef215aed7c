"""What sets one generation apart from another, record by record."""

from collections import defaultdict
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from ergaomnes.ledger import graph_of
from ergaomnes.patch import Patch
from ergaomnes.terms import Prefixes


@dataclass(slots=True)
class Compared:
    """The facts of one record that came and went, as lines of N-Quads."""

    iri: str
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    follows: Patch = field(default_factory=Patch)
    """What the rules made of it anew, and no longer."""


def by_record(patch: Patch, prefixes: Prefixes) -> list[Compared]:
    """Group a patch by what its facts are about, in the order of their names."""
    derived = prefixes.iri("graph:derived")
    found: dict[str, Compared] = {}
    follows: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for place, lines in enumerate((patch.added, patch.removed)):
        for line in lines:
            iri = line.partition(" ")[0].strip("<>")
            one = found.setdefault(iri, Compared(iri))
            if graph_of(line) == derived:
                follows[iri][place].append(line)
            else:
                (one.removed if place else one.added).append(line)
    for iri, (added, removed) in follows.items():
        found[iri].follows = Patch.of(added, removed)
    return [found[iri] for iri in sorted(found)]


def concerns(lines: Iterable[str], thing: str, about: Container[str]) -> bool:
    """Tell whether some facts name a thing, or are said of one of the records about it."""
    return any(
        f"<{thing}>" in line or line.partition(" ")[0].strip("<>") in about for line in lines
    )
