import contextlib
import time

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ergaomnes.errors import (
    ErgaOmnesError,
    MissingQuery,
    QueryRefused,
    QuerySyntax,
    QueryTooDeep,
    QueryTooLong,
)
from ergaomnes.guard import guarded, tokens

# The engine refuses to call this port and says so: whoever gets that far would have called.
NOWHERE = "http://127.0.0.1:9/"
CALL = f"SERVICE <{NOWHERE}> {{}}"
B = "\\"


def store() -> ox.Store:
    made = ox.Store()
    node = ox.NamedNode("http://e/s")
    made.add(ox.Quad(node, ox.NamedNode("http://e/p"), ox.Literal("a")))
    return made


STORE = store()


def calls_out(query: str) -> bool:
    """Say whether the engine itself would have made a call."""
    try:
        answer = STORE.query(query)
        if not isinstance(answer, ox.QueryBoolean):
            for _ in answer:
                pass
    except OSError:
        return True
    except (SyntaxError, RuntimeError, ValueError):
        return False
    return False


HIDDEN = [
    f"ASK{{{CALL}}}",
    f"ASK{{{CALL.lower()}}}",
    f"ASK{{SERVICESILENT<{NOWHERE}>{{}}}}",
    "ASK { ?s ?p ?o SERVICE ?o {} }",
    f"ASK {{ #\r{CALL}\n}}",
    f"ASK {{ ?s ?p true{CALL} }}",
    f"ASK {{ ?s ?p 1{CALL} }}",
    f"ASK {{ ?s ?p 1.{CALL} }}",
    f"ASK {{ ?s ?p 1e0{CALL} }}",
    f'ASK {{ ?s ?p "a"^^<http://e/t>{CALL} }}',
    f'ASK {{ ?s ?p "a"@en--ltr{CALL} }}',
    f"ASK {{ ?s ?p _:a. {CALL} }}",
    f"ASK {{ ?s ?p _:a.{CALL} }}",
    f"ASK {{ ?s ?p (){CALL} }}",
    f"ASK {{ FILTER(1<2){CALL} }}",
    f"ASK {{ FILTER EXISTS{{{CALL}}} }}",
    f"SELECT * {{ {{ SELECT * {{ {CALL} }} }} }}",
    f"PREFIX : <{NOWHERE}> ASK {{ ?s ?p trueSERVICE:x {{}} }}",
    f"PREFIX service: <http://e/> PREFIX : <{NOWHERE}> ASK {{ ?s ?p ?o SERVICE:x {{}} }}",
    # An IRI that is none sends the engine back to the prefix, and on to a keyword.
    f"PREFIX ex: <http://h:> ASK {{ ?s ?p ex:{CALL} }}",
    f"PREFIX ex: <http://e/#> PREFIX : <{NOWHERE}> ASK {{ ?s ?p ex:SERVICE:a{B}# {{}} }}",
    f"PREFIXex: <http://h:> ASK {{ ?s ?p ex:x . ?s ?p ex:{CALL} }}",
    f"PREFIX ex: <http://e/> PREFIX ex:#\n<http://h:> ASK {{ ?s ?p ex:{CALL} }}",
    f"PREFIX ex: <http://h:{B}u0038> ASK {{ ?s ?p ex:{CALL} }}",
    # What looks like an IRI is a comparison, and what follows it another thing.
    "ASK { ?s ?p ?o FILTER(?o<1)SERVICE?x#>\n{} }",
    f"ASK {{ ?s ?p ?o FILTER(?o<'&&?o>' ) {CALL} # '\n}}",
    f"ASK {{ ?s ?p ?o FILTER(?o<?o#>'''\n) {CALL} #'''\n}}",
    f"PREFIX a: <http://e/> ASK {{ ?s ?p ?o FILTER(?o<a:b#>'''\n) {CALL}#'''\n}}",
    f"ASK {{ ?s ?p ?o FILTER(?o<'&&true#>' \n) {CALL} #'\n}}",
    # Escapes count anywhere, or only in strings, as the reader pleases.
    f"ASK {{ {B}u0053ERVICE <{NOWHERE}> {{}} }}",
    f'ASK {{ ?s ?p "a{B}u0022 . {CALL} ?s ?p {B}u0022" }}',
    f"ASK {{ # {B}u000A {CALL}\n }}",
]

HARMLESS = [
    'ASK { ?s ?p "service" }',
    'ASK { ?s ?p \'\'\'it\'s a service\'\'\' , """a "SERVICE" b"""@en }',
    "ASK { ?service ?p $SERVICE }",
    "ASK { # SERVICE <http://x> {}\n }",
    "PREFIX ex: <http://e/> ASK { ?s ex:service ?o ; ex:self-service-1 ?x }",
    "PREFIX : <http://f#> ASK { ?s :service ?o }",
    "ASK { <https://example.org/service/1> ?p <http://example.org/a#service> }",
    "ASK { VALUES (?a ?b) { (<http://x/service/y> <http://x/service/z>) } }",
    'ASK { ?s ?p ?o FILTER(?o<?x&&?x>?o) ?s ?p "a service" }',
    'ASK { _:service ?p "x"@en }',
    'ASK { ?s ?p ?o FILTER(CONTAINS(?o, "Service")) }',
]


@pytest.mark.parametrize("query", HIDDEN)
def test_a_call_is_refused_however_it_is_hidden(query: str) -> None:
    with pytest.raises(QueryRefused):
        guarded(query)


@pytest.mark.parametrize("query", HARMLESS)
def test_the_word_alone_is_no_call(query: str) -> None:
    STORE.query(query)
    assert guarded(query).form == "ASK"


def test_the_engine_would_have_called_for_some_of_these() -> None:
    assert sum(calls_out(query) for query in HIDDEN) >= 5


PIECES = [
    "SERVICE", "service", "SILENT", "{", "}", "{}", "(", ")", "<", ">", "<=", "'", '"', "'''",
    '"""', "#", "\n", "\r", " ", "\\", "\\u0022", "\\u000A", "true", "1", "1.", ".", ";", ",",
    "?s", "?p", "?o", "?s ?p ?o", "a:b", ":x", "ex:", "ex:a", "_:a", "@en", "@en--ltr", "^^", "a",
    "&&", "||", "!", "=", "FILTER(", "FILTER(?o<", "BIND(1 AS ?x)", "OPTIONAL", "UNION", "GRAPH ?g",
    f"<{NOWHERE}>", f" {CALL}", CALL, "<http://e/p>", "<b>", "VALUES ?x {", "UNDEF", "[]", "()",
]  # fmt: skip
PROLOGUES = [
    "",
    f"PREFIX : <{NOWHERE}> ",
    f"PREFIX ex: <http://h:> PREFIX : <{NOWHERE}> ",
    f"PREFIX a: <http://e/#> PREFIX : <{NOWHERE}> ",
    "BASE <http://127.0.0.1:9/> ",
]


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(PROLOGUES), st.lists(st.sampled_from(PIECES), max_size=14))
def test_nothing_that_the_guard_lets_pass_makes_the_engine_call(
    prologue: str, pieces: list[str]
) -> None:
    for query in (
        f"{prologue}ASK {{ {''.join(pieces)} }}",
        f"{prologue}ASK {{ ?s ?p ?o FILTER(?o<{''.join(pieces)}) {CALL} }}",
        f"{prologue}ASK {{ ?s ?p {''.join(pieces)} {CALL}\n }}",
    ):
        if calls_out(query):
            with pytest.raises(QueryRefused):
                guarded(query)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_passes_or_raises_an_error_of_ours(text: str) -> None:
    with contextlib.suppress(ErgaOmnesError):
        guarded(text)
    with contextlib.suppress(ErgaOmnesError):
        guarded(f"SELECT * {{ {text} }}")


@settings(deadline=None)
@given(st.text(max_size=40))
def test_a_literal_of_any_content_passes(text: str) -> None:
    literal = str(ox.Literal(text.replace("\0", "").encode("utf-8", "ignore").decode()))
    query = f"ASK {{ VALUES ?x {{ {literal} }} }}"
    if "service" not in text.lower():
        assert guarded(query).form == "ASK"


@pytest.mark.parametrize(
    ("query", "form"),
    [
        ("SELECT*{}", "SELECT"),
        ("ask{}", "ASK"),
        ("# LOAD\nPREFIX select: <http://e/>\nBASE <http://e/>\nCONSTRUCT WHERE {}", "CONSTRUCT"),
        ('VERSION "1.2" DESCRIBE <http://e/>', "DESCRIBE"),
    ],
)
def test_the_form_is_read(query: str, form: str) -> None:
    assert guarded(query).form == form


@pytest.mark.parametrize(
    "query",
    [
        "LOAD <http://e/>",
        "PREFIX a: <http://e/> INSERT DATA { a:b a:c a:d }",
        "delete where { ?s ?p ?o }",
        "WITH <http://e/> DELETE { ?s ?p ?o } WHERE {}",
        "DROP ALL",
        "CLEAR DEFAULT",
    ],
)
def test_an_update_is_refused(query: str) -> None:
    with pytest.raises(QueryRefused, match="update"):
        guarded(query)


OURS = "https://example.org/graph/"


def test_only_graphs_of_ours_are_named() -> None:
    query = f"PREFIX g: <{OURS}> SELECT * FROM g:a FROM NAMED <{OURS}b> {{ ?s ?p ?o }}"
    asked = guarded(query, graphs=OURS)
    assert (asked.graphs, asked.named_graphs) == ((f"{OURS}a",), (f"{OURS}b",))
    for clause in ("FROM <http://e/>", "FROM NAMED <file:///etc/passwd>", "FROM <relative>"):
        with pytest.raises(QueryRefused, match="not a graph of this store"):
            guarded(f"SELECT * {clause} {{ ?s ?p ?o }}", graphs=OURS)


def test_length_and_depth_are_bounded_before_anything_parses() -> None:
    with pytest.raises(QueryTooLong):
        guarded("ASK {}" + " " * 100, length_limit=50)
    with pytest.raises(QueryTooDeep) as caught:
        guarded("ASK " + "{" * 101 + "}" * 101, depth_limit=100)
    assert caught.value.data["depth"] == 101
    assert guarded("ASK " + "{" * 100 + "}" * 100, depth_limit=100)
    assert guarded('ASK { ?s ?p "' + "(" * 500 + '" }')


@pytest.mark.parametrize("query", ["", " \n", "\t"])
def test_no_query_is_missing(query: str) -> None:
    with pytest.raises(MissingQuery):
        guarded(query)


@pytest.mark.parametrize("query", ["hello", "{", "SELEC * {}", "ASK {\ud800}", "ASK {\0}"])
def test_what_is_no_query_is_said_to_be_none(query: str) -> None:
    with pytest.raises(QuerySyntax):
        guarded(query)


@pytest.mark.parametrize(
    "piece",
    [
        *"<'?(",
        '"""',
        "a.",
        "a-",
        "<a",
        "'''x",
        B,
        "SERVICE:",
        "/*",
        ":a.",
        ":#",
        ":<",
        ": ",
        "a:#\n",
        "_:a.",
        "@a-",
        "%41",
        "prefix",
        "prefix#",
        "a" * 63 + ".",
        "<x> ",
    ],
)
@pytest.mark.parametrize("start", ["ASK { service ", "ASK { 'service' "])
def test_a_long_hostile_text_is_read_quickly(start: str, piece: str) -> None:
    began = time.process_time()
    with contextlib.suppress(ErgaOmnesError):
        guarded(start + piece * (30_000 // len(piece)))
    assert time.process_time() - began < 3


def test_a_prefix_of_any_length_hides_nothing() -> None:
    for length in (63, 64, 65, 200):
        name = "a" * length
        query = f"PREFIX {name}: <http://e/> ASK {{ ?s {name}:p ?o . {CALL} }}"
        assert calls_out(query)
        with pytest.raises((QueryRefused, QuerySyntax)):
            guarded(query)


def test_terminals_are_cut_as_the_grammar_does() -> None:
    text = '?a<?b&&?c>?d ex:a\\-b. \'x\'@en-GB """a"b"""^^xsd:date <http://e/> _:b1. 1.5e3 #c'
    assert [(one.kind, one.text) for one in tokens(text) if one.kind != "symbol"] == [
        ("variable", "?a"),
        ("variable", "?b"),
        ("variable", "?c"),
        ("variable", "?d"),
        ("prefixed", "ex:a\\-b"),
        ("string", "'x'"),
        ("language", "@en-GB"),
        ("string", '"""a"b"""'),
        ("prefixed", "xsd:date"),
        ("iri", "<http://e/>"),
        ("blank", "_:b1"),
        ("word", "1"),
        ("word", "5e3"),
    ]
