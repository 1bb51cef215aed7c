"""What the tables of acts answer, worked out without the graph, its rules or its queries.

It reads `data/tables/` as anyone could in a spreadsheet, and three small tables in `world/` that
were written by hand from the sources: for each instrument its entry into force, the delay its
final clauses give to those who join, and the depositary's own counts; the days of successions;
and the days on which states ended.
"""

import calendar
import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent / "world"
TABLES = Path(__file__).parent.parent / "data" / "tables"
CONSENTS = ("ratification", "accession", "succession", "acceptance", "formal-confirmation")
SIGNATURES = ("signature", "succession-to-signature")
ORGANISATIONS = {"European Union": "organisation:european-union"}

Row = Mapping[str, str]


@dataclass(frozen=True)
class Consent:
    """One consent to be bound, from the first day bound to the first day no longer bound."""

    state: str
    instrument: str
    kind: str
    deposited: date
    start: date | None
    end: date | None

    def binds(self, day: date) -> bool:
        """Tell whether it certainly binds on a day; without a start, from its deposit on."""
        return (self.start or self.deposited) <= day and not self.ended(day)

    def ended(self, day: date) -> bool:
        """Tell whether it is over on a day."""
        return self.end is not None and self.end <= day


@cache
def instruments() -> dict[str, Row]:
    """Give the hand-made facts on each instrument by its slug."""
    return {row["instrument"]: row for row in _read(HERE / "instruments.csv")}


@cache
def rows(instrument: str) -> tuple[Row, ...]:
    """Give all rows of the tables on an instrument."""
    return tuple(
        row
        for file in sorted(TABLES.glob("*.csv"))
        for row in _read(file)
        if row["instrument"] == instrument
    )


def state(code: str) -> str:
    """Give the CURIE of a participant as the tables name it, or of whoever did an act of ours."""
    slug = code.removeprefix("state:").lower()
    if code.startswith("action:"):
        slug = code.removeprefix("action:").split("-")[0]
    return ORGANISATIONS.get(code) or f"state:{slug}"


@cache
def consents(instrument: str) -> tuple[Consent, ...]:
    """Give every consent to an instrument, with the days that its clauses and the ends give."""
    facts = instruments()[instrument]
    notices: dict[str, list[date]] = defaultdict(list)
    for row in acts(instrument, "denunciation"):
        if row["outcome"] != "without-effect":
            stated = row.get("effective_on")
            after = day_of(stated) if stated else _months(day_of(row["deposited_on"]), 3)
            notices[state(row["participant"])].append(after)
    over = {f"state:{row['state']}": day_of(row["day"]) for row in _read(HERE / "ends.csv")}
    found = []
    for row in rows(instrument):
        if row["kind"] in CONSENTS:
            party, deposited = state(row["participant"]), day_of(row["deposited_on"])
            start = _start(row, facts)
            ends = [end for end in notices[party] if end > (start or deposited)]
            ends += [over[party]] if party in over else []
            end = min(ends, default=None)
            found.append(Consent(party, instrument, row["kind"], deposited, start, end))
    return tuple(found)


def bound(instrument: str, day: date) -> set[str]:
    """Give those bound on a day."""
    return {one.state for one in consents(instrument) if one.binds(day)}


def parties_by_deposit(instrument: str, day: date) -> set[str]:
    """Give those that a depositary counts as parties on a day."""
    return {
        one.state for one in consents(instrument) if one.deposited <= day and not one.ended(day)
    }


def signatories(instrument: str, day: date) -> dict[str, date]:
    """Give those who had signed by a day, with the day they did."""
    return {
        state(row["participant"]): signed
        for row in rows(instrument)
        if row["kind"] in SIGNATURES
        and (signed := day_of(row["done_on"] or row["deposited_on"])) <= day
    }


def standing(party: str, instrument: str, day: date) -> str:
    """Give the standing of one state, one of the seven, where the register is whole."""
    own = [one for one in consents(instrument) if one.state == party]
    if any(one.binds(day) for one in own):
        open_start = [one for one in own if one.start is None and day < one.deposited]
        return "uncertain" if open_start else "bound"
    begun = day_of(instruments()[instrument]["start"])
    if any(one.start is None and begun <= day < one.deposited for one in own):
        return "uncertain"
    if any(one.deposited <= day and not one.ended(day) for one in own):
        return "consented, not yet in force"
    if any(
        one.ended(day) and one.start is not None and one.start < (one.end or day) for one in own
    ):
        return "left"
    return "signed only" if party in signatories(instrument, day) else "not a party"


def declarations(instrument: str, kind: str, article: str) -> Iterator[tuple[Row, date | None]]:
    """Give the rows of a kind that name an article, each with the day it was made."""
    for row in rows(instrument):
        if row["kind"] == kind and article in row["articles"].split(";"):
            yield row, made(row)


def made(row: Row) -> date | None:
    """Give the day of an act: its own, or that of the act it was made with."""
    own = row.get("deposited_on") or row.get("done_on")
    if own:
        return day_of(own) if "/" not in own else day_of(own.split("/")[1])
    days = [
        day_of(other["deposited_on"] or other["done_on"])
        for other in rows(row["instrument"])
        if other["participant"] == row["participant"] and other["kind"] == row["made_with"]
    ]
    return max(days, default=None)


def accepted(instrument: str, article: str, day: date) -> set[str]:
    """Give the states whose acceptance of a procedure stands on a day, operative or not."""
    alive = {one.state for one in consents(instrument) if not one.ended(day)}
    return {
        state(row["participant"])
        for row, declared in declarations(instrument, "procedure-acceptance", article)
        if declared is not None
        and declared <= day
        and state(row["participant"]) in alive
        and not _past(row.get("withdrawn_on"), day)
        and not _past(row.get("expires_on"), day)
    }


def excluded(instrument: str, article: str, day: date) -> set[str]:
    """Give the states whose exclusion of a procedure stands on a day."""
    gone = {one.state for one in consents(instrument) if one.ended(day)}
    return {
        state(row["participant"])
        for row, declared in declarations(instrument, "procedure-exclusion", article)
        if declared is not None and declared <= day and not _past(row.get("withdrawn_on"), day)
    } - gone


def speed(instrument: str) -> list[tuple[int, str]]:
    """Give the days from the opening of an instrument to each consent, the shortest first."""
    opened = day_of(instruments()[instrument]["opened"])
    return sorted(((one.deposited - opened).days, one.state) for one in consents(instrument))


def parties_through_time(instrument: str, last: int) -> dict[int, tuple[int, int]]:
    """Give for each year the parties by deposit and the states bound at its end."""
    ends = {year: date(year, 12, 31) for year in range(1950, last + 1)}
    counted = {
        year: (len(parties_by_deposit(instrument, end)), len(bound(instrument, end)))
        for year, end in ends.items()
    }
    return {year: counts for year, counts in counted.items() if any(counts)}


def acts(instrument: str, kind: str) -> list[Row]:
    """Give the rows of one kind."""
    return [row for row in rows(instrument) if row["kind"] == kind]


def day_of(text: str) -> date:
    """Give the day that a cell holds."""
    return date.fromisoformat(text)


def _start(row: Row, facts: Row) -> date | None:
    begun = day_of(facts["start"])
    if stated := row.get("effective_on"):
        return day_of(stated)
    if row["kind"] == "succession":
        known = _successions().get(row["participant"].lower())
        return max(known, begun) if known else None
    deposited, delay = day_of(row["deposited_on"]), int(facts["delay"])
    match facts["unit"]:
        case "days":
            after = deposited + timedelta(days=delay)
        case "months":
            after = _months(deposited, delay)
        case _:
            after = _months(deposited, delay + 1).replace(day=1)
    return max(begun, after)


@cache
def _successions() -> dict[str, date]:
    """Give the days of successions: stated for one treaty, or known of the state itself."""
    stated = {
        row["participant"].lower(): day_of(row["effective_on"])
        for row in _read(TABLES / "fedlex-refugee-convention.csv")
        if row["kind"] == "succession" and row["effective_on"]
    }
    return stated | {row["state"]: day_of(row["day"]) for row in _read(HERE / "successions.csv")}


def _months(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    last = calendar.monthrange(day.year + years, month + 1)[1]
    return date(day.year + years, month + 1, min(day.day, last))


def _past(text: str | None, day: date) -> bool:
    return bool(text) and day_of(str(text)) <= day


def _read(file: Path) -> Iterable[Row]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))
