"""The panels of pages: questions that there are, with words for all that they answer."""

import datetime
from collections.abc import Iterator

import pytest

from ergaomnes.catalogue import Catalogue, bound
from ergaomnes.engine import Literal
from ergaomnes.panels import Plan, Plans, plans
from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine
from ergaomnes.templates import LANGUAGES
from ergaomnes.terms import Prefixes, prefixes

DAY = datetime.date(2025, 6, 1)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue(shipped().queries, prefixes())


@pytest.fixture(scope="module")
def made(catalogue: Catalogue) -> Plans:
    return plans(catalogue)


def every(made: Plans) -> Iterator[Plan]:
    for panels in made.pages.values():
        yield from panels


def test_a_panel_asks_a_question_that_there_is_for_columns_that_it_has(
    catalogue: Catalogue, made: Plans
) -> None:
    for plan in every(made):
        question = catalogue[plan.question]
        assert set(plan.columns) <= set(question.columns), plan.name
    for panels in made.pages.values():
        names = [plan.name for plan in panels]
        assert len(set(names)) == len(names)


def test_every_word_is_there_in_every_language(made: Plans) -> None:
    for words in (
        *(plan.title for plan in every(made)),
        *made.columns.values(),
        *made.values.values(),
    ):
        assert set(words) - {"tone"} == set(LANGUAGES), words
        assert all(words.values())
    used = {column.removesuffix("_label") for plan in every(made) for column in plan.columns}
    assert set(made.columns) == used


@pytest.mark.parametrize("column", ["standing", "could", "answer"])
def test_what_a_question_answers_in_words_of_its_own_is_translated(
    column: str, catalogue: Catalogue, made: Plans, graph: EmbeddedEngine, table: Prefixes
) -> None:
    """Ask about states of every kind; whatever they answer has its words."""
    answers = set()
    for plan in made.pages["state"]:
        if column not in plan.columns:
            continue
        question = catalogue[plan.question]
        for state in ("rus", "fra", "prk", "ukr", "mne", "yug"):
            given = {"state": state, "day": DAY.isoformat()}
            fit = {name: value for name, value in given.items() if name in question.parameters}
            asked = bound(question, fit, table, DAY)
            answers |= set(graph.select(asked.text).column(column))
    said = {str(one) for one in answers if isinstance(one, Literal)}
    assert len(said) > 1
    assert said <= set(made.values)
