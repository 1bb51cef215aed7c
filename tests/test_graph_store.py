"""Graphs read whole over HTTP: https://www.w3.org/TR/sparql11-http-rdf-update/."""

from collections.abc import Iterator

import httpx
import pytest
import rdflib
from rdflib.compare import to_isomorphic

from ergaomnes.app import PROBLEM, create_app
from ergaomnes.build import Built
from ergaomnes.settings import Settings
from ergaomnes.terms import prefixes
from serving import served

GRAPH = prefixes()["graph"]
NAME = "data/states/rus"
FORMATS = {
    "text/turtle": "turtle",
    "application/n-triples": "nt",
    "application/rdf+xml": "xml",
    "application/ld+json": "json-ld",
    "application/trig": "trig",
    "application/n-quads": "nquads",
}


@pytest.fixture(scope="module")
def client(built: Built) -> Iterator[httpx.Client]:
    # The limits of an answer are for what people compose: a graph is as large as it is.
    settings = Settings(dump=built.dump, row_limit=1000, answer_limit=500_000, time_limit=60)
    with (
        served(create_app(settings)) as address,
        httpx.Client(base_url=address, timeout=90, trust_env=False) as made,
    ):
        yield made


def stated(built: Built, graph: str) -> rdflib.Graph:
    end = f" <{graph}> .\n"
    lines = (line for line in built.dump.open(encoding="utf-8") if line.endswith(end))
    found = rdflib.Graph()
    found.parse(data="".join(f"{line.removesuffix(end)} .\n" for line in lines), format="nt")
    return found


def read(response: httpx.Response) -> rdflib.Graph:
    assert response.status_code == 200, response.text
    media_type = response.headers["content-type"].split(";")[0]
    data = rdflib.Dataset(default_union=True)
    data.parse(data=response.content, format=FORMATS[media_type])
    found = rdflib.Graph()
    for triple in data.triples((None, None, None)):
        found.add(triple)
    return found


def problem(response: httpx.Response, status: int, slug: str) -> dict[str, object]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    body: dict[str, object] = response.json()
    assert str(body["type"]).endswith(f"/problem/{slug}")
    return body


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
@pytest.mark.parametrize("media_type", FORMATS)
def test_a_graph_is_read_by_its_address_and_by_its_name(
    client: httpx.Client, built: Built, media_type: str
) -> None:
    expected = to_isomorphic(stated(built, GRAPH + NAME))
    accept = {"Accept": media_type}
    direct = client.get(f"/graph/{NAME}", headers=accept)
    indirect = client.get("/store", params={"graph": GRAPH + NAME}, headers=accept)
    assert len(expected) > 5
    assert to_isomorphic(read(direct)) == to_isomorphic(read(indirect)) == expected
    assert direct.headers["content-type"] == indirect.headers["content-type"]
    assert direct.headers["vary"].startswith("Accept")


def test_the_union_is_read_whole(client: httpx.Client, built: Built) -> None:
    response = client.get("/store?default", headers={"Accept": "application/n-triples"})
    lines = response.text.splitlines()
    assert len(set(lines)) == len({line.rpartition(" <")[0] for line in built.dump.open()})
    assert client.get("/store?default=&format=nt").content == response.content


def test_head_has_the_fields_of_get(client: httpx.Client) -> None:
    for address in (f"/graph/{NAME}?format=ttl", f"/store?graph={GRAPH}{NAME}"):
        head, got = client.head(address), client.get(address)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("content-type", "content-length", "etag"):
            assert head.headers[name] == got.headers[name]


def test_a_graph_that_is_known_is_not_sent_again(client: httpx.Client) -> None:
    address = f"/graph/{NAME}?format=ttl"
    etag = client.get(address).headers["etag"]
    assert client.get(address, headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
@pytest.mark.parametrize("address", [f"/graph/{NAME}", f"/store?graph={GRAPH}{NAME}", "/store"])
def test_a_graph_is_not_written(client: httpx.Client, method: str, address: str) -> None:
    response = client.request(method, address, content=b"<a:b> <a:b> <a:b> .")
    body = problem(response, 405, "not-writable")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"
    assert "/validate" in str(body["remedy"])
    assert client.options(address).headers["allow"] == "GET, HEAD, OPTIONS"


def test_a_graph_that_is_not_there_is_not_found(client: httpx.Client) -> None:
    wrong = f"{GRAPH}data/states/ruz"
    body = problem(client.get("/store", params={"graph": wrong}), 404, "unknown-graph")
    assert GRAPH + NAME in str(body["near"])
    problem(client.get("/store", params={"graph": "http://example.org/g"}), 404, "unknown-graph")
    assert client.get("/graph/data/states/ruz?format=ttl").status_code == 404


@pytest.mark.parametrize(
    "query",
    ["", "default&graph=https://e/", "graph=", "graph=rus", "graph=a:b&graph=a:c", "grph=a:b"],
)
def test_what_names_no_one_graph_is_refused(client: httpx.Client, query: str) -> None:
    problem(client.get(f"/store?{query}"), 400, "bad-request")


def test_what_is_not_on_offer_is_not_acceptable(client: httpx.Client) -> None:
    for address in (f"/graph/{NAME}", "/store?default"):
        problem(client.get(address, headers={"Accept": "text/csv"}), 406, "not-acceptable")
    problem(client.get("/store?default&format=csv"), 400, "bad-parameter")


def test_a_browser_gets_a_page(client: httpx.Client) -> None:
    response = client.get(f"/graph/{NAME}", headers={"Accept": "text/html,*/*;q=0.8"})
    assert response.headers["content-type"].startswith("text/html")
