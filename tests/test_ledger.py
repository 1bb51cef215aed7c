"""The ledger, and changes made with it: on a small set of files, in real processes."""

import datetime
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ergaomnes import tokens
from ergaomnes.build import build, current, published
from ergaomnes.chain import Record
from ergaomnes.curation import Curation, Outcome, Request
from ergaomnes.errors import (
    ChangeRejected,
    ChangeUndone,
    GenerationMoved,
    LedgerBroken,
    ReasonMissing,
)
from ergaomnes.ledger import Change, Ledger, append, audited, read_ledger
from ergaomnes.settings import Settings
from ergaomnes.shipped import Shipped, shipped

FAR = datetime.date(2999, 1, 1)
GRAPH = "https://w3id.org/ergaomnes/graph/data/states/rus"
STATE = "https://w3id.org/ergaomnes/id/state/"
LABEL = "http://www.w3.org/2004/02/skos/core#altLabel"
KIND = "https://w3id.org/ergaomnes/def/State"
NAME = "http://www.w3.org/2004/02/skos/core#prefLabel"
SHAPE = f"""
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix shape: <https://w3id.org/ergaomnes/shape/> .
shape:State a sh:NodeShape ; sh:targetClass <{KIND}> ; sh:property shape:State-name .
shape:State-name a sh:PropertyShape ; sh:path <{NAME}> ; sh:minCount 1 ;
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


def record(ledger: Ledger, reason: str = "why") -> Change:
    return Change(
        number=len(ledger.records) + 1,
        time="2026-01-01T00:00:00+00:00",
        author="Anna",
        token="0",
        reason=reason,
        source="",
        base="",
        report="",
        warnings=0,
        undoes=None,
        added=(f'<e:s> <e:p> "{len(ledger.changes)}" <e:g> .',),
        removed=(),
        previous=ledger.head,
    )


def with_records(here: Settings, number: int) -> list[Path]:
    (here.data_dir / "ledger").mkdir(parents=True)
    for _ in range(number):
        append(here, record(read_ledger(here)))
    return sorted((here.data_dir / "ledger").glob("????????.json"))


def test_what_is_appended_is_read_again_in_its_order(here: Settings) -> None:
    assert read_ledger(here) == Ledger()
    with_records(here, 3)
    ledger = audited(here)
    assert [change.number for change in ledger.changes] == [1, 2, 3]
    assert ledger.applied_to([]) == {line for change in ledger.changes for line in change.added}
    with pytest.raises(LedgerBroken):
        append(here, replace(record(Ledger()), reason="instead of the first"))


@pytest.mark.parametrize(
    "damage", ["bit", "hash", "gone", "torn", "swapped", "space", "last", "part", "no part"]
)
def test_the_first_broken_record_is_named(here: Settings, damage: str) -> None:
    one, two, three = with_records(here, 3)
    generations = here.data_dir / "generations"
    generations.mkdir()
    head = read_ledger(here).head
    (generations / "x.json").write_text(json.dumps({"changes": 3, "head": head}), "utf-8")
    broken = two.name
    if damage == "bit":
        flipped = bytearray(two.read_bytes())
        flipped[40] ^= 1
        two.write_bytes(flipped)
    elif damage == "hash":  # rewritten with care: but the next one does not follow
        said = Record(**json.loads(two.read_bytes()))
        two.write_bytes(replace(said, about={**said.about, "warnings": 7}).written())
    elif damage == "gone":
        two.unlink()
    elif damage == "torn":
        two.write_bytes(two.read_bytes()[:-20])
    elif damage == "swapped":
        content = three.read_bytes()
        three.write_bytes(two.read_bytes())
        two.write_bytes(content)
    elif damage == "space":
        two.write_bytes(two.read_bytes() + b" ")
    elif damage == "last":
        three.unlink()
        broken = three.name
    else:
        part = two.with_name("00000002.said.json")
        broken = part.name
        if damage == "part":
            part.write_bytes(part.read_bytes().replace(b"why", b"who"))
        else:
            part.unlink()
    with pytest.raises(LedgerBroken) as found:
        audited(here)
    assert found.value.data["record"] == broken
    assert one.exists()


def test_a_half_written_record_does_not_count(here: Settings) -> None:
    with_records(here, 2)
    (here.data_dir / "ledger" / ".00000003.json.abc.new").write_bytes(b'{"number": 3')
    assert len(audited(here).changes) == 2


def inserted(*lines: str) -> Request:
    return Request(
        "update", f"INSERT DATA {{ GRAPH <{GRAPH}> {{ {' . '.join(lines)} }} }}".encode()
    )


def labelled(name: str) -> str:
    return f'<{STATE}rus> <{LABEL}> "{name}"'


def test_a_store_made_of_another_is_the_one_made_of_everything(
    here: Settings, files: Shipped
) -> None:
    """Facts come and go, with what follows from them; then all of it is undone."""
    anna, _ = tokens.create(here, "curator", "Anna", FAR)
    curation = Curation(here, files)
    first = current(here, files)

    def same() -> None:
        made = published(here)
        assert made is not None
        content, rules = made.dump.read_bytes(), made.rules
        again = build(here, files, again=True)
        assert (again.key, again.dump.read_bytes()) == (made.key, content)
        assert (again.rules, again.counts) == (rules, made.counts)

    one = curation.change(inserted(labelled("One"), labelled("U+2028 \u2028 !")), anna, "names")
    assert one.change is not None
    assert len(one.change.added) == 2
    same()
    nameless = f"DELETE WHERE {{ GRAPH <{GRAPH}> {{ <{STATE}rus> <{NAME}> ?name }} }}"
    with pytest.raises(ChangeRejected) as rejected:
        curation.change(Request("update", nameless.encode()), anna, "no name")
    assert "shape/State-name" in json.dumps(rejected.value.data["report"])
    removed = f"CLEAR SILENT GRAPH <{GRAPH}>"
    two = curation.change(
        Request("update", removed.encode()), anna, "no state", only_on=(one.generation,)
    )
    same()
    made = published(here)
    assert made is not None
    assert b"LegalPerson> <https://w3id.org/ergaomnes/graph/derived>" not in made.dump.read_bytes()
    nothing = curation.change(Request("update", removed.encode()), anna, "again")
    assert (nothing.change, nothing.generation) == (None, two.generation)
    with pytest.raises(GenerationMoved):
        curation.change(inserted(labelled("Two")), anna, "late", only_on=(one.generation,))
    with pytest.raises(ReasonMissing):
        curation.change(inserted(labelled("Two")), anna, " ")
    for number in (2, 1):
        curation.undo(number, anna, "back")
    with pytest.raises(ChangeUndone):
        curation.undo(1, anna, "twice")
    last = published(here)
    assert last is not None
    about = (b"/graph/rules> .", b"/graph/changes> .")
    lines = [
        [line for line in one.dump.read_bytes().split(b"\n") if not line.endswith(about)]
        for one in (first, last)
    ]
    assert lines[0] == lines[1]
    assert len(audited(here).changes) == 4


CHANGE = """
import sys
from pathlib import Path
from ergaomnes import tokens
from ergaomnes.curation import Curation, Request
from ergaomnes.settings import Settings
from ergaomnes.shipped import Shipped
here, text = Settings(data_dir=Path(sys.argv[1])), sys.argv[3]
print("begun", flush=True)
curation = Curation(here, Shipped(Path(sys.argv[2])))
outcome = curation.change(Request("update", text.encode()), tokens.listed(here)[0], "why")
print(outcome.change.number, flush=True)
"""


def test_whatever_is_killed_what_was_told_is_there_and_the_rest_is_whole(
    here: Settings, files: Shipped
) -> None:
    tokens.create(here, "curator", "Anna", FAR)
    current(here, files)
    told: set[str] = set()
    took = 60.0
    chance = random.Random(7)
    began = time.monotonic()
    for number in range(6):
        name = f"Number {number}"
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                CHANGE,
                here.data_dir,
                files.root,
                inserted(labelled(name)).body,
            ],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        process.stdout.readline()
        try:
            # The first one is let be, and tells how long it takes.
            answer = process.communicate(timeout=chance.uniform(0.3, took) if number else took)[0]
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            answer = process.communicate()[0]
        if not number:
            took = time.monotonic() - began
        if answer.strip():
            told.add(name)
        ledger = audited(here)
        recorded = {line.split('"')[1] for change in ledger.changes for line in change.added}
        assert told <= recorded
        at_hand = current(here, files)
        content = at_hand.dump.read_text("utf-8")
        assert {n for n in map("Number {}".format, range(6)) if f'"{n}"' in content} == recorded
    assert told


def test_two_who_write_at_once_are_both_recorded(here: Settings, files: Shipped) -> None:
    tokens.create(here, "curator", "Anna", FAR)
    current(here, files)
    both = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                CHANGE,
                here.data_dir,
                files.root,
                inserted(labelled(name)).body,
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("One", "Two")
    ]
    said = {process.communicate()[0].split()[-1] for process in both}
    assert said == {"1", "2"}
    assert {line.split('"')[1] for one in audited(here).changes for line in one.added} == {
        "One",
        "Two",
    }


def test_an_outcome_without_a_change_says_so() -> None:
    assert Outcome("abc", None).as_json()["change"] is None
