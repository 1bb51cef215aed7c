"""A release: the built store in every form that people use, with checksums and a description.

The folder is written beside its place and renamed when it is whole, so that a release that is there
is a finished one. The same store gives the same bytes.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyoxigraph import Quad, RdfFormat, Triple, parse, serialize

from ergaomnes import database, description, jsonld, parquet
from ergaomnes.build import Built
from ergaomnes.description import Dataset, Format, Statistics, Written
from ergaomnes.errors import CatalogueFault, ShippedFilesMissing, UnfitFolder
from ergaomnes.progress import Tell
from ergaomnes.sheets import FOLDER, Sheet, check, described, sheets, write_csv
from ergaomnes.shipped import Shipped
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import Prefixes

SUMS = "SHA256SUMS"
LICENSE = "LICENSE"
PARQUET = "parquet"
EXPORTING = ".exporting-"

_CSV, _PARQUET = "text/csv", "application/vnd.apache.parquet"
_SYNTAXES = {
    "application/rdf+xml": RdfFormat.RDF_XML,
    "text/turtle": RdfFormat.TURTLE,
}


@dataclass(frozen=True, slots=True)
class Release:
    """A finished release."""

    folder: Path
    files: tuple[tuple[str, int], ...]
    """Every file by its name, with its size."""
    sha256: str
    """The hash of the list of all hashes: one line that names the whole release."""
    with_parquet: bool


def release(
    built: Built,
    files: Shipped,
    prefixes: Prefixes,
    folder: Path,
    tell: Tell,
    *,
    replace: bool = False,
) -> Release:
    """Write a release of a built store to a folder that is new, empty or an older release."""
    place = _fit(folder, replace=replace)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _beside(place) as temporary:
            names = _Writer(built, files, prefixes, temporary, tell).write()
            sums = _sums(temporary, names)
            (temporary / SUMS).write_bytes(sums)
            sizes = tuple(
                (name, (temporary / name).stat().st_size) for name in sorted([*names, SUMS])
            )
            temporary.chmod(0o755)
            _settle(temporary, place)
    except OSError as error:
        why = error.strerror or str(error)
        raise UnfitFolder(str(error.filename or folder), why[:1].lower() + why[1:]) from error
    return Release(folder, sizes, hashlib.sha256(sums).hexdigest(), parquet.installed())


@dataclass
class _Writer:
    """One release on its way to a folder."""

    built: Built
    files: Shipped
    prefixes: Prefixes
    folder: Path
    tell: Tell

    def write(self) -> list[str]:
        """Write every file but the checksums; give their names."""
        self.tell("reading the store", 0, 0)
        engine = EmbeddedEngine.of_dump(self.built.dump)
        about, wanted = description.dataset(engine), description.formats(engine)
        queries = len(list((self.files.queries / FOLDER).glob("*.rq")))
        steps, self.done = queries + len(wanted) + 4, 0

        def step(what: str) -> None:
            self.tell(what, self.done, steps)
            self.done += 1

        found = []
        for sheet in sheets(self.files.queries, engine, self.prefixes):
            step(f"asking for {sheet.name}")
            found.append(sheet)
        check(found)
        step("reading the facts")
        quads = list(parse(path=str(self.built.dump), format=RdfFormat.N_QUADS))
        facts = _union(quads)
        written = []
        for each in wanted:
            step(f"writing {each.file}")
            self._whole(each, quads, facts, found, engine)
            written.append(self._written(each.file, each.distribution))
        step("writing the tables")
        written += self._tables(found, about)
        step("counting")
        counts, kind = Statistics(), self.prefixes.iri("rdf:type")
        for triple in facts:
            counts.take(triple, kind)
        text = description.described(engine, self.prefixes, about, written, counts)
        self._put(description.NAME, text.encode())
        self._put(LICENSE, self._license())
        step("checking")
        return sorted(
            file.relative_to(self.folder).as_posix()
            for file in self.folder.rglob("*")
            if file.is_file()
        )

    def _whole(
        self,
        wanted: Format,
        quads: Sequence[Quad],
        facts: Sequence[Triple],
        found: Sequence[Sheet],
        engine: EmbeddedEngine,
    ) -> None:
        """Write the whole graph, or all tables, as one file."""
        media_type = wanted.media_type.partition("/media-types/")[2]
        file = self.folder / wanted.file
        namespaces = dict(self.prefixes.namespaces)
        if media_type == "application/n-quads":
            shutil.copyfile(self.built.dump, file)
        elif media_type == "application/trig":
            by_graph = sorted(quads, key=lambda quad: str(quad.graph_name))
            serialize(by_graph, str(file), RdfFormat.TRIG, prefixes=namespaces)
        elif media_type in _SYNTAXES:
            # Thousands of times the size of a file that somebody edits: not in the house form.
            serialize(facts, str(file), _SYNTAXES[media_type], prefixes=namespaces)
        elif media_type == "application/ld+json":
            names = jsonld.context(facts, engine, self.prefixes)
            self._put(jsonld.CONTEXT, names.written())
            with file.open("wb") as out:
                jsonld.write_document(facts, names, out)
        elif media_type == "application/vnd.sqlite3":
            database.write_database(found, file)
        else:
            raise CatalogueFault(wanted.file, [f"nothing here writes {wanted.media_type}"])

    def _tables(self, found: Sequence[Sheet], about: Dataset) -> Iterator[Written]:
        """Write each table as a file, and what describes them."""
        (self.folder / FOLDER).mkdir()
        writers: list[tuple[str, str, str, Callable[[Sheet, Path], None]]] = [
            (FOLDER, "csv", _CSV, write_csv)
        ]
        if parquet.installed():
            (self.folder / PARQUET).mkdir()
            writers.append((PARQUET, "parquet", _PARQUET, parquet.write_parquet))
        for folder, ending, media_type, write in writers:
            for sheet in found:
                name = f"{folder}/{sheet.name}.{ending}"
                write(sheet, self.folder / name)
                yield self._written(
                    name,
                    f"{about.iri}/{name}",
                    media_type=f"https://www.iana.org/assignments/media-types/{media_type}",
                    title=sheet.title,
                    about=sheet.about,
                )
        self._put(f"{FOLDER}/csv-metadata.json", described(found, about.title, about.license_iri))
        self._put(
            "metadata.json",
            database.metadata(
                found,
                title=about.title,
                about=about.about,
                license_iri=about.license_iri,
                source=about.publisher,
            ),
        )

    def _written(
        self,
        name: str,
        distribution: str,
        *,
        media_type: str = "",
        title: str = "",
        about: str = "",
    ) -> Written:
        file = self.folder / name
        size = file.stat().st_size
        return Written(name, _hash(file), size, distribution, media_type, title, about)

    def _license(self) -> bytes:
        file = self.files.root / LICENSE
        try:
            return file.read_bytes()
        except OSError:
            raise ShippedFilesMissing([str(file)]) from None

    def _put(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)


def _union(quads: Sequence[Quad]) -> list[Triple]:
    """Give each triple once: the lines of a dump stand sorted, so that equal ones follow."""
    facts: list[Triple] = []
    for quad in quads:
        if not facts or quad.triple != facts[-1]:
            facts.append(quad.triple)
    return facts


def _fit(folder: Path, *, replace: bool) -> Path:
    """Give the place of a release, or say why it cannot be there."""
    place = folder.expanduser().absolute()
    if place.is_symlink():
        raise UnfitFolder(str(folder), "this is a link")
    if place.exists() and not place.is_dir():
        raise UnfitFolder(str(folder), "this is a file")
    if not place.is_dir():
        above = next(each for each in place.parents if each.exists())
        if not above.is_dir():
            raise UnfitFolder(str(folder), f"{above} is a file")
        return place
    if Path.cwd().resolve().is_relative_to(place.resolve()):
        raise UnfitFolder(str(folder), "you are in it", "Go out of it, or name another folder.")
    names = {each.name for each in place.iterdir()}
    if names and not replace:
        raise UnfitFolder(
            str(folder),
            "it is not empty",
            "Name another folder, or give --force to replace an older release.",
        )
    if names and not {SUMS, description.NAME} <= names:
        raise UnfitFolder(
            str(folder),
            "it is not empty and holds no release",
            "Name another folder: only a release is ever replaced.",
        )
    return place


@contextlib.contextmanager
def _beside(place: Path) -> Iterator[Path]:
    """Give a folder beside the place, which goes away with all that is in it unless it moves."""
    temporary = Path(tempfile.mkdtemp(prefix=f".{place.name}{EXPORTING}", dir=place.parent))
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _settle(temporary: Path, place: Path) -> None:
    """Put a whole release in its place, the older one out of the way first."""
    if not place.exists():
        temporary.rename(place)
        return
    older = temporary.with_name(f"{temporary.name}-old")
    place.rename(older)
    try:
        temporary.rename(place)
    except OSError:
        older.rename(place)
        raise
    shutil.rmtree(older, ignore_errors=True)


def _sums(folder: Path, names: Sequence[str]) -> bytes:
    """Write the list that `sha256sum --check` reads."""
    return "".join(f"{_hash(folder / name)}  {name}\n" for name in names).encode()


def _hash(file: Path) -> str:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
        os.fsync(stream.fileno())
    return digest.hexdigest()
