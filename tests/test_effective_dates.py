"""The rule that applies a clause to a day, held against the calendar of the standard library."""

import calendar
import datetime

import pyoxigraph
from hypothesis import given, settings
from hypothesis import strategies as st

from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine

RULE = shipped().queries / "rules" / "effective-dates.rq"
TEXT = RULE.read_text(encoding="utf-8")
ARITHMETIC = TEXT[TEXT.index("  BIND(COALESCE(?noticeDays") : TEXT.rindex("}")]
ENGINE = EmbeddedEngine(pyoxigraph.Store())

DAYS = st.dates(min_value=datetime.date(1900, 1, 1), max_value=datetime.date(2199, 12, 31))


def effect(
    counted: datetime.date, days: int, months: int, computation: str, start: str = ""
) -> str:
    query = f"""
PREFIX computation: <https://w3id.org/ergaomnes/scheme/computation/>
PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
SELECT ?effect WHERE {{
  VALUES (?counted ?noticeDays ?noticeMonths ?computation ?start) {{
    ("{counted}"^^xsd:date {days} {months} computation:{computation}
     {f'"{start}"^^xsd:date' if start else "UNDEF"})
  }}
{ARITHMETIC}}}"""
    (found,) = ENGINE.select(query).column("effect")
    return str(found)


def by_calendar(counted: datetime.date, days: int, months: int, first: bool) -> str:
    moved = counted + datetime.timedelta(days)
    index = moved.year * 12 + moved.month - 1 + months + first
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return str(datetime.date(year, month + 1, 1 if first else min(moved.day, last)))


@settings(max_examples=200, deadline=None)
@given(DAYS, st.sampled_from([0, 30, 60, 90]))
def test_days_after_the_deposit_are_counted_as_the_calendar_counts_them(
    counted: datetime.date, days: int
) -> None:
    assert effect(counted, days, 0, "n-days-after") == by_calendar(counted, days, 0, False)


@settings(max_examples=200, deadline=None)
@given(DAYS, st.integers(0, 24))
def test_months_after_the_deposit_end_no_later_than_the_month_does(
    counted: datetime.date, months: int
) -> None:
    assert effect(counted, 0, months, "n-months-after") == by_calendar(counted, 0, months, False)


@settings(max_examples=200, deadline=None)
@given(DAYS, st.integers(0, 24))
def test_the_first_of_the_month_after_so_many_months_is_found(
    counted: datetime.date, months: int
) -> None:
    found = effect(counted, 0, months, "first-of-month-after-n-months")
    assert found == by_calendar(counted, 0, months, True)


@settings(max_examples=200, deadline=None)
@given(DAYS, st.sampled_from([30, 60]))
def test_the_first_of_the_month_after_so_many_days_is_found(
    counted: datetime.date, days: int
) -> None:
    found = effect(counted, days, 0, "first-of-month-after-n-days")
    assert found == by_calendar(counted, days, 0, True)


def test_a_deposit_before_the_treaty_is_in_force_takes_effect_with_the_treaty() -> None:
    day = datetime.date(1987, 3, 3)
    assert effect(day, 30, 0, "n-days-after", "1987-06-26") == "1987-06-26"
    assert effect(day, 30, 0, "n-days-after", "1987-01-01") == "1987-04-02"


def test_the_worked_examples_of_the_texts_come_out() -> None:
    assert effect(datetime.date(1998, 5, 5), 0, 3, "first-of-month-after-n-months") == "1998-09-01"
    assert effect(datetime.date(2022, 3, 16), 0, 6, "n-months-after") == "2022-09-16"
    assert (
        effect(datetime.date(2025, 9, 29), 0, 12, "first-of-month-after-n-months") == "2026-10-01"
    )
    assert (
        effect(datetime.date(2025, 10, 1), 0, 12, "first-of-month-after-n-months") == "2026-11-01"
    )
    assert effect(datetime.date(1998, 5, 5), 0, 0, "at-deposit") == "1998-05-05"
