import contextlib
import io
import json
import re
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import rdflib
from rdflib.compare import to_isomorphic
from rdflib.query import Result
from SPARQLWrapper import JSON, POST, TURTLE, SPARQLWrapper

from ergaomnes.app import PROBLEM, create_app
from ergaomnes.build import Built
from ergaomnes.settings import Settings
from ergaomnes.terms import prefixes
from serving import Listener, served

ASK = "ASK { ?s ?p ?o }"
SELECT = "SELECT ?s { ?s a <https://w3id.org/ergaomnes/def/State> } ORDER BY ?s"
CONSTRUCT = f"CONSTRUCT {{ ?s a <a:b> }} WHERE {SELECT[SELECT.index('{') :]}".split(" ORDER")[0]
ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
GRAPH = prefixes()["graph"]
STATE = prefixes()["state"] + "rus"
FORM, DIRECT = "application/x-www-form-urlencoded", "application/sparql-query"


@contextlib.contextmanager
def serving(built: Built, seconds: float) -> Iterator[httpx.Client]:
    settings = Settings(dump=built.dump, readers=2, spares=1, time_limit=seconds, queue_limit=4)
    with (
        served(create_app(settings)) as address,
        httpx.Client(base_url=address, timeout=60, trust_env=False) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def client(built: Built) -> Iterator[httpx.Client]:
    """Give a client of the service over real HTTP, with the packaged graph behind it."""
    with serving(built, seconds=60) as made:
        yield made


@pytest.fixture(scope="module")
def hasty(built: Built) -> Iterator[httpx.Client]:
    """Give a client of a service that stops a query soon."""
    with serving(built, seconds=2) as made:
        yield made


def get(client: httpx.Client, query: str, accept: str | None = None, **more: str) -> httpx.Response:
    headers = {} if accept is None else {"Accept": accept}
    return client.get("/sparql", params={"query": query, **more}, headers=headers)


def problem(response: httpx.Response, status: int, slug: str) -> dict[str, object]:
    """Check the one shape of every error, and give it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    body: dict[str, object] = response.json()
    assert body["status"] == status
    assert body["title"]
    kind = prefixes().base + "problem/" + slug if slug else "about:blank"
    assert body["type"] == kind
    return body


def test_the_three_ways_of_asking_give_the_same(client: httpx.Client) -> None:
    answers = [
        client.get("/sparql", params={"query": SELECT}),
        client.post("/sparql", data={"query": SELECT}),
        client.post(
            "/sparql", content=SELECT, headers={"Content-Type": "application/sparql-query"}
        ),
        client.post(
            "/sparql",
            content=urlencode({"query": SELECT}),
            headers={"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"},
        ),
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].headers["content-type"] == "application/sparql-results+json"
    assert answers[0].json()["results"]["bindings"]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/sparql-results+json"),
        ("*/*", "application/sparql-results+json"),
        ("application/json", "application/json"),
        ("application/sparql-results+xml", "application/sparql-results+xml"),
        ("application/xml;q=0.9, text/csv;q=0.5", "application/xml"),
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/tab-separated-values", "text/tab-separated-values; charset=utf-8"),
        ("text/html, */*;q=0.1", "text/html; charset=utf-8"),
    ],
)
def test_a_table_is_negotiated(client: httpx.Client, accept: str | None, media_type: str) -> None:
    response = get(client, SELECT, accept or "")
    assert response.status_code == 200
    assert response.headers["content-type"] == media_type
    assert "accept" in response.headers["vary"].lower()


GRAPHS = {
    "text/turtle": "turtle",
    "application/n-triples": "nt",
    "application/rdf+xml": "xml",
    "application/ld+json": "json-ld",
    "application/trig": "trig",
    "application/n-quads": "nquads",
}
TABLES = {
    "application/sparql-results+json": "json",
    "application/sparql-results+xml": "xml",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
}


def read_by_rdflib(response: httpx.Response) -> rdflib.Graph:
    media_type = response.headers["content-type"].split(";")[0]
    read = rdflib.Dataset(default_union=True)
    read.parse(data=response.content, format=GRAPHS[media_type])
    whole = rdflib.Graph()
    for triple in read.triples((None, None, None)):
        whole.add(triple)
    return whole


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
@pytest.mark.parametrize("media_type", GRAPHS)
@pytest.mark.parametrize("query", [CONSTRUCT, f"DESCRIBE <{STATE}>"])
def test_a_graph_is_negotiated_and_read_by_another_library(
    client: httpx.Client, media_type: str, query: str
) -> None:
    response = get(client, query, media_type)
    assert response.headers["content-type"].split(";")[0] == media_type
    found = read_by_rdflib(response)
    assert len(found) > 5
    plain = read_by_rdflib(get(client, query, format="nt"))
    assert to_isomorphic(found) == to_isomorphic(plain)


@pytest.mark.parametrize("media_type", TABLES)
def test_a_table_is_read_by_another_library(client: httpx.Client, media_type: str) -> None:
    query = (
        "SELECT ?s ?name ?number ?none { VALUES (?s ?name ?number ?none) {"
        f' (<{STATE}> "a, \\"b\\"\\n\\tч"@ru 7 UNDEF) (<{STATE}> "" 0 false) }} }}'
    )
    response = get(client, query, media_type)
    result = Result.parse(io.BytesIO(response.content), format=TABLES[media_type])
    assert [str(name) for name in result.vars or ()] == ["s", "name", "number", "none"]
    rows = [[row.get(name) for name in result.vars or ()] for row in result.bindings]
    assert [str(row[0]) for row in rows] == [STATE, STATE]
    # rdflib takes an empty CSV field for an unbound one
    assert str(rows[0][1]) == 'a, "b"\n\tч'
    assert [str(row[2]) for row in rows] == ["7", "0"]
    assert rows[0][3] is None


@pytest.mark.parametrize(
    "media_type", ["application/sparql-results+json", "application/sparql-results+xml"]
)
def test_a_truth_is_read_by_another_library(client: httpx.Client, media_type: str) -> None:
    for query, truth in ((ASK, True), ("ASK { FILTER(false) }", False)):
        response = get(client, query, media_type)
        result = Result.parse(io.BytesIO(response.content), format=TABLES[media_type])
        assert result.askAnswer is truth
    assert get(client, ASK, "text/csv").text == "true"
    assert get(client, ASK, "text/tab-separated-values").text == "true"


def test_a_graph_declares_the_prefixes_that_it_uses_and_no_others(client: httpx.Client) -> None:
    turtle = get(client, f"DESCRIBE <{STATE}>", "text/turtle").text
    declared = re.findall(r"^@prefix ([^:]+): ", turtle, re.MULTILINE)
    assert {"erga", "skos", "state"} <= set(declared)
    assert declared == sorted(declared)
    body = turtle.rpartition("@prefix")[2].partition("\n")[2]
    assert all(f"{prefix}:" in body for prefix in declared)
    assert "state:rus a " in body
    assert 'xmlns:erga="' in get(client, f"DESCRIBE <{STATE}>", "application/rdf+xml").text


def test_the_same_graph_is_the_same_bytes(client: httpx.Client) -> None:
    answers = {get(client, f"{CONSTRUCT} # {number}", "text/turtle").content for number in range(4)}
    assert len(answers) == 1


def test_what_xml_cannot_carry_is_refused_in_xml_and_given_in_json(client: httpx.Client) -> None:
    query = 'SELECT ("a\\u0001b" AS ?x) {}'
    body = problem(get(client, query, "application/sparql-results+xml"), 406, "answer-unwritable")
    assert body["remedy"] == "Ask for JSON."
    row = get(client, query, "application/sparql-results+json").json()["results"]["bindings"][0]
    assert row["x"]["value"] == "a\x01b"
    response = get(client, 'SELECT ("a\\rb" AS ?x) {}', "application/sparql-results+xml")
    [found] = Result.parse(io.BytesIO(response.content), format="xml").bindings
    assert [str(value) for value in found.values()] == ["a\rb"]


def test_the_format_parameter_goes_before_the_header(client: httpx.Client) -> None:
    response = get(client, SELECT, "application/json", format="csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    problem(get(client, SELECT, format="ttl"), 400, "bad-parameter")


def test_what_cannot_be_written_is_not_acceptable(client: httpx.Client) -> None:
    body = problem(get(client, SELECT, "text/turtle"), 406, "not-acceptable")
    assert "text/csv" in json.dumps(body["offered"])
    problem(get(client, CONSTRUCT, "text/csv"), 406, "not-acceptable")
    problem(get(client, SELECT, "text/csv;q=high"), 400, "bad-request")


def test_sparqlwrapper_asks_it(client: httpx.Client) -> None:
    wrapper = SPARQLWrapper(f"{client.base_url}/sparql")
    wrapper.setQuery(SELECT)
    wrapper.setReturnFormat(JSON)
    answer: Any = wrapper.queryAndConvert()
    found = answer["results"]["bindings"]
    assert prefixes().iri("state:rus") in {row["s"]["value"] for row in found}
    wrapper.setMethod(POST)
    wrapper.setQuery(CONSTRUCT)
    wrapper.setReturnFormat(TURTLE)
    answer = wrapper.queryAndConvert()
    assert b"<a:b>" in answer


def test_what_other_endpoints_want_is_ignored_and_a_slip_is_not(client: httpx.Client) -> None:
    assert get(client, ASK, timeout="5000", debug="on", output="csv").content == b"true"
    response = client.get("/sparql", params={"query": ASK, "default-graph-url": f"{GRAPH}derived"})
    assert "default-graph-uri" in str(problem(response, 400, "unknown-parameter")["near"])


def test_the_default_graph_is_the_union_unless_others_are_named(client: httpx.Client) -> None:
    count = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"

    def counted(query: str, **graphs: list[str]) -> int:
        params = {"query": query, **{name.replace("_", "-"): many for name, many in graphs.items()}}
        response = client.get("/sparql", params=params)
        assert response.status_code == 200, response.text
        return int(response.json()["results"]["bindings"][0]["n"]["value"])

    derived, agents = f"{GRAPH}derived", f"{GRAPH}data/agents/agents"
    whole = counted(count)
    one = counted(count, default_graph_uri=[derived])
    both = counted(count, default_graph_uri=[derived, agents])
    assert 0 < one < both < whole
    assert counted(f"SELECT (COUNT(*) AS ?n) FROM <{derived}> {{ ?s ?p ?o }}") == one
    named = "SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } }"
    assert counted(named, named_graph_uri=[derived]) == one
    # The dataset of the request goes before that of the query.
    query = f"SELECT (COUNT(*) AS ?n) FROM <{agents}> {{ ?s ?p ?o }}"
    assert counted(query, default_graph_uri=[derived]) == one


@pytest.mark.parametrize("name", ["default-graph-uri", "named-graph-uri"])
def test_graphs_that_are_not_ours_are_refused(client: httpx.Client, name: str) -> None:
    response = client.get("/sparql", params={"query": ASK, name: "http://example.org/"})
    problem(response, 403, "query-refused")
    problem(get(client, "ASK FROM <http://example.org/> {}"), 403, "query-refused")


@pytest.mark.parametrize("name", ["default-graph-uri", "named-graph-uri"])
def test_a_graph_that_is_not_here_is_named_with_near_ones(client: httpx.Client, name: str) -> None:
    wrong = f"{GRAPH}data/agents/agent"
    for response in (
        client.get("/sparql", params={"query": ASK, name: wrong}),
        get(client, f"ASK FROM <{wrong}> {{ ?s ?p ?o }}"),
        get(client, f"ASK FROM NAMED <{wrong}> {{ ?s ?p ?o }}"),
    ):
        body = problem(response, 400, "unknown-dataset")
        assert body["graph"] == wrong
        assert f"{GRAPH}data/agents/agents" in str(body["near"])


def test_head_is_get_without_the_body(client: httpx.Client) -> None:
    response = client.head("/sparql", params={"query": ASK})
    assert response.status_code == 200
    assert response.headers["content-length"] == str(len(get(client, ASK).content))
    assert response.content == b""


def test_options_and_wrong_methods_name_the_right_ones(client: httpx.Client) -> None:
    response = client.options("/sparql")
    assert response.status_code == 204
    assert response.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    refused = client.put("/sparql", content="x")
    problem(refused, 405, "wrong-method")
    assert refused.headers["allow"] == "GET, HEAD, POST, OPTIONS"


def test_every_answer_may_be_read_by_any_page(client: httpx.Client) -> None:
    origin = {"Origin": "https://example.org"}
    for path in ("/", "/sparql?query=ASK%7B%7D", "/sparql", "/nowhere", "/questions/nope"):
        response = client.get(path, headers=origin)
        assert response.headers["access-control-allow-origin"] == "*", path
    preflight = client.options(
        "/sparql",
        headers={
            **origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type, accept",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "POST" in preflight.headers["access-control-allow-methods"]


@pytest.mark.parametrize(
    ("content", "media_type", "status", "slug"),
    [
        ("update=DROP%20ALL", "application/x-www-form-urlencoded", 403, "read-only"),
        ("DROP ALL", "application/sparql-update", 403, "read-only"),
        ("LOAD <http://e/>", "application/sparql-query", 403, "query-refused"),
        ("INSERT DATA { <a:b> <a:b> 1 }", "application/sparql-query", 403, "query-refused"),
        ("ASK { SERVICE <http://e/> {} }", "application/sparql-query", 403, "query-refused"),
        ("", "application/sparql-query", 400, "missing-query"),
        ("", "application/x-www-form-urlencoded", 400, "missing-query"),
        ("query=ASK{}&query=SELECT*{}", "application/x-www-form-urlencoded", 400, "bad-request"),
        ("qery=ASK{}", "application/x-www-form-urlencoded", 400, "unknown-parameter"),
        ("query=%FF", "application/x-www-form-urlencoded", 400, "bad-request"),
        ("ASK {", "application/sparql-query", 400, "query-syntax"),
        ("ASK{}", "text/plain", 415, "unsupported-media-type"),
        ("ASK{}", "", 415, "unsupported-media-type"),
        ("ASK{}", "application/sparql-query; charset=latin-1", 415, "unsupported-media-type"),
        ("ASK{" + "{" * 200 + "}" * 201, "application/sparql-query", 400, "query-too-deep"),
        ("(" * 50_000, "application/sparql-query", 400, "query-too-deep"),
        ("ASK{}" + " " * 60_000, "application/sparql-query", 413, "query-too-long"),
        ("ASK{}" + " " * 2_000_000, "application/sparql-query", 413, "query-too-long"),
    ],
)
def test_the_callers_fault_is_said_to_be_the_callers(
    client: httpx.Client, content: str, media_type: str, status: int, slug: str
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    problem(client.post("/sparql", content=content.encode(), headers=headers), status, slug)


@pytest.mark.parametrize("path", ["/sparql", "/sparql/"])
@pytest.mark.parametrize("kind", ["get", "form", "direct", "head"])
def test_a_slash_at_the_end_makes_no_difference(client: httpx.Client, path: str, kind: str) -> None:
    ways = {
        "get": lambda: get_at(client, path),
        "form": lambda: client.post(path, data={"query": ASK}),
        "direct": lambda: client.post(path, content=ASK, headers={"Content-Type": DIRECT}),
        "head": lambda: client.head(path, params={"query": ASK}),
    }
    response = ways[kind]()
    assert response.status_code == 200
    assert response.headers["content-length"] == str(len(get(client, ASK).content))
    assert client.options(path).headers["allow"] == "GET, HEAD, POST, OPTIONS"


def get_at(client: httpx.Client, path: str) -> httpx.Response:
    return client.get(path, params={"query": ASK})


# The tests of https://www.w3.org/2009/sparql/docs/tests/data-sparql11/protocol/ for queries.
WRONG = {
    "bad_query_method": ("PUT", "", {}, b"", 405),
    "bad_multiple_queries": ("GET", "query=ASK%20%7B%7D&query=SELECT%20*%20%7B%7D", {}, b"", 400),
    "bad_query_wrong_media_type": ("POST", "", {"Content-Type": "text/plain"}, b"ASK {}", 415),
    "bad_query_missing_form_type": ("POST", "", {}, b"query=ASK%20%7B%7D", 415),
    "bad_query_missing_direct_type": ("POST", "", {}, b"ASK {}", 415),
    "bad_query_non_utf8": ("POST", "", {"Content-Type": DIRECT}, "ASK {}".encode("utf-16"), 400),
    "bad_query_syntax": ("GET", "query=ASK%20%7B", {}, b"", 400),
    "bad_update_get": ("GET", "update=CLEAR%20ALL", {}, b"", 403),
    "bad_update_wrong_media_type": ("POST", "", {"Content-Type": "text/plain"}, b"CLEAR", 415),
    "bad_update_dataset_conflict": (
        "POST",
        "using-named-graph-uri=http%3A%2F%2Fe%2F",
        {"Content-Type": "application/sparql-update"},
        b"CLEAR ALL",
        403,
    ),
    "update_post_form": ("POST", "", {"Content-Type": FORM}, b"update=CLEAR%20ALL", 403),
    "no_utf8_in_the_address": ("GET", "query=%FF", {}, b"", 400),
    "a_body_that_is_compressed": (
        "POST",
        "",
        {"Content-Type": DIRECT, "Content-Encoding": "gzip"},
        b"ASK {}",
        415,
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_the_protocol_forbids_is_refused(client: httpx.Client, name: str) -> None:
    method, query, headers, content, status = WRONG[name]
    response = client.request(
        method, f"/sparql?{query}" if query else "/sparql", content=content, headers=headers
    )
    assert response.status_code == status
    assert response.headers["content-type"] == PROBLEM
    assert response.json()["status"] == status


@pytest.mark.parametrize("way", ["get", "form", "direct"])
def test_a_dataset_is_given_in_every_way_of_asking(client: httpx.Client, way: str) -> None:
    query = (
        "SELECT (COUNT(DISTINCT ?g) AS ?named) (COUNT(?a) AS ?plain)"
        " { { GRAPH ?g { ?s ?p ?o } } UNION { ?a ?b ?c } }"
    )
    graphs = [
        ("default-graph-uri", f"{GRAPH}data/agents/agents"),
        ("named-graph-uri", f"{GRAPH}data/states/rus"),
        ("named-graph-uri", f"{GRAPH}data/states/ukr"),
    ]
    form = urlencode([("query", query), *graphs])
    if way == "get":
        response = client.get(f"/sparql?{form}")
    elif way == "form":
        response = client.post("/sparql", content=form, headers={"Content-Type": FORM})
    else:
        response = client.post(
            f"/sparql?{urlencode(graphs)}", content=query, headers={"Content-Type": DIRECT}
        )
    [row] = response.json()["results"]["bindings"]
    assert int(row["named"]["value"]) == 2
    alone = get(client, f"SELECT * FROM <{graphs[0][1]}> {{ ?a ?b ?c }}").json()
    assert int(row["plain"]["value"]) == len(alone["results"]["bindings"])


def test_a_format_in_the_address_holds_for_a_form(client: httpx.Client) -> None:
    assert client.post("/sparql?format=csv", data={"query": ASK}).text == "true"


@pytest.mark.parametrize(
    ("query", "line", "column", "piece", "hint"),
    [
        ("ASK {\n  ?s erga:holdsFrom ?o }", 2, 6, "erga:holdsFrom", "PREFIX erga: <"),
        ("ASK { ?s a State }", 1, 12, "State", "erga:State"),
        ("SELECT * {\n ?s ?p ?o\n", 1, 10, "{", "Add }"),
        ("SELCT * {}", 1, 1, "SELCT", "SELECT"),
    ],
)
def test_a_slip_in_a_query_is_shown_with_its_place_and_a_hint(
    client: httpx.Client, query: str, line: int, column: int, piece: str, hint: str
) -> None:
    body = problem(get(client, query), 400, "query-syntax")
    assert (body["line"], body["column"], body["piece"]) == (line, column, piece)
    assert hint in str(body["remedy"])
    assert f"line {line}, column {column}" in str(body["detail"])


@pytest.mark.parametrize("name", ["json", "xml", "csv", "tsv"])
@pytest.mark.parametrize("form", ["SELECT ?s", "ASK", "CONSTRUCT { ?s a ?o }"])
def test_a_term_that_is_none_of_ours_is_hinted_at_when_nothing_is_found(
    client: httpx.Client, form: str, name: str
) -> None:
    written_as = "ttl" if form.startswith("CONSTRUCT") else name
    where = "WHERE { ?s e:holdsFrom ?o ; e:inInstrument ?i }"
    known = f"PREFIX e: <https://w3id.org/ergaomnes/def/> {form} {where} LIMIT 1"
    assert "ergaomnes-hint" not in get(client, known, format=written_as).headers
    response = get(client, known.replace("holdsFrom", "holdFrom"), format=written_as)
    assert response.status_code == 200
    assert "erga:holdsFrom" in response.headers["ergaomnes-hint"]


def test_an_update_is_told_where_facts_are_contributed(client: httpx.Client) -> None:
    body = problem(client.post("/sparql", data={"update": "DROP ALL"}), 403, "read-only")
    assert "/validate" in str(body["remedy"])


def test_the_description_for_programs_knows_the_endpoint(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths["/sparql"]) == {"get", "post"}
    named = {parameter["name"] for parameter in paths["/sparql"]["get"]["parameters"]}
    assert named == {"query", "default-graph-uri", "named-graph-uri", "format"}


def test_bytes_that_are_no_utf_8_are_refused(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/sparql-query"}
    problem(client.post("/sparql", content=b"ASK{\xff}", headers=headers), 400, "bad-request")


@pytest.mark.parametrize(
    "query",
    [
        ENDLESS,
        "SELECT * { ?a ?b ?c . ?d ?e ?f } ORDER BY ?f ?c ?a",
        "SELECT (GROUP_CONCAT(?c) AS ?n) { ?a ?b ?c . ?d ?e ?f }",
        "SELECT (COUNT(*) AS ?n) { ?a (!<a:b>)* ?b . ?b (!<a:b>)* ?c . ?c (!<a:b>)* ?d }",
        "SELECT * { ?a ?b ?c . ?d ?e ?f }",
    ],
)
def test_a_hostile_query_ends_while_another_client_is_served(
    hasty: httpx.Client, query: str
) -> None:
    answers: list[httpx.Response] = []
    attacker = threading.Thread(target=lambda: answers.append(get(hasty, query)))
    attacker.start()
    served = 0
    while attacker.is_alive():
        assert hasty.get("/health").status_code == 200
        assert get(hasty, ASK).json()["boolean"] is True
        served += 1
        time.sleep(0.02)
    attacker.join()
    assert served > 0
    assert answers[0].status_code in (413, 504, 507)
    assert answers[0].headers["content-type"] == PROBLEM


def test_when_all_readers_are_at_work_the_rest_are_told_to_come_back(
    hasty: httpx.Client,
) -> None:
    answers: list[httpx.Response] = []
    crowd = [
        threading.Thread(target=lambda: answers.append(get(hasty, ENDLESS))) for _ in range(12)
    ]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    statuses = {answer.status_code for answer in answers}
    assert statuses <= {503, 504}
    assert 503 in statuses
    for answer in answers:
        if answer.status_code == 503:
            problem(answer, 503, "busy")
            assert int(answer.headers["retry-after"]) >= 1
    deadline = time.monotonic() + 20
    while get(hasty, ASK).status_code != 200:
        assert time.monotonic() < deadline


def test_nobody_is_called(client: httpx.Client) -> None:
    listener = Listener()
    try:
        for query in (
            f"ASK {{ SERVICE <{listener.url}> {{}} }}",
            f"ASK {{ SERVICE SILENT <{listener.url}> {{}} }}",
            f"ASK FROM <{listener.url}> {{ ?s ?p ?o }}",
            f"LOAD <{listener.url}>",
        ):
            problem(get(client, query), 403, "query-refused")
        assert not listener.called()
    finally:
        listener.close()
