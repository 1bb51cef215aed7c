import contextlib
import datetime
import http.server
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ergaomnes.build import Built
from ergaomnes.catalogue import Catalogue, bound
from ergaomnes.engine import Table, Triples, Truth
from ergaomnes.errors import (
    BadParameter,
    EndpointAnswer,
    EndpointCut,
    EndpointRefused,
    EndpointTimeout,
    EndpointUnreachable,
    QueryRefused,
)
from ergaomnes.remote import RemoteEngine
from ergaomnes.settings import Settings
from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import prefixes

Handler = http.server.BaseHTTPRequestHandler
JSON = "application/sparql-results+json"
TWO_ROWS = (
    b'{"head":{"vars":["a"]},"results":{"bindings":['
    b'{"a":{"type":"literal","value":"1"}},{"a":{"type":"literal","value":"2"}}]}}'
)


@pytest.fixture(scope="module")
def endpoint(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a real Oxigraph server, filled with our dump."""
    oxigraph = Path(sys.executable).with_name("oxigraph")
    folder = tmp_path_factory.mktemp("oxigraph")
    place = ("--location", str(folder))
    subprocess.run(
        [oxigraph, "load", *place, "--file", built.dump], check=True, capture_output=True
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [
            oxigraph,
            "serve-read-only",
            *place,
            "--bind",
            f"127.0.0.1:{port}",
            "--union-default-graph",
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/query"
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def answering(answer: Callable[[Handler], None]) -> Iterator[str]:
    """Serve one answer to whatever is posted."""

    class Posted(Handler):
        def do_POST(self) -> None:  # noqa: N802 - its name
            self.rfile.read(int(self.headers["Content-Length"]))
            with contextlib.suppress(OSError):
                answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Posted)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/sparql"
    finally:
        server.shutdown()
        server.server_close()


def says(
    status: int, body: bytes, media_type: str = JSON, **headers: str
) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", media_type)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def ask(url: str, seconds: float = 10) -> Table | Truth | Triples:
    return RemoteEngine(url, seconds).query("SELECT ?a { ?a ?b ?c }")


@pytest.mark.parametrize("name", ["cq-3", "cq-7", "cq-9", "cq-14"])
def test_a_real_endpoint_gives_the_same_answer_as_the_store(
    endpoint: str, graph: EmbeddedEngine, name: str, settings: Settings
) -> None:
    catalogue = Catalogue(shipped().queries, prefixes())
    text = catalogue[name].text
    here, there = graph.query(text), RemoteEngine(endpoint, 30).query(text)
    assert isinstance(here, Table)
    assert len(here) > 0
    assert there == here


def test_a_real_endpoint_answers_yes_and_gives_graphs(endpoint: str, graph: EmbeddedEngine) -> None:
    engine = RemoteEngine(endpoint, 30)
    assert engine.query("ASK { ?s ?p ?o }") == Truth(True)
    construct = (
        "PREFIX erga: <https://w3id.org/ergaomnes/def/>"
        " CONSTRUCT { ?s a erga:State } WHERE { ?s a erga:State }"
    )
    found = engine.query(construct)
    assert isinstance(found, Triples)
    assert found == graph.query(construct)


def test_a_real_endpoint_that_refuses_is_quoted(endpoint: str) -> None:
    with pytest.raises(EndpointRefused) as caught:
        RemoteEngine(endpoint, 30).query("SELECT ?a { ?a ?b }")
    assert caught.value.data["status"] == 400
    assert "expected" in str(caught.value)


def test_a_bound_question_goes_over_the_wire(endpoint: str, built: Built) -> None:
    catalogue = Catalogue(shipped().queries, prefixes())
    asked = bound(catalogue["cq-3"], {"day": "2022-01-01"}, prefixes(), datetime.date.today())
    assert isinstance(RemoteEngine(endpoint, 30).query(asked.text), Table)


def test_no_connection_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(EndpointUnreachable, match="refused"):
        ask(f"http://127.0.0.1:{port}/")
    with pytest.raises(EndpointUnreachable):
        ask("http://no-such-host.invalid/")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://e/", "example.org", "http://"])
def test_only_web_addresses_are_asked(url: str) -> None:
    with pytest.raises(BadParameter, match="http"):
        ask(url)


def test_a_password_is_neither_taken_from_an_address_nor_shown() -> None:
    with pytest.raises(BadParameter) as caught:
        ask("http://me:secret@example.org/sparql")
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(RemoteEngine("http://example.org/", 1, "me", "secret"))
    assert "secret" not in repr(Settings(endpoint_password="secret"))


def test_credentials_go_in_the_header() -> None:
    heard: list[str | None] = []

    def answer(handler: Handler) -> None:
        heard.append(handler.headers.get("Authorization"))
        says(200, TWO_ROWS)(handler)

    with answering(answer) as url:
        RemoteEngine(url, 10, "me", "secret").query("SELECT ?a { ?a ?b ?c }")
    assert heard == ["Basic bWU6c2VjcmV0"]


def test_an_endpoint_that_does_not_answer_times_out() -> None:
    with answering(lambda _: time.sleep(5)) as url, pytest.raises(EndpointTimeout):
        ask(url, 1)


def test_an_endpoint_that_trickles_times_out() -> None:
    def answer(handler: Handler) -> None:
        says(200, b"{")(handler)
        for _ in range(50):
            handler.wfile.write(b" ")
            time.sleep(0.1)

    began = time.monotonic()
    with answering(answer) as url, pytest.raises(EndpointTimeout):
        ask(url, 1)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 414, 429, 500, 503])
def test_an_http_error_is_quoted_as_words(status: int) -> None:
    page = b"<html><style>x{}</style><h1>Too &amp; bad\x1b[31m</h1>\r\n</html>"
    with (
        answering(says(status, page, "text/html")) as url,
        pytest.raises(EndpointRefused) as caught,
    ):
        ask(url)
    assert caught.value.data["status"] == status
    assert caught.value.data["text"] == "Too & bad [31m"


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"<html>hello</html>", "text/html"),
        (b"<html>hello</html>", JSON),
        (TWO_ROWS[:-20], JSON),  # Oxigraph cuts so where its own time limit fires
        (b'{"rows": []}', "application/json"),
        (b"\xff\xfe", JSON),
        (b"", JSON),
    ],
)
def test_what_is_no_sparql_answer_is_said_to_be_none(body: bytes, media_type: str) -> None:
    with answering(says(200, body, media_type)) as url, pytest.raises(EndpointAnswer):
        ask(url)


def test_an_answer_that_breaks_off_is_not_taken() -> None:
    cut = says(200, TWO_ROWS, Content_Length="5000")
    with answering(cut) as url, pytest.raises(EndpointAnswer):
        ask(url)


def test_an_answer_cut_at_a_number_of_rows_is_not_taken_for_the_whole() -> None:
    cut = says(200, TWO_ROWS, X_SPARQL_MaxRows="2")
    with answering(cut) as url, pytest.raises(EndpointCut):
        ask(url)
    with answering(says(200, TWO_ROWS, X_SPARQL_MaxRows="10000")) as url:
        assert len(ask(url)) == 2  # type: ignore[arg-type]  # a table


def test_what_reaches_out_is_refused_before_it_is_sent() -> None:
    with pytest.raises(QueryRefused):
        RemoteEngine("http://no-such-host.invalid/").query("ASK { SERVICE <http://e/> {} }")
