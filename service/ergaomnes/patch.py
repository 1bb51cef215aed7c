"""A patch: which facts are added and which are removed, as lines of N-Quads.

It is written as RDF Patch (https://afs.github.io/rdf-delta/rdf-patch.html): one transaction, what
goes before what comes, each sorted, so that the same patch is the same bytes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

MEDIA_TYPE = "application/rdf-patch"
_BEGIN, _END = "TX .", "TC ."
_ADD, _DELETE = "A ", "D "


@dataclass(frozen=True)
class Patch:
    """Facts to add and to remove; a line holds a quad and ends in ` .`, without a line end."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @classmethod
    def of(cls, added: Iterable[str], removed: Iterable[str]) -> "Patch":
        """Make a patch of lines in any order."""
        return cls(tuple(sorted(set(added))), tuple(sorted(set(removed))))

    @classmethod
    def read(cls, content: bytes) -> "Patch":
        """Read what was written; raise ValueError where it is something else."""
        # Not splitlines, which takes U+2028 in a literal for the end of a line.
        begin, *lines, end, rest = content.decode().split("\n")
        if (begin, end, rest) != (_BEGIN, _END, ""):
            raise ValueError("it is not one whole transaction of RDF Patch")
        if odd := [line for line in lines if not line.startswith((_ADD, _DELETE))]:
            raise ValueError(f"“{odd[0][:40]}” neither adds nor removes a fact")
        return cls(
            tuple(line.removeprefix(_ADD) for line in lines if line.startswith(_ADD)),
            tuple(line.removeprefix(_DELETE) for line in lines if line.startswith(_DELETE)),
        )

    def written(self) -> bytes:
        """Write it as RDF Patch."""
        lines = [
            _BEGIN,
            *(f"{_DELETE}{line}" for line in self.removed),
            *(f"{_ADD}{line}" for line in self.added),
            _END,
        ]
        return "".join(f"{line}\n" for line in lines).encode()

    def __bool__(self) -> bool:
        """Tell whether it changes anything."""
        return bool(self.added or self.removed)

    @property
    def turned(self) -> "Patch":
        """Give the patch that takes this one back."""
        return Patch(self.removed, self.added)

    def then(self, later: "Patch") -> "Patch":
        """Give one patch that does what this one and a later one do."""
        added = (self._plus - later._minus) | (later._plus - self._minus)
        removed = (self._minus - later._plus) | (later._minus - self._plus)
        return Patch.of(added, removed)

    @cached_property
    def _plus(self) -> frozenset[str]:
        return frozenset(self.added)

    @cached_property
    def _minus(self) -> frozenset[str]:
        return frozenset(self.removed)
