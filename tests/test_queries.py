"""Every question: its header fits it, it runs as it is, and it answers what the sources say.

The expected answers are tables under `tests/expected/`, one file a question and set of
parameters: `who-could-inspect-on-a-day@day=2022-01-01,state=rus.csv`. A file may leave out
columns, never rows; IRIs of ours are written as CURIEs. A slash in a value is `%2F`.
"""

import csv
import datetime
import re
from itertools import groupby
from pathlib import Path
from urllib.parse import unquote

import pytest

from engines import on_oxigraph, slice_on_oxigraph, slice_on_rdflib
from ergaomnes.catalogue import Catalogue, Question, bound
from ergaomnes.engine import Engine, Iri, Table, Term
from ergaomnes.shipped import shipped
from ergaomnes.terms import prefixes

EXPECTED = sorted((Path(__file__).parent / "expected").glob("*.csv"))
# rdflib is slow: it is asked each question once, the one with the longest expected answer.
ON_BOTH = [
    max(files, key=lambda file: file.stat().st_size)
    for name, files in groupby(EXPECTED, lambda file: file.stem.partition("@")[0])
    # These two join so much that rdflib needs minutes for one answer.
    if name not in ("powers-before-and-after", "sources-behind-a-state")
]
PREFIXES = prefixes()
CATALOGUE = Catalogue(shipped().queries, PREFIXES)
QUESTIONS = sorted(CATALOGUE.files)
TODAY = datetime.date(2026, 11, 22)

# Columns that say where a row comes from.
SOURCES = ("source", "text_source", "status_source", "against_source", "source_label", "graph")


def case_of(file: Path) -> tuple[Question, dict[str, str]]:
    name, _, given = file.stem.partition("@")
    parts = (part.split("=", 1) for part in given.split(",") if part)
    return CATALOGUE[name], {parameter: unquote(value) for parameter, value in parts}


def written(term: Term | None) -> str:
    if term is None:
        return ""
    if isinstance(term, Iri):
        return PREFIXES.short(term.value)
    return term.value


def answer(engine: Engine, question: Question, given: dict[str, str]) -> Table:
    found = engine.query(bound(question, given, PREFIXES, TODAY).text)
    assert isinstance(found, Table)
    return found


def rows_of(table: Table, columns: list[str]) -> list[list[str]]:
    return [[written(row[column]) for column in columns] for row in table]


def test_no_header_is_at_fault() -> None:
    assert CATALOGUE.faults() == {}


def test_all_twenty_five_competency_questions_are_there() -> None:
    numbers = {question.number for question in CATALOGUE}
    assert {f"CQ-{number:02}" for number in range(1, 26)} <= numbers


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_runs_as_it_is(name: str) -> None:
    table = on_oxigraph().query(CATALOGUE[name].text)
    assert isinstance(table, Table)
    assert table.columns == tuple(CATALOGUE[name].columns)


@pytest.mark.parametrize("file", EXPECTED, ids=lambda file: file.stem)
def test_a_question_answers_what_the_sources_say(file: Path) -> None:
    question, given = case_of(file)
    with file.open(encoding="utf-8", newline="") as lines:
        header, *expected = list(csv.reader(lines))
    assert rows_of(answer(on_oxigraph(), question, given), header) == expected


@pytest.mark.parametrize("file", EXPECTED, ids=lambda file: file.stem)
def test_every_row_that_states_something_carries_its_source(file: Path) -> None:
    question, given = case_of(file)
    table = answer(on_oxigraph(), question, given)
    named = [column for column in SOURCES if column in table.columns]
    if question.number == "CQ-26":
        named = ["locator"]
    assert named
    for row in table:
        states_nothing = "no data" in (written(value) for value in row.values())
        assert states_nothing or any(row[column] is not None for column in named), row


@pytest.mark.parametrize("file", ON_BOTH, ids=lambda file: file.stem)
def test_rdflib_gives_the_same_answer(file: Path) -> None:
    question, given = case_of(file)
    ours = answer(slice_on_oxigraph(), question, given)
    theirs = answer(slice_on_rdflib(), question, given)
    assert theirs.columns == ours.columns
    assert sorted(map(repr, theirs.rows)) == sorted(map(repr, ours.rows))


@pytest.mark.parametrize("file", EXPECTED, ids=lambda file: file.stem)
def test_the_order_of_the_rows_is_total(file: Path) -> None:
    """Rows that may change places make a page of an answer lose one and repeat another."""
    question, given = case_of(file)
    keys = re.findall(r"\?(\w+)", question.text.rpartition("ORDER BY")[2])
    ordered = rows_of(answer(on_oxigraph(), question, given), keys)
    assert len(set(map(tuple, ordered))) == len(ordered)


def test_every_question_has_an_expected_answer() -> None:
    asked = {file.stem.partition("@")[0] for file in EXPECTED}
    competency = {question.name for question in CATALOGUE if question.group == "competency"}
    assert competency - asked == set()


def test_every_parameter_has_two_different_answers() -> None:
    values: dict[tuple[str, str], set[str]] = {}
    for file in EXPECTED:
        question, given = case_of(file)
        for parameter in question.parameters:
            values.setdefault((question.name, parameter), set()).add(given.get(parameter, ""))
    lone = {key for key, seen in values.items() if len(seen) < 2}
    assert lone == set()
