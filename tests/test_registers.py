"""The acts of the registers, counted and looked up, against the depositary's own figures.

In `expected/registers/`, `depositary-counts.csv` holds the signatories and parties that the heading
of each page of the UN Treaty Collection gives, and `procedure-counts.csv` what was counted on those
pages without the graph. Nothing in them comes from the data that they check.
"""

import csv
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
