"""Contributions, from the hand of a contributor to the ledger and out of it again."""

import datetime
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from ergaomnes import redaction, tokens
from ergaomnes.build import build, current, published
from ergaomnes.chain import Chain
from ergaomnes.contributions import Contributions, Said, Sent
from ergaomnes.curation import Curation
from ergaomnes.errors import (
    ContributionClosed,
    ContributionConflict,
    KeyReused,
    LedgerBroken,
    NotYours,
    Redacted,
    StillStands,
    UnknownContribution,
)
from ergaomnes.history import History
from ergaomnes.ledger import audited, read_ledger
from ergaomnes.patch import Patch
from ergaomnes.settings import Settings
from ergaomnes.shipped import Shipped, shipped
from ergaomnes.tokens import Token

FAR = datetime.date(2999, 1, 1)
BASE = "https://w3id.org/ergaomnes/"
GRAPH = f"<{BASE}graph/contribution>"
HOME = f"<{BASE}graph/data/states/rus>"
RUSSIA = f"<{BASE}id/state/rus>"
LABEL = "<http://www.w3.org/2004/02/skos/core#altLabel>"
NAME = "<http://www.w3.org/2004/02/skos/core#prefLabel>"
SHAPE = f"""
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix shape: <https://w3id.org/ergaomnes/shape/> .
shape:State a sh:NodeShape ; sh:targetClass <{BASE}def/State> ; sh:property shape:State-name .
shape:State-name a sh:PropertyShape ; sh:path {NAME} ; sh:minCount 1 ;
  sh:message "A state has a name. Name it."@en .
"""


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "home")


@pytest.fixture
def files(small: Shipped) -> Shipped:
    """Give the small files with all that judging needs, and one shape: a state has a name."""
    shutil.copytree(shipped().queries / "slices", small.queries / "slices")
    (small.ontology / "shapes").mkdir()
    (small.ontology / "shapes/states.ttl").write_text(SHAPE, "utf-8")
    return small


@pytest.fixture
def curation(here: Settings, files: Shipped) -> Iterator[Curation]:
    made = Curation(here, files)
    yield made
    made.close()


@pytest.fixture
def curator(here: Settings) -> Token:
    return tokens.create(here, "curator", "Anna", FAR)[0]


@pytest.fixture
def someone(here: Settings) -> Token:
    return tokens.create(here, "contributor", "Somebody's real name", FAR)[0]


def labelled(name: str) -> Patch:
    return Patch((f'{RUSSIA} {LABEL} "{name}" {GRAPH} .',), ())


def sent(
    to: Contributions, by: Token, patch: Patch, *, key: str = "", text: str = "", **said: object
) -> tuple[int, bool]:
    told = Said(**{"author": "Witness", "licence": "CC0-1.0", "source": "A report", **said})  # type: ignore[arg-type]
    content = (text or str(patch)).encode()
    dossier, is_new = to.submit(
        told,
        by,
        [Sent("facts.ttl", "text/turtle", content)],
        report=b'{"conforms": true}',
        patch=patch,
        following=Patch(),
        base="a generation",
        warnings=1,
        key=key,
    )
    return dossier.id, is_new


def test_what_is_handed_in_is_kept_as_it_was(here: Settings, someone: Token) -> None:
    made = Contributions(here)
    number, is_new = sent(made, someone, labelled("One"), text="été", note="a note")
    assert (number, is_new) == (1, True)
    again = Contributions(here)[1]
    assert (again.state, again.said.author, again.said.note) == ("submitted", "Witness", "a note")
    assert (again.added, again.removed, again.warnings, again.names) == (1, 0, 1, ("facts.ttl",))
    assert Contributions(here).part(1, again.sent[0]) == "été".encode()
    own = f"<{BASE}graph/data/contributions/1> ."
    assert Contributions(here).patch(1).added == (f'{RUSSIA} {LABEL} "One" {own}',)
    with pytest.raises(UnknownContribution):
        made[2]
    with pytest.raises(UnknownContribution):
        made.part(1, "other")


def test_no_record_names_a_person(here: Settings, someone: Token) -> None:
    made = Contributions(here)
    sent(made, someone, labelled("One"), note="a name")
    made.comment(1, someone, "another name")
    for file in (here.data_dir / "contributions").glob("????????.json"):
        text = file.read_text("utf-8")
        for word in ("Witness", "Somebody", "a name", "another name", someone.name):
            assert word not in text


def test_the_same_again_is_recognised(here: Settings, someone: Token, curator: Token) -> None:
    made = Contributions(here)
    first = sent(made, someone, labelled("One"), key="k")
    assert sent(made, someone, labelled("One"), key="k") == (first[0], False)
    assert sent(made, curator, labelled("One")) == (first[0], False), "the patch is the same"
    with pytest.raises(KeyReused):
        sent(made, someone, labelled("Two"), key="k")
    assert sent(made, curator, labelled("Two"), key="k")[1], "a key belongs to a token"
    made.reject(first[0], curator, "no")
    assert sent(made, someone, labelled("One"))[1], "what was rejected may be tried again"
    assert len(made.listed()) == 3


def test_each_state_allows_what_fits_it(here: Settings, someone: Token, curator: Token) -> None:
    other = tokens.create(here, "contributor", "Other", FAR)[0]
    made = Contributions(here)
    number, _ = sent(made, someone, labelled("One"))
    with pytest.raises(NotYours):
        made.withdraw(number, other, "not mine")
    assert made.comment(number, curator, "Which page?").comments[0].by == "Anna"
    assert made.comment(number, someone, "Page 3").comments[1].by == "contributor"
    closed = made.withdraw(number, someone, "a slip")
    assert closed.state == "withdrawn"
    assert closed.decision
    assert closed.decision.text == "a slip"
    with pytest.raises(ContributionClosed):
        made.reject(number, curator, "late")
    assert [one.id for one in made.listed("withdrawn")] == [number]
    assert made.listed("submitted") == []
    assert made.open_of(someone.name) == 0


def test_two_readers_of_one_folder_see_the_same(here: Settings, someone: Token) -> None:
    one, two = Contributions(here), Contributions(here)
    sent(one, someone, labelled("One"))
    sent(two, someone, labelled("Two"))
    one.withdraw(2, someone, "no")
    assert [d.state for d in two.listed()] == [d.state for d in one.listed()]
    assert [d.id for d in two.listed(after=1)] == [2]
    assert [d.id for d in two.listed(limit=1)] == [1]


def test_an_accepted_contribution_is_in_the_graph_and_can_be_undone(
    curation: Curation, someone: Token, curator: Token
) -> None:
    made = curation.contributions
    number, _ = sent(made, someone, labelled("One"))
    first = current(curation.settings, curation.files)
    outcome = curation.accept(number, curator, "it is so")
    assert made[number].state == "accepted"
    assert made[number].change == 1
    now = published(curation.settings)
    assert now is not None
    assert (now.key, now.base) == (outcome.generation, first.key)
    content = now.dump.read_text("utf-8")
    assert f'"One" <{BASE}graph/data/contributions/{number}>' in content
    assert "Witness" in content, "the name that was chosen"
    assert "Somebody" not in content, "the label of a contributor's token is nobody's business"
    assert build(curation.settings, curation.files, again=True).dump.read_text("utf-8") == content
    with pytest.raises(ContributionClosed):
        curation.accept(number, curator, "again")
    undone, _ = curation.undo_contribution(number, curator, "it was not so")
    assert made[number].state == "undone"
    assert (undone.state, undone.said.supersedes) == ("accepted", number)
    with pytest.raises(ContributionClosed):
        curation.undo_contribution(number, curator, "twice")
    curation.undo_contribution(undone.id, curator, "it was so after all")
    assert [made[n].state for n in (number, undone.id)] == ["accepted", "undone"]
    last = published(curation.settings)
    assert last is not None
    assert '"One"' in last.dump.read_text("utf-8")


def test_the_published_facts_may_be_replaced(
    curation: Curation, someone: Token, curator: Token
) -> None:
    old = f'{RUSSIA} {NAME} "Russia"@en {HOME} .'
    patch = Patch.of([f'{RUSSIA} {NAME} "Russian Federation"@en {GRAPH} .'], [old])
    number, _ = sent(curation.contributions, someone, patch, mode="replace")
    curation.accept(number, curator, "its name")
    now = published(curation.settings)
    assert now is not None
    content = now.dump.read_text("utf-8")
    assert old.removesuffix(" .") not in content
    assert '"Russian Federation"@en' in content


def test_what_does_not_fit_any_more_is_refused_with_both_sides(
    curation: Curation, someone: Token, curator: Token
) -> None:
    made = curation.contributions
    name = f'{RUSSIA} {NAME} "Russia"@en {HOME} .'
    first, _ = sent(made, someone, Patch.of([f'{RUSSIA} {NAME} "R"@en {GRAPH} .'], [name]))
    late, _ = sent(made, someone, Patch.of([f'{RUSSIA} {NAME} "RF"@en {GRAPH} .'], [name]))
    twice, _ = sent(
        made, someone, Patch.of([f'{RUSSIA} {NAME} "R"@en {GRAPH} .', *labelled("x").added], [])
    )
    curation.accept(first, curator, "first")
    with pytest.raises(ContributionConflict) as conflict:
        curation.accept(late, curator, "late")
    assert conflict.value.data["missing"] == [name]
    assert any('"R"@en' in line for line in conflict.value.data["standing"])  # type: ignore[attr-defined]
    with pytest.raises(ContributionConflict) as conflict:
        curation.accept(twice, curator, "twice")
    assert len(conflict.value.data["present"]) == 1  # type: ignore[arg-type]
    nameless, _ = sent(
        made,
        someone,
        Patch((), (f'{RUSSIA} {NAME} "R"@en <{BASE}graph/data/contributions/{first}> .',)),
    )
    with pytest.raises(ContributionConflict) as conflict:
        curation.accept(nameless, curator, "a state without a name")
    assert "State-name" in json.dumps(conflict.value.data["report"])
    assert [made[n].state for n in (late, twice, nameless)] == ["submitted"] * 3
    assert len(read_ledger(curation.settings).changes) == 1


def test_content_can_be_taken_away_and_the_chains_still_hold(
    curation: Curation, someone: Token, curator: Token
) -> None:
    settings, made = curation.settings, curation.contributions
    sent(made, someone, labelled("Another"))
    number, _ = sent(made, someone, labelled("A secret"), text="A secret")
    made.comment(number, someone, "A secret of mine")
    curation.accept(number, curator, "by mistake")
    with pytest.raises(StillStands):
        curation.redact(number, curator, "it names a witness")
    undo, _ = curation.undo_contribution(number, curator, "it names a witness")
    curation.redact(number, curator, "it names a witness")
    left = [
        file
        for file in settings.data_dir.rglob("*")
        if file.is_file() and b"A secret" in file.read_bytes()
    ]
    assert left == []
    assert [made[n].state for n in (number, undo.id)] == ["redacted", "redacted"]
    with pytest.raises(Redacted):
        made.patch(number)
    with pytest.raises(ContributionClosed):
        curation.redact(number, curator, "twice")
    audited(settings)
    made.verified()
    now = published(settings)
    assert now is not None
    again = build(settings, curation.files, again=True)
    assert (again.key, again.sha256) == (now.key, now.sha256)
    curation.accept(1, curator, "life goes on")
    left_over = made.chain.folder / f"{number:08}.sent-1.ttl"
    left_over.write_bytes(b"A secret")  # as if somebody had died between the two steps
    with pytest.raises(LedgerBroken):
        made.chain.verified()
    with pytest.raises(Redacted):
        made.part(number, "sent-1.ttl")
    made.comment(1, curator, "whoever comes next takes it away")
    assert not left_over.exists()
    tombstone = next(one for one in made.chain.records() if one.kind == "redacted")
    assert tombstone.kind == "redacted"
    file = made.chain.folder / tombstone.name
    file.write_bytes(
        file.read_bytes().replace(tombstone.about["signature"][:8].encode(), b"AAAAAAAA")
    )
    with pytest.raises(LedgerBroken):
        redaction.verify(settings, Chain(made.chain.folder).records())


REDACTING = """
import itertools, os, signal, sys
from pathlib import Path
from ergaomnes import tokens
from ergaomnes.curation import Curation
from ergaomnes.settings import Settings
from ergaomnes.shipped import Shipped

here, files = Settings(data_dir=Path(sys.argv[1])), Shipped(Path(sys.argv[2]))
last, steps = int(sys.argv[3]), itertools.count(1)

def look(event, told):
    if event in ("os.rename", "os.remove") and str(here.data_dir) in str(told[0]):
        if next(steps) == last:
            os.kill(os.getpid(), signal.SIGKILL)

curator = next(one for one in tokens.listed(here) if one.role == "curator")
curation = Curation(here, files)
sys.addaudithook(look)
curation.redact(1, curator, "it names a witness")
print(next(steps) - 1)
curation.close()
"""


def test_whoever_dies_while_taking_away_is_made_up_for(
    curation: Curation, someone: Token, curator: Token, tmp_path: Path
) -> None:
    made, settings = curation.contributions, curation.settings
    number, _ = sent(made, someone, labelled("A secret"), text="A secret")
    made.comment(number, someone, "A secret of mine")
    curation.accept(number, curator, "by mistake")
    curation.undo_contribution(number, curator, "A secret is out")

    def redacted(copy: Path, last: int) -> str:
        shutil.copytree(settings.data_dir, copy)
        command = [sys.executable, "-c", REDACTING, str(copy), str(curation.files.root), str(last)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == (0 if not last else -signal.SIGKILL), done.stderr
        return str(done.stdout)

    steps = int(redacted(tmp_path / "whole", 0))
    assert steps > 20
    for last in (2, 5, steps // 3, 2 * steps // 3, steps):
        here = replace(settings, data_dir=tmp_path / f"killed-{last}")
        redacted(here.data_dir, last)
        after = Curation(here, curation.files)
        after.start()
        if after.contributions.state(number) != "redacted":
            assert last < 5  # nothing had been told yet
            after.redact(number, curator, "it names a witness")
        after.close()
        left = [
            file.relative_to(here.data_dir)
            for file in here.data_dir.rglob("*")
            if file.is_file() and b"A secret" in unpacked(file)
        ]
        assert (last, left) == (last, [])
        audited(here)
        Contributions(here).verified()
        history = History(here)
        *_, before, latest = history.generations()
        assert not latest.gone
        assert history.dump(latest.key).exists()
        assert before.gone


def unpacked(file: Path) -> bytes:
    """Read a file, or what is packed in it."""
    content = file.read_bytes()
    return zstandard.ZstdDecompressor().decompress(content) if file.suffix == ".zst" else content


def test_a_store_is_made_again_of_the_files_alone(
    curation: Curation, someone: Token, curator: Token, tmp_path: Path
) -> None:
    for name in ("One", "Two"):
        curation.accept(sent(curation.contributions, someone, labelled(name))[0], curator, name)
    now = published(curation.settings)
    assert now is not None
    there = Settings(data_dir=tmp_path / "there")
    for folder in ("ledger", "contributions"):
        shutil.copytree(curation.settings.data_dir / folder, there.data_dir / folder)
    assert build(there, curation.files).sha256 == now.sha256
    assert [d.state for d in Contributions(there).listed()] == ["accepted"] * 2


@pytest.mark.parametrize("part", ["said.json", "patch", "report.json", "sent-1.ttl"])
def test_a_part_that_was_altered_is_named(here: Settings, someone: Token, part: str) -> None:
    made = Contributions(here)
    sent(made, someone, labelled("One"))
    file = here.data_dir / "contributions" / f"00000001.{part}"
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(LedgerBroken) as broken:
        made.chain.verified()
    assert broken.value.data["record"] == file.name


def test_an_accepted_contribution_that_is_missing_is_noticed_by_what_was_changed(
    curation: Curation, someone: Token, curator: Token
) -> None:
    made = curation.contributions
    number, _ = sent(made, someone, labelled("Another"))
    curation.accept(number, curator, "so it is")
    assert len(made.verified()) == 1
    for file in made.chain.folder.iterdir():
        file.unlink()  # with the note of its end
    with pytest.raises(LedgerBroken, match="change 1 says") as broken:
        Contributions(curation.settings).verified()
    assert broken.value.data["record"] == "00000001.json"


SEND = """
import sys
from pathlib import Path
from ergaomnes import tokens
from ergaomnes.contributions import Contributions, Said, Sent
from ergaomnes.patch import Patch
from ergaomnes.settings import Settings
here = Settings(data_dir=Path(sys.argv[1]))
token, made = tokens.listed(here)[0], Contributions(here)
for number in range(int(sys.argv[3])):
    text = f"{sys.argv[2]}-{number}"
    dossier, _ = made.submit(
        Said("Anna", "CC0-1.0"), token, [Sent("a.ttl", "text/turtle", text.encode())],
        report=b"{}", patch=Patch((f'<e:s> <e:p> "{text}" <e:g> .',)), following=Patch(),
        base="", warnings=0)
    print(dossier.id, text, flush=True)
"""


def test_many_who_send_at_once_and_die_lose_nothing_that_was_acknowledged(
    here: Settings, someone: Token
) -> None:
    chance = random.Random(11)
    told: dict[int, str] = {}
    for turn in range(3):
        crowd = [
            subprocess.Popen(
                [sys.executable, "-c", SEND, here.data_dir, f"{turn}{name}", "60"],
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in "abc"
        ]
        time.sleep(chance.uniform(0.8, 1.6))
        for one in crowd:
            one.send_signal(signal.SIGKILL)
        for one in crowd:
            for line in one.communicate()[0].splitlines():
                number, _, text = line.partition(" ")
                if text.count("-") == 1:
                    told[int(number)] = text
    made = Contributions(here)
    made.chain.verified()
    assert told
    for sent_as, text in told.items():
        assert made.part(sent_as, made[sent_as].sent[0]) == text.encode()
    assert sent(made, someone, labelled("and one more"))[1]
    made.chain.verified()
