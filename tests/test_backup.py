"""The state of a service goes into one file and comes back, or nothing is touched."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ergaomnes import backup
from ergaomnes.backup import check_finished, restore, state, take
from ergaomnes.build import build, current, held, publish, published
from ergaomnes.cli import main
from ergaomnes.errors import BadBackup, NoSuchFile, RestoreUnfinished, StateExists, StateInUse
from ergaomnes.settings import Settings
from ergaomnes.shipped import Shipped

KEY = "abc123"
_LINKED = ("tokens.json", "records/000001.json")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give a data folder with a state and with much that is none."""
    root = tmp_path / "data"
    for name, text in {
        "generations/abc123.json": "{}",
        "generations/old.json": '{"a": 1}',
        "records/000001.json": "the first change",
        "tokens.json": "secret",
        "signing.key": "secret too",
        "contributions/00000001.json": "{}",
        "contributions/.head": "abc",
        "ledger/00000001.patch": "TX .",
        "stores/published": f"{KEY}\n",
        "stores/abc123/graph.nq": "much",
        "stores/.lock": "",
        "records/.000002.json.tmp": "half of",
        "records.lock": "",
        ".hidden": "x",
    }.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    (root / "tokens.json").chmod(0o600)
    return Settings(data_dir=root)


@pytest.fixture
def empty(tmp_path: Path) -> Settings:
    """Give a data folder that is not there yet."""
    return Settings(data_dir=tmp_path / "elsewhere" / "data")


def contents(settings: Settings) -> dict[str, bytes]:
    return {file.as_posix(): (settings.data_dir / file).read_bytes() for file in state(settings)}


def everything(root: Path) -> dict[str, bytes]:
    return {
        file.relative_to(root).as_posix(): file.read_bytes()
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }


def test_state_is_what_cannot_be_made_again(settings: Settings) -> None:
    assert list(contents(settings)) == [
        "stores/published",
        "records/000001.json",
        "signing.key",
        "tokens.json",
        # each before what it rests on, which may grow meanwhile
        "generations/abc123.json",
        "generations/old.json",
        "ledger/00000001.patch",
        "contributions/00000001.json",
    ]


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tar.zst"])
def test_what_was_taken_comes_back_as_it_was(
    name: str, settings: Settings, empty: Settings, tmp_path: Path
) -> None:
    taken = take(settings, tmp_path / name)
    assert (taken.files, taken.published) == (8, KEY)
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert restore(empty, tmp_path / name).published == KEY
    assert contents(empty) == contents(settings)
    assert (empty.data_dir / "tokens.json").stat().st_mode & 0o777 == 0o600
    assert not [one for one in empty.data_dir.iterdir() if one.name.startswith(".")]


def test_another_state_is_replaced_only_by_force_and_kept_aside(
    settings: Settings, tmp_path: Path
) -> None:
    take(settings, tmp_path / "a.tar.gz")
    before = contents(settings)
    (settings.data_dir / "records/000002.json").write_text("a later change", "utf-8")
    as_it_was = everything(settings.data_dir)
    with pytest.raises(StateExists) as caught:
        restore(settings, tmp_path / "a.tar.gz")
    assert "--force" in caught.value.remedy
    assert everything(settings.data_dir) == as_it_was
    restore(settings, tmp_path / "a.tar.gz", force=True)
    assert contents(settings) == before
    [aside] = settings.data_dir.glob(".replaced-*")
    assert (aside / "records/000002.json").read_text("utf-8") == "a later change"
    assert (aside / "stores/published").is_file()
    assert (settings.data_dir / "stores/abc123/graph.nq").is_file()


def test_a_backup_that_was_cut_off_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "a.tar.gz"
    take(settings, file)
    whole, before = file.read_bytes(), everything(settings.data_dir)
    for length in range(0, len(whole) - 8, 37):
        file.write_bytes(whole[:length])
        with pytest.raises(BadBackup):
            restore(settings, file, force=True)
    assert everything(settings.data_dir) == before


def edited(
    file: Path, edit: Callable[[dict[str, tarfile.TarInfo], dict[str, bytes]], None]
) -> None:
    """Write a backup anew with something changed in it."""
    with tarfile.open(file) as tar:
        members = {one.name: one for one in tar}
        texts = {name: (tar.extractfile(name) or io.BytesIO()).read() for name in members}
    edit(members, texts)
    with tarfile.open(file, "w:gz") as tar:
        for name, member in members.items():
            member.size = len(texts[name])
            tar.addfile(member, io.BytesIO(texts[name]))


def changed(members: dict[str, tarfile.TarInfo], texts: dict[str, bytes]) -> None:
    texts["state/records/000001.json"] = b"another change"


def unlisted(members: dict[str, tarfile.TarInfo], texts: dict[str, bytes]) -> None:
    members["state/more"] = tarfile.TarInfo("state/more")
    texts["state/more"] = b"more"


def left_out(members: dict[str, tarfile.TarInfo], texts: dict[str, bytes]) -> None:
    del members["state/tokens.json"]


def climbing(members: dict[str, tarfile.TarInfo], texts: dict[str, bytes]) -> None:
    members["../climbed"] = tarfile.TarInfo("../climbed")
    texts["../climbed"] = b"out"


def absolute(members: dict[str, tarfile.TarInfo], texts: dict[str, bytes]) -> None:
    members["/tmp/ergaomnes-climbed"] = tarfile.TarInfo("/tmp/ergaomnes-climbed")
    texts["/tmp/ergaomnes-climbed"] = b"out"


def linked(members: dict[str, tarfile.TarInfo], texts: dict[str, bytes]) -> None:
    link = members["state/link"] = tarfile.TarInfo("state/link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    texts["state/link"] = b""


def linked_and_listed(members: dict[str, tarfile.TarInfo], texts: dict[str, bytes]) -> None:
    link = members["state/tokens.json"]
    link.type, link.linkname = tarfile.SYMTYPE, "records/000001.json"
    before, after = [
        hashlib.sha256(texts[f"state/{name}"]).hexdigest().encode() for name in _LINKED
    ]
    texts["SHA256SUMS"] = texts["SHA256SUMS"].replace(before, after)
    texts["state/tokens.json"] = b""


def newer(members: dict[str, tarfile.TarInfo], texts: dict[str, bytes]) -> None:
    about = json.loads(texts["backup.json"]) | {"form": backup.FORM + 1}
    texts["backup.json"] = json.dumps(about).encode()


@pytest.mark.parametrize(
    "edit",
    [changed, unlisted, left_out, climbing, absolute, linked, linked_and_listed, newer],
    ids=lambda e: e.__name__,
)
def test_a_backup_that_was_tampered_with_changes_nothing(
    edit: Callable[[dict[str, tarfile.TarInfo], dict[str, bytes]], None],
    settings: Settings,
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.tar.gz"
    take(settings, file)
    edited(file, edit)
    before = everything(tmp_path)
    with pytest.raises(BadBackup):
        restore(settings, file, force=True)
    assert everything(tmp_path) == before
    assert not Path("/tmp/ergaomnes-climbed").exists()


@pytest.mark.parametrize("content", [b"", b"no archive", gzip.compress(b"no archive", mtime=0)])
def test_a_file_that_is_no_backup_is_refused(
    content: bytes, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(BadBackup):
        restore(settings, tmp_path / "x", force=True)


def test_a_file_that_is_not_there_is_named(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(NoSuchFile, match="nowhere"):
        restore(settings, tmp_path / "nowhere.tar.gz")
    with pytest.raises(NoSuchFile, match="nowhere"):
        take(settings, tmp_path / "nowhere" / "a.tar.gz")


def test_nothing_is_restored_under_a_service_that_runs(
    settings: Settings, small: Shipped, tmp_path: Path
) -> None:
    built = build(settings, small)
    publish(settings, built)
    with held(built):
        taken = take(settings, tmp_path / "a.tar.gz")
        assert taken.published == built.key
        with pytest.raises(StateInUse):
            restore(settings, tmp_path / "a.tar.gz", force=True)
    restore(settings, tmp_path / "a.tar.gz", force=True)
    again = published(settings)
    assert again is not None
    assert again.key == built.key


@pytest.mark.parametrize("moves", range(8))
def test_a_restore_that_is_interrupted_is_noticed_and_can_be_done_again(
    moves: int, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(settings, tmp_path / "a.tar.gz")
    before = contents(settings)
    (settings.data_dir / "tokens.json").write_text("another", "utf-8")
    whole = Path.replace
    left = iter(range(moves))

    def until(self: Path, target: Path) -> Path:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return whole(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", until)
        with pytest.raises(KeyboardInterrupt):
            restore(settings, tmp_path / "a.tar.gz", force=True)
    with pytest.raises(RestoreUnfinished):
        check_finished(settings)
    restore(settings, tmp_path / "a.tar.gz")
    check_finished(settings)
    assert contents(settings) == before


def test_the_commands_take_and_restore(
    settings: Settings,
    empty: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = str(tmp_path / "a.tar.gz")
    statuses = []
    for folder, command in (
        (settings, ["backup", file]),
        (empty, ["restore", file]),
        (empty, ["restore", file]),
        (empty, ["restore", file, "--force"]),
    ):
        monkeypatch.setenv("ERGAOMNES_DATA_DIR", str(folder.data_dir))
        with pytest.raises(SystemExit) as caught:
            main(command)
        statuses.append(caught.value.code)
    assert statuses == [0, 0, 2, 0]
    assert contents(empty) == contents(settings)
    assert f"published {KEY}" in capsys.readouterr().out


def test_a_new_version_takes_over_the_folder_of_an_old_one(
    settings: Settings, small: Shipped
) -> None:
    old = settings.data_dir / "stores" / KEY
    (old / "meta.json").write_text(json.dumps({"key": KEY, "form": "of long ago"}), "utf-8")
    built = current(settings, small)
    publish(settings, built)
    found = published(settings)
    assert found is not None
    assert found.key == built.key != KEY
    assert contents(settings)["generations/old.json"] == b'{"a": 1}'
    assert contents(settings)["records/000001.json"] == b"the first change"
