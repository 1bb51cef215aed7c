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


# What a change can reach: each said of something that stands, or of something new beside it.
CHANGED = {
    "denunciation": (
        "action:x a erga:Denunciation ; erga:concernsInstrument instrument:mtdsg-iv-9 ; "
        "erga:isPerformedBy state:rus ; erga:hasActionKind action-kind:denunciation ; "
        'erga:depositDate "2020-01-01"^^xsd:date ; '
        'erga:effectiveDate "2021-01-01"^^xsd:date ; '
        "erga:hasEffectBasis effect-basis:depositary-stated ."
    ),
    "label of a state": 'state:rus skos:prefLabel "Another Russia"@en .',
    "short name": 'instrument:mtdsg-iv-9 erga:shortName "CATT" .',
    "state ends": (
        "event:x a erga:SuccessionEvent ; erga:hasPredecessor state:rus ; "
        "erga:hasSuccessor state:ukr ; erga:hasOutcome outcome:predecessor-ended ; "
        'erga:effectiveDate "2020-01-01"^^xsd:date ; '
        "erga:hasSuccessionMode succession-mode:separation ."
    ),
    "new person": 'state:xxx a erga:State ; skos:prefLabel "X"@en .',
    "new citation on consent": (
        "action:rus-mtdsg-iv-9-ratification erga:hasCitation citation:xx . "
        'citation:xx a erga:Citation ; erga:cites source:untc-iv-9 ; erga:locator "nowhere 99" .'
    ),
    "locator": 'citation:untc-iv-9-status-russian-federation erga:locator "another 7" .',
    "source title": 'source:untc-iv-9 skos:prefLabel "Another title"@en .',
    "gap": (
        "gap:x a erga:KnownGap ; erga:affectsState state:rus ; "
        "erga:concernsInstrument instrument:mtdsg-iv-4 ; erga:seeks erga:Denunciation ; "
        'erga:earliestDate "2020-01-01"^^xsd:date .'
    ),
    "completeness": (
        "completeness:x a erga:CompletenessStatement ; "
        'erga:asOfDate "2030-01-01"^^xsd:date ; '
        "erga:coversInstrument instrument:mtdsg-iv-9 ; erga:coversParticipant state:rus ; "
        "erga:coversActionClass erga:ConsentToBeBound ."
    ),
    "covers all": (
        "completeness:x a erga:CompletenessStatement ; "
        'erga:asOfDate "2030-01-01"^^xsd:date ; '
        "erga:coversInstrument instrument:mtdsg-iv-9 ; erga:coversAllParticipants true ; "
        "erga:coversActionClass erga:ConsentToBeBound ."
    ),
    "covers power": (
        "completeness:x a erga:CompletenessStatement ; "
        'erga:asOfDate "2030-01-01"^^xsd:date ; erga:coversPower power:sr-torture-visits .'
    ),
    "in force later": 'instrument:mtdsg-iv-9 erga:entryIntoForceDate "1999-01-01"^^xsd:date .',
    "clause days": "clause:mtdsg-iv-9-entry-into-force erga:noticeDays 90 .",
    "power operative": 'power:cat-inquiry erga:operativeFrom "1999-01-01"^^xsd:date .',
    "new power": (
        'power:x a erga:OversightPower ; skos:prefLabel "X"@en ; '
        "erga:isSetOutIn provision:mtdsg-iv-9\\/art-20 ; "
        "erga:requiresConsentMode consent-mode:by-ratification ; "
        "erga:isHeldBy body:cat-committee ."
    ),
    "new charter power": (
        'power:x a erga:OversightPower ; skos:prefLabel "X"@en ; '
        'erga:operativeFrom "2000-01-01"^^xsd:date ; '
        "erga:requiresConsentMode consent-mode:none-charter-based ; "
        "erga:isHeldBy body:sr-torture ."
    ),
    "organ of another": "body:cpt erga:isOrganOf organisation:united-nations .",
    "cessation": (
        "event:x a erga:MembershipAction ; erga:affectsState state:rus ; "
        "erga:concernsOrganisation organisation:united-nations ; "
        "erga:hasActionKind action-kind:cessation-of-membership ; "
        'erga:effectiveDate "2020-01-01"^^xsd:date .'
    ),
    "exclusion": (
        "action:x a erga:ProcedureDeclaration ; erga:excludesPower power:cat-inquiry ; "
        "erga:isPerformedBy state:rus ; erga:concernsInstrument instrument:mtdsg-iv-9 ."
    ),
    "withdraws": (
        "action:x a erga:WithdrawalOfAction ; "
        "erga:withdraws action:rus-mtdsg-iv-4-procedure-declaration-1 ; "
        'erga:depositDate "2015-01-01"^^xsd:date .'
    ),
    "counterpart": "norm:mtdsg-iv-9-art-2-prevent-torture erga:hasCounterpart norm:zzz .",
    "provision moved": "provision:mtdsg-iv-9\\/art-20 erga:isPartOf instrument:mtdsg-iv-4 .",
    "provision number": 'provision:mtdsg-iv-9\\/art-20 erga:provisionNumber "20z" .',
    "untyped act becomes": "action:rus-mtdsg-iv-9-ratification a erga:Denunciation .",
    "stated effect": (
        'action:rus-mtdsg-iv-9-ratification erga:effectiveDate "1990-01-01"^^xsd:date .'
    ),
    "succession other": (
        "action:x a erga:ConsentToBeBound ; erga:isPerformedBy state:ukr ; "
        "erga:concernsInstrument instrument:mtdsg-iv-9 ; "
        "erga:hasActionKind action-kind:succession ; "
        'erga:depositDate "2001-01-01"^^xsd:date . action:y a erga:ConsentToBeBound ; '
        "erga:isPerformedBy state:ukr ; erga:concernsInstrument instrument:mtdsg-iv-4 ; "
        "erga:hasActionKind action-kind:succession ; "
        'erga:effectiveDate "1991-12-26"^^xsd:date ; '
        "erga:hasEffectBasis effect-basis:depositary-stated ."
    ),
    "organ decides": (
        "event:x a erga:OrganDecision ; erga:affectsState state:rus ; "
        "erga:concernsInstrument instrument:mtdsg-iv-9 ; "
        'erga:hasOutcome outcome:treaty-ends ; erga:effectiveDate "2019-01-01"^^xsd:date .'
    ),
    "new class": (
        "erga:Own rdfs:subClassOf erga:ConsentToBeBound . "
        "action:x a erga:Own ; erga:isPerformedBy state:rus ; "
        "erga:concernsInstrument instrument:mtdsg-iv-5 ; "
        "erga:hasActionKind action-kind:own ; "
        'erga:depositDate "2001-01-01"^^xsd:date . '
        'action-kind:own skos:prefLabel "Own"@en ; skos:broader action-kind:ratification .'
    ),
    "power of elsewhere": (
        '<https://example.org/p> a erga:OversightPower ; skos:prefLabel "X"@en ; '
        "erga:isSetOutIn provision:mtdsg-iv-9\\/art-20 ; "
        "erga:requiresConsentMode consent-mode:by-ratification ; "
        "erga:isHeldBy body:cat-committee ."
    ),
    "state of elsewhere": (
        '<https://example.org/s> a erga:State ; skos:prefLabel "S"@en . '
        "action:x a erga:ConsentToBeBound ; erga:isPerformedBy <https://example.org/s> ; "
        "erga:concernsInstrument instrument:mtdsg-iv-9 ; "
        "erga:hasActionKind action-kind:ratification ; "
        'erga:depositDate "2001-01-01"^^xsd:date .'
    ),
    "kind label": 'action-kind:ratification skos:prefLabel "Ratifying"@en .',
}


def agrees(background: Background, sent: Facts) -> None:
    """Hold what is sent beside what stands, and compare with the rules run on everything."""
    asserted = {quad.triple for quad in background.asserted()}
    before = set(background.store)
    with background.holding(sent) as (new, _):
        found = {quad.triple for quad in background.store}
        assert new.isdisjoint(asserted)
    wanted = asserted | set(sent) | background.all_derived_with(sent)
    assert {str(fact) for fact in found ^ wanted} == set()
    assert set(background.store) == before


@pytest.mark.parametrize("name", CHANGED)
def test_whatever_a_change_can_reach_is_reached(
    name: str, background: Background, table: Prefixes
) -> None:
    head = "".join(f"@prefix {one}: <{space}> .\n" for one, space in table.namespaces.items())
    sent = list(triples(head + CHANGED[name]))
    before = set(background.store)
    with background.holding(sent):
        assert set(background.store) != before
    agrees(background, sent)


@pytest.mark.parametrize("seed", range(12))
def test_the_neighbourhood_derives_what_the_whole_graph_derives(
    seed: int, background: Background, table: Prefixes
) -> None:
    chance = random.Random(seed)
    change = CHANGES[seed % len(CHANGES)]
    sent: Facts = []
    for name in chance.sample(sorted(SOME), 6):
        sent += change(SOME[name], chance, table)
    agrees(background, sent)


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
