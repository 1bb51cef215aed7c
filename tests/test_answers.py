import csv
import datetime
import io
import json
import re
from pathlib import Path

import pyoxigraph as ox
import pytest
import rdflib

from ergaomnes import answers
from ergaomnes.catalogue import Bound, Catalogue, Question, parsed
from ergaomnes.engine import Answer, Iri, Literal, Table, Term, Triples, Truth
from ergaomnes.errors import AnswerUnwritable, BadParameter, NotAcceptable
from ergaomnes.results import table_or_truth
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import prefixes

PREFIXES = prefixes()
RUS = Iri(PREFIXES.iri("state:rus"))
TODAY = datetime.date(2026, 11, 22)

QUERY = """\
#+ title: A title
#+ question: A question?
#+ parameters:
#+   state: {type: iri, kind: state, about: the state}
#+   day: {type: date, default: today, about: the day}
#+ columns:
#+   thing: a thing
#+   thing_label: the thing in words
#+   last_known: the last day known
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
PREFIX state: <https://w3id.org/ergaomnes/id/state/>
PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
SELECT ?thing ?thing_label ?last_known
WHERE {
  VALUES ?state { state:rus }
  VALUES ?day { "2026-09-30"^^xsd:date }
  ?state skos:prefLabel ?thing_label .
  BIND(?state AS ?thing)
}
"""


def question() -> Question:
    return parsed("a-question", QUERY, PREFIXES)


def answered(answer: Answer) -> answers.Answered:
    terms: dict[str, tuple[Term, ...]] = {
        "state": (RUS,),
        "day": (Literal("2025-10-01", Literal.DATE),),
    }
    return answers.Answered(Bound(question(), terms, QUERY), answer)


def one_row(label: str, last_known: str | None = None) -> answers.Answered:
    day = None if last_known is None else Literal(last_known, Literal.DATE)
    columns = ("thing", "thing_label", "last_known")
    text = Literal(label, Literal.LANG_STRING, "en")
    return answered(Table(columns, ((RUS, text, day),)))


@pytest.fixture
def engine() -> EmbeddedEngine:
    store = ox.Store()
    label = ox.NamedNode(PREFIXES.iri("skos:prefLabel"))
    for slug, name in (("rus", "Russia"), ("ukr", "Ukraine"), ("sun", "Soviet Union")):
        node = ox.NamedNode(PREFIXES.iri(f"state:{slug}"))
        store.add(ox.Quad(node, label, ox.Literal(name, language="en"), ox.NamedNode("http://e/g")))
    return EmbeddedEngine(store)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    folder = tmp_path / "competency"
    folder.mkdir()
    (folder / "a-question.rq").write_text(QUERY, "utf-8")
    return Catalogue(tmp_path, PREFIXES)


def test_a_question_is_asked_with_what_is_given(
    catalogue: Catalogue, engine: EmbeddedEngine
) -> None:
    found = answers.ask(catalogue, "a-question", {"state": "ukr"}, engine, TODAY)
    assert isinstance(found.answer, Table)
    assert [str(cell) for cell in found.answer.column("thing_label")] == ["Ukraine"]
    assert found.day == "2026-11-22"


@pytest.mark.parametrize(
    ("written", "near"), [("uk", "ukr"), ("Russia", "rus"), ("state:ruz", "rus"), ("ussr", "rus")]
)
def test_a_thing_that_is_not_there_gets_near_names(
    catalogue: Catalogue, engine: EmbeddedEngine, written: str, near: str
) -> None:
    with pytest.raises(BadParameter) as caught:
        answers.ask(catalogue, "a-question", {"state": written}, engine, TODAY)
    assert near in caught.value.data["near"]  # type: ignore[operator]  # data holds any object


def test_a_table_shows_the_label_and_not_the_thing() -> None:
    shown = answers.table(one_row("Russia"), PREFIXES, 80)
    assert "Russia" in shown
    assert "thing_label" not in shown
    assert "state:rus" not in shown
    assert "Asked with state rus, day 2025-10-01." in shown
    assert "1 row." in shown


def test_below_a_table_stands_how_far_the_records_reach() -> None:
    assert "After 2025-09-30 this is the last known state." in answers.table(
        one_row("Russia", "2025-09-30"), PREFIXES, 80
    )
    assert "last known state" not in answers.table(one_row("Russia"), PREFIXES, 80)


def test_an_empty_answer_is_said_in_words() -> None:
    shown = answers.table(answered(Table(("thing",), ())), PREFIXES, 80)
    assert "No rows" in shown
    assert "not the same as a no" in shown


def test_yes_and_no_are_words() -> None:
    assert answers.table(answered(Truth(True)), PREFIXES, 80).endswith("Yes.\n")
    assert answers.table(answered(Truth(False)), PREFIXES, 80).endswith("No.\n")


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_a_table_of_any_width_loses_no_word(width: int) -> None:
    words = [f"word{number}" for number in range(120)]
    shown = answers.table(one_row(" ".join(words)), PREFIXES, width)
    assert re.findall(r"word\d+", shown.replace("\n", " ")) == words
    assert max(len(line) for line in shown.splitlines()) <= width


HOSTILE = [
    "[bold]x[/bold] [link=http://evil]y[/link] :smile:",
    "a|b\\c`d`*e*_f_<script>alert(1)</script>![x](javascript:y)",
    '=HYPERLINK("http://evil","x")',
    'quote " comma , line\nfeed',
    "\u202eright to left",
]


@pytest.mark.parametrize("label", HOSTILE)
def test_a_hostile_label_stays_text_on_the_terminal(label: str) -> None:
    shown = answers.table(one_row(label), PREFIXES, 200)
    plain = label.replace("\n", " ").replace("\u202e", "\\u202e")
    assert plain in shown
    assert "\x1b" not in answers.table(one_row("\x1b[31mred\x07"), PREFIXES, 80)


@pytest.mark.parametrize("label", HOSTILE)
def test_a_hostile_label_stays_one_cell_of_markdown(label: str) -> None:
    lines = answers.markdown(one_row(label), PREFIXES).decode().splitlines()
    assert lines[:2] == ["| thing |", "| --- |"]
    assert len(re.findall(r"(?<!\\)\|", lines[2])) == 2
    assert "<script" not in lines[2].replace("\\<", "")
    assert lines[2].endswith(f"](<{RUS.value}>) |")


@pytest.mark.parametrize("label", HOSTILE)
def test_csv_is_data_and_is_not_altered(label: str) -> None:
    written = answers.comma_separated(one_row(label), PREFIXES)
    assert written.count(b"\r\n") == 2
    rows = list(csv.reader(io.StringIO(written.decode(), newline="")))
    assert rows == [["thing", "thing_label", "last_known"], [RUS.value, label, ""]]


@pytest.mark.parametrize("label", HOSTILE)
def test_programs_read_back_what_was_written(label: str) -> None:
    asked = one_row(label, "2025-09-30")
    assert table_or_truth(answers.results_json(asked, PREFIXES)) == asked.answer
    for written, read_as in (
        (answers.results_xml(asked, PREFIXES), ox.QueryResultsFormat.XML),
        (answers.tab_separated(asked, PREFIXES), ox.QueryResultsFormat.TSV),
    ):
        solutions = ox.parse_query_results(written, format=read_as)
        assert isinstance(solutions, ox.QuerySolutions)
        assert [str(one["thing_label"].value) for one in solutions] == [label]


def test_a_table_as_turtle_is_a_result_set() -> None:
    written = answers.turtle(one_row("Russia"), PREFIXES)
    graph = rdflib.Graph().parse(data=written, format="turtle")
    rs = rdflib.Namespace("http://www.w3.org/2001/sw/DataAccess/tests/result-set#")
    whole = graph.value(predicate=rdflib.RDF.type, object=rs.ResultSet)
    assert graph.value(whole, rs.size) == rdflib.Literal(1)
    assert {str(name) for name in graph.objects(whole, rs.resultVariable)} == {
        "thing",
        "thing_label",
        "last_known",
    }
    assert rdflib.URIRef(RUS.value) in set(graph.objects(None, rs.value))
    assert written == answers.turtle(one_row("Russia"), PREFIXES)


def test_zero_and_false_are_written() -> None:
    asked = answered(Table(("n",), ((Literal("0", Literal.INTEGER),),)))
    assert b">0</literal>" in answers.results_xml(asked, PREFIXES)
    assert b"<boolean>false</boolean>" in answers.results_xml(answered(Truth(False)), PREFIXES)
    assert json.loads(answers.results_json(answered(Truth(False)), PREFIXES))["boolean"] is False


def test_xml_that_cannot_carry_an_answer_is_refused() -> None:
    with pytest.raises(AnswerUnwritable):
        answers.results_xml(one_row("a\u0001b"), PREFIXES)


def test_a_graph_is_written_as_a_graph_and_as_no_table() -> None:
    asked = answered(Triples(((RUS, Iri(PREFIXES.iri("skos:notation")), Literal("x")),)))
    assert b'state:rus skos:notation "x"' in answers.turtle(asked, PREFIXES)
    assert json.loads(answers.results_json(asked, PREFIXES))
    assert b"rdf:RDF" in answers.results_xml(asked, PREFIXES)
    for writer in (answers.comma_separated, answers.tab_separated, answers.markdown):
        with pytest.raises(NotAcceptable):
            writer(asked, PREFIXES)


@pytest.mark.parametrize(
    "body",
    ["<html>", "[]", "{}", '{"head":{}}', '{"head":{"vars":["a"]},"results":{}}',
     '{"head":{"vars":["a"]},"results":{"bindings":[{"a":{"type":"odd","value":"x"}}]}}'],
)  # fmt: skip
def test_what_is_no_answer_is_not_read_as_one(body: str) -> None:
    with pytest.raises(ValueError, match="it"):
        table_or_truth(body)
