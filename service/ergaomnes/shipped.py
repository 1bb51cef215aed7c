"""Where the packaged ontology, data and queries are, in a wheel or in a clone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ergaomnes.errors import ShippedFilesMissing

FOLDERS = ("ontology", "data", "queries")
PACKAGED = "_shipped"


@dataclass(frozen=True, slots=True)
class Shipped:
    """The folder that holds `ontology/`, `data/` and `queries/`."""

    root: Path

    @property
    def packaged(self) -> bool:
        """Tell whether the files are those of an installed package, which nobody edits."""
        return self.root.name == PACKAGED

    @property
    def ontology(self) -> Path:
        """What is meant: terms, schemes, shapes, alignments."""
        return self.root / "ontology"

    @property
    def data(self) -> Path:
        """What is known."""
        return self.root / "data"

    @property
    def queries(self) -> Path:
        """What can be asked, and the rules."""
        return self.root / "queries"

    @property
    def prefixes(self) -> Path:
        """The prefix table."""
        return self.ontology / "prefixes.ttl"

    def turtle_files(self) -> list[Path]:
        """Every .ttl file of the ontology and the data, in the order of their names."""
        return sorted(_files(self.ontology, ".ttl")) + sorted(_files(self.data, ".ttl"))

    def rule_files(self) -> list[Path]:
        """Every derivation rule, in the order of their names."""
        return sorted(_files(self.queries / "rules", ".rq"))

    def description_files(self) -> list[Path]:
        """Every query whose answer describes the whole, in the order of their names."""
        return sorted(_files(self.queries / "descriptions", ".rq"))

    def name_of(self, file: Path) -> str:
        """Name a shipped file by its path without the ending: `data/actions/rus`."""
        return file.relative_to(self.root).with_suffix("").as_posix()


def shipped(places: Sequence[Path] | None = None) -> Shipped:
    """Find the packaged files: inside the package first, then the folder of the clone."""
    here = Path(__file__).resolve().parent
    candidates = (here / PACKAGED, here.parent.parent) if places is None else tuple(places)
    for place in candidates:
        if all((place / folder).is_dir() for folder in FOLDERS):
            return Shipped(place)
    raise ShippedFilesMissing([str(place) for place in candidates])


def _files(folder: Path, ending: str) -> Iterator[Path]:
    return (
        file
        for file in folder.rglob(f"*{ending}")
        if file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )
