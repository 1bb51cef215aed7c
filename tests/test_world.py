"""The questions over the whole world answer what the tables of acts say.

The answers are worked out a second time by `world_tables.py`, which knows nothing of the graph,
and by hand: `world/whole/` holds answers to the last row, `world/part/` rows that an answer must
hold, in files named like those of `expected/`. Columns may be left out.
"""

import csv
import datetime
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import pytest

import world_tables as tables
from ergaomnes.catalogue import Catalogue, Question, bound
from ergaomnes.engine import Iri, Table, Term
from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import prefixes

WHOLE = sorted((tables.HERE / "whole").glob("*.csv"))
PART = sorted((tables.HERE / "part").glob("*.csv"))
PREFIXES = prefixes()
CATALOGUE = Catalogue(shipped().queries, PREFIXES)
WORLD = [question for question in CATALOGUE if question.group == "world"]
TODAY = datetime.date(2026, 11, 22)
AS_OF = date(2026, 2, 3)
EIGHTEEN = tuple(tables.instruments())
# The instrument and the article by which each power is accepted or excluded.
OPT_IN = {
    "cat-inter-state": ("mtdsg-iv-9", "21"),
    "cat-individual": ("mtdsg-iv-9", "22"),
    "cerd-individual": ("mtdsg-iv-2", "14"),
    "hrc-inter-state": ("mtdsg-iv-4", "41"),
    "ced-individual": ("mtdsg-iv-16", "31"),
    "ced-inter-state": ("mtdsg-iv-16", "32"),
    "cmw-inter-state": ("mtdsg-iv-13", "76"),
    "cmw-individual": ("mtdsg-iv-13", "77"),
    "cescr-inter-state": ("mtdsg-iv-3-a", "10"),
    "cescr-inquiry": ("mtdsg-iv-3-a", "11"),
    "crc-inter-state": ("mtdsg-iv-11-d", "12"),
}
OPT_OUT = {
    "cat-inquiry": ("mtdsg-iv-9", "20"),
    "cedaw-inquiry": ("mtdsg-iv-8-b", "8"),
    "crpd-inquiry": ("mtdsg-iv-15-a", "6"),
    "crc-inquiry": ("mtdsg-iv-11-d", "13"),
}
# The columns in which an answer says that there is none.
SAID = ("standing", "answer", "could")
ACCEPTED = {"operative", "accepted, not yet operative"}
Ask = Callable[..., Table]


@pytest.fixture(scope="session")
def ask(graph: EmbeddedEngine) -> Ask:
    """Give a function that asks a question of the packaged graph."""

    def asked(name: str, **given: str) -> Table:
        found = graph.query(bound(CATALOGUE[name], given, PREFIXES, TODAY).text)
        assert isinstance(found, Table)
        return found

    return asked


def written(term: Term | None) -> str:
    if term is None:
        return ""
    return PREFIXES.short(term.value) if isinstance(term, Iri) else term.value


def only(table: Table, *columns: str) -> list[tuple[str, ...]]:
    return [tuple(written(row[column]) for column in columns) for row in table]


def pairs(table: Table, one: str, other: str) -> list[tuple[str, str]]:
    return [(written(row[one]), written(row[other])) for row in table]


def first_of(table: Table, column: str) -> list[str]:
    return [written(row[column]) for row in table]


def text(day: date | None) -> str:
    return day.isoformat() if day else ""


def case_of(file: Path) -> tuple[Question, dict[str, str]]:
    name, _, given = file.stem.partition("@")
    parts = (part.split("=", 1) for part in given.split(";") if part)
    return CATALOGUE[name], {parameter: unquote(value) for parameter, value in parts}


def read(file: Path) -> tuple[list[str], list[tuple[str, ...]]]:
    with file.open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    return header, [tuple(row) for row in rows]


# --- read by hand ---------------------------------------------------------------------------


@pytest.mark.parametrize("file", WHOLE, ids=lambda file: file.stem)
def test_an_answer_is_the_one_read_by_hand(ask: Ask, file: Path) -> None:
    question, given = case_of(file)
    header, expected = read(file)
    assert only(ask(question.name, **given), *header) == expected


@pytest.mark.parametrize("file", PART, ids=lambda file: file.stem)
def test_an_answer_holds_the_rows_read_by_hand(ask: Ask, file: Path) -> None:
    question, given = case_of(file)
    header, expected = read(file)
    found = only(ask(question.name, **given), *header)
    assert [row for row in expected if row not in found] == []
    assert len(found) > len(expected) > 0


def test_every_question_and_parameter_has_two_answers_that_differ() -> None:
    asked: dict[tuple[str, str], dict[str, set[bytes]]] = {}
    for file in [*WHOLE, *PART]:
        question, given = case_of(file)
        for parameter in question.parameters:
            answers = asked.setdefault((question.name, parameter), {})
            answers.setdefault(given[parameter], set()).add(file.read_bytes())
    lone = [
        (question.name, parameter)
        for question in WORLD
        for parameter in question.parameters
        if len(set().union(*asked.get((question.name, parameter), {}).values())) < 2
        or len(asked[question.name, parameter]) < 2
    ]
    assert lone == []
    assert {question.name for question in WORLD} == {
        case_of(file)[0].name for file in [*WHOLE, *PART]
    }


# --- every question --------------------------------------------------------------------------


@pytest.mark.parametrize("question", WORLD, ids=lambda question: question.name)
def test_a_question_answers_each_row_once_and_with_its_sources(
    graph: EmbeddedEngine, question: Question
) -> None:
    table = graph.query(question.text)
    assert isinstance(table, Table)
    assert table.columns == tuple(question.columns)
    assert len(table) > 0
    assert len(set(table.rows)) == len(table.rows)
    for row in table:
        says_nothing = "no data" in (written(row.get(one)) for one in SAID)
        assert says_nothing or row["source"] is not None, row


# --- who is bound ----------------------------------------------------------------------------


@pytest.mark.parametrize("instrument", EIGHTEEN)
def test_parties_are_those_of_the_tables(ask: Ask, instrument: str) -> None:
    found = ask("parties-of-an-instrument-on-a-day", instrument=instrument, day=text(AS_OF))
    assert {state for state, counted in only(found, "state", "by_deposit") if counted == "yes"} == (
        tables.parties_by_deposit(instrument, AS_OF)
    )
    assert {state for state, counted in only(found, "state", "by_effect") if counted == "yes"} == (
        tables.bound(instrument, AS_OF)
    )
    assert len(found) == int(tables.instruments()[instrument]["parties"])
    expected = {
        (one.state, one.kind, text(one.deposited), text(one.start), text(one.end))
        for one in tables.consents(instrument)
        if not one.ended(AS_OF)
    }
    days = only(found, "state", "deposited", "in_force", "ended")
    assert set(days) == {(state, *rest) for state, _, *rest in expected}


@pytest.mark.parametrize(
    ("instrument", "day"),
    [
        ("mtdsg-iv-9", "1987-06-25"),
        ("mtdsg-iv-9", "1987-06-26"),
        ("mtdsg-iv-9", "1992-04-26"),
        ("mtdsg-iv-9", "1992-04-27"),
        ("mtdsg-iv-12", "1990-09-01"),
        ("mtdsg-iv-12", "1990-10-03"),
        ("mtdsg-iv-5", "1998-07-01"),
        ("mtdsg-iv-5", "1998-08-26"),
        ("mtdsg-iv-5", "1999-04-04"),
        ("mtdsg-iv-5", "1999-04-05"),
        ("mtdsg-iv-5", "2000-06-27"),
        ("mtdsg-iv-5", "2023-02-07"),
        ("mtdsg-iv-5", "2023-02-08"),
        ("mtdsg-iv-2", "1980-01-01"),
        ("mtdsg-iv-13", "2003-06-30"),
        ("mtdsg-iv-16", "2026-02-12"),
        ("mtdsg-iv-4", "1950-01-01"),
    ],
)
def test_parties_and_standings_of_a_day_are_those_of_the_tables(
    ask: Ask, instrument: str, day: str
) -> None:
    on = tables.day_of(day)
    parties = ask("parties-of-an-instrument-on-a-day", instrument=instrument, day=day)
    counted = only(parties, "state", "by_deposit", "by_effect")
    by_deposit = {state for state, deposit, _ in counted if deposit == "yes"}
    assert by_deposit == tables.parties_by_deposit(instrument, on)
    assert {state for state, _, effect in counted if effect == "yes"} == (
        tables.bound(instrument, on)
    )
    standings = ask("standing-of-all-states-on-a-day", instrument=instrument, day=day)
    found = dict(pairs(standings, "state", "standing"))
    assert len(found) == len(standings) > 190
    assert found == {state: tables.standing(state, instrument, on) for state in found}
    assert by_deposit <= set(found)


@pytest.mark.parametrize(
    ("party", "day"),
    [
        ("rus", "2026-02-03"),
        ("usa", "1995-02-15"),
        ("usa", "1995-02-16"),
        ("prk", "1997-12-01"),
        ("tto", "1998-07-01"),
        ("tto", "2010-01-01"),
        ("jam", "1997-10-23"),
        ("ddr", "1990-10-02"),
        ("irq", "2000-01-01"),
        ("irn", "2026-02-03"),
        ("tur", "2003-09-23"),
        ("pse", "2014-06-01"),
        ("mne", "2006-06-03"),
        ("atg", "1985-01-01"),
        ("omn", "2026-02-03"),
        ("ssd", "2012-01-01"),
    ],
)
def test_a_state_stands_to_each_instrument_as_the_tables_say(
    ask: Ask, party: str, day: str
) -> None:
    found = only(
        ask("standing-of-a-state-on-a-day", state=party, day=day), "instrument", "standing"
    )
    standings = {instrument.removeprefix("instrument:"): said for instrument, said in found}
    on = tables.day_of(day)
    assert {name: standings[name] for name in EIGHTEEN} == {
        name: tables.standing(f"state:{party}", name, on) for name in EIGHTEEN
    }
    assert len(standings) == len(found) == 26


def test_a_comparison_says_of_each_state_what_is_said_of_it_alone(ask: Ask) -> None:
    compared = ask("comparison-of-states", state="rus,usa,deu", day="2026-02-03")
    columns = ("instrument", "standing", "signed", "consented", "in_force", "ended", "why")
    for state in ("rus", "usa", "deu"):
        alone = ask("standing-of-a-state-on-a-day", state=state, day="2026-02-03")
        rows = [row for row in only(compared, "state", *columns) if row[0] == f"state:{state}"]
        assert sorted(row[1:] for row in rows) == sorted(only(alone, *columns))
    assert len(compared) == 3 * 26


def test_the_depositary_and_the_graph_agree_on_all_eighteen(ask: Ask) -> None:
    columns = ("instrument", "signatories_depositary", "signatories", "parties_depositary")
    found = only(ask("depositary-counts"), *columns, "parties", "bound", "answer")
    expected = {
        (
            f"instrument:{name}",
            *[facts["signatories"]] * 2,
            *[facts["parties"]] * 2,
            str(len(tables.bound(name, AS_OF))),
            "agree",
        )
        for name, facts in tables.instruments().items()
    }
    assert set(found) == expected
    assert len(found) == 18


# --- procedures ------------------------------------------------------------------------------


@pytest.mark.parametrize("day", ["1991-12-31", "2026-02-03"])
@pytest.mark.parametrize("power", OPT_IN)
def test_acceptances_are_those_of_the_tables(ask: Ask, power: str, day: str) -> None:
    found = ask("procedures-accepted-by-states", power=power, day=day)
    instrument, article = OPT_IN[power]
    answered = only(found, "state", "answer")
    accepted = [state for state, answer in answered if answer in ACCEPTED]
    assert set(accepted) == tables.accepted(instrument, article, tables.day_of(day))
    assert len(accepted) == len(set(accepted))
    others = {state for state, answer in answered if answer not in ACCEPTED}
    assert others == tables.excluded(instrument, article, tables.day_of(day))


@pytest.mark.parametrize("power", OPT_OUT)
def test_exclusions_are_those_of_the_tables(ask: Ask, power: str) -> None:
    found = only(
        ask("procedures-accepted-by-states", power=power, day=text(AS_OF)), "state", "answer"
    )
    instrument, article = OPT_OUT[power]
    excluded = tables.excluded(instrument, article, AS_OF)
    assert {state for state, answer in found if answer == "excluded"} == excluded
    assert {state for state, answer in found if answer == "operative"} == (
        tables.bound(instrument, AS_OF) - excluded
    )


def test_what_is_accepted_under_the_migrant_workers_convention_is_not_operative(ask: Ask) -> None:
    found = ask("procedures-accepted-by-states", power="cmw-individual", day=text(AS_OF))
    assert set(first_of(found, "answer")) == {"accepted, not yet operative"}
    assert set(first_of(found, "why")) == {"operative only once 10 acceptances are there"}


def test_gaps_are_where_the_tables_show_no_visit_and_no_complaint(ask: Ask) -> None:
    """Bound by the prohibition; visits by OPCAT or ECPT; complaints under CAT 22, OP1 or ECHR."""
    bound_by = ("mtdsg-iv-4", "mtdsg-iv-9", "mtdsg-iv-11", "mtdsg-iv-13", "mtdsg-iv-15")
    states = set().union(*(tables.bound(name, AS_OF) for name in bound_by))
    visited = tables.bound("mtdsg-iv-9-b", AS_OF) | listed("fedlex-ecpt.csv")
    heard = tables.bound("mtdsg-iv-5", AS_OF) | listed("fedlex-echr.csv")
    heard |= tables.accepted("mtdsg-iv-9", "22", AS_OF) & tables.bound("mtdsg-iv-9", AS_OF)
    found = only(ask("gaps-of-oversight", day=text(AS_OF)), "gap", "state")
    assert set(found) == {
        *(("no visit and no complaint", state) for state in states - visited - heard),
        *(("no visit", state) for state in (states & heard) - visited),
        *(("no complaint", state) for state in (states & visited) - heard),
    }
    assert len(found) == len(set(found)) > 50


def listed(file: str) -> set[str]:
    with (tables.TABLES / file).open(encoding="utf-8", newline="") as stream:
        return {tables.state(row["participant"]) for row in csv.DictReader(stream)}


# --- limits, reservations, objections, derogations -------------------------------------------


def test_denunciations_and_exclusions_are_those_of_the_tables(ask: Ask) -> None:
    found = only(
        ask("denunciations-and-limitations", day=text(AS_OF)), "kind", "state", "instrument", "act"
    )
    for kind, said in (
        ("denunciation", "denunciation"),
        ("territorial-exclusion", "exclusion of a territory"),
    ):
        expected = sorted(
            (tables.state(row["participant"]), f"instrument:{name}")
            for name in EIGHTEEN
            for row in tables.acts(name, kind)
            if kind == "denunciation" or row["territories"]
        )
        assert sorted(row[1:3] for row in found if row[0] == said) == expected, kind
    excluding = {
        (tables.state(row["participant"]), f"instrument:{name}")
        for name in EIGHTEEN
        for row in tables.acts(name, "procedure-exclusion")
    }
    assert {row[1:3] for row in found if row[0] == "exclusion of a procedure"} == excluding


@pytest.mark.parametrize("instrument", ["mtdsg-iv-9", "mtdsg-iv-8", "mtdsg-iv-5", "mtdsg-iv-13"])
def test_reservations_are_those_of_the_tables(ask: Ask, instrument: str) -> None:
    found = only(
        ask("reservations-by-article", instrument=instrument),
        "reservation",
        "state",
        "made",
        "withdrawn",
        "named",
        "article",
    )
    articles: dict[tuple[str, ...], list[str]] = {}
    for *reservation, article in found:
        articles.setdefault(tuple(reservation), []).append(article)
    # Where an article is not recorded by itself, the act still tells which it names.
    read = [
        (state, made, withdrawn, sorted(named.split(", ") if named else own))
        for (_, state, made, withdrawn, named), own in articles.items()
    ]
    expected = [
        (
            tables.state(row["participant"]),
            made_in(row),
            row.get("withdrawn_on", ""),
            sorted(row["articles"].split(";")),
        )
        for row in tables.acts(instrument, "reservation")
    ]
    assert sorted(read) == sorted(expected)


def made_in(row: tables.Row) -> str:
    """Give the day a reservation was made, none where only an interval is known."""
    return "" if "/" in row["deposited_on"] else text(tables.made(row))


@pytest.mark.parametrize("party", ["deu", "usa", "bhr", "ddr", "rus"])
def test_objections_are_those_of_the_tables(ask: Ask, party: str) -> None:
    found = ask("objections-between-states", state=party)
    expected = set()
    for name in EIGHTEEN:
        for row in tables.acts(name, "objection"):
            by = tables.state(row["participant"])
            for to in filter(None, row["objects_to"].split(";")):
                day = made_in(row)
                if by == f"state:{party}":
                    expected.add(("made by the state", tables.state(to), f"instrument:{name}", day))
                if tables.state(to) == f"state:{party}":
                    expected.add(("made to the state", by, f"instrument:{name}", day))
    assert set(only(found, "direction", "other", "instrument", "made")) == expected


@pytest.mark.parametrize(
    ("since", "day"), [("2025-02-03", "2026-02-03"), ("1976-03-23", "1990-01-01")]
)
def test_derogations_are_those_of_the_tables(ask: Ask, since: str, day: str) -> None:
    found = ask("derogations-in-force-on-a-day", since=since, day=day)
    expected = sorted(
        (tables.state(row["participant"]), row["deposited_on"])
        for row in tables.acts("mtdsg-iv-4", "derogation")
        if since <= row["deposited_on"] <= day
    )
    assert sorted(only(found, "state", "received")) == expected
    assert set(first_of(found, "answer")) == {"no end recorded"}
    counted = {(state, int(notices)) for state, notices in only(found, "state", "notices")}
    states = [state for state, _ in expected]
    assert counted == {(state, states.count(state)) for state in states}


# --- comparisons through time ----------------------------------------------------------------


@pytest.mark.parametrize("instrument", ["mtdsg-iv-9", "mtdsg-iv-2", "mtdsg-iv-9-b"])
def test_speed_is_counted_in_days_as_the_calendar_does(ask: Ask, instrument: str) -> None:
    found = ask("ratification-speed", instrument=instrument, day=text(AS_OF))
    days = [(int(days), state) for days, state in only(found, "days_from_opening", "state")]
    assert sorted(days) == tables.speed(instrument)
    assert [number for number, _ in days] == [number for number, _ in tables.speed(instrument)]
    for signed, deposited, number in only(found, "signed", "deposited", "days_from_signature"):
        if signed:
            apart = tables.day_of(deposited) - tables.day_of(signed)
            assert number == str(apart.days)


def test_the_first_and_the_last_are_those_of_the_tables(ask: Ask) -> None:
    found = only(ask("first-and-last-parties", day=text(AS_OF)), "instrument", "place", "state")
    expected = set()
    for name in EIGHTEEN:
        given = [one for one in tables.consents(name) if one.deposited <= AS_OF]
        for place, day in (
            ("first", min(one.deposited for one in given)),
            ("last", max(one.deposited for one in given)),
        ):
            expected |= {
                (f"instrument:{name}", place, one.state) for one in given if one.deposited == day
            }
    assert {row for row in found if row[0].removeprefix("instrument:") in EIGHTEEN} == expected


def test_parties_through_time_are_those_of_the_tables(ask: Ask) -> None:
    found = ask("instruments-by-parties-through-time", instrument=",".join(EIGHTEEN))
    rows = only(found, "instrument", "year", "by_deposit", "by_effect")
    for name in EIGHTEEN:
        expected = tables.parties_through_time(name, 2025)
        series = {
            int(year): (int(deposit), int(effect))
            for instrument, year, deposit, effect in rows
            if instrument == f"instrument:{name}"
        }
        assert series == expected, name


def test_nobody_is_asked_about_in_two_rows_of_a_map(ask: Ask) -> None:
    rows: Iterable[str] = first_of(ask("standing-of-all-states-on-a-day"), "iso3")
    codes = [code for code in rows if code]
    assert len(codes) == len(set(codes)) > 190
