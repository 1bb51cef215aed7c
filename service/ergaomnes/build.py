"""The built store: shipped facts, changes, and what the rules derive, as immutable files.

A built store is a folder named after a hash of everything it is made from, so that a changed fact,
rule or version means another folder, and a folder that exists is finished:

    stores/<key>/graph.nq      every fact, one a line, sorted; same facts, same bytes
    stores/<key>/store/        the same facts as an Oxigraph store on disk
    stores/<key>/answers.json  what the service is asked of the whole, such as its counts
    stores/<key>/meta.json     what it was made from, and how much there is
    stores/<key>/delta.patch   what sets it apart from the store that it was made of, if it was

The changes are those of the ledger (`ledger.py`), made to the shipped facts in their order. A store
can be made of these alone, or faster of another store and what has changed since: to the same dump.

It is made in a folder of its own beside the others and renamed when it is whole. A build that is
killed leaves only that folder, which the next build sweeps away.

A service reads the *published* store, and moves on when another is published:

    stores/published         the key of that store; replaced whole
    stores/<key>/.held       locked by each service that reads this store, which is then not removed
    stores/<key>/.forgotten  there where the store is removed as soon as nobody reads it
    generations/<key>.json   the record of each store that was ever published; it stays, with
    generations/<key>.patch.zst  what sets it apart from the one that was published before it
"""

import bisect
import contextlib
import functools
import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyoxigraph
import zstandard
from pyoxigraph import Quad, QueryResultsFormat, QueryTriples, RdfFormat, Store

from ergaomnes import __version__, engine, ledger, patch, rules, store, terms, turtle
from ergaomnes.chain import now
from ergaomnes.engine import Triples
from ergaomnes.errors import BuildFailed, NoSuchFile
from ergaomnes.ledger import Ledger, read_ledger
from ergaomnes.locks import alone, share, sync, try_to_hold
from ergaomnes.patch import Patch
from ergaomnes.progress import Tell, shown
from ergaomnes.rules import derive, described, read_rules
from ergaomnes.settings import Settings
from ergaomnes.shipped import Shipped, shipped
from ergaomnes.store import EmbeddedEngine, canonical_lines, graph_of, load_file
from ergaomnes.terms import read_prefixes
from ergaomnes.turtle import replace

_BUILDING = ".building-"
_NO_CHANGES = Ledger()
STORES, DUMP, _DELTA = "stores", "graph.nq", "delta.patch"
PUBLISHED, _HELD, _FORGOTTEN = "published", ".held", ".forgotten"
_MAKERS = (
    engine,
    ledger,
    patch,
    rules,
    store,
    terms,
    turtle,
)  # a change in these may change what is made


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
    changes: int = 0
    """How many records of the ledger are in it."""
    head: str = ""
    """The hash of the last of them."""
    base: str = ""
    """The store that it was made of, if it was made of one."""

    @property
    def dump(self) -> Path:
        """Every fact as sorted N-Quads."""
        return self.place / DUMP

    @property
    def store(self) -> Path:
        """The Oxigraph store on disk; nobody may open it to write."""
        return self.place / "store"

    @property
    def answers(self) -> Path:
        """The answers to the queries of `queries/descriptions`."""
        return self.place / "answers.json"

    @property
    def delta(self) -> Path:
        """What sets it apart from its base, where it has one and that still may be told."""
        return self.place / _DELTA

    def apart_from(self, other: "Built") -> Patch | None:
        """Give what sets it apart from another, where that was kept when it was made."""
        try:
            return Patch.read(self.delta.read_bytes()) if self.base == other.key else None
        except FileNotFoundError:
            return None

    @property
    def meta(self) -> Path:
        """The record of this build."""
        return self.place / "meta.json"


def current(settings: Settings, files: Shipped | None = None) -> Built:
    """Give the store for files and ledger as they are now, building it when there is none."""
    files = files or shipped()
    key = content_key(files, read_ledger(settings))
    found = _finished(_stores(settings) / key, key)
    if found is None:
        return build(settings, files)
    with contextlib.suppress(OSError):  # a store that cannot be marked as used can still be used
        os.utime(found.place)
    return found


def build(settings: Settings, files: Shipped | None = None, *, again: bool = False) -> Built:
    """Build the store for files and ledger, or give the one that another process just built."""
    files = files or shipped()
    stores = _stores(settings)
    try:
        stores.mkdir(parents=True, exist_ok=True)
        with alone(stores / ".lock"):
            _sweep(stores)
            changes = read_ledger(settings)
            key = content_key(files, changes)
            place = stores / key
            found = None if again else _finished(place, key)
            if found is None:
                with shown("Building the store") as tell:
                    _make(files, changes, key, place, tell)
                found = _finished(place, key)
            if found is None:
                raise BuildFailed(f"{place} is not whole")
            _keep(stores, settings.kept_stores, found.place)
    except OSError as error:
        raise BuildFailed(f"{error.filename or stores}: {error.strerror or error}") from error
    return found


@dataclass(frozen=True, slots=True)
class Difference:
    """What sets a store apart from another one: lines of N-Quads, and what each rule made."""

    added: frozenset[str]
    removed: frozenset[str]
    rules: Mapping[str, int]
    stated: int
    derived: int


def build_upon(
    settings: Settings,
    base: Built,
    *,
    changes: Ledger,
    difference: Difference,
    answered: Callable[[], Store],
    files: Shipped,
) -> Built:
    """Build a store of another one and what is different; the dump is as `build` would write it.

    `answered` gives the whole in memory, for what the service is asked of it. What the rules and
    the ledger say of themselves is not part of the difference: it is made here.
    """
    stores, key = _stores(settings), content_key(files, changes)
    began = time.perf_counter()
    try:
        with alone(stores / ".lock"):
            _sweep(stores)
            if (found := _finished(stores / key, key)) is not None:
                return found
            temporary = Path(tempfile.mkdtemp(prefix=f"{_BUILDING}{key}-", dir=stores))
            stood, about = lines_of(base.dump), list(_about(files, changes))
            merged = _Merged(stood, difference, about, _ends_about(files))
            with _beside(lambda: _answer_anew(temporary, files, answered(), merged.about)):
                content = b"".join(line + b"\n" for line in merged.lines)
                _write(temporary / "graph.nq", content)
                if difference.added or difference.removed:
                    place = temporary / "store"
                    _change(base, place, added=merged.added, removed=merged.removed)
                else:  # something was taken away: a copy would keep what was removed before
                    _load(temporary)
                delta = Patch.of(_texts(merged.added), _texts(merged.removed))
                _write(temporary / _DELTA, delta.written())
            counts = {
                "files": len(files.turtle_files()),
                "graphs": base.counts["graphs"] + merged.graphs,
                "facts": len(merged.lines),
                "stated": base.counts["stated"] + difference.stated,
                "derived": base.counts["derived"] + difference.derived,
            }
            made = {name: n + difference.rules.get(name, 0) for name, n in base.rules.items()}
            meta = _meta(
                key,
                content,
                files,
                changes,
                counts=counts,
                rules_made=made,
                seconds=time.perf_counter() - began,
            )
            _publishable(temporary, stores / key, {**meta, "base": base.key})
            found = _finished(stores / key, key)
    except OSError as error:
        raise BuildFailed(f"{error.filename or stores}: {error.strerror or error}") from error
    if found is None:
        raise BuildFailed(f"{stores / key} is not whole")
    return found


def publish(settings: Settings, built: Built) -> None:
    """Make a finished store the one that services read; they notice by themselves.

    What sets it apart from the one before is kept first: from then on either can be made again of
    the other.
    """
    stores, record = _stores(settings), settings.data_dir / ledger.GENERATIONS / f"{built.key}.json"
    try:
        if not record.exists():
            record.parent.mkdir(exist_ok=True)
            before = published(settings)
            said = json.loads(built.meta.read_bytes())
            said |= {"time": now(), "previous": before.key if before else ""}
            if before is not None:
                apart = zstandard.ZstdCompressor(level=10).compress(_apart(before, built).written())
                replace(record.with_name(f"{built.key}.patch.zst"), apart)
            replace(record, json.dumps(said, indent=2).encode() + b"\n")
        if _published_key(stores) != built.key:
            replace(stores / PUBLISHED, f"{built.key}\n".encode())
            sync(stores)
    except OSError as error:
        raise BuildFailed(f"{error.filename or stores}: {error.strerror or error}") from error


def _apart(before: Built, built: Built) -> Patch:
    """Give what sets a store apart from another."""
    if (patch := built.apart_from(before)) is not None:
        return patch
    was, is_now = set(lines_of(before.dump)), set(lines_of(built.dump))
    return Patch.of(_texts(is_now - was), _texts(was - is_now))


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
        if not share(stream.fileno()) or _finished(built.place, built.key) is None:
            raise BuildFailed(f"{built.place} is being removed")
        yield built


def in_use(settings: Settings) -> bool:
    """Tell whether a service reads one of the stores, or a build is running."""
    for file in (_stores(settings) / ".lock", *_stores(settings).glob(f"*/{_HELD}")):
        if file.exists():
            with file.open("ab") as stream:
                if not try_to_hold(stream.fileno()):
                    return True
    return False


def tidy(settings: Settings) -> None:
    """Remove the stores that are neither held, nor published, nor among the last used."""
    stores = _stores(settings)
    with contextlib.suppress(OSError), alone(stores / ".lock"):
        _keep(stores, settings.kept_stores, stores / (_published_key(stores) or _HELD))


def forget(settings: Settings) -> None:
    """Have every store but the published one removed, as soon as nobody reads it.

    That one does not tell any more what sets it apart from them.
    """
    stores = _stores(settings)
    with alone(stores / ".lock"):
        kept = stores / (_published_key(stores) or _HELD)
        for place in _others(stores, kept):
            (place / _FORGOTTEN).touch()
        (kept / _DELTA).unlink(missing_ok=True)
    tidy(settings)


def open_read_only(built: Built) -> EmbeddedEngine:
    """Open a finished store; any number of processes may."""
    return EmbeddedEngine(Store.read_only(str(built.store)))


def write_dump(built: Built, file: Path) -> None:
    """Copy the dump so that the file is whole or not there."""
    try:
        replace(file, built.dump.read_bytes())
    except OSError as error:
        raise NoSuchFile(str(file), error.strerror or "it cannot be written") from None


def content_key(files: Shipped, changes: Ledger = _NO_CHANGES) -> str:
    """Hash all that a store is made from: the files, the code that reads them, versions, ledger."""
    digest = hashlib.sha256()
    digest.update(_content(files).encode())
    digest.update(changes.head.encode())
    for maker in (*_MAKERS, sys.modules[__name__]):
        if maker.__file__:
            digest.update(Path(maker.__file__).read_bytes())
    for name, version in _versions().items():
        digest.update(f"{name} {version}\n".encode())
    return digest.hexdigest()[:24]


def _content(files: Shipped) -> str:
    """Hash the names and bytes of the shipped files that a store is made from."""
    found = (*files.turtle_files(), *files.rule_files())
    return _hash_of(
        tuple((str(file), (stat := file.stat()).st_mtime_ns, stat.st_size) for file in found),
        files.root,
    )


@functools.lru_cache(maxsize=4)
def _hash_of(files: tuple[tuple[str, int, int], ...], root: Path) -> str:
    """Hash some files; as long as none has another time or size, they are not read again."""
    digest = hashlib.sha256()
    for name, _, _ in files:
        file = Path(name)
        sha = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(root).as_posix()} {sha}\n".encode())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    return {"ergaomnes": __version__, "pyoxigraph": pyoxigraph.__version__}


def _stores(settings: Settings) -> Path:
    return settings.data_dir / STORES


def _make(files: Shipped, changes: Ledger, key: str, place: Path, tell: Tell) -> None:
    began = time.perf_counter()
    temporary = Path(tempfile.mkdtemp(prefix=f"{_BUILDING}{key}-", dir=place.parent))
    prefixes = read_prefixes(files.prefixes)
    made = EmbeddedEngine(Store())
    turtle_files, ordered = files.turtle_files(), read_rules(files.rule_files())
    steps = len(turtle_files) + len(ordered) + 2

    for number, file in enumerate(turtle_files):
        tell(f"reading {files.name_of(file)}", number, steps)
        load_file(made.store, file, graph_of(file, files, prefixes))
    for change in changes.changes:
        for quad in _quads(change.removed):
            made.store.remove(quad)
        made.store.extend(_quads(change.added))
    stated = len(made.store)

    running = iter(range(len(turtle_files), steps))
    derivations = derive(
        ordered, made, prefixes, lambda rule: tell(f"deriving {rule.name}", next(running), steps)
    )
    derived = len(made.store) - stated
    for graph, facts in _about_itself(files, changes):
        made.add(graph, facts)

    tell("writing the dump", steps - 2, steps)
    lines = canonical_lines(made.store)
    content = b"".join(lines)
    dump = temporary / "graph.nq"
    _write(dump, content)
    _write(temporary / "answers.json", json.dumps(_answers(files, made.store)).encode())

    tell("writing the store", steps - 1, steps)
    _load(temporary)

    counts = {
        "files": len(turtle_files),
        "graphs": len({line.rpartition(b" <")[2] for line in lines}),
        "facts": len(lines),
        "stated": stated,
        "derived": derived,
    }
    rules_made = {each.rule.name: each.new for each in derivations}
    meta = _meta(
        key,
        content,
        files,
        changes,
        counts=counts,
        rules_made=rules_made,
        seconds=time.perf_counter() - began,
    )
    _publishable(temporary, place, meta)


def _meta(
    key: str,
    content: bytes,
    files: Shipped,
    changes: Ledger,
    *,
    counts: Mapping[str, int],
    rules_made: Mapping[str, int],
    seconds: float,
) -> Mapping[str, object]:
    """Say what a store was made from, and how much there is."""
    about = counts["facts"] - counts["stated"] - counts["derived"]
    return {
        "key": key,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "data": _version(files, changes),
        "changes": len(changes.records),
        "head": changes.head,
        "counts": {**counts, "about the rules": about},
        "rules": rules_made,
        "versions": {**_versions(), "python": platform.python_version()},
        "seconds": round(seconds, 3),
    }


def _publishable(temporary: Path, place: Path, meta: Mapping[str, object]) -> None:
    """Finish a store: only now has it the name under which it is found."""
    _write(temporary / "meta.json", json.dumps(meta, indent=2).encode() + b"\n")
    temporary.chmod(0o755)
    if place.exists():  # built again: out of the way first, so that no half of it is ever seen
        place.replace(temporary.with_name(f"{temporary.name}-old"))
    temporary.replace(place)
    sync(place.parent)
    _sweep(place.parent)


def _load(place: Path) -> None:
    """Make a store on disk of a dump alone."""
    on_disk = Store(str(place / "store"))
    on_disk.bulk_load(path=str(place / DUMP), format=RdfFormat.N_QUADS)
    on_disk.optimize()
    on_disk.flush()
    del on_disk  # closes it: only then may it be opened to read


class _Merged:
    """The lines of a dump, with a difference made to them; all in order."""

    def __init__(
        self,
        stood: list[bytes],
        difference: Difference,
        about: Iterable[bytes],
        ends: tuple[bytes, ...],
    ) -> None:
        gone = {line.encode() for line in difference.removed}
        said = [line for line in stood if line.endswith(ends)]
        kept = [line for line in stood if line not in gone and not line.endswith(ends)]
        come = {line.encode() for line in difference.added if not _has(kept, line.encode())}
        # Two runs in order and a few lines after them: this is read once, not sorted anew.
        stated = sorted([*kept, *come])
        self.about = [line for line in about if not _has(stated, line.rpartition(b" <")[0] + b" <")]
        self.lines = sorted([*stated, *self.about])
        was, now = set(said), set(self.about)
        self.added = come | (now - was)
        self.removed = {line for line in gone if _has(stood, line)} | (was - now)
        self.graphs = sum(
            _names(self.lines, graph) - _names(stood, graph)
            for graph in {line[line.rindex(b" <") :] for line in (*self.added, *self.removed)}
        )


def merged(stood: list[bytes], patch: Patch) -> list[bytes]:
    """Give the lines of a dump with a patch made to them, in their order."""
    gone = {line.encode() for line in patch.removed}
    kept = [line for line in stood if line not in gone]
    # Two runs in order: this is read once, not sorted anew.
    return sorted([*kept, *(line.encode() for line in patch.added)])


def _has(lines: Sequence[bytes], beginning: bytes) -> bool:
    """Tell whether some lines that are in order have one that begins so."""
    place = bisect.bisect_left(lines, beginning)
    return place < len(lines) and lines[place].startswith(beginning)


def _names(lines: Iterable[bytes], graph: bytes) -> bool:
    return any(line.endswith(graph) for line in lines)


def _texts(lines: Iterable[bytes]) -> Iterator[str]:
    return (line.decode() for line in lines)


@contextlib.contextmanager
def _beside(work: Callable[[], None]) -> Iterator[None]:
    """Do something in a fork while the with statement runs; both have to end well."""
    pid = os.fork()
    if not pid:
        failed = 1
        with contextlib.suppress(BaseException):
            work()
            failed = 0
        os._exit(failed)
    try:
        yield
    finally:
        status = os.waitpid(pid, 0)[1]
    if status:
        raise BuildFailed("the answers about the whole were not worked out")


def _answer_anew(place: Path, files: Shipped, whole: Store, about: Sequence[bytes]) -> None:
    """Answer what is asked of the whole, with what the rules and the ledger say of themselves."""
    for graph in {line[line.rindex(b" <") + 2 : -3].decode() for line in about}:
        whole.remove_graph(pyoxigraph.NamedNode(graph))
    whole.extend(_quads(_texts(about)))
    _write(place / "answers.json", json.dumps(_answers(files, whole)).encode())


def _change(base: Built, place: Path, *, added: Iterable[bytes], removed: Iterable[bytes]) -> None:
    """Make a store on disk of another one; what they share is not written again."""
    Store.read_only(str(base.store)).backup(str(place))
    on_disk = Store(str(place))
    for quad in _quads(_texts(removed)):
        on_disk.remove(quad)
    on_disk.extend(_quads(_texts(added)))
    on_disk.flush()


def _version(files: Shipped, changes: Ledger) -> str:
    content = _content(files)
    if changes.head:
        content = hashlib.sha256(f"{content} {changes.head}".encode()).hexdigest()
    return f"sha256:{content}"


def _about_itself(files: Shipped, changes: Ledger) -> Iterator[tuple[str, Triples]]:
    """Say what the rules are, what they were run on, and what was changed."""
    prefixes = read_prefixes(files.prefixes)
    ordered = read_rules(files.rule_files())
    graphs = [graph_of(file, files, prefixes) for file in files.turtle_files()]
    graphs += [graph for graph in changes.graphs if graph not in graphs]
    version = _version(files, changes)
    about = described(ordered, prefixes, read_from=graphs, version=version)
    yield prefixes.iri("graph:rules"), about
    if changes.changes:
        yield prefixes.iri("graph:changes"), ledger.described(changes, prefixes)


def _about(files: Shipped, changes: Ledger) -> Iterator[bytes]:
    """Give the same as lines of N-Quads."""
    made = EmbeddedEngine(Store())
    for graph, facts in _about_itself(files, changes):
        made.add(graph, facts)
    return (line.removesuffix(b"\n") for line in canonical_lines(made.store))


def _ends_about(files: Shipped) -> tuple[bytes, ...]:
    prefixes = read_prefixes(files.prefixes)
    return tuple(f"<{prefixes.iri(name)}> .".encode() for name in ("graph:rules", "graph:changes"))


def _quads(lines: Iterable[str]) -> Iterator[Quad]:
    return pyoxigraph.parse("\n".join(lines), format=RdfFormat.N_QUADS)


def lines_of(dump: Path) -> list[bytes]:
    """Give the lines of a dump, in their order."""
    content = dump.read_bytes().removesuffix(b"\n")
    return content.split(b"\n") if content else []


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
        changes=meta.get("changes", 0),
        head=meta.get("head", ""),
        base=meta.get("base", ""),
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
    others = _others(stores, newest)
    others.sort(key=lambda place: place.stat().st_mtime, reverse=True)
    lasting = [place for place in others if not (place / _FORGOTTEN).exists()]
    for place in [one for one in others if one not in lasting[: number - 1]]:
        with (place / _HELD).open("ab") as stream:
            if try_to_hold(stream.fileno()):
                aside = place.with_name(f"{_BUILDING}{place.name}-old")
                place.replace(aside)
                shutil.rmtree(aside, ignore_errors=True)


def _others(stores: Path, newest: Path) -> list[Path]:
    """List the stores that are neither the newest nor published."""
    public = _published_key(stores)
    return [
        place
        for place in stores.iterdir()
        if place.is_dir()
        and not place.name.startswith(".")
        and place != newest
        and place.name != public
    ]


def _published_key(stores: Path) -> str:
    try:
        key = (stores / PUBLISHED).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return key if key.isalnum() else ""
