"""Generations that are not served any more: made again, asked, compared, forgotten."""

import datetime
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ergaomnes import tokens
from ergaomnes.build import current, publish, published
from ergaomnes.contributions import Said, Sent
from ergaomnes.curation import Curation, Request
from ergaomnes.errors import GenerationLost, UnknownGeneration
from ergaomnes.history import History, packed
from ergaomnes.ledger import read_ledger
from ergaomnes.patch import Patch
from ergaomnes.settings import Settings
from ergaomnes.shipped import Shipped, shipped
from ergaomnes.tokens import Token

FAR = datetime.date(2999, 1, 1)
BASE = "https://w3id.org/ergaomnes/"
RUSSIA = f"<{BASE}id/state/rus>"
LABEL = "<http://www.w3.org/2004/02/skos/core#altLabel>"
GRAPH = f"<{BASE}graph/contribution>"


@pytest.fixture
def files(small: Shipped) -> Shipped:
    shutil.copytree(shipped().queries / "slices", small.queries / "slices")
    (small.ontology / "shapes").mkdir()
    return small


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "home", kept_stores=1)


@pytest.fixture
def curation(here: Settings, files: Shipped) -> Iterator[Curation]:
    made = Curation(here, files)
    yield made
    made.close()


@pytest.fixture
def curator(here: Settings) -> Token:
    return tokens.create(here, "curator", "Anna", FAR)[0]


def renamed(curation: Curation, by: Token, name: str) -> str:
    text = (
        f"DELETE {{ GRAPH ?g {{ {RUSSIA} {LABEL} ?old }} }}"
        f" INSERT {{ GRAPH <{BASE}graph/data/states/rus> {{ {RUSSIA} {LABEL} {name!r} }} }}"
        f" WHERE {{ OPTIONAL {{ GRAPH ?g {{ {RUSSIA} {LABEL} ?old }} }} }}"
    )
    return curation.change(Request("update", text.encode()), by, f"call it {name}").generation


def with_stores_lost(settings: Settings) -> None:
    """Remove every built store but the published one."""
    kept = published(settings)
    assert kept is not None
    for place in (settings.data_dir / "stores").iterdir():
        if place.is_dir() and place != kept.place:
            shutil.rmtree(place)


def test_every_generation_is_made_again_byte_for_byte(curation: Curation, curator: Token) -> None:
    settings = curation.settings
    first = current(settings, curation.files)
    publish(settings, first)
    was = {first.key: first.dump.read_bytes()}
    for name in ("One", "Two \u2028 é", "Three"):
        key = renamed(curation, curator, name)
        now = published(settings)
        assert now is not None
        was[key] = now.dump.read_bytes()
    with_stores_lost(settings)
    history = History(settings)
    assert [one.key for one in history.generations()] == list(was)
    for key, content in was.items():
        assert history.dump(key).read_bytes() == content
    for one, content in was.items():
        for other, expected in was.items():
            patch = history.delta(one, other)
            lines = set(content.decode().split("\n"))
            lines = (lines - set(patch.removed)) | set(patch.added)
            assert lines == set(expected.decode().split("\n"))
    kept = list((history.folder / ".dumps").glob("*.nq"))
    assert len(kept) <= 3


def test_a_new_release_is_a_generation_like_any_other(curation: Curation, curator: Token) -> None:
    settings, files = curation.settings, curation.files
    renamed(curation, curator, "One")
    old = published(settings)
    assert old is not None
    content = old.dump.read_bytes()
    file = files.root / "data/states/rus.ttl"
    file.write_text(file.read_text("utf-8").replace('"Russia"', '"Russian Federation"'), "utf-8")
    new = current(settings, files)
    publish(settings, new)
    with_stores_lost(settings)
    assert History(settings).dump(old.key).read_bytes() == content
    patch = History(settings).delta(old.key, new.key)
    assert any('"Russia"' in line for line in patch.removed)
    assert any('"Russian Federation"' in line for line in patch.added)


def test_a_moment_names_the_generation_that_was_served(curation: Curation, curator: Token) -> None:
    publish(curation.settings, current(curation.settings, curation.files))
    keys = [renamed(curation, curator, name) for name in ("One", "Two")]
    history = History(curation.settings)
    first, one, two = history.generations()
    assert [one.key, two.key] == keys
    long_ago = datetime.datetime(1999, 1, 1, tzinfo=datetime.UTC)
    assert history.at(long_ago) == first
    assert history.at(datetime.datetime.now(datetime.UTC)) == two
    assert history[two.key[:10]] == two
    with pytest.raises(UnknownGeneration):
        history["of-no-generation"]
    with pytest.raises(UnknownGeneration):
        history[""]
    with pytest.raises(UnknownGeneration):
        History(Settings(data_dir=curation.settings.data_dir / "none")).at(long_ago)


def test_what_cannot_be_made_again_exactly_is_not_given(curation: Curation, curator: Token) -> None:
    publish(curation.settings, current(curation.settings, curation.files))
    key = renamed(curation, curator, "One")
    renamed(curation, curator, "Two")
    with_stores_lost(curation.settings)
    history = History(curation.settings)
    patch = history.folder / f"{history.generations()[-1].key}.patch.zst"
    good = patch.read_bytes()
    patch.write_bytes(packed(Patch(("<e:s> <e:p> <e:o> <e:g> .",), ())))
    with pytest.raises(GenerationLost):
        history.dump(key)
    patch.write_bytes(b"x")
    with pytest.raises(GenerationLost):
        history.dump(key)
    patch.unlink()
    with pytest.raises(GenerationLost):
        history.dump(key)
    patch.write_bytes(good)
    assert history.dump(key).exists()


def test_generations_are_compared_with_their_records(curation: Curation, curator: Token) -> None:
    settings = curation.settings
    publish(settings, current(settings, curation.files))
    for name in ("One", "Two"):
        renamed(curation, curator, name)
    with_stores_lost(settings)
    history = History(settings)
    assert [is_compared for _, is_compared in history.verified()] == [True, False, False]
    assert [is_compared for _, is_compared in history.verified(again=True)] == [True] * 3
    latest, _ = next(history.verified())
    patch = history.folder / f"{latest.key}.patch.zst"
    content = patch.read_bytes()
    patch.write_bytes(content[:-3])
    with pytest.raises(GenerationLost, match="cannot be read"):
        list(history.verified())
    patch.write_bytes(content)
    dump = history.dump(history.generations()[0].key)
    dump.write_bytes(dump.read_bytes().replace(b"Russia", b"Prussia"))
    with pytest.raises(GenerationLost, match="not as it was written"):
        list(history.verified())


def test_what_was_taken_away_is_in_no_generation_any_more(
    curation: Curation, curator: Token
) -> None:
    settings, made = curation.settings, curation.contributions
    publish(settings, current(settings, curation.files))
    before = renamed(curation, curator, "One")
    patch = Patch((f'{RUSSIA} {LABEL} "A secret"  {GRAPH} .'.replace("  ", " "),))
    dossier, _ = made.submit(
        Said("Witness", "CC0-1.0"),
        curator,
        [Sent("a.ttl", "text/turtle", b"A secret")],
        report=b"{}",
        patch=patch,
        following=Patch(),
        base="",
        warnings=0,
    )
    with_it = curation.accept(dossier.id, curator, "by mistake").generation
    curation.undo_contribution(dossier.id, curator, "mistake")
    after = curation.redact(dossier.id, curator, "it names a witness")
    history = History(settings)
    with pytest.raises(GenerationLost, match="record 4"):
        history.dump(with_it)
    assert len(history.generations()) == 5
    with_stores_lost(settings)
    assert b"One" in history.dump(before).read_bytes()
    assert b"A secret" not in history.dump(before).read_bytes()
    delta = history.delta(before, after).written()
    assert b"A secret" not in delta
    assert b"Witness" not in delta
    assert [one.number for one in read_ledger(settings).changes] == [1, 2, 3]
    last = renamed(curation, curator, "Last")
    with_stores_lost(settings)
    assert history.dump(after).exists()
    assert b"Last" in history.dump(last).read_bytes()
