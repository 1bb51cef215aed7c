import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyoxigraph as ox
import pytest

from ergaomnes.app import PROBLEM, create_app
from ergaomnes.build import Built
from ergaomnes.catalogue import Catalogue
from ergaomnes.settings import Settings
from ergaomnes.shipped import shipped
from ergaomnes.terms import prefixes
from serving import served


@pytest.fixture(scope="module")
def client(built: Built) -> Iterator[httpx.Client]:
    """Give a client of the service over real HTTP, with the packaged graph behind it."""
    with (
        served(create_app(Settings(dump=built.dump))) as address,
        httpx.Client(base_url=address, timeout=60, trust_env=False) as made,
    ):
        yield made


def test_the_landing_names_the_routes(client: httpx.Client) -> None:
    routes = client.get("/").json()["routes"]
    for route in ("/sparql", "/questions", "/validate", "/health"):
        assert route in routes
    page = client.get("/", headers={"Accept": "text/html"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for route in ("/sparql", "/questions", "/validate", "/health"):
        assert f"<code>{route}</code>" in page.text


def test_the_health_counts_facts_and_readers(client: httpx.Client) -> None:
    health = client.get("/health").json()
    assert health["status"] == "ok"
    assert health["facts"] > 1000
    assert health["readers"] >= 2


def test_the_service_describes_itself_for_programs(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/sparql", "/questions", "/questions/{name}", "/validate"} <= set(paths)


def test_the_questions_are_listed(client: httpx.Client) -> None:
    listed = client.get("/questions").json()["questions"]
    assert len(listed) >= 25
    one = next(question for question in listed if question["number"] == "CQ-03")
    assert one["parameters"]["state"]["default"] == "rus"
    assert one["parameters"]["day"]["default"] == "today"
    assert client.get(one["href"]).status_code == 200


def test_the_questions_are_linked_data(client: httpx.Client) -> None:
    response = client.get("/questions", headers={"Accept": "text/turtle"})
    store = ox.Store()
    store.load(response.content, format=ox.RdfFormat.TURTLE)
    executable = ox.NamedNode(prefixes().iri("sh:SPARQLExecutable"))
    found = list(store.quads_for_pattern(None, None, executable))
    assert len(found) == len(list(Catalogue(shipped().queries, prefixes())))


@pytest.mark.parametrize("name", [one.name for one in Catalogue(shipped().queries, prefixes())])
def test_every_question_answers_over_http(client: httpx.Client, name: str) -> None:
    response = client.get(f"/questions/{name}")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    said = response.json()
    assert said["name"] == name
    assert said["total"] == len(said["rows"])


@pytest.mark.parametrize(
    ("format_name", "media_type"),
    [
        ("json", "application/json"),
        ("srj", "application/sparql-results+json"),
        ("xml", "application/sparql-results+xml"),
        ("csv", "text/csv; charset=utf-8"),
        ("tsv", "text/tab-separated-values; charset=utf-8"),
        ("ttl", "text/turtle; charset=utf-8"),
        ("md", "text/markdown; charset=utf-8"),
    ],
)
def test_an_answer_comes_in_every_format(
    client: httpx.Client, format_name: str, media_type: str
) -> None:
    params = {"state": "rus", "day": "2022-01-01"}
    by_name = client.get("/questions/CQ-03", params={**params, "format": format_name})
    by_header = client.get("/questions/CQ-03", params=params, headers={"Accept": media_type})
    assert by_name.status_code == 200
    assert by_name.headers["content-type"] == by_header.headers["content-type"] == media_type
    assert by_name.content == by_header.content


def test_the_day_changes_the_answer(client: httpx.Client) -> None:
    def bodies(day: str) -> set[str]:
        response = client.get("/questions/CQ-01", params={"day": day, "format": "csv"})
        return {row["instrument"] for row in csv.DictReader(io.StringIO(response.text))}

    echr = prefixes().iri("instrument:ets-005")
    assert echr in bodies("2022-01-01")
    assert echr not in bodies("2023-01-01")


def test_the_address_of_the_answer_holds_every_parameter(client: httpx.Client) -> None:
    response = client.get("/questions/cq-3")
    location = response.headers["content-location"]
    where = str(client.base_url).rstrip("/") + "/questions/who-could-inspect-on-a-day"
    assert location.startswith(f"{where}?state=rus&day=2")
    assert client.get(location).content == response.content


@pytest.mark.parametrize(
    ("path", "status", "slug", "near"),
    [
        ("/questions/who-could-inspekt", 404, "unknown-question", "who-could-inspect-on-a-day"),
        ("/questions/cq-3?stat=rus", 400, "unknown-parameter", "state"),
        ("/questions/cq-3?state=ruz", 400, "bad-parameter", "rus"),
        ("/questions/cq-3?state=rus&state=ukr", 400, "bad-request", ""),
        ("/questions/cq-3?day=2025-02-30", 400, "bad-parameter", ""),
        ("/questions/cq-3?format=pdf", 400, "bad-parameter", ""),
        ("/questions/cq-3?state=rus%22%20%7D", 400, "bad-parameter", ""),
        ("/questions/..%2frules%2ftypes", 404, "", ""),
        ("/nowhere", 404, "", ""),
        ("/changes/1/undo", 405, "", ""),
    ],
)
def test_an_error_has_one_shape_and_offers_near_names(
    client: httpx.Client, path: str, status: int, slug: str, near: str
) -> None:
    response = client.get(path)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    body = response.json()
    kind = prefixes().base + "problem/" + slug if slug else "about:blank"
    assert (body["type"], body["status"]) == (kind, status)
    if near:
        assert near in body["near"]
        assert near in body["remedy"]


def test_contributed_facts_are_judged(client: httpx.Client) -> None:
    headers = {"Content-Type": "text/turtle"}
    good = client.post("/validate", content=b"", headers=headers)
    assert good.status_code == 200
    bad = client.post("/validate", content=b"this is no Turtle", headers=headers)
    assert bad.status_code == 400
    assert bad.headers["content-type"] == PROBLEM
    wrong = client.post("/validate?lang=xx", content=b"", headers=headers)
    assert wrong.status_code == 422
    assert wrong.headers["content-type"] == PROBLEM


def test_serve_runs_and_leaves_no_process_behind(built: Built, tmp_path: Path) -> None:
    script = "from ergaomnes.cli import main; main(['serve', '--port', '0', '--readers', '1'])"
    environment = {**os.environ, "ERGAOMNES_DUMP": str(built.dump)}
    log = tmp_path / "log"
    with log.open("wb") as out:
        service = subprocess.Popen(
            [sys.executable, "-c", script], env=environment, stderr=out, stdout=out
        )
    try:
        deadline = time.monotonic() + 60
        while not (children := descendants(service.pid)) and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.5)
        children = descendants(service.pid)
        assert children
    finally:
        service.send_signal(signal.SIGINT)
        service.wait(120)
    assert "Traceback" not in log.read_text()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def descendants(pid: int) -> list[int]:
    """List the processes that one has started."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout.split()
    pairs = zip(listed[::2], listed[1::2], strict=True)
    return [int(child) for child, parent in pairs if int(parent) == pid]


def test_an_unforeseen_fault_is_ours_and_tells_nothing_of_the_inside(built: Built) -> None:
    app = create_app(Settings(dump=built.dump))

    @app.get("/broken")
    def broken() -> None:
        raise ZeroDivisionError("the inside")

    with served(app) as address:
        response = httpx.get(f"{address}/broken", trust_env=False)
    assert response.status_code == 500
    assert response.headers["content-type"] == PROBLEM
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-request-id"]
    assert "inside" not in json.dumps(response.json())
