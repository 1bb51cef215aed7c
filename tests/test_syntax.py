"""A slip in a query: where it is said to be, and what is said to have been meant."""

import time

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ergaomnes.errors import ErgaOmnesError, QuerySyntax
from ergaomnes.guard import guarded
from ergaomnes.syntax import explained
from ergaomnes.terms import prefixes

TERMS = [prefixes()["erga"] + name for name in ("State", "holdsFrom", "Participation")]
STORE = ox.Store()


def fault_of(query: str) -> QuerySyntax:
    """Have the guard or the engine refuse a query."""
    try:
        guarded(query)
        STORE.query(query)
    except QuerySyntax as fault:
        return fault
    except SyntaxError as error:
        return QuerySyntax(str(error.msg))
    raise AssertionError(f"{query} is a query")


SLIPS = [
    ("ASK { ?s erga:holdsFrom ?o }", (1, 10), "erga:holdsFrom", "PREFIX erga: <https://w3id.org/"),
    ("ASK {\n ?s egra:x ?o }", (2, 5), "egra:x", "Did you mean erga:"),
    ("PREFIX me: <a:b>\nASK { ?s em:x ?o }", (2, 10), "em:x", "me:"),
    ("SELECT * {\n ?s ?p ?o\n", (1, 10), "{", "Add }"),
    ("SELECT * { ?s ?p (1 2 }", (1, 18), "(", "Add )"),
    ("ASK { ?s ?p ?o . } }", (1, 20), "}", "Remove it"),
    ("ASK { ?s ?p }", (1, 13), "}", "a property and an object"),
    ("ASK { ?a ?b ?c . ?s . }", (1, 21), ".", "a property and an object"),
    ("SELCT * {}", (1, 1), "SELCT", "Did you mean SELECT"),
    ("SELECT * { ?s ?p ?o FILTR(?o) }", (1, 21), "FILTR", "Did you mean FILTER"),
    ("SELECT ?x WERE { ?s ?p ?x }", (1, 11), "WERE", "Did you mean WHERE"),
    ("SELECT name { ?s ?p ?name }", (1, 8), "name", "Did you mean ?name?"),
    ("ASK { ?s a State }", (1, 12), "State", "Did you mean erga:State?"),
    ("ASK { ?s holdFrom ?o }", (1, 10), "holdFrom", "erga:holdsFrom"),
    ("ASK { ?s a qqqqqq }", (1, 12), "qqqqqq", "?qqqqqq"),
    ('ASK { ?s ?p "abc }', (1, 13), '"abc }', 'Close it with "'),
    ("ASK { 'é' ?p\r\n  “x” }", (2, 3), "“", 'straight "'),
    ("ASK { ?s ?p <http://e/b c> }", (1, 13), "<http://e/b c>", "%20"),
    ("ASK { <rel> ?p ?o }", (1, 7), "<rel>", "from its beginning"),
    ("SELECT * { ?s ?p ?o } GROUP BY ?s", (1, 8), "*", "COUNT"),
    ("SELECT (COUNT(?s) AS ?n) ?p { ?s ?p ?o }", (1, 1), "SELECT", "GROUP BY"),
    ("SELECT ?a (1 AS ?a) {}", (1, 1), "SELECT", "another name"),
    ("ASK { ?s ?p ?o, }", (1, 15), ",", "Remove it"),
    ("SELECT ?x, ?y { ?x ?p ?y }", (1, 10), ",", "Remove it"),
    ("SELECT ?x { ?s ?p ?x FILTER ?x > 3 }", (1, 29), "?x", "FILTER("),
    ("SELECT ?x { ?s ?p ?x } ORDER BY LIMIT 3", (1, 33), "LIMIT", ""),
    ("SELECT ?x { ?x ?p ?y } LIMIT -3", (1, 30), "-", ""),
]


@pytest.mark.parametrize(("query", "place", "piece", "hint"), SLIPS)
def test_a_slip_is_found_where_it_is(
    query: str, place: tuple[int, int], piece: str, hint: str
) -> None:
    found = explained(query, fault_of(query), prefixes(), TERMS)
    assert (found.data["line"], found.data["column"]) == place
    assert found.data["piece"] == piece
    assert hint in found.remedy
    assert f"line {place[0]}, column {place[1]}" in found.detail
    assert "expected one of" not in found.detail  # the engine's grammar is nothing for a reader


def test_a_very_long_query_is_not_looked_through() -> None:
    query = "SELECT ?x { ?x ?p ?y } # " + "x" * 20_000 + "\nLIMIT -3"
    found = explained(query, fault_of(query), prefixes(), TERMS)
    assert (found.data["line"], found.data["piece"]) == (2, "-")


def test_a_fault_without_a_place_stays_as_it_is() -> None:
    query = "ASK {" + " " * 9000 + "\0}"
    fault = fault_of(query)
    assert explained(query, fault, prefixes(), TERMS) is fault


def test_a_long_piece_is_cut() -> None:
    query = "ASK { ?s ?p '" + "a" * 500 + " }"
    assert len(str(explained(query, fault_of(query), prefixes()).data["piece"])) == 60


PIECES = ["SELECT", "ASK", "{", "}", "(", ")", "?s", "?p", "a", "erga:x", "<http://e/>", "<", ".",
          ",", ";", "FILTER", "GROUP BY", "'x'", '"', "\n", " ", "é", "“", "PREFIX", "BASE", "1",
          "FROM", "x", "VALUES", "AS", "LIMIT"]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=15))
def test_whatever_does_not_parse_is_explained(pieces: list[str]) -> None:
    query = " ".join(pieces)
    try:
        fault = fault_of(query)
    except (AssertionError, ErgaOmnesError):
        return
    found = explained(query, fault, prefixes(), TERMS)
    assert isinstance(found, QuerySyntax)
    if "line" in found.data:
        line, column = found.data["line"], found.data["column"]
        assert isinstance(line, int)
        assert isinstance(column, int)
        text = query.split("\n")[line - 1]
        assert 1 <= column <= len(text) + 1


def test_a_hostile_text_is_explained_quickly() -> None:
    for piece in ("{", "(", "x ", "<a:", "'", "?s ?p . ", ", "):
        query = "ASK { " + piece * (7900 // len(piece))
        fault = QuerySyntax("error at 1:8000: expected one of x")
        began = time.process_time()
        explained(query, fault, prefixes(), TERMS)
        assert time.process_time() - began < 5
