"""The panels of pages: questions that there are, with words for all that they answer."""

import datetime
from collections.abc import Iterator

import pytest

from ergaomnes import drawing
from ergaomnes.catalogue import Catalogue, bound
from ergaomnes.engine import Literal
from ergaomnes.illustrating import PICTURES, Canvas, when_bound
from ergaomnes.links import Links
from ergaomnes.plans import Plan, Plans, plans
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


def canvas() -> Canvas:
    picture = drawing.Picture("timeline", "Since when", "A bar for each", "The sources")
    legend = {one: one for one in drawing.STANDINGS}
    return Canvas(picture, DAY, legend, {}, Links(prefixes()))


def every(made: Plans) -> Iterator[Plan]:
    for layout in made.pages.values():
        yield from layout.panels


def test_a_panel_asks_a_question_that_there_is_for_columns_that_it_has(
    catalogue: Catalogue, made: Plans
) -> None:
    for plan in every(made):
        question = catalogue[plan.question]
        assert set(plan.columns) <= set(question.columns), plan.name
        assert plan.picture in {"", *PICTURES}, plan.name
        assert set(plan.given) <= set(question.parameters), plan.name
    for layout in made.pages.values():
        names = [plan.name for plan in layout.panels]
        assert len(set(names)) == len(names)
        assert set(layout.needs) <= set(layout.fields)


def test_what_a_page_takes_is_a_parameter_of_a_question_of_it(
    catalogue: Catalogue, made: Plans
) -> None:
    for layout in made.pages.values():
        assert all(isinstance(name, str) for name in layout.takes)  # YAML takes a bare on for true
        asked = [catalogue[plan.question].parameters for plan in layout.panels]
        taken = {*layout.fields.values(), *(["day"] if layout.day else [])}
        for name in taken:
            assert any(name in parameters for parameters in asked), (layout.name, name)


def test_every_word_is_there_in_every_language(made: Plans) -> None:
    for words in (
        *(plan.title for plan in every(made)),
        *(plan.picture_says for plan in every(made) if plan.picture),
        *(layout.title for layout in made.pages.values() if layout.at),
        *(layout.lead for layout in made.pages.values() if layout.lead),
        *made.phrases.values(),
        *made.columns.values(),
        *made.values.values(),
    ):
        assert set(words) - {"tone", "sign"} == set(LANGUAGES), words
        assert all(words.values())
    assert list(made.values) == sorted(made.values, key=str.lower)
    assert list(made.columns) == sorted(made.columns)
    used = {column.removesuffix("_label") for plan in every(made) for column in plan.columns}
    assert set(made.columns) == used


@pytest.mark.parametrize("column", ["standing", "could", "answer"])
def test_what_a_question_answers_in_words_of_its_own_is_translated(
    column: str, catalogue: Catalogue, made: Plans, graph: EmbeddedEngine, table: Prefixes
) -> None:
    """Ask about states of every kind; whatever they answer has its words."""
    answers = set()
    for plan in made.pages["state"].panels:
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


@pytest.mark.parametrize("state", ["per", "gbr", "mne"])
def test_each_bar_of_a_timeline_is_a_row_of_the_panel_or_the_doubt_about_its_end(
    state: str, catalogue: Catalogue, graph: EmbeddedEngine, table: Prefixes
) -> None:
    asked = bound(catalogue["state-timeline"], {"state": state}, table, DAY)
    found = graph.select(asked.text)
    days = [(row["since"] or row["since_not_after"], row) for row in found]
    assert len(found) > 2
    assert all(begun is not None for begun, _ in days)
    doubts = sum(row["ended"] is None and row["ended_not_before"] is not None for _, row in days)
    drawn = when_bound(found, canvas())
    assert drawn.count('class="datum"') == len(found) + doubts


def test_who_was_never_bound_has_no_timeline(graph: EmbeddedEngine, catalogue: Catalogue) -> None:
    asked = bound(catalogue["state-timeline"], {"state": "nowhere"}, prefixes(), DAY)
    assert when_bound(graph.select(asked.text), canvas()) == ""
