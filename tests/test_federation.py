"""SERVICE: refused, but for the endpoints that a setting names."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pyoxigraph as ox
import pytest

from apart import Client, served_apart
from ergaomnes.errors import QueryRefused
from ergaomnes.guard import guarded
from serving import Listener

ALLOWED = "http://127.0.0.1:9/sparql"


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("federation") / "graph.nq"
    file.write_text("<http://e/s> <http://e/p> <http://e/o> .\n", "utf-8")
    return file


@pytest.fixture(scope="module")
def other(dump: Path) -> Iterator[str]:
    """Give the address of another endpoint, over the same fact."""
    with served_apart(dump, readers=1, spares=0) as (port, _):
        yield f"http://127.0.0.1:{port}/sparql"


@pytest.fixture(scope="module")
def silent() -> Iterator[str]:
    """Give the address of an endpoint that takes what is asked and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        kept: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    kept.append(listening.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/sparql"
        for one in kept:
            one.close()


@pytest.fixture(scope="module")
def client(dump: Path, other: str, silent: str) -> Iterator[Client]:
    allowed = f"{other}, {silent}, {ALLOWED}"
    limits = {"readers": 1, "spares": 1, "time_limit": 2.0, "service_allowed": allowed}
    with served_apart(dump, **limits) as (port, _), Client(port) as made:
        yield made


def test_an_endpoint_that_is_named_answers_and_the_answer_is_not_kept(
    client: Client, other: str
) -> None:
    asked = f"SELECT ?o {{ <http://e/s> ?p ?x . SERVICE <{other}> {{ <http://e/s> ?p ?o }} }}"
    answer = client.query(asked)
    assert answer.status == 200, answer.body
    assert b"http://e/o" in answer.body
    assert answer.headers["cache-control"] == "no-store"
    assert "cache-control" in client.query("ASK { ?s ?p ?o }").headers
    assert client.query("ASK { ?s ?p ?o }").headers["cache-control"] != "no-store"


def test_any_other_endpoint_is_refused_and_never_asked(client: Client) -> None:
    listener = Listener()
    try:
        for asked in (
            f"SELECT * {{ SERVICE <{listener.url}> {{ ?s ?p ?o }} }}",
            f"SELECT * {{ BIND(<{listener.url}> AS ?x) SERVICE ?x {{ ?s ?p ?o }} }}",
            f"SELECT * {{ SERVICE <{ALLOWED}> {{ SERVICE <{listener.url}> {{ ?s ?p ?o }} }} }}",
        ):
            answer = client.query(asked)
            assert answer.status == 403, answer.body
        assert not listener.called()
    finally:
        listener.close()


def test_an_endpoint_that_is_gone_or_silent_is_told(client: Client, silent: str) -> None:
    gone = client.query(f"SELECT * {{ SERVICE <{ALLOWED}> {{ ?s ?p ?o }} }}")
    assert gone.status == 502, gone.body
    assert str(gone.json()["type"]).endswith("/endpoint-failed")
    late = client.query(f"SELECT * {{ SERVICE <{silent}> {{ ?s ?p ?o }} }}")
    assert late.status == 504, late.body
    assert client.query("ASK { ?s ?p ?o }").status == 200


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { SERVICE <http://a/> { } }",
        "SELECT * { service silent<http://a/> { } }",
        'SELECT * { SERVICE <http://a/> { ?s ?p "SERVICE <http://b/>" } }',
        "SELECT * { # SERVICE <http://b/>\n ?s ?p ?o }",
    ],
)
def test_what_is_named_passes_the_guard(text: str) -> None:
    read = guarded(text, services=["http://a/"])
    assert read.text == text
    assert read.calls == ("http://a/" in text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { SERVICE <http://b/> { } }",
        "SELECT * { SERVICE <http://a/x> { } }",
        "SELECT * { SERVICE ?a { } }",
        "BASE <http://a/> SELECT * { SERVICE <> { } }",
        "PREFIX a: <http://a/> SELECT * { SERVICE a: { } }",
        "SELECT * { SERVICE <http://a/> { } SERVICE <http://b/> { } }",
        "SELECT * { SERVICE # <http://a/>\n <http://b/> { } }",
        'SELECT * { ?s ?p "x" . SERVICE SILENT <http://b/> { } }',
        "SELECT * { \\u0053ERVICE <http://b/> { } }",
        "SELECT * { SERVICE <http://a\\u002Fx/> { } }",
    ],
)
def test_what_is_not_named_does_not(text: str) -> None:
    with pytest.raises(QueryRefused):
        guarded(text, services=["http://a/"])


def test_nothing_is_named_unless_somebody_names_it() -> None:
    with pytest.raises(QueryRefused):
        guarded("SELECT * { SERVICE <http://a/> { } }")


def test_the_parser_and_the_guard_agree_on_what_is_called() -> None:
    """The engine would ask: what the guard lets pass names nothing but the endpoint allowed."""
    passed = guarded(f"SELECT * {{SERVICE<{ALLOWED}>{{}}}}", services=[ALLOWED])
    found = ox.Store().query(passed.text)
    assert isinstance(found, ox.QuerySolutions)
    with pytest.raises(OSError, match="port 9"):
        list(found)
