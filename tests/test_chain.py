"""A chain of records: what was kept is there as it was written, or is told to be missing."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ergaomnes.chain import HEAD, REDACTED, Chain, as_part
from ergaomnes.errors import LedgerBroken, Redacted


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    """Give a chain of three records with two parts each."""
    made = Chain(tmp_path / "chain")
    for text in ("one", "two", "three"):
        appended(made, text)
    return made


def appended(chain: Chain, text: str) -> None:
    parts = {"said.json": as_part({"text": text}), "sent-1.ttl": text.encode()}
    with chain.held():
        chain.append(chain.next("told", parts, {"about": len(text)}), parts)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("ending", ["json", "said.json", "sent-1.ttl"])
def test_a_file_that_is_altered_or_missing_is_named(chain: Chain, number: int, ending: str) -> None:
    file = chain.folder / f"{number:08}.{ending}"
    content = file.read_bytes()
    file.write_bytes(content + b" ")
    with pytest.raises(LedgerBroken) as broken:
        chain.verified()
    assert broken.value.data["record"] == file.name
    file.unlink()
    with pytest.raises(LedgerBroken) as broken:
        chain.verified()
    assert broken.value.data["record"] == file.name
    file.write_bytes(content)
    assert len(chain.verified()) == 3


def test_an_end_that_was_cut_off_is_noticed_and_nothing_is_added_to_it(chain: Chain) -> None:
    for file in chain.folder.glob("00000003.*"):
        file.unlink()
    with pytest.raises(LedgerBroken, match="missing") as broken:
        chain.verified()
    assert broken.value.data["record"] == "00000003.json"
    with pytest.raises(LedgerBroken, match="missing"):
        appended(Chain(chain.folder), "four")
    assert not (chain.folder / "00000003.json").exists()


def test_who_died_before_noting_the_end_has_lost_nothing(chain: Chain) -> None:
    noted = (chain.folder / HEAD).read_bytes()
    appended(chain, "four")
    (chain.folder / HEAD).write_bytes(noted)
    assert len(chain.verified()) == 4
    appended(chain, "five")
    assert (chain.folder / HEAD).read_text() == chain.head
    (chain.folder / HEAD).unlink()  # as after a backup was put back
    assert len(chain.verified()) == 5


def test_what_was_half_written_goes_and_what_is_whole_stays(chain: Chain) -> None:
    half = chain.folder / ".00000004.sent-1.ttl.abc.new"
    half.write_bytes(b"half of")
    with chain.held():
        chain.purge()
    assert not half.exists()
    assert len(chain.verified()) == 3


def test_a_part_that_was_taken_away_is_told_to_be_gone(chain: Chain) -> None:
    parts = {"said.json": b"{}\n"}
    with chain.held():
        gone = {"00000002.sent-1.ttl": chain.records()[1].parts["sent-1.ttl"]}
        chain.append(chain.next(REDACTED, parts, {"parts": gone}), parts)
        chain.purge()
    assert not (chain.folder / "00000002.sent-1.ttl").exists()
    with pytest.raises(Redacted):
        chain.part(chain.records()[1], "sent-1.ttl")
    assert chain.part(chain.records()[1], "said.json") == as_part({"text": "two"})
    assert len(chain.verified()) == 4


def test_a_chain_that_is_kept_sees_what_others_add_and_what_was_put_back(chain: Chain) -> None:
    other = Chain(chain.folder)
    assert len(other.records()) == 3
    appended(chain, "four")
    assert len(other.records()) == 4
    shutil.rmtree(chain.folder)
    assert list(Chain(chain.folder).records()) == []
    appended(Chain(chain.folder), "something else")
    assert [one.about["about"] for one in other.records()] == [len("something else")]


@given(some.text(max_size=30))
def test_a_part_has_a_plain_name_or_is_not_written(name: str) -> None:
    chain = Chain(Path("nowhere"))
    try:
        record = chain.next("told", {name: b""}, {})
    except ValueError:
        return
    assert record.parts.keys() == {name}
    assert (Path("folder") / f"00000001.{name}").parent == Path("folder")
    assert name.isascii()
    assert name.islower()
