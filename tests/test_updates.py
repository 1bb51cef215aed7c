"""A curator writes over HTTP, and whoever reads afterwards reads what was written."""

import datetime
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from ergaomnes import tokens
from ergaomnes.app import PROBLEM, create_app
from ergaomnes.build import Built, publish
from ergaomnes.errors import ErgaOmnesError
from ergaomnes.guard import guarded_update
from ergaomnes.ledger import audited
from ergaomnes.settings import Settings
from serving import served

GRAPH = "https://w3id.org/ergaomnes/graph/data/states/rus"
RUSSIA = "https://w3id.org/ergaomnes/id/state/rus"
LABEL = "http://www.w3.org/2004/02/skos/core#altLabel"
TERM = "https://w3id.org/ergaomnes/def/noSuchTerm"
FAR = datetime.date(2999, 1, 1)
NEW = f'INSERT DATA {{ GRAPH <{GRAPH}> {{ <{RUSSIA}> <{LABEL}> "Rossiya (test)"@en }} }}'
ASKED = f'ASK {{ <{RUSSIA}> <{LABEL}> "Rossiya (test)"@en }}'


@dataclass(frozen=True)
class Place:
    """A service over a data folder of its own, and the tokens that open it."""

    client: httpx.Client
    settings: Settings
    curator: dict[str, str]
    contributor: dict[str, str]

    def has(self) -> bool:
        found = self.client.get("/sparql", params={"query": ASKED, "format": "json"})
        return bool(found.json()["boolean"])


@pytest.fixture(scope="module")
def place(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("home"), log_format="none", time_limit=60, readers=2
    )
    stores = settings.data_dir / "stores"
    shutil.copytree(
        built.place,
        stores / built.key,
        copy_function=os.link,
        ignore=shutil.ignore_patterns(".held"),
    )
    publish(settings, built)
    secrets = [
        {"Authorization": f"Bearer {tokens.create(settings, role, role, FAR)[1]}"}
        for role in ("curator", "contributor")
    ]
    with (
        served(create_app(settings)) as address,
        httpx.Client(base_url=address, timeout=200, trust_env=False) as client,
    ):
        yield Place(client, settings, *secrets)


def problem(response: httpx.Response, status: int, slug: str) -> dict[str, object]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    body: dict[str, object] = response.json()
    assert str(body["type"]).endswith(f"/problem/{slug}")
    return body


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("POST", "/update", {"data": {"update": NEW}}),
        ("POST", "/sparql", {"data": {"update": NEW}}),
        ("POST", "/sparql/", {"data": {"update": NEW}}),
        ("PUT", "/graph/data/states/rus", {"content": b""}),
        ("POST", "/graph/data/states/rus", {"content": b""}),
        ("DELETE", f"/store?graph={GRAPH}", {}),
        ("DELETE", "/store?default", {}),
        ("POST", "/changes/1/undo", {}),
        ("GET", "/changes", {}),
        ("GET", "/changes/1", {}),
    ],
)
def test_only_a_curator_writes(
    place: Place, method: str, path: str, fields: dict[str, object]
) -> None:
    def sent(authorization: dict[str, str]) -> httpx.Response:
        return place.client.request(method, path, headers=authorization, **fields)  # type: ignore[arg-type]

    missing = sent({})
    problem(missing, 401, "token-missing")
    assert missing.headers["www-authenticate"] == 'Bearer realm="ergaomnes"'
    refused = sent({"Authorization": "Bearer nobody-knows-this"})
    problem(refused, 401, "token-refused")
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert "nobody-knows-this" not in refused.text
    other = sent(place.contributor)
    problem(other, 403, "token-forbidden")
    assert 'error="insufficient_scope"' in other.headers["www-authenticate"]


def test_what_is_asked_wrongly_is_refused_before_anything_is_done(place: Place) -> None:
    client, curator = place.client, place.curator
    problem(client.post("/update", data={"update": NEW}, headers=curator), 400, "reason-missing")
    told = {**curator, "Ergaomnes-Reason": "to%20try"}
    late = client.post("/update", data={"update": NEW}, headers={**told, "If-Match": '"old"'})
    problem(late, 412, "generation-moved")
    for data in ({"update": [NEW, NEW]}, {"update": NEW, "x": "y"}, {"reason": "x"}):
        problem(client.post("/update", data=data, headers=told), 400, "bad-request")
    patch = client.patch("/graph/data/states/rus", headers=told)
    problem(patch, 405, "wrong-method")
    assert patch.headers["allow"] == "GET, HEAD, OPTIONS, PUT, POST, DELETE"
    allowed = client.options("/graph/data/states/rus").headers["allow"]
    assert {"PUT", "POST", "DELETE"} <= set(allowed.split(", "))
    assert not audited(place.settings).changes


def test_a_change_is_judged_recorded_published_and_undone(place: Place) -> None:
    client = place.client
    told = {**place.curator, "Ergaomnes-Reason": "a%20name", "Ergaomnes-Source": "the%20press"}
    before = client.get("/changes", headers=place.curator)
    assert not place.has()
    made = client.post(
        "/sparql",
        content=NEW,
        headers={
            **told,
            "Content-Type": "application/sparql-update",
            "If-Match": before.headers["etag"],
        },
    )
    assert made.status_code == 200, made.text
    assert made.json() | {"generation": ""} == {
        "generation": "", "change": 1, "added": 1, "removed": 0, "warnings": 0,
    }  # fmt: skip
    assert made.headers["etag"] == f'"{made.json()["generation"]}"' != before.headers["etag"]
    assert place.has()
    record = client.get(made.headers["location"], headers=place.curator).json()
    assert (record["author"], record["reason"], record["source"]) == (
        "curator", "a name", "the press",
    )  # fmt: skip
    back = client.post("/changes/1/undo", headers=told)
    assert back.status_code == 200, back.text
    assert not place.has()
    assert [one.undoes for one in audited(place.settings).changes] == [None, 1]


def test_a_graph_is_put_added_to_and_taken_away(place: Place) -> None:
    client, path = place.client, "/graph/data/notes/a-test"
    told = {**place.curator, "Ergaomnes-Reason": "to try", "Content-Type": "text/turtle"}

    def names() -> set[str]:
        answer = client.get(path, headers={"Accept": "text/csv, application/n-triples"})
        return set() if answer.status_code == 404 else set(answer.text.split('"')[1::2])

    def fact(name: str) -> str:
        return f'<{RUSSIA}> <{LABEL}> "{name}"@en .'

    assert client.put(path, content=fact("One"), headers=told).status_code == 201
    assert names() == {"One"}
    made = client.put(path, content=fact("Two"), headers=told)
    assert (made.status_code, made.json()["added"], made.json()["removed"]) == (200, 1, 1)
    assert client.post(path, content=fact("Three"), headers=told).status_code == 200
    assert names() == {"Two", "Three"}
    gone = client.delete(path, headers=told)
    assert (gone.status_code, gone.json()["removed"]) == (200, 2)
    assert names() == set()
    problem(client.delete(path, headers=told), 404, "unknown-graph")


def test_a_change_that_bears_on_too_much_is_refused_with_the_number(place: Place) -> None:
    told = {**place.curator, "Ergaomnes-Reason": "to try"}
    # Every name of a state and of a treaty is cited by it.
    citation = "https://w3id.org/ergaomnes/id/citation/unterm"
    update = (
        f"DELETE {{ GRAPH ?g {{ <{citation}> ?p ?o }} }} WHERE {{ GRAPH ?g {{ <{citation}> ?p ?o }}"
        " FILTER(STRENDS(STR(?p), '/cites')) }"
    )
    number = len(audited(place.settings).changes)
    refused = place.client.post("/update", data={"update": update}, headers=told)
    said = problem(refused, 413, "change-too-wide")
    assert isinstance(said["records"], int)
    assert said["records"] > 2000
    assert len(audited(place.settings).changes) == number


def test_what_would_harm_changes_nothing(place: Place) -> None:
    told = {**place.curator, "Ergaomnes-Reason": "to try"}
    number = len(audited(place.settings).changes)
    unknown = f'INSERT DATA {{ GRAPH <{GRAPH}> {{ <{RUSSIA}> <{TERM}> "x" }} }}'
    rejected = place.client.post("/update", data={"update": unknown}, headers=told)
    assert problem(rejected, 422, "change-rejected")["report"]
    nameless = place.client.put(
        "/graph/data/test",
        content="[] a <http://e/x> .",
        headers={**told, "Content-Type": "text/turtle"},
    )
    problem(nameless, 400, "bad-request")
    assert len(audited(place.settings).changes) == number


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("LOAD <http://example.org/x>", "update-refused"),
        ("L\\u004FAD <http://example.org/x>", "update-refused"),
        (
            "INSERT { GRAPH <g:g> { ?a ?b ?c } } WHERE { SERVICE <x:y> { ?a ?b ?c } }",
            "update-refused",
        ),
        ("INSERT DATA { <a:a> <a:b> <a:c> }", "graph-closed"),
        ("DELETE WHERE { ?a ?b ?c }", "graph-closed"),
        ("DELETE { ?a ?b ?c } WHERE { GRAPH <g:g> { ?a ?b ?c } }", "graph-closed"),
        ("CLEAR DEFAULT", "graph-closed"),
        ("COPY DEFAULT TO <g:g>", "graph-closed"),
        ("INSERT DATA { GRAPH <g:g> { <a:a> <a:b> <a:c> } } \\ x", "query-syntax"),
        ("ASK {" + "{" * 200 + "}" * 201, "query-too-deep"),
        ("x" * 50_001, "query-too-long"),
        (" ", "missing-query"),
    ],
)
def test_an_update_is_guarded_before_it_is_evaluated(text: str, slug: str) -> None:
    with pytest.raises(ErgaOmnesError) as refused:
        guarded_update(text)
    assert refused.value.slug == slug


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("INSERT { GRAPH <g:g> { ?a ?b 1 } } WHERE { ?a ?b ?c }", 1),
        ("DELETE { GRAPH ?g { ?a ?b 1 } } INSERT { GRAPH ?g { ?a ?b 2 } } where { ?a ?b ?c }", 1),
        ("WITH <g:g> DELETE { ?a ?b ?c } WHERE { ?a ?b ?c . ?c ?d ?e }", 0),
        ("INSERT { GRAPH <g:g> { ?a ?b 1 } } USING <x:x> WHERE { ?a ?b ?c }", 0),
        ("DELETE WHERE { GRAPH <g:g> { ?a ?b ?c } }", 0),
        ("INSERT DATA { GRAPH <g:g> { <a:a> <a:load> 'WHERE; load service' } } # WHERE", 0),
        (
            "INSERT { GRAPH <g:g> { ?a ?b 1 } } USING <x:x> WHERE { ?a ?b ?c } ;"
            "INSERT { GRAPH <g:g> { ?a ?b 1 } } WHERE { ?a ?b ?c }",
            1,
        ),
    ],
)
def test_the_default_graph_of_an_update_is_the_union_unless_it_says_otherwise(
    text: str, number: int
) -> None:
    found = guarded_update(text, default_graphs=["u:1"], named_graphs=["u:1"])
    clause = "USING <u:1> USING NAMED <u:1> "
    assert found.count(clause) == number
    assert found.replace(clause, "") == text
    if number == 0 and ("WITH" in text or "USING" in text):
        with pytest.raises(ErgaOmnesError):
            guarded_update(text, default_graphs=["u:1"], given=True)
