import datetime
import re

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergaomnes.catalogue import Catalogue, Question, as_typed, bound, described, parsed, term
from ergaomnes.engine import Iri, Literal
from ergaomnes.errors import BadParameter, CatalogueFault, UnknownParameter, UnknownQuestion
from ergaomnes.shipped import shipped
from ergaomnes.terms import prefixes

TODAY = datetime.date(2026, 11, 22)
PREFIXES = prefixes()
CATALOGUE = Catalogue(shipped().queries, PREFIXES)

HEADER = """\
#+ number: CQ-77
#+ title: A title
#+ question: A question?
#+ parameters:
#+   state: {type: iri, kind: state, about: the state}
#+   day: {type: date, default: today, about: the day}
#+   lang: {type: lang, about: the language}
#+   most: {type: integer, about: how many}
#+   word: {type: string, about: a word}
#+ columns:
#+   thing: a thing
#+   thing_label: the thing in words
#+ tags: [one, two]
"""
BODY = """\
PREFIX state: <https://w3id.org/ergaomnes/id/state/>
PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
SELECT DISTINCT ?thing (STR(?label) AS ?thing_label)
WHERE {
  VALUES ?state { state:rus }
  VALUES ?day { "2026-09-30"^^xsd:date }
  VALUES ?lang { "en" }
  VALUES ?most { 3 }
  VALUES ?word { "a } brace" }
  { SELECT ?x WHERE { VALUES ?day { "2026-09-30"^^xsd:date } } }
  VALUES ?kind { <a:b> <a:c> }
}
"""


def question() -> Question:
    return parsed("a-question", HEADER + BODY, PREFIXES)


def test_every_packaged_question_has_a_header_that_fits_it() -> None:
    assert CATALOGUE.faults() == {}


def test_every_packaged_question_runs_as_it_is_and_bound() -> None:
    store = ox.Store()
    for one in CATALOGUE:
        store.query(one.text)
        store.query(bound(one, {}, PREFIXES, TODAY).text)


def test_questions_come_in_the_order_of_their_numbers() -> None:
    numbers = [one.number for one in CATALOGUE if one.number]
    assert numbers == sorted(numbers)
    assert len(numbers) == len(set(numbers)) >= 25


@pytest.mark.parametrize("name", ["CQ-03", "cq-3", "cq3", "CQ 03", "3", " 03 "])
def test_a_number_is_a_name(name: str) -> None:
    assert CATALOGUE[name].name == "who-could-inspect-on-a-day"
    assert CATALOGUE["Who-Could-Inspect-On-A-Day"].number == "CQ-03"


def test_a_wrong_name_gets_near_suggestions() -> None:
    with pytest.raises(UnknownQuestion) as caught:
        CATALOGUE["who-could-inspekt"]
    assert caught.value.data["near"] == ("who-could-inspect-on-a-day",)
    with pytest.raises(UnknownQuestion):
        CATALOGUE["../rules/types"]


def test_the_header_is_read() -> None:
    one = question()
    assert (one.number, one.title, one.form) == ("CQ-77", "A title", "SELECT")
    assert one.columns == {"thing": "a thing", "thing_label": "the thing in words"}
    assert one.tags == ("one", "two")
    assert one.parameters["state"].default == (Iri(PREFIXES.iri("state:rus")),)
    assert one.parameters["word"].default == (Literal("a } brace"),)
    assert one.parameters["day"].is_today


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("#+ title: A title", "#+ titel: A title", "unknown key “titel”"),
        ("#+ title: A title\n", "", "no title"),
        ("{type: lang, about: the language}", "{type: lang}", "parameter lang has no about"),
        ("type: lang,", "type: language,", "parameter lang has no type among"),
        ("type: lang,", "type: lang, wide: 1,", "unknown key “wide”"),
        ("kind: state", "kind: nation", "unknown kind “nation”"),
        ("type: lang,", "type: lang, default: today,", "is today and no date"),
        ("type: lang,", "type: lang, several: true,", "several values and is no IRI"),
        ("kind: state,", "kind: state, several: often,", "several values and is no IRI"),
        ("{ state:rus }", "{ state:rus state:ukr }", "VALUES line of several terms"),
        ("type: lang,", "type: lang, default: fr,", "write it in the query"),
        ('  VALUES ?lang { "en" }\n', "", "parameter lang has no VALUES line"),
        ('{ "en" }', '{ "en" "fr" }', "VALUES line of several terms"),
        ("#+   lang: {type: lang, about: the language}\n", "", "VALUES ?lang holds one term"),
        ("#+   thing: a thing\n", "", "the query projects"),
        ("SELECT DISTINCT ?thing", "SELECT DISTINCT ?other ?thing", "the query projects"),
        ("#+   thing: a thing", "#+   thing:", "thing lacks a description"),
        ("#+   lang:", "#+   format:", "name of an option"),
        ("#+ title: A title", "#+ title: [", "not YAML"),
    ],
)
def test_a_header_that_does_not_fit_is_a_fault(old: str, new: str, fault: str) -> None:
    text = (HEADER + BODY).replace(old, new, 1)
    assert text != HEADER + BODY
    with pytest.raises(CatalogueFault, match=re.escape(fault)):
        parsed("a-question", text, PREFIXES)


def test_every_values_line_of_a_parameter_is_bound() -> None:
    asked = bound(question(), {"day": "2022-01-01"}, PREFIXES, TODAY)
    assert asked.text.count('"2022-01-01"^^<http://www.w3.org/2001/XMLSchema#date>') == 2
    assert "2026-09-30" not in asked.text
    assert "{ <a:b> <a:c> }" in asked.text
    assert as_typed(asked, PREFIXES) == {
        "state": "rus",
        "day": "2022-01-01",
        "lang": "en",
        "most": "3",
        "word": "a } brace",
    }


SEVERAL = parsed(
    "comparison",
    (HEADER + BODY)
    .replace("kind: state,", "kind: state, several: true,", 1)
    .replace("{ state:rus }", "{ state:rus state:ukr }", 1),
    PREFIXES,
)


def test_a_parameter_may_take_several_values() -> None:
    assert as_typed(bound(SEVERAL, {}, PREFIXES, TODAY), PREFIXES)["state"] == "rus,ukr"
    asked = bound(SEVERAL, {"state": "USA, id/state/chn,usa"}, PREFIXES, TODAY)
    assert asked.terms["state"] == (
        Iri(PREFIXES.iri("state:usa")),
        Iri(PREFIXES.iri("state:chn")),
    )
    two = " ".join(f"<{one.value}>" for one in asked.terms["state"] if isinstance(one, Iri))
    assert f"VALUES ?state {{ {two} }}" in asked.text
    said = [
        str(value) for _, kind, value in described(SEVERAL, PREFIXES) if "defaultV" in str(kind)
    ]
    assert PREFIXES.iri("state:rus") in said
    assert PREFIXES.iri("state:ukr") in said


@pytest.mark.parametrize("value", ["rus,", ",", "rus,body:cpt", "rus ukr"])
def test_each_of_several_values_has_to_fit(value: str) -> None:
    with pytest.raises(BadParameter) as caught:
        bound(SEVERAL, {"state": value}, PREFIXES, TODAY)
    assert caught.value.data["name"] == "state"


def test_a_comma_does_not_part_the_value_of_a_parameter_of_one() -> None:
    assert bound(question(), {"word": "a,b"}, PREFIXES, TODAY).terms["word"] == (Literal("a,b"),)


def test_questions_tell_the_folder_they_stand_in() -> None:
    assert {one.group for one in CATALOGUE} == {"competency", "world"}
    assert all(one.number for one in CATALOGUE if one.group == "competency")


def test_a_day_that_is_not_given_is_today() -> None:
    assert bound(question(), {}, PREFIXES, TODAY).terms["day"] == (
        Literal("2026-11-22", Literal.DATE),
    )
    assert bound(question(), {"day": "Today"}, PREFIXES, TODAY).terms["day"] == (
        Literal("2026-11-22", Literal.DATE),
    )


@pytest.mark.parametrize(
    "written",
    [
        "rus",
        "RUS",
        "state:rus",
        "state/rus",
        "id/state/rus",
        "https://w3id.org/ergaomnes/id/state/rus",
        "<https://w3id.org/ergaomnes/id/state/rus>",
    ],
)
def test_a_thing_is_named_in_any_of_its_forms(written: str) -> None:
    parameter = question().parameters["state"]
    assert term(parameter, written, PREFIXES, TODAY) == Iri(PREFIXES.iri("state:rus"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", "body:cpt"),
        ("state", "nope:rus"),
        ("state", "http://example.org/rus"),
        ("state", ""),
        ("state", "state:"),
        ("state", "a b"),
        ("state", "rus> ?p ?o }"),
        ("day", "2025-02-29"),
        ("day", "2025-13-01"),
        ("day", "01/10/2025"),
        ("day", "20251001"),
        ("day", "2025-10-1"),
        ("day", "2025-10-01T00:00:00"),
        ("day", "٢٠٢٥-١٠-٠١"),
        ("day", "yesterday"),
        ("lang", "english language"),
        ("lang", 'en" }'),
        ("most", "three"),
        ("most", "1e3"),
        ("most", "9" * 40),
        ("word", "a\u0001b"),
        ("word", "\ud800"),
        ("word", "x" * 2000),
    ],
)
def test_a_value_that_does_not_fit_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadParameter) as caught:
        bound(question(), {name: value}, PREFIXES, TODAY)
    assert caught.value.data["name"] == name


def test_a_wrong_parameter_gets_near_suggestions() -> None:
    with pytest.raises(UnknownParameter) as caught:
        bound(question(), {"dya": "2022-01-01"}, PREFIXES, TODAY)
    assert caught.value.data["near"] == ("day",)


@given(st.text(max_size=80))
def test_a_hostile_text_stays_a_literal(value: str) -> None:
    try:
        asked = bound(question(), {"word": value}, PREFIXES, TODAY)
    except BadParameter:
        return
    line = next(line for line in asked.text.split("\n  VALUES ?") if line.startswith("word"))
    query = f"SELECT ?word {{ VALUES ?{line.split('  {')[0]} }}"
    solutions = ox.Store().query(query)
    assert isinstance(solutions, ox.QuerySolutions)
    assert [one["word"] for one in solutions] == [ox.Literal(value.strip())]


def test_a_question_says_in_triples_what_it_is() -> None:
    said = {
        (PREFIXES.short(two.value), str(three)) for _, two, three in described(question(), PREFIXES)
    }
    assert ("rdf:type", PREFIXES.iri("sh:SPARQLSelectExecutable")) in said
    assert ("dcterms:title", "A title") in said
    assert ("sh:select", HEADER + BODY) in said
    assert ("sh:name", "day") in said
