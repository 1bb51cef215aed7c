"""The acts of the registers, counted and looked up, against the depositary's own figures.

In `expected/registers/`, `depositary-counts.csv` holds the signatories and parties that the heading
of each page of the UN Treaty Collection gives, and `procedure-counts.csv` what was counted on those
pages without the graph; `acts-of-three-states.csv` is read off the same pages. `articles.csv`,
`delays.csv` and `procedures.csv` were read in the texts of the treaties. Nothing in them comes from
the data that they check.
"""

import calendar
import csv
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from ergaomnes.build import current, open_read_only
from ergaomnes.names import header
from ergaomnes.settings import Settings
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import prefixes

EXPECTED = Path(__file__).parent / "expected" / "registers"
COUNT = """
SELECT ?instrument (COUNT(DISTINCT ?party) AS ?number)
WHERE {{
  ?act a {kind} ;
    {day} ?day ;
    erga:concernsInstrument ?instrument ;
    erga:isPerformedBy ?party .
  FILTER(?day <= "2026-02-03"^^xsd:date)
  OPTIONAL {{ ?over erga:hasOutcome outcome:predecessor-ended ; erga:hasPredecessor ?party . }}
  OPTIONAL {{
    ?leaving a erga:Denunciation ;
      erga:concernsInstrument ?instrument ;
      erga:depositDate ?noticed ;
      erga:effectiveDate ?left ;
      erga:isPerformedBy ?party .
    FILTER(?noticed > ?day)
  }}
  FILTER(!BOUND(?over) && !BOUND(?leaving))
}}
GROUP BY ?instrument
"""


@pytest.fixture(scope="session")
def engine() -> EmbeddedEngine:
    return open_read_only(current(Settings()))


def rows(engine: EmbeddedEngine, query: str) -> list[tuple[str, ...]]:
    table = engine.select(header(prefixes()) + query)
    return [tuple("" if cell is None else str(cell) for cell in row) for row in table.rows]


def expected(name: str) -> list[dict[str, str]]:
    with (EXPECTED / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def local(iri: str) -> str:
    return iri.rpartition("/")[2]


def after(deposit: date, count: int, unit: str) -> date:
    """Count a delay as a lawyer does with a calendar: days, months, or the first day of a month."""
    if unit == "days":
        return deposit + timedelta(days=count)
    year, month = divmod(deposit.year * 12 + deposit.month - 1 + count, 12)
    if unit == "months":
        last = calendar.monthrange(year, month + 1)[1]
        return date(year, month + 1, min(deposit.day, last))
    year, month = divmod(year * 12 + month + 1, 12)
    return date(year, month + 1, 1)


EFFECTS = """
SELECT ?act ?instrument ?deposit ?effect ?confidence ?note
WHERE {
  ?act a erga:ConsentToBeBound ;
    erga:concernsInstrument ?instrument ;
    erga:depositDate ?deposit ;
    erga:hasActionKind ?kind ;
    erga:hasConfidence ?confidence .
  FILTER(?kind != action-kind:succession)
  OPTIONAL { ?act erga:effectiveDate ?effect . }
  OPTIONAL { ?act skos:editorialNote ?note . }
}
"""


def test_signatories_and_parties_are_those_the_depositary_counts(engine: EmbeddedEngine) -> None:
    signed = rows(
        engine, COUNT.format(kind="erga:Signature", day="erga:actionDate|erga:depositDate")
    )
    bound = rows(engine, COUNT.format(kind="erga:ConsentToBeBound", day="erga:depositDate"))
    signatories = {local(iri): number for iri, number in signed}
    parties = {local(iri): number for iri, number in bound}
    counted = expected("depositary-counts.csv")
    assert len(counted) == 18
    for row in counted:
        treaty = row["instrument"]
        found = (signatories[treaty], parties[treaty])
        assert found == (row["signatories"], row["parties"]), treaty


def test_acceptances_of_procedures_are_those_counted_on_the_pages(engine: EmbeddedEngine) -> None:
    found = rows(
        engine,
        """
SELECT ?power (COUNT(DISTINCT ?party) AS ?declared) (COUNT(DISTINCT ?still) AS ?standing)
WHERE {
  ?act erga:acceptsPower ?power ;
    erga:isPerformedBy ?party .
  OPTIONAL { ?over erga:hasOutcome outcome:predecessor-ended ; erga:hasPredecessor ?party . }
  FILTER(!BOUND(?over))
  OPTIONAL { ?act erga:expiryDate ?expired . FILTER(?expired <= "2026-02-03"^^xsd:date) }
  OPTIONAL { ?withdrawal erga:withdraws ?act . }
  BIND(IF(BOUND(?expired) || BOUND(?withdrawal), ?never, ?party) AS ?still)
}
GROUP BY ?power
""",
    )
    counted = {local(power): (declared, standing) for power, declared, standing in found}
    for row in expected("procedure-counts.csv"):
        assert counted[row["power"]] == (row["declared"], row["in_force"]), row["power"]


def test_the_inquiry_of_the_committee_against_torture_was_excluded_by_32_and_is_by_18(
    engine: EmbeddedEngine,
) -> None:
    found = rows(
        engine,
        """
SELECT ?party ?withdrawal
WHERE {
  ?act erga:excludesPower power:cat-inquiry ;
    erga:isPerformedBy ?party .
  OPTIONAL { ?withdrawal erga:withdraws ?act . }
}
""",
    )
    assert len({party for party, _ in found}) == 32
    assert len({party for party, withdrawal in found if not withdrawal}) == 18


def test_entry_into_force_by_the_clause_is_the_stated_day_for_46_parties_of_the_ecpt(
    engine: EmbeddedEngine,
) -> None:
    found = rows(
        engine,
        """
SELECT ?act ?stated ?computed ?kind
WHERE {
  ?act a erga:ConsentToBeBound ;
    erga:concernsInstrument instrument:ets-126 ;
    erga:effectiveDate ?stated ;
    erga:hasActionKind ?kind ;
    erga:hasEffectBasis effect-basis:depositary-stated .
  OPTIONAL { ?act erga:computedEffectiveDate ?computed . }
}
""",
    )
    by_clause = [row for row in found if local(row[3]) != "succession"]
    assert len(by_clause) == 46
    assert all(stated == computed for _, stated, computed, _ in by_clause)
    succession = [row for row in found if local(row[3]) == "succession"]
    assert [(local(row[0]), row[1], row[2]) for row in succession] == [
        ("mne-ets-126-succession", "2006-06-06", "")
    ]


def test_the_five_denunciations_end_participations_and_the_re_accessions_start_new_ones(
    engine: EmbeddedEngine,
) -> None:
    found = rows(
        engine,
        """
SELECT ?party ?from ?until
WHERE {
  ?participation a erga:Participation ;
    erga:hasParticipant ?party ;
    erga:holdsFrom ?from ;
    erga:inInstrument instrument:mtdsg-iv-5 .
  OPTIONAL { ?participation erga:holdsUntil ?until . }
  VALUES ?party { state:blr state:guy state:jam state:tto }
}
ORDER BY ?party ?from
""",
    )
    assert [(local(party), start, end) for party, start, end in found] == [
        ("blr", "1992-12-30", "2023-02-08"),
        ("guy", "1993-08-10", "1999-04-05"),
        ("guy", "1999-04-05", ""),
        ("jam", "1976-03-23", "1998-01-23"),
        ("tto", "1981-02-14", "1998-08-26"),
        ("tto", "1998-08-26", "2000-06-27"),
    ]


@pytest.mark.parametrize(
    ("party", "treaty", "kind", "day"),
    [
        ("state:rus", "mtdsg-iv-9", "signature", "1985-12-10"),
        ("state:rus", "mtdsg-iv-9", "ratification", "1987-03-03"),
        ("state:rus", "mtdsg-iv-9", "procedure-acceptance", "1991-10-01"),
        ("state:rus", "mtdsg-iv-9", "withdrawal-of-exclusion", "1991-10-01"),
        ("state:usa", "mtdsg-iv-11", "signature", "1995-02-16"),
        ("state:prk", "mtdsg-iv-4", "accession", "1981-09-14"),
        ("state:prk", "mtdsg-iv-4", "denunciation", "1997-08-25"),
        ("organisation:european-union", "mtdsg-iv-15", "formal-confirmation", "2010-12-23"),
        ("state:nam", "mtdsg-iv-9", "accession", "1994-11-28"),
    ],
)
def test_an_act_that_a_lawyer_would_look_up_stands_as_the_register_has_it(
    engine: EmbeddedEngine, party: str, treaty: str, kind: str, day: str
) -> None:
    days = rows(
        engine,
        f"""
SELECT ?day
WHERE {{
  ?act erga:actionDate|erga:depositDate ?day ;
    erga:concernsInstrument instrument:{treaty} ;
    erga:hasActionKind action-kind:{kind} ;
    erga:isPerformedBy {party} .
}}
""",
    )
    assert (day,) in days


@pytest.mark.parametrize(
    ("party", "treaty", "bound"),
    [("usa", "mtdsg-iv-11", False), ("prk", "mtdsg-iv-4", True), ("irq", "mtdsg-iv-9", True),
     ("irn", "mtdsg-iv-9", False), ("irn", "mtdsg-iv-4", True), ("tur", "mtdsg-iv-9", True),
     ("rus", "mtdsg-iv-9-b", False)],
)  # fmt: skip
def test_who_is_bound_and_who_is_known_not_to_be(
    engine: EmbeddedEngine, party: str, treaty: str, bound: bool
) -> None:
    found = rows(
        engine,
        f"""
SELECT ?participation ?asOf
WHERE {{
  ?statement erga:asOfDate ?asOf ;
    erga:coversActionClass erga:ConsentToBeBound ;
    erga:coversInstrument instrument:{treaty} ;
    erga:coversParticipant state:{party} .
  OPTIONAL {{
    ?participation a erga:Participation ;
      erga:hasParticipant state:{party} ;
      erga:inInstrument instrument:{treaty} .
  }}
}}
""",
    )
    assert [bool(participation) for participation, _ in found] == [bound]


def test_no_participation_has_two_starts_or_two_ends(engine: EmbeddedEngine) -> None:
    for name in ("holdsFrom", "holdsFromNotAfter", "holdsUntil", "asOfDate"):
        query = f"""
SELECT ?participation
WHERE {{ ?participation a erga:Participation ; erga:{name} ?day . }}
GROUP BY ?participation
HAVING(COUNT(DISTINCT ?day) > 1)
"""
        assert rows(engine, query) == [], name


def test_the_gdr_counted_for_the_second_protocol_and_was_never_bound_by_it(
    engine: EmbeddedEngine,
) -> None:
    query = """
SELECT ?act ?participation
WHERE {
  ?act a erga:ConsentToBeBound ;
    erga:concernsInstrument instrument:mtdsg-iv-12 ;
    erga:isPerformedBy state:ddr .
  OPTIONAL { ?participation erga:isInitiatedBy ?act . }
}
"""
    assert [(local(act), end) for act, end in rows(engine, query)] == [
        ("ddr-mtdsg-iv-12-ratification", "")
    ]


def test_every_consent_takes_effect_on_the_day_that_a_calendar_gives(
    engine: EmbeddedEngine,
) -> None:
    delays = {row["instrument"]: row for row in expected("delays.csv")}
    stated = rows(
        engine,
        "SELECT ?instrument ?day WHERE { ?instrument erga:entryIntoForceDate ?day . }",
    )
    in_force = {local(instrument): date.fromisoformat(day) for instrument, day in stated}
    checked = Counter[str]()
    for act, instrument, deposit, effect, _, _ in rows(engine, EFFECTS):
        treaty = local(instrument)
        if treaty not in delays:
            continue
        delay = delays[treaty]
        own = after(date.fromisoformat(deposit), int(delay["count"]), delay["unit"])
        assert effect == max(own, in_force[treaty]).isoformat(), local(act)
        checked[treaty] += 1
    assert set(checked) == set(delays)
    # 2,326 of the status tables, 20 of three predecessor states, 2 that stand in end notes alone
    assert checked.total() == 2348


def test_a_deposit_between_threshold_and_entry_into_force_is_of_medium_confidence(
    engine: EmbeddedEngine,
) -> None:
    unsure = {
        local(act)
        for act, _, _, _, confidence, note in rows(engine, EFFECTS)
        if local(confidence) == "medium" and "clause is silent" in note
    }
    assert unsure == {
        "aut-mtdsg-iv-11-b-ratification",
        "bol-mtdsg-iv-8-b-ratification",
        "ken-mtdsg-iv-11-b-ratification",
        "mli-mtdsg-iv-13-accession",
        "mli-mtdsg-iv-8-b-accession",
        "svk-mtdsg-iv-8-b-ratification",
        "vnm-mtdsg-iv-11-c-ratification",
    }


def test_a_stated_day_differs_from_the_clause_for_five_consents_and_each_says_why(
    engine: EmbeddedEngine,
) -> None:
    found = rows(
        engine,
        """
SELECT ?act ?stated ?note
WHERE {
  ?act a erga:ConsentToBeBound ;
    erga:computedEffectiveDate ?computed ;
    erga:effectiveDate ?stated .
  FILTER(?stated != ?computed)
  OPTIONAL { ?act skos:editorialNote ?note . }
}
ORDER BY ?act
""",
    )
    assert [(local(act), stated) for act, stated, _ in found] == [
        ("aut-mtdsg-v-2-ratification", "1955-01-31"),
        ("cze-ets-005-ratification", "1993-01-01"),
        ("mne-ets-005-ratification", "2006-06-06"),
        ("svk-ets-005-ratification", "1993-01-01"),
        ("tls-mtdsg-v-2-accession", "2003-08-06"),
    ]
    assert all(note for _, _, note in found)


def test_a_succession_without_a_known_day_is_uncertain_before_its_notification(
    engine: EmbeddedEngine,
) -> None:
    found = rows(
        engine,
        """
SELECT ?party ?instrument ?latest
WHERE {
  ?participation a erga:Participation ;
    erga:hasParticipant ?party ;
    erga:holdsFromNotAfter ?latest ;
    erga:inInstrument ?instrument .
}
ORDER BY ?party ?instrument
""",
    )
    assert [(local(party), local(treaty), latest) for party, treaty, latest in found] == [
        ("atg", "mtdsg-iv-2", "1988-10-25"),
        ("bhs", "mtdsg-iv-2", "1975-08-05"),
        ("lca", "mtdsg-iv-2", "1990-02-14"),
        ("slb", "mtdsg-iv-2", "1982-03-17"),
        ("slb", "mtdsg-iv-3", "1982-03-17"),
    ]


def test_no_act_is_recorded_twice(engine: EmbeddedEngine) -> None:
    found = rows(
        engine,
        """
SELECT ?party ?instrument ?kind ?day (COUNT(DISTINCT ?act) AS ?number)
WHERE {
  VALUES ?class { erga:ConsentToBeBound erga:Denunciation erga:Signature }
  ?act a ?class ;
    erga:actionDate|erga:depositDate ?day ;
    erga:concernsInstrument ?instrument ;
    erga:hasActionKind ?kind ;
    erga:isPerformedBy ?party .
}
GROUP BY ?party ?instrument ?kind ?day
HAVING(COUNT(DISTINCT ?act) > 1)
""",
    )
    assert found == []
    notices = rows(
        engine,
        "SELECT ?party ?day WHERE { ?act a erga:Denunciation ; "
        "erga:depositDate ?day ; erga:isPerformedBy ?party . } ORDER BY ?day",
    )
    assert [(local(party), day) for party, day in notices] == [
        ("prk", "1997-08-25"),
        ("jam", "1997-10-23"),
        ("tto", "1998-05-26"),
        ("guy", "1999-01-05"),
        ("tto", "2000-03-27"),
        ("blr", "2022-11-08"),
    ]


def test_the_acts_of_iraq_iran_and_turkiye_are_those_of_the_pages(engine: EmbeddedEngine) -> None:
    found = rows(
        engine,
        """
SELECT ?party ?instrument ?kind ?day
WHERE {
  VALUES ?class { erga:ConsentToBeBound erga:Denunciation erga:Signature }
  VALUES ?party { state:irn state:irq state:tur }
  ?act a ?class ;
    erga:actionDate|erga:depositDate ?day ;
    erga:concernsInstrument ?instrument ;
    erga:hasActionKind ?kind ;
    erga:isPerformedBy ?party .
}
""",
    )
    acts = {tuple(map(local, row)) for row in found}
    pages = {tuple(row.values()) for row in expected("acts-of-three-states.csv")}
    assert {act for act in acts if act[1].startswith("mtdsg-iv-")} == pages


def test_one_objection_keeps_the_treaty_from_applying_between_two_states(
    engine: EmbeddedEngine,
) -> None:
    found = rows(
        engine,
        """
SELECT ?party ?instrument ?day
WHERE {
  ?act a erga:Objection ;
    erga:concernsInstrument ?instrument ;
    erga:depositDate ?day ;
    erga:hasOutcome outcome:treaty-does-not-apply-between-the-two ;
    erga:isPerformedBy ?party .
}
""",
    )
    assert [(local(party), local(treaty), day) for party, treaty, day in found] == [
        ("swe", "mtdsg-iv-8", "1994-10-26")
    ]


def test_reservations_were_withdrawn_as_often_as_the_end_notes_say(engine: EmbeddedEngine) -> None:
    found = rows(
        engine,
        """
SELECT ?withdrawal ?part
WHERE {
  ?withdrawal a erga:WithdrawalOfAction ;
    erga:withdraws ?reservation .
  ?reservation a erga:Reservation .
  BIND(EXISTS { ?withdrawal erga:hasOutcome outcome:in-part . } AS ?part)
}
""",
    )
    assert Counter(part for _, part in found) == {"false": 173, "true": 24}


def test_every_article_of_a_text_is_a_provision_with_a_heading(engine: EmbeddedEngine) -> None:
    found = rows(
        engine,
        """
SELECT ?instrument ?article ?heading
WHERE {
  ?instrument a erga:Treaty .
  ?article a erga:Provision ;
    skos:prefLabel ?heading ;
    erga:isPartOf ?instrument ;
    erga:provisionNumber ?number .
  FILTER(LANG(?heading) = "en" && REGEX(STR(?article), "/art-[0-9]+$"))
}
""",
    )
    texts = {row["instrument"]: int(row["articles"]) for row in expected("articles.csv")}
    numbers: dict[str, list[int]] = {treaty: [] for treaty in texts}
    for instrument, article, heading in found:
        if local(instrument) in numbers:
            numbers[local(instrument)].append(int(local(article).removeprefix("art-")))
            assert heading.partition(": ")[2], heading
    assert {treaty: sorted(those) for treaty, those in numbers.items()} == {
        treaty: list(range(1, last + 1)) for treaty, last in texts.items()
    }


def test_a_treaty_can_be_left_as_its_text_says_and_no_other_way(engine: EmbeddedEngine) -> None:
    found = rows(
        engine,
        """
SELECT ?instrument ?regime ?months ?provision
WHERE {
  ?instrument a erga:Treaty ;
    erga:hasWithdrawalRegime ?regime .
  OPTIONAL {
    ?rule a erga:WithdrawalRule ;
      erga:governs ?instrument ;
      erga:isStatedIn ?provision ;
      erga:noticeMonths ?months .
  }
}
""",
    )
    for row in expected("articles.csv"):
        treaty, months, article = (
            row["instrument"],
            row["withdrawal_months"],
            row["withdrawal_article"],
        )
        clauses = [each[1:] for each in found if local(each[0]) == treaty]
        assert {local(regime) for regime, _, _ in clauses} == {
            "clause" if article else "no-clause"
        }, treaty
        assert {stated for _, stated, _ in clauses} == {months}, treaty
        for _, _, provision in clauses:
            assert not article or local(provision).split("-")[1] == article, provision


def test_every_oversight_procedure_is_as_its_treaty_has_it(engine: EmbeddedEngine) -> None:
    found = rows(
        engine,
        """
SELECT ?power ?instrument ?kind ?consent ?body ?first ?period ?acceptances ?operative ?provision
WHERE {
  ?power a erga:OversightPower ;
    erga:arisesFrom ?instrument ;
    erga:hasPowerKind ?kind ;
    erga:isHeldBy ?body ;
    erga:isSetOutIn ?provision ;
    erga:requiresConsentMode ?consent .
  OPTIONAL { ?power erga:firstReportMonths ?first . }
  OPTIONAL { ?power erga:reportingPeriodMonths ?period . }
  OPTIONAL { ?power erga:requiredAcceptances ?acceptances . }
  OPTIONAL { ?power erga:operativeFrom ?operative . }
}
""",
    )
    powers = {tuple(map(local, row[:-1])) for row in found}
    articles = {(local(row[0]), local(row[-1]).split("-")[1]) for row in found}
    texts = expected("procedures.csv")
    assert powers == {
        tuple(value for name, value in row.items() if name != "article") for row in texts
    }
    assert {(row["power"], row["article"]) for row in texts} <= articles


def test_every_duty_is_tied_to_a_right(engine: EmbeddedEngine) -> None:
    query = """
SELECT ?duty
WHERE {
  ?duty a erga:Obligation .
  OPTIONAL { ?duty erga:protectsRight ?right . }
  FILTER(!BOUND(?right))
}
"""
    assert rows(engine, query) == []


def test_a_register_says_what_it_covers_and_as_at_which_day(engine: EmbeddedEngine) -> None:
    found = rows(
        engine,
        """
SELECT ?instrument ?asOf ?class
WHERE {
  ?statement a erga:CompletenessStatement ;
    erga:asOfDate ?asOf ;
    erga:coversActionClass ?class ;
    erga:coversAllParticipants true ;
    erga:coversInstrument ?instrument .
}
""",
    )
    covered: dict[tuple[str, str], set[str]] = {}
    for instrument, day, kind in found:
        covered.setdefault((local(instrument), day), set()).add(local(kind))
    whole = {"ConsentToBeBound", "Denunciation", "Signature"}
    assert covered == {
        **{
            (row["instrument"], row["status_as_at"]): whole
            for row in expected("depositary-counts.csv")
        },
        ("ets-005", "2022-09-16"): {"ConsentToBeBound"},
        ("ets-126", "2016-07-21"): {"ConsentToBeBound"},
        ("mtdsg-v-2", "2012-06-14"): {"ConsentToBeBound"},
        ("mtdsg-xviii-10", "2026-05-22"): {"ConsentToBeBound"},
    }


def test_a_state_has_a_name_in_each_language_of_the_united_nations(engine: EmbeddedEngine) -> None:
    found = rows(
        engine,
        """
SELECT ?state (GROUP_CONCAT(?language; separator=" ") AS ?languages)
WHERE {
  {
    SELECT ?state ?language
    WHERE {
      ?state a erga:State ;
        skos:prefLabel ?name .
      BIND(LANG(?name) AS ?language)
    }
    ORDER BY ?state ?language
  }
}
GROUP BY ?state
""",
    )
    assert len(found) == 205
    assert {" ".join(sorted(languages.split())) for _, languages in found} == {"ar en es fr ru zh"}


def test_what_was_not_read_of_a_treaty_is_a_known_gap(engine: EmbeddedEngine) -> None:
    found = rows(
        engine,
        """
SELECT ?gap
WHERE {
  ?gap a erga:KnownGap ;
    erga:concernsInstrument ?instrument ;
    erga:seeks ?class .
  VALUES (?instrument ?class) {
    (instrument:mtdsg-iv-11-d erga:Obligation)
    (instrument:mtdsg-iv-13 erga:Obligation)
    (instrument:mtdsg-iv-4 erga:Derogation)
    (instrument:mtdsg-xviii-10 erga:ConsentToBeBound)
  }
}
ORDER BY ?gap
""",
    )
    assert [local(gap) for (gap,) in found] == [
        "mtdsg-iv-11-d-text",
        "mtdsg-iv-13-text",
        "mtdsg-iv-4-derogation-periods",
        "mtdsg-xviii-10-former-parties",
    ]


def test_each_reservation_to_the_first_protocol_after_a_denunciation_is_named_by_its_objections(
    engine: EmbeddedEngine,
) -> None:
    found = rows(
        engine,
        """
SELECT ?reservation (COUNT(DISTINCT ?objection) AS ?number)
WHERE {
  VALUES ?party { state:guy state:tto }
  ?objection erga:objectsTo ?reservation .
  ?reservation erga:concernsInstrument instrument:mtdsg-iv-5 ;
    erga:isPerformedBy ?party .
}
GROUP BY ?reservation
ORDER BY ?reservation
""",
    )
    assert [(local(reservation), number) for reservation, number in found] == [
        ("guy-mtdsg-iv-5-reservation-1", "6"),
        ("tto-mtdsg-iv-5-reservation-1", "7"),
    ]


def test_a_record_stands_in_one_file(engine: EmbeddedEngine) -> None:
    found = rows(
        engine,
        """
SELECT ?record
WHERE {
  GRAPH ?graph { ?record a ?class . }
  FILTER(STRSTARTS(STR(?graph), "https://w3id.org/ergaomnes/graph/data/"))
}
GROUP BY ?record
HAVING(COUNT(DISTINCT ?graph) > 1)
""",
    )
    assert found == []
