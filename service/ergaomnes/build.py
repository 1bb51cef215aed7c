"""The built store: shipped facts and what the rules derive from them, as immutable files.

A built store is a folder named after a hash of everything it is made from, so that a changed fact,
rule or version means another folder, and a folder that exists is finished:

    stores/<key>/graph.nq      every fact, one a line, sorted; same facts, same bytes
    stores/<key>/store/        the same facts as an Oxigraph store on disk
    stores/<key>/answers.json  what the service is asked of the whole, such as its counts
    stores/<key>/meta.json     what it was made from, and how much there is

It is made in a folder of its own beside the others and renamed when it is whole. A build that is
killed leaves only that folder, which the next build sweeps away.

A service reads the *published* store, and moves on when another is published:

    stores/published         the key of that store; replaced whole
    stores/<key>/.held       locked by each service that reads this store, which is then not removed
    generations/<key>.json   the record of each store that was ever published; it stays
"""

import contextlib
import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyoxigraph
from pyoxigraph import QueryResultsFormat, QueryTriples, RdfFormat, Store

from ergaomnes import __version__, engine, rules, store, terms, turtle
from ergaomnes.errors import BuildFailed, NoSuchFile
from ergaomnes.progress import Tell, shown
from ergaomnes.rules import derive, described, read_rules
from ergaomnes.settings import Settings
from ergaomnes.shipped import Shipped, shipped
from ergaomnes.store import EmbeddedEngine, canonical_lines, graph_of, load_file
from ergaomnes.terms import read_prefixes
from ergaomnes.turtle import replace

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_BUILDING = ".building-"
PUBLISHED, _HELD = "published", ".held"
_MAKERS = (engine, rules, store, terms, turtle)  # a change in these may change what is made


@dataclass(frozen=True, slots=True)
class Built:
    """A finished store: where it is and what is in it."""

    place: Path
    key: str
    sha256: str
    counts: Mapping[str, int]
    rules: Mapping[str, int]
    seconds: float
    versions: Mapping[str, str]

    @property
    def dump(self) -> Path:
        """Every fact as sorted N-Quads."""
        return self.place / "graph.nq"

    @property
    def store(self) -> Path:
        """The Oxigraph store on disk; nobody may open it to write."""
        return self.place / "store"

    @property
    def answers(self) -> Path:
        """The answers to the queries of `queries/descriptions`."""
        return self.place / "answers.json"

    @property
    def meta(self) -> Path:
        """The record of this build."""
        return self.place / "meta.json"


def current(settings: Settings, files: Shipped | None = None) -> Built:
    """Give the store for the packaged files as they are now, building it when there is none."""
    files = files or shipped()
    key = content_key(files)
    found = _finished(_stores(settings) / key, key)
    if found is None:
        return build(settings, files)
    with contextlib.suppress(OSError):  # a store that cannot be marked as used can still be used
        os.utime(found.place)
    return found


def build(settings: Settings, files: Shipped | None = None, *, again: bool = False) -> Built:
    """Build the store for the packaged files, or give the one that another process just built."""
    files = files or shipped()
    stores = _stores(settings)
    try:
        stores.mkdir(parents=True, exist_ok=True)
        with _lock(stores / ".lock"):
            _sweep(stores)
            key = content_key(files)
            place = stores / key
            found = None if again else _finished(place, key)
            if found is None:
                with shown("Building the store") as tell:
                    _make(files, key, place, tell)
                found = _finished(place, key)
            if found is None:
                raise BuildFailed(f"{place} is not whole")
            _keep(stores, settings.kept_stores, found.place)
    except OSError as error:
        raise BuildFailed(f"{error.filename or stores}: {error.strerror or error}") from error
    return found


def publish(settings: Settings, built: Built) -> None:
    """Make a finished store the one that services read; they notice by themselves."""
    stores, record = _stores(settings), settings.data_dir / "generations" / f"{built.key}.json"
    try:
        if not record.exists():
            record.parent.mkdir(exist_ok=True)
            replace(record, built.meta.read_bytes())
        if _published_key(stores) != built.key:
            replace(stores / PUBLISHED, f"{built.key}\n".encode())
            _sync(stores)
    except OSError as error:
        raise BuildFailed(f"{error.filename or stores}: {error.strerror or error}") from error


def published(settings: Settings) -> Built | None:
    """Give the store that was published last, if it is there and whole."""
    stores = _stores(settings)
    key = _published_key(stores)
    return _finished(stores / key, key) if key else None


@contextlib.contextmanager
def held(built: Built) -> Iterator[Built]:
    """Keep a store from being removed; whoever dies lets go of it."""
    try:
        stream = (built.place / _HELD).open("ab")
    except OSError as error:
        raise BuildFailed(f"{built.place}: {error.strerror or error}") from error
    with stream:
        if not _share(stream.fileno()) or _finished(built.place, built.key) is None:
            raise BuildFailed(f"{built.place} is being removed")
        yield built


def in_use(settings: Settings) -> bool:
    """Tell whether a service reads one of the stores, or a build is running."""
    for file in (_stores(settings) / ".lock", *_stores(settings).glob(f"*/{_HELD}")):
        if file.exists():
            with file.open("ab") as stream:
                if not _try_to_acquire(stream.fileno()):
                    return True
    return False


def tidy(settings: Settings) -> None:
    """Remove the stores that are neither held, nor published, nor among the last used."""
    stores = _stores(settings)
    with contextlib.suppress(OSError), _lock(stores / ".lock"):
        _keep(stores, settings.kept_stores, stores / (_published_key(stores) or _HELD))


def open_read_only(built: Built) -> EmbeddedEngine:
    """Open a finished store; any number of processes may."""
    return EmbeddedEngine(Store.read_only(str(built.store)))


def write_dump(built: Built, file: Path) -> None:
    """Copy the dump so that the file is whole or not there."""
    try:
        replace(file, built.dump.read_bytes())
    except OSError as error:
        raise NoSuchFile(str(file), error.strerror or "it cannot be written") from None


def content_key(files: Shipped) -> str:
    """Hash all that a store is made from: the files, the code that reads them, the versions."""
    digest = hashlib.sha256()
    digest.update(_content(files).encode())
    for maker in (*_MAKERS, sys.modules[__name__]):
        if maker.__file__:
            digest.update(Path(maker.__file__).read_bytes())
    for name, version in _versions().items():
        digest.update(f"{name} {version}\n".encode())
    return digest.hexdigest()[:24]


def _content(files: Shipped) -> str:
    """Hash the names and bytes of the shipped files that a store is made from."""
    digest = hashlib.sha256()
    for file in (*files.turtle_files(), *files.rule_files()):
        sha = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(files.root).as_posix()} {sha}\n".encode())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    return {"ergaomnes": __version__, "pyoxigraph": pyoxigraph.__version__}


def _stores(settings: Settings) -> Path:
    return settings.data_dir / "stores"


def _make(files: Shipped, key: str, place: Path, tell: Tell) -> None:
    began = time.perf_counter()
    temporary = Path(tempfile.mkdtemp(prefix=f"{_BUILDING}{key}-", dir=place.parent))
    prefixes = read_prefixes(files.prefixes)
    made = EmbeddedEngine(Store())
    turtle_files, ordered = files.turtle_files(), read_rules(files.rule_files())
    steps = len(turtle_files) + len(ordered) + 2

    graphs = []
    for number, file in enumerate(turtle_files):
        tell(f"reading {files.name_of(file)}", number, steps)
        graphs.append(graph_of(file, files, prefixes))
        load_file(made.store, file, graphs[-1])
    stated = len(made.store)

    running = iter(range(len(turtle_files), steps))
    derivations = derive(
        ordered, made, prefixes, lambda rule: tell(f"deriving {rule.name}", next(running), steps)
    )
    derived = len(made.store) - stated
    version = f"sha256:{_content(files)}"
    about = described(ordered, prefixes, read_from=graphs, version=version)
    made.add(prefixes.iri("graph:rules"), about)

    tell("writing the dump", steps - 2, steps)
    lines = canonical_lines(made.store)
    content = b"".join(lines)
    dump = temporary / "graph.nq"
    _write(dump, content)
    _write(temporary / "answers.json", json.dumps(_answers(files, made.store)).encode())

    tell("writing the store", steps - 1, steps)
    on_disk = Store(str(temporary / "store"))
    on_disk.bulk_load(path=str(dump), format=RdfFormat.N_QUADS)
    on_disk.optimize()
    on_disk.flush()
    del on_disk  # closes it: only then may it be opened to read

    meta = {
        "key": key,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "data": version,
        "counts": {
            "files": len(turtle_files),
            "graphs": len(list(made.store.named_graphs())),
            "facts": len(lines),
            "stated": stated,
            "derived": derived,
            "about the rules": len(lines) - stated - derived,
        },
        "rules": {each.rule.name: each.new for each in derivations},
        "versions": {**_versions(), "python": platform.python_version()},
        "seconds": round(time.perf_counter() - began, 3),
    }
    _write(temporary / "meta.json", json.dumps(meta, indent=2).encode() + b"\n")
    temporary.chmod(0o755)
    if place.exists():  # built again: out of the way first, so that no half of it is ever seen
        place.replace(temporary.with_name(f"{temporary.name}-old"))
    temporary.replace(place)
    _sync(place.parent)
    _sweep(place.parent)


def _answers(files: Shipped, made: Store) -> dict[str, dict[str, str]]:
    """Answer beforehand what reads every fact, each with the text of its query."""
    answers = {}
    for file in files.description_files():
        query = file.read_text("utf-8")
        found = made.query(query, use_default_graph_as_union=True)
        assert not isinstance(found, QueryTriples)  # noqa: S101 - they are SELECT
        written = found.serialize(format=QueryResultsFormat.JSON)
        answers[file.stem] = {"query": query, "results": (written or b"").decode()}
    return answers


def _finished(place: Path, key: str) -> Built | None:
    """Give a store that is whole, or nothing."""
    try:
        meta = json.loads((place / "meta.json").read_bytes())
        whole = (
            meta["key"] == key
            and (place / "graph.nq").stat().st_size == meta["bytes"]
            and (place / "store" / "CURRENT").is_file()
        )
    except (OSError, ValueError, KeyError):
        return None
    if not whole:
        return None
    return Built(
        place=place,
        key=key,
        sha256=meta["sha256"],
        counts=meta["counts"],
        rules=meta["rules"],
        seconds=meta["seconds"],
        versions=meta["versions"],
    )


def _write(file: Path, content: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sweep(stores: Path) -> None:
    """Remove what killed builds left; nobody else builds while the lock is held."""
    for leftover in stores.glob(f"{_BUILDING}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _keep(stores: Path, number: int, newest: Path) -> None:
    """Remove all but the stores that were used last, are published or are held."""
    public = _published_key(stores)
    others = [
        place
        for place in stores.iterdir()
        if place.is_dir()
        and not place.name.startswith(".")
        and place != newest
        and place.name != public
    ]
    others.sort(key=lambda place: place.stat().st_mtime, reverse=True)
    for place in others[number - 1 :]:
        with (place / _HELD).open("ab") as stream:
            if _try_to_acquire(stream.fileno()):
                aside = place.with_name(f"{_BUILDING}{place.name}-old")
                place.replace(aside)
                shutil.rmtree(aside, ignore_errors=True)


def _published_key(stores: Path) -> str:
    try:
        key = (stores / PUBLISHED).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return key if key.isalnum() else ""


@contextlib.contextmanager
def _lock(file: Path) -> Iterator[None]:
    """Wait until no other process builds; the lock ends with the process that holds it."""
    with file.open("ab+") as stream:
        _acquire(stream.fileno())
        try:
            yield
        finally:
            _release(stream.fileno())


if sys.platform == "win32":

    def _acquire(descriptor: int) -> None:
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
            except OSError:  # it gives up after ten seconds
                continue
            return

    def _release(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

    def _try_to_acquire(_: int) -> bool:
        return True  # there is no service on this system

    def _share(_: int) -> bool:
        return True

    def _sync(_: Path) -> None:
        pass  # folders cannot be opened

else:

    def _acquire(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def _release(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _try_to_acquire(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _share(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _sync(folder: Path) -> None:
        """Have the names in a folder survive a loss of power."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
