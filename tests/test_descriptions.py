"""What the service says of itself, read by another library and counted against the dump."""

import asyncio
import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import rdflib
from rdflib import RDF, URIRef
from rdflib.namespace import DCTERMS, SH, VOID, Namespace

from ergaomnes.app import create_app
from ergaomnes.build import Built
from ergaomnes.catalogue import Catalogue
from ergaomnes.description import Counts
from ergaomnes.known import Known
from ergaomnes.settings import Settings
from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import prefixes
from ergaomnes.worker import Readers
from serving import served

DCAT = Namespace(prefixes()["dcat"])
SD = Namespace(prefixes()["sd"])
SCHEMA = Namespace(prefixes()["schema"])
DATASET = URIRef(prefixes()["id"] + "dataset")
FORMATS = {
    "text/turtle": "turtle",
    "application/n-triples": "nt",
    "application/rdf+xml": "xml",
    "application/ld+json": "json-ld",
    "application/trig": "trig",
    "application/n-quads": "nquads",
}
QUAD = re.compile(r"(\S+) (\S+) (.+) <([^>]*)> \.\n")


@pytest.fixture(scope="module")
def client(built: Built) -> Iterator[httpx.Client]:
    settings = Settings(dump=built.dump, time_limit=60)
    with (
        served(create_app(settings)) as address,
        httpx.Client(base_url=address, timeout=90, trust_env=False) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def quads(built: Built) -> list[tuple[str, str, str, str]]:
    found = [QUAD.fullmatch(line) for line in built.dump.open(encoding="utf-8")]
    assert all(found)
    return [(one[1], one[2], one[3], one[4]) for one in found if one]


def read(response: httpx.Response) -> rdflib.Graph:
    assert response.status_code == 200, response.text
    media_type = response.headers["content-type"].split(";")[0]
    data = rdflib.Dataset(default_union=True)
    data.parse(data=response.content, format=FORMATS[media_type])
    found = rdflib.Graph()
    for triple in data.triples((None, None, None)):
        found.add(triple)
    return found


def number(graph: rdflib.Graph, subject: rdflib.term.Node, said: URIRef) -> int:
    return int(str(graph.value(subject, said)))


@pytest.fixture(scope="module")
def service(client: httpx.Client) -> rdflib.Graph:
    return read(client.get("/sparql"))


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
@pytest.mark.parametrize("path", ["/sparql", "/sparql/", "/void", "/.well-known/void", "/queries"])
@pytest.mark.parametrize("media_type", FORMATS)
def test_a_description_is_written_in_every_format(
    client: httpx.Client, path: str, media_type: str
) -> None:
    plain = read(client.get(path, params={"format": "nt"}))
    response = client.get(path, headers={"Accept": media_type})
    assert response.headers["content-type"].startswith(media_type)
    assert response.headers["vary"].startswith("Accept")
    assert len(plain) > 50
    assert set(read(response)) == set(plain)


def test_the_service_description_says_what_can_be_asked(
    client: httpx.Client, service: rdflib.Graph
) -> None:
    [it] = service.subjects(RDF.type, SD.Service)
    endpoint = URIRef(f"{client.base_url}/sparql")
    assert service.value(it, SD.endpoint) == endpoint
    assert service.value(it, SD.supportedLanguage) == SD.SPARQL11Query
    assert set(service.objects(it, SD.feature)) == {SD.UnionDefaultGraph}
    formats = {str(one).rpartition("/")[2] for one in service.objects(it, SD.resultFormat)}
    assert {"SPARQL_Results_JSON", "Turtle", "N-Quads", "JSON-LD"} <= formats
    assert len(formats) == 10


def test_every_named_graph_is_described_with_its_size(
    service: rdflib.Graph, quads: list[tuple[str, str, str, str]]
) -> None:
    sizes = Counter(graph for _, _, _, graph in quads)
    described = {
        str(service.value(named, SD.name)): number(
            service, service.value(named, SD.graph) or named, VOID.triples
        )
        for named in service.objects(None, SD.namedGraph)
    }
    assert described == dict(sizes)


def test_the_statistics_are_those_of_the_dump(
    service: rdflib.Graph, quads: list[tuple[str, str, str, str]]
) -> None:
    triples = {quad[:3] for quad in quads}
    ids = f"<{prefixes()['id']}"
    subjects = {subject for subject, _, _ in triples}
    expected = {
        VOID.triples: len(triples),
        VOID.distinctSubjects: len(subjects),
        VOID.distinctObjects: len({value for _, _, value in triples}),
        VOID.entities: sum(one.startswith(ids) for one in subjects),
        VOID.properties: len({said for _, said, _ in triples}),
    }
    assert {said: number(service, DATASET, said) for said in expected} == expected
    properties = Counter(said[1:-1] for _, said, _ in triples)
    assert {
        str(service.value(part, VOID.property)): number(service, part, VOID.triples)
        for part in service.objects(DATASET, VOID.propertyPartition)
    } == dict(properties)
    classes = Counter(value[1:-1] for _, said, value in triples if said == f"<{RDF.type}>")
    assert {
        str(service.value(part, VOID["class"])): number(service, part, VOID.entities)
        for part in service.objects(DATASET, VOID.classPartition)
    } == dict(classes)


def test_the_dataset_says_where_it_is_asked_and_fetched(
    client: httpx.Client, service: rdflib.Graph, built: Built
) -> None:
    assert service.value(DATASET, VOID.sparqlEndpoint) == URIRef(f"{client.base_url}/sparql")
    assert service.value(DATASET, DCTERMS.license)
    assert service.value(DATASET, DCTERMS.publisher)
    [access] = service.subjects(RDF.type, DCAT.DataService)
    assert service.value(access, DCAT.servesDataset) == DATASET
    places = {str(one) for one in service.objects(DATASET, VOID.dataDump)}
    assert len(places) >= 3
    for place in places:
        response = client.head(place)
        assert response.status_code == 200
    distributions = set(service.objects(DATASET, DCAT.distribution))
    assert {str(service.value(one, DCAT.downloadURL)) for one in distributions} == places
    dump = client.get("/dump.nq")
    assert dump.headers["content-type"] == "application/n-quads"
    assert dump.content == built.dump.read_bytes()
    part = client.get("/dump.nq", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, dump.content[10:20])


async def what_is_known(settings: Settings, built: Built) -> tuple[object, ...]:
    """Ask a pool that answers nothing itself: only what was answered beforehand is known."""
    catalogue = Catalogue(shipped().queries, prefixes())
    known = Known(Readers(built.dump, settings, built.key), catalogue)
    return await known.graphs(), await known.counts(), await known.dataset()


def test_what_reads_every_fact_was_answered_when_the_store_was_built(
    settings: Settings, built: Built, graph: EmbeddedEngine
) -> None:
    graphs, counts, dataset = asyncio.run(what_is_known(settings, built))
    catalogue = Catalogue(shipped().queries, prefixes())
    sizes = graph.select(catalogue["graph-sizes"].text)
    assert graphs == {str(row["graph"]): int(str(row["facts"])) for row in sizes}
    assert isinstance(counts, Counts)
    assert sum(counts.properties.values()) == counts.triples
    assert dataset == graph.select(catalogue["dataset-facts"].text).rows


def test_an_answer_to_another_query_or_of_another_dump_is_not_taken(
    settings: Settings, built: Built, tmp_path: Path
) -> None:
    dump = tmp_path / "graph.nq"
    dump.write_bytes(b"")
    answers = json.loads(built.answers.read_text("utf-8"))
    other = {name: {**one, "query": f"{one['query']} "} for name, one in answers.items()}
    for written, given in (
        (json.dumps(other), settings),
        ("{", settings),
        (json.dumps(answers), dataclasses.replace(settings, dump=dump)),
    ):
        (tmp_path / "answers.json").write_text(written, "utf-8")
        changed = dataclasses.replace(built, place=tmp_path)
        with pytest.raises(AssertionError):  # it was not entered, so it cannot be asked
            asyncio.run(what_is_known(given, changed))


def test_a_description_can_be_asked_for_again(client: httpx.Client) -> None:
    etag = client.get("/sparql").headers["etag"]
    assert client.get("/sparql", headers={"If-None-Match": etag}).status_code == 304


def test_the_addresses_are_those_under_which_one_came(client: httpx.Client) -> None:
    there = client.get("/void", headers={"Host": "graph.example:8443"}).text
    assert "<http://graph.example:8443/sparql>" in there
    hostile = client.get("/void", headers={"Host": 'a"><script>'})
    assert "<script" not in hostile.text.lower()


def test_every_question_is_there_as_executable_sparql(client: httpx.Client) -> None:
    examples = read(client.get("/queries"))
    questions = list(Catalogue(shipped().queries, prefixes()))
    assert len(questions) >= 25
    for question in questions:
        it = URIRef(prefixes()["query"] + question.name)
        assert (it, RDF.type, SH.SPARQLExecutable) in examples
        assert str(examples.value(it, SH.select)) == question.text
        assert str(examples.value(it, SCHEMA.target)) == f"{client.base_url}/sparql"
        assert len(list(examples.objects(it, SH.parameter))) == len(question.parameters)


def test_a_browser_gets_a_form_and_the_questions(client: httpx.Client) -> None:
    response = client.get("/sparql", headers={"Accept": "text/html"})
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert '<form action="' in response.text
    assert 'name="query"' in response.text
    for address in re.findall(r'href="([^"]+)"', response.text)[:5]:
        assert client.get(address).status_code == 200


def test_a_dataset_without_a_query_is_no_request_for_a_description(client: httpx.Client) -> None:
    graph = prefixes()["graph"] + "derived"
    response = client.get("/sparql", params={"default-graph-uri": graph})
    assert response.status_code == 400


def test_crawlers_and_models_are_told_what_is_here(client: httpx.Client) -> None:
    robots = client.get("/robots.txt")
    assert robots.headers["content-type"] == "text/plain; charset=utf-8"
    assert "Disallow: /sparql" in robots.text
    told = client.get("/llms.txt").text
    assert told.startswith("# Erga Omnes")
    assert "\n> " in told
    addresses = re.findall(r"\]\((http[^)]+)\)", told)
    assert len(addresses) > 30
    for address in addresses:
        assert client.head(address).status_code == 200, address
