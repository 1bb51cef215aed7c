"""What the first case must show: Russia, torture, and the convention that let inspectors in."""

from collections.abc import Iterable

import pytest

from engines import on_oxigraph
from ergaomnes.engine import Table
from test_queries import CATALOGUE, PREFIXES, answer, written

PROHIBITIONS = {
    "norm:custom-prohibition-of-torture",
    "norm:peremptory-prohibition-of-torture",
    "norm:mtdsg-iv-4-art-7-prohibition",
    "norm:mtdsg-iv-9-art-2-prevent-torture",
    "norm:mtdsg-iv-9-art-16-prevent-ill-treatment",
}
SENTENCES = {
    "headline",
    *(f"paragraph 1, sentence {number}" for number in (1, 2)),
    *(f"paragraph 2, sentence {number}" for number in (1, 2, 3, 4)),
    *(f"paragraph 3, sentence {number}" for number in (1, 2, 3)),
    *(f"paragraph 4, sentence {number}" for number in (1, 2, 3)),
}
POWERS_OF_THE_COURT = {"power:cm-execution", "power:ecthr-individual", "power:ecthr-inter-state"}
POWERS_OF_THE_CPT = {"power:cpt-public-statement", "power:cpt-reports", "power:cpt-visits"}
# Of OPCAT, CED, CMW and the optional protocols to ICESCR, CRC and CRPD.
NEVER_ACCEPTED = {
    "power:ced-individual",
    "power:ced-inter-state",
    "power:ced-interim-measures",
    "power:ced-referral",
    "power:ced-reports",
    "power:ced-urgent-action",
    "power:ced-visits",
    "power:cescr-individual",
    "power:cescr-inquiry",
    "power:cescr-inter-state",
    "power:cescr-interim-measures",
    "power:cmw-individual",
    "power:cmw-inter-state",
    "power:cmw-reports",
    "power:crc-individual",
    "power:crc-inquiry",
    "power:crc-inter-state",
    "power:crc-interim-measures",
    "power:crpd-individual",
    "power:crpd-inquiry",
    "power:crpd-interim-measures",
    "power:spt-public-statement",
    "power:spt-reports",
    "power:spt-visits",
}

Rows = list[tuple[str, ...]]


def ask(number: str, columns: str, **given: str) -> Rows:
    """Ask a question about Russia and give some columns of the answer as text."""
    table: Table = answer(on_oxigraph(), CATALOGUE[number], {"state": "rus"} | given)
    return [tuple(written(row[column]) for column in columns.split()) for row in table]


def only(rows: Iterable[tuple[str, ...]], *starts: str) -> Rows:
    """Give the rows whose first cell starts with one of these."""
    return [row for row in rows if row[0].startswith(starts)]


def bound_on(day: str) -> set[tuple[str, ...]]:
    rows = ask("CQ-01", "obligation instrument_label answer", day=day)
    return {row for row in rows if row[-1] != "no data"}


def test_between_2022_and_2023_only_the_obligations_of_the_echr_were_lost() -> None:
    before, after = bound_on("2022-01-01"), bound_on("2023-01-01")
    assert after < before
    assert {instrument for _, instrument, _ in before - after} == {"ECHR"}
    assert "ECHR" not in {instrument for _, instrument, _ in after}


def test_the_echr_binds_on_its_last_day_and_no_longer_on_the_next() -> None:
    assert bound_on("2022-09-15") == bound_on("2022-01-01")
    assert bound_on("2022-09-16") == bound_on("2023-01-01")


def test_the_obligations_of_2023_are_those_of_the_last_certain_day() -> None:
    assert bound_on("2023-01-01") == bound_on("2026-09-30")


def test_from_october_2026_the_ecpt_is_uncertain_and_says_why() -> None:
    rows = ask("CQ-01", "obligation instrument_label answer why", day="2026-10-01")
    ecpt = [row for row in rows if row[1] == "ECPT"]
    assert {row[0] for row in ecpt} == {
        name for name, instrument, _ in bound_on("2026-09-30") if instrument == "ECPT"
    }
    assert {row[2] for row in ecpt} == {"uncertain: may have ended"}
    assert all("30 September 2026" in row[3] and "notification" in row[3] for row in ecpt)
    others = [row for row in rows if row[1] != "ECPT"]
    assert {(row[2], row[3]) for row in others} == {("bound", "")}


@pytest.mark.parametrize(
    "day", ["2022-01-01", "2022-09-16", "2025-09-30", "2026-09-30", "2026-10-01", "2030-01-01"]
)
def test_the_prohibition_of_torture_binds_on_every_day(day: str) -> None:
    certain = {name for name, _, answered in bound_on(day) if answered == "bound"}
    assert certain >= PROHIBITIONS


@pytest.mark.parametrize("after", ["2022-09-16", "2026-09-30", "2026-10-01"])
def test_no_prohibition_of_torture_is_among_what_was_lost(after: str) -> None:
    changed = ask("CQ-04", "change power", before="2022-01-01", after=after)
    lost = {power for change, power in changed if "lost" in change}
    assert lost <= POWERS_OF_THE_COURT | POWERS_OF_THE_CPT
    for instrument in ("ets-126", "ets-005"):
        carried = ask("CQ-05", "power item", instrument=instrument, day=after)
        named = {name for row in carried for name in row}
        assert not {name for name in named if name.startswith("norm:")}


def test_what_was_lost_by_2023_are_the_powers_under_the_echr() -> None:
    changed = ask("CQ-04", "change power ended", before="2022-01-01", after="2023-01-01")
    assert {row[1:] for row in only(changed, "lost", "may have been lost")} == {
        (power, "2022-09-16") for power in POWERS_OF_THE_COURT
    }
    never = {power for _, power, _ in only(changed, "never existed: not a party")}
    assert never == NEVER_ACCEPTED


def test_visits_of_the_cpt_may_have_been_lost_from_october_2026_on() -> None:
    for after, change in (("2026-09-30", "remains"), ("2026-10-01", "may have been lost")):
        rows = ask("CQ-04", "change power", before="2022-01-01", after=after)
        assert {row[0] for row in rows if row[1] in POWERS_OF_THE_CPT} == {change}


def test_could_refused_and_did_are_three_answers() -> None:
    columns = "power could refused said_refused did"
    before = {row[0]: row[1:] for row in ask("CQ-03", columns, day="2022-01-01")}
    after = {row[0]: row[1:] for row in ask("CQ-03", columns, day="2026-10-01")}
    assert before["power:cpt-visits"] == ("could", "", "", "2021-12-31")
    assert after["power:cpt-visits"] == (
        "uncertain: may have ended",
        "",
        "2025-09-30",
        "2021-12-31",
    )
    assert after["power:cat-inquiry"] == ("could", "", "", "")


def test_only_the_cpt_needs_no_consent_to_the_single_visit() -> None:
    rows = ask("CQ-03", "power visit_consent_label", day="2026-09-30")
    free = [power for power, consent in rows if consent == "no consent to the single visit"]
    assert free == ["power:cpt-visits"]


def test_the_telegram_words_of_the_article_are_contradicted() -> None:
    rows = ask("CQ-19", "about claim")
    against = {claim for about, claim in rows if about == "claim:jurist-cpt-on-telegram"}
    assert against == {"claim:editors-name-confusion", "claim:kabar-sebelas-activists"}


def test_the_article_is_contradicted_on_the_convention_against_torture() -> None:
    rows = ask("CQ-19", "about claim claim_depositary")
    against = {row[1:] for row in rows if row[0] == "claim:jurist-cat-only-reports"}
    assert {claim for claim, _ in against} == {"claim:editors-cat-more-than-reports"}
    assert all("end note 18" in record for _, record in against)
    since = ask("CQ-12", "power since answer", day="2026-09-30")
    for power in ("power:cat-inquiry", "power:cat-inter-state", "power:cat-individual"):
        assert (power, "1991-10-01", "accepted") in since


def test_both_dates_stand_where_sources_disagree_about_the_end_of_the_echr() -> None:
    rows = ask("CQ-19", "claim value against")
    assert ("claim:rus-law-echr-end", "2022-03-16", "2022-09-16") in rows
    assert ("claim:tass-no-longer-valid", "2025-09-29", "not before 2026-10-01") in rows


@pytest.mark.parametrize("day", ["2026-09-30", "2026-10-01"])
def test_the_last_visit_stands_beside_the_last_certain_day(day: str) -> None:
    columns = "power visited_not_before visited_not_after last_certain_day not_certain_from answer"
    [row] = ask("CQ-16", columns, body="cpt", day=day)
    assert row[:-1] == (
        "power:cpt-visits",
        "2021-01-01",
        "2021-12-31",
        "2026-09-30",
        "2026-10-01",
    )
    assert row[-1] == ("lawful" if day == "2026-09-30" else "uncertain: may have ended")


def test_no_denunciation_is_made_up() -> None:
    rows = ask("CQ-08", "act stated computed")
    assert ("gap:rus-ets-126-denunciation-notification", "", "2026-10-01") in rows
    assert not only(rows, "action:rus-ets-126")


def test_every_sentence_of_the_article_has_a_row() -> None:
    rows = ask_source("locator thing")
    assert {locator for locator, _ in rows} == SENTENCES


def test_every_sentence_of_the_article_is_somebody_s_claim() -> None:
    rows = ask_source("locator thing said_by")
    assert {locator for locator, thing, said_by in rows if said_by} == SENTENCES
    assert all(said_by for _, thing, said_by in rows if PREFIXES.iri(thing) and "claim:" in thing)


def ask_source(columns: str) -> Rows:
    table = answer(on_oxigraph(), CATALOGUE["CQ-26"], {"source": "jurist-2025-09"})
    return [tuple(written(row[column]) for column in columns.split()) for row in table]
