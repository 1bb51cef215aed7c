"""A contribution seen in its neighbourhood comes to the same as one seen in the whole graph."""

import random
import shutil
from collections.abc import Callable

import pyoxigraph as ox
import pytest

from ergaomnes.background import Background
from ergaomnes.build import build
from ergaomnes.settings import Settings
from ergaomnes.shipped import FOLDERS, Shipped, shipped
from ergaomnes.terms import Prefixes
from ergaomnes.turtle import read, triples

ACTS = "fedlex-ecpt.ttl"  # the one register of acts that stands in the smaller graph
DATES = ("actionDate", "depositDate", "effectiveDate")
Facts = list[ox.Triple]


@pytest.fixture(scope="module")
def background(tmp_path_factory: pytest.TempPathFactory, table: Prefixes) -> Background:
    """Give the packaged graph without most acts, so that the whole is affordable."""
    root = tmp_path_factory.mktemp("smaller")
    for folder in FOLDERS:
        shutil.copytree(shipped().root / folder, root / folder)
    for file in (root / "data" / "acts").iterdir():
        if file.name != ACTS:
            file.unlink()
    files = Shipped(root)
    built = build(Settings(data_dir=tmp_path_factory.mktemp("stores")), files)
    return Background(built.dump, files, table)


def records(*files: str) -> dict[str, Facts]:
    """Give the records in some files of the data."""
    found: dict[str, Facts] = {}
    for name in files:
        for fact in triples(read(shipped().data / name)):
            assert isinstance(fact.subject, ox.NamedNode)
            found.setdefault(fact.subject.value, []).append(fact)
    return found


SOME = records(
    f"acts/{ACTS}",
    "acts/untc-iv-9-b.ttl",
    "acts/untc-iv-3-a.ttl",
    "actions/rus.ttl",
    "actions/guy.ttl",
    "events/rus-council-of-europe.ttl",
    "events/rus-monitoring.ttl",
    "events/successions.ttl",
    "statements/completeness-registers.ttl",
    "statements/gaps.ttl",
    "norms/ets-126.ttl",
)


def renamed(facts: Facts, random: random.Random, table: Prefixes) -> Facts:
    """The same record under another name: a second one beside it."""
    name = ox.NamedNode(f"{facts[0].subject.value}-again")  # type: ignore[union-attr]
    return [ox.Triple(name, fact.predicate, fact.object) for fact in facts]


def moved(facts: Facts, random: random.Random, table: Prefixes) -> Facts:
    """Another day."""
    changed = []
    for fact in renamed(facts, random, table):
        if fact.predicate.value.removeprefix(table["erga"]) in DATES:
            day = f"{random.randint(1960, 2026)}-{random.randint(1, 12):02}-11"
            kind = ox.NamedNode(table.iri("xsd:date"))
            changed.append(ox.Triple(fact.subject, fact.predicate, ox.Literal(day, datatype=kind)))
        else:
            changed.append(fact)
    return changed


def of_another(facts: Facts, random: random.Random, table: Prefixes) -> Facts:
    """Another state, and another treaty."""
    swaps = {
        "isPerformedBy": f"state:{random.choice(('rus', 'guy', 'deu', 'srb', 'cze', 'tur'))}",
        "affectsState": f"state:{random.choice(('rus', 'ukr', 'deu'))}",
        "concernsInstrument": f"instrument:{random.choice(('ets-126', 'mtdsg-iv-5', 'ets-005'))}",
    }
    changed = []
    for fact in moved(facts, random, table):
        swap = swaps.get(fact.predicate.value.removeprefix(table["erga"]))
        target = ox.NamedNode(table.iri(swap)) if swap else fact.object
        changed.append(ox.Triple(fact.subject, fact.predicate, target))
    return changed


def partial(facts: Facts, random: random.Random, table: Prefixes) -> Facts:
    """A part of what is said, under another name."""
    return [fact for fact in of_another(facts, random, table) if random.random() < 0.8]


def added(facts: Facts, random: random.Random, table: Prefixes) -> Facts:
    """One more thing said of a record that stands."""
    day = ox.Literal("2001-02-03", datatype=ox.NamedNode(table.iri("xsd:date")))
    term = ox.NamedNode(table.iri(f"erga:{random.choice(DATES)}"))
    return [ox.Triple(facts[0].subject, term, day)]


def known(facts: Facts, random: random.Random, table: Prefixes) -> Facts:
    """What stands already."""
    return facts


CHANGES: list[Callable[[Facts, random.Random, Prefixes], Facts]] = [
    renamed, moved, of_another, partial, added, known,
]  # fmt: skip


@pytest.mark.parametrize("seed", range(18))
def test_the_neighbourhood_derives_what_the_whole_graph_derives(
    seed: int, background: Background, table: Prefixes
) -> None:
    chance = random.Random(seed)
    change = CHANGES[seed % len(CHANGES)]
    sent: Facts = []
    for name in chance.sample(sorted(SOME), 6):
        sent += change(SOME[name], chance, table)
    asserted = {quad.triple for quad in background.asserted()}
    before = set(background.store)
    with background.holding(sent) as new:
        found = {quad.triple for quad in background.store}
        assert new.isdisjoint(asserted)
    wanted = asserted | set(sent) | background.all_derived_with(sent)
    assert {str(fact) for fact in found ^ wanted} == set()
    assert set(background.store) == before


def test_what_no_longer_follows_is_gone_while_it_is_held(
    background: Background, table: Prefixes
) -> None:
    """A party that denounces is bound until then; without the denunciation it stays bound."""
    party = table.iri("situation:participation-rus-mtdsg-iv-9-ratification")
    until = ox.NamedNode(table.iri("erga:holdsUntil"))

    def ends() -> list[str]:
        found = background.store.quads_for_pattern(ox.NamedNode(party), until, None)
        return [str(quad.object) for quad in found]

    def say(name: str, value: str) -> ox.Triple:
        subject = ox.NamedNode(table.iri("action:rus-mtdsg-iv-9-denunciation"))
        return ox.Triple(subject, ox.NamedNode(table.iri(name)), ox.NamedNode(table.iri(value)))

    day = ox.Literal("2030-01-01", datatype=ox.NamedNode(table.iri("xsd:date")))
    act = ox.NamedNode(table.iri("action:rus-mtdsg-iv-9-denunciation"))
    sent = [
        say("rdf:type", "erga:Denunciation"),
        say("erga:isPerformedBy", "state:rus"),
        say("erga:concernsInstrument", "instrument:mtdsg-iv-9"),
        ox.Triple(act, ox.NamedNode(table.iri("erga:effectiveDate")), day),
    ]
    assert ends() == []
    with background.holding(sent):
        assert ends() == [str(day)]
    assert ends() == []
