"""Take the state of a service away in one file, and put it back.

State is everything in the data folder that cannot be made again: the records of generations, which
of them is published, and whatever curators have changed. The built stores themselves are not taken,
because the packaged facts and those records make the same ones again.

A backup is a tar file, compressed by gzip or zstd as its name says:

    backup.json    what it is, made when and by which version
    state/...      the files
    SHA256SUMS     the last, so that a file that was cut off has none

It can be taken while the service runs: what is state is never changed in place but replaced whole
or added to, and the name of the published generation is read before everything it rests on.
"""

import contextlib
import datetime
import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from ergaomnes import __version__
from ergaomnes.build import PUBLISHED, in_use
from ergaomnes.contributions import FOLDER as CONTRIBUTIONS
from ergaomnes.errors import BadBackup, NoSuchFile, RestoreUnfinished, StateExists, StateInUse
from ergaomnes.ledger import FOLDER as LEDGER
from ergaomnes.ledger import GENERATIONS
from ergaomnes.locks import sync
from ergaomnes.settings import Settings

FORM = 1
"""The version of the form of a backup; a newer one cannot be read."""

_ABOUT, _SUMS, _STATE = "backup.json", "SHA256SUMS", "state"
_STORES = "stores"
_POINTER = Path(_STORES) / PUBLISHED
_UNFINISHED = ".restoring"
_ASIDE = ".replaced-"


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup: its file, how many files are in it, and which generation was published."""

    file: Path
    files: int
    published: str


def state(settings: Settings) -> list[Path]:
    """List the files that are state, relative to the data folder; the pointer comes first."""
    root = settings.data_dir
    found = [
        file.relative_to(root)
        for top in sorted(root.iterdir() if root.is_dir() else (), key=_rests_on)
        if top.name != _STORES and not _is_passing(top)
        for file in ([top] if top.is_file() else sorted(top.rglob("*")))
        if file.is_file() and not any(_is_passing(part) for part in _between(root, file))
    ]
    return [_POINTER, *found] if (root / _POINTER).is_file() else found


def take(settings: Settings, file: Path) -> Taken:
    """Write a backup; the file is whole or not there, and only its owner may read it."""
    root = settings.data_dir
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        published = _read(root / _POINTER).decode("ascii", "replace").strip()
        with temporary.open("xb") as stream:
            temporary.chmod(0o600)
            files = _write(stream, file.name, root, state(settings), published)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    except OSError as error:
        raise NoSuchFile(str(error.filename or file), error.strerror or str(error)) from None
    finally:
        temporary.unlink(missing_ok=True)
    return Taken(file, files, published)


def restore(settings: Settings, file: Path, *, force: bool = False) -> Taken:
    """Put a backup in place of the state there is; nothing is touched before all of it is checked.

    With `force` another state is replaced: it is moved aside, not removed. A restore that is
    interrupted leaves a mark, and no service starts before it is done again.
    """
    root = settings.data_dir
    root.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        fresh = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".fresh-", dir=root)))
        published, files = _unpacked(file, fresh)
        if in_use(settings):
            raise StateInUse(str(root))
        is_unfinished = (root / _UNFINISHED).exists()
        old = sorted({one.parts[0] for one in state(settings)})
        if old and not (force or is_unfinished):
            raise StateExists(str(root), old)
        _swap(root, fresh / _STATE)
    return Taken(file, files, published)


def check_finished(settings: Settings) -> None:
    """Raise RestoreUnfinished where a restore was interrupted."""
    if (settings.data_dir / _UNFINISHED).exists():
        raise RestoreUnfinished(str(settings.data_dir))


def _swap(root: Path, fresh: Path) -> None:
    mark = root / _UNFINISHED
    mark.touch()
    sync(root)
    now = datetime.datetime.now(datetime.UTC)
    aside = root / f"{_ASIDE}{now:%Y%m%dT%H%M%S.%f}"
    pointer = root / _POINTER
    kept = [pointer] if pointer.exists() else []
    kept += [one for one in root.iterdir() if one.name != _STORES and not _is_passing(one)]
    for old in kept:
        place = aside / old.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        old.replace(place)
    for new in fresh.iterdir():
        if new.name != _STORES:
            new.replace(root / new.name)
    if (fresh / _POINTER).exists():
        pointer.parent.mkdir(exist_ok=True)
        (fresh / _POINTER).replace(pointer)
        sync(pointer.parent)
    sync(root)
    mark.unlink()
    sync(root)


def _write(stream: BinaryIO, name: str, root: Path, files: Sequence[Path], published: str) -> int:
    about = {
        "form": FORM,
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "version": __version__,
        "published": published,
    }
    sums: list[str] = []
    with (
        _packing(stream, name) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        _add(tar, _ABOUT, json.dumps(about, indent=2).encode() + b"\n", 0.0)
        for file in files:
            content = f"{published}\n".encode() if file == _POINTER else _read(root / file)
            member = f"{_STATE}/{file.as_posix()}"
            _add(tar, member, content, (root / file).stat().st_mtime, _mode(root / file))
            sums.append(f"{hashlib.sha256(content).hexdigest()}  {member}\n")
        _add(tar, _SUMS, "".join(sums).encode(), 0.0)
    return len(sums)


def _add(tar: tarfile.TarFile, name: str, content: bytes, time: float, mode: int = 0o600) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(content), int(time), mode
    tar.addfile(member, io.BytesIO(content))


def _unpacked(file: Path, folder: Path) -> tuple[str, int]:
    """Unpack a backup into an empty folder and check every file of it."""
    try:
        with (
            file.open("rb") as stream,
            _unpacking(stream) as packed,
            tarfile.open(fileobj=packed, mode="r|") as tar,
        ):
            for member in tar:
                if not member.isfile():
                    raise BadBackup(str(file), f"“{member.name}” is no file")
                tar.extract(member, folder, filter="data")
    except FileNotFoundError:
        raise NoSuchFile(str(file), "there is no such file") from None
    except (tarfile.TarError, zlib.error, zstandard.ZstdError, EOFError, OSError) as error:
        raise BadBackup(str(file), f"it cannot be read ({error})") from None
    try:
        about = json.loads((folder / _ABOUT).read_bytes())
        form, published = int(about["form"]), str(about["published"])
        sums = (folder / _SUMS).read_text("utf-8").splitlines()
    except (OSError, ValueError, KeyError, TypeError):
        raise BadBackup(str(file), "it is no backup, or it was cut off") from None
    if form > FORM:
        raise BadBackup(str(file), f"a newer version made it ({about.get('version')})")
    listed = {line[66:]: line[:64] for line in sums}
    there = {one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()} - {
        _ABOUT,
        _SUMS,
    }
    if odd := sorted(there ^ listed.keys()):
        raise BadBackup(str(file), f"“{odd[0]}” is not both there and listed")
    for name, expected in listed.items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != expected:
            raise BadBackup(str(file), f"“{name}” is not as it was written")
        if not name.startswith(f"{_STATE}/"):
            raise BadBackup(str(file), f"“{name}” is no state")
    (folder / _STATE).mkdir(exist_ok=True)
    return published, len(listed)


def _rests_on(top: Path) -> tuple[int, str]:
    """Order what is listed while more is added: nothing before what it rests on is complete."""
    order = (GENERATIONS, LEDGER, CONTRIBUTIONS)
    return order.index(top.name) + 1 if top.name in order else 0, top.name


def _is_passing(file: Path) -> bool:
    """Tell whether a file is there for a while only: a lock, or one that is being written."""
    return file.name.startswith(".") or file.suffix in (".lock", ".tmp")


def _between(root: Path, file: Path) -> Iterator[Path]:
    while file != root:
        yield file
        file = file.parent


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        if file.name == PUBLISHED:
            return b""  # nothing was published yet
        raise


def _mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


@contextlib.contextmanager
def _packing(stream: BinaryIO, name: str) -> Iterator[BinaryIO]:
    if name.endswith(".zst"):
        with zstandard.ZstdCompressor(level=10).stream_writer(stream, closefd=False) as packed:
            yield packed
    else:
        with gzip.GzipFile(fileobj=stream, mode="wb", filename="", mtime=0) as packed:
            yield cast(BinaryIO, packed)


@contextlib.contextmanager
def _unpacking(stream: BinaryIO) -> Iterator[BinaryIO]:
    """Unpack by what the file is, whatever it is called."""
    magic = stream.read(4)
    stream.seek(0)
    if magic == zstandard.FRAME_HEADER:
        with zstandard.ZstdDecompressor().stream_reader(stream, closefd=False) as packed:
            yield packed
    else:
        with gzip.GzipFile(fileobj=stream) as packed:
            yield cast(BinaryIO, packed)
