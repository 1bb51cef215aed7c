import json
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pyoxigraph as ox
import pytest
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


@pytest.fixture(scope="module")
def client(built: Built) -> Iterator[httpx.Client]:
    """Give a client of the service over real HTTP, with the packaged graph behind it."""
    settings = Settings(dump=built.dump, readers=2, spares=1, time_limit=2.0, queue_limit=4)
    with (
        served(create_app(settings)) as address,
        httpx.Client(base_url=address, timeout=30, trust_env=False) as made,
    ):
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
        ("text/html, */*;q=0.1", "application/sparql-results+json"),
    ],
)
def test_a_table_is_negotiated(client: httpx.Client, accept: str | None, media_type: str) -> None:
    response = get(client, SELECT, accept or "")
    assert response.status_code == 200
    assert response.headers["content-type"] == media_type
    assert "accept" in response.headers["vary"].lower()


@pytest.mark.parametrize(
    "media_type",
    [
        "text/turtle",
        "application/n-triples",
        "application/rdf+xml",
        "application/ld+json",
        "application/trig",
        "application/n-quads",
    ],
)
def test_a_graph_is_negotiated(client: httpx.Client, media_type: str) -> None:
    response = get(client, CONSTRUCT, media_type)
    assert response.headers["content-type"].split(";")[0] == media_type
    read_as = ox.RdfFormat.from_media_type(media_type)
    found = set(ox.parse(response.content, format=read_as))
    assert found == set(
        ox.parse(get(client, CONSTRUCT, format="nt").content, format=ox.RdfFormat.N_TRIPLES)
    )
    assert found


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
    problem(refused, 405, "")
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
        ("update=DROP%20ALL", "application/x-www-form-urlencoded", 403, "query-refused"),
        ("DROP ALL", "application/sparql-update", 403, "query-refused"),
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
    client: httpx.Client, query: str
) -> None:
    answers: list[httpx.Response] = []
    attacker = threading.Thread(target=lambda: answers.append(get(client, query)))
    attacker.start()
    served = 0
    while attacker.is_alive():
        assert client.get("/health").status_code == 200
        assert get(client, ASK).json()["boolean"] is True
        served += 1
        time.sleep(0.02)
    attacker.join()
    assert served > 0
    assert answers[0].status_code in (413, 504, 507)
    assert answers[0].headers["content-type"] == PROBLEM


def test_when_all_readers_are_at_work_the_rest_are_told_to_come_back(
    client: httpx.Client,
) -> None:
    answers: list[httpx.Response] = []
    crowd = [
        threading.Thread(target=lambda: answers.append(get(client, ENDLESS))) for _ in range(12)
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
    while get(client, ASK).status_code != 200:
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
