"""What is done around every request: by real HTTP, on services in processes of their own."""

import asyncio
import contextlib
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from apart import family, free_port
from ergaomnes.build import Built
from ergaomnes.journal import NONE, TEXT, Journal, Line, written
from ergaomnes.operations import EMBEDDED, POLICY, SCRIPTED, Routes, Shares, _Refused, _unsaid
from ergaomnes.settings import Settings

FACTS = "<http://e.org/s> <http://e.org/p> <http://e.org/o> <http://e.org/g> .\n"
SLOW = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
SOON = 20.0


@dataclass
class Service:
    """A service in a process of its own, and what it wrote."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]

    def client(self, address: str = "") -> httpx.Client:
        headers = {"X-Forwarded-For": address} if address else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)


@contextlib.contextmanager
def service(folder: Path, *flags: str, **settings: object) -> Iterator[Service]:
    port = free_port()
    environment = {f"ERGAOMNES_{name.upper()}": str(value) for name, value in settings.items()}
    log = folder / "log"
    command = [str(Path(sys.executable).with_name("ergaomnes")), "serve", "--port", str(port)]
    with log.open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            [*command, *flags], env=os.environ | environment, stdout=out, stderr=err
        )
    made = Service(process, port, log)
    try:
        eventually(lambda: answers(f"{made.url}/ready"))
        yield made
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def eventually(holds: Callable[[], object], seconds: float = SOON) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def runs(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text("utf-8")
    except OSError:
        return False


@pytest.fixture(scope="module")
def running(
    built: Built, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Give a service behind a proxy on this machine, with narrow limits."""
    assert built.dump.is_relative_to(settings.data_dir)
    with service(
        tmp_path_factory.mktemp("running"),
        "--forwarded-allow-ips=127.0.0.1",
        "--requests-per-minute=20",
        "--concurrent-requests=3",
        "--public-url=https://graph.example/",
        data_dir=settings.data_dir,
        time_limit=4,
    ) as made:
        yield made


@pytest.fixture(scope="module")
def client(running: Service) -> Iterator[httpx.Client]:
    """Give a client on the same machine, which has no limits."""
    with running.client() as made:
        yield made


@pytest.mark.parametrize(
    ("own", "framing"), [(None, ["DENY"]), (SCRIPTED, ["DENY"]), (EMBEDDED, [])]
)
def test_an_answer_with_a_policy_of_its_own_is_given_no_other(
    own: str | None, framing: list[str], client: httpx.Client
) -> None:
    fields = [(b"content-security-policy", POLICY.encode()), (b"x-frame-options", b"DENY")]
    said = [] if own is None else [(b"content-security-policy", own.encode())]
    whole = [*said, *_unsaid(said, fields)]
    assert [value for name, value in whole if name == b"content-security-policy"] == [
        (own or POLICY).encode()
    ]
    assert [value.decode() for name, value in whole if name == b"x-frame-options"] == framing
    assert client.get("/health").headers["content-security-policy"] == POLICY


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/health", 200),
        ("GET", "/metrics", 200),
        ("GET", "/static/site.css", 200),
        ("GET", "/sparql?query=ASK%7B%7D", 200),
        ("GET", "/sparql?query=nonsense", 400),
        ("GET", "/nowhere", 404),
        ("PUT", "/sparql", 405),
        ("OPTIONS", "/sparql", 204),
    ],
)
def test_every_answer_has_the_fields_that_browsers_need(
    client: httpx.Client, method: str, path: str, status: int
) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    fields = response.headers
    assert fields.get_list("access-control-allow-origin") == ["*"]
    assert "X-Request-ID" in fields["access-control-expose-headers"]
    assert fields.get_list("content-security-policy")[0].startswith("default-src 'none'")
    assert len(fields.get_list("content-security-policy")) == 1
    assert fields["x-content-type-options"] == "nosniff"
    assert fields["cross-origin-resource-policy"] == "cross-origin"
    assert fields["referrer-policy"] == "same-origin"
    assert fields["x-frame-options"] == "DENY"
    assert fields["x-request-id"]
    assert "server" not in fields


def test_a_page_elsewhere_may_send_a_token_and_any_field(client: httpx.Client) -> None:
    asked = {"Origin": "https://e.org", "Access-Control-Request-Method": "PUT"}
    response = client.options("/graph/data/x", headers=asked)
    assert response.status_code == 200
    assert "PUT" in response.headers["access-control-allow-methods"]
    assert response.headers["access-control-allow-headers"] == "*, Authorization"


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [("abc-123_x.y:z", True), ("a" * 128, True), ("a" * 129, False), ("a b", False), ("", False)],
)
def test_the_name_of_a_request_is_kept_when_it_is_one(
    client: httpx.Client, given: str, is_kept: bool
) -> None:
    one, two = (
        client.get("/health", headers={"X-Request-ID": given}).headers["x-request-id"]
        for _ in range(2)
    )
    assert (one == given) is is_kept
    assert (one == two) is is_kept


def test_a_client_has_its_share_of_a_minute_and_no_more(running: Service) -> None:
    with running.client("2001:db8::1") as greedy:
        for left in range(19, -1, -1):
            response = greedy.get("/robots.txt")
            assert response.status_code == 200
            assert response.headers["ratelimit-policy"] == '"minute";q=20;w=60'
            assert re.fullmatch(rf'"minute";r={left};t=\d+', response.headers["ratelimit"])
        refused = greedy.get("/sparql?query=ASK%7B%7D")
        assert greedy.get("/health").status_code == 200
        assert greedy.get("/metrics").status_code == 200
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["access-control-allow-origin"] == "*"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.json()["limit"] == 20
    with running.client("2001:db8::2") as neighbour:
        assert neighbour.get("/robots.txt").status_code == 429
    with running.client("2001:db8:0:1::1") as other:
        assert other.get("/robots.txt").status_code == 200


def test_this_machine_has_no_share(client: httpx.Client) -> None:
    for _ in range(25):
        response = client.get("/robots.txt")
        assert response.status_code == 200
        assert "ratelimit" not in response.headers


def test_a_client_has_only_so_many_requests_open(running: Service) -> None:
    open_ones = [asked(running.port, SLOW, "198.51.100.7") for _ in range(3)]
    try:
        with running.client("198.51.100.7") as greedy, running.client("198.51.100.8") as other:
            eventually(lambda: greedy.get("/robots.txt").status_code == 429, 2)
            refused = greedy.get("/robots.txt")
            assert refused.json()["type"].endswith("/too-many-at-once")
            assert refused.headers["retry-after"] == "1"
            assert other.get("/robots.txt").status_code == 200
            for one in open_ones:
                one.close()
            eventually(lambda: greedy.get("/robots.txt").status_code == 200, 5)
    finally:
        for one in open_ones:
            one.close()


def asked(port: int, query: str, address: str = "") -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    target = f"/sparql?{urllib.parse.urlencode({'query': query})}"
    headers = {"X-Forwarded-For": address} if address else {}
    connection.request("GET", target, headers=headers)
    return connection


def test_many_addresses_take_little_memory() -> None:
    shares = Shares(Settings(requests_per_minute=5))
    for number in range(6_000):
        with contextlib.suppress(_Refused):
            name, _ = shares.enter(f"2001:db8:{number >> 8:x}:{number & 255:x}::1")
            shares.leave(name)
    assert len(shares._storage.storage) <= 4096 + 256
    assert not shares._open


def test_in_a_crowd_the_limit_still_holds() -> None:
    shares = Shares(Settings(requests_per_minute=3))
    refused = 0
    for number in range(6_000):
        try:
            shares.enter(f"2001:db8:{number >> 8:x}:{number & 255:x}::1")
        except _Refused:
            refused += 1
    assert refused > 600


def test_a_line_of_the_log_tells_the_request_and_nobody(
    running: Service, client: httpx.Client
) -> None:
    query = 'ASK { ?secret ?p "Überraschung + 1 & 2" }'
    agent = {"User-Agent": "nosy-agent/1.0", "X-Forwarded-For": "203.0.113.77"}
    sent = [
        client.get("/sparql", params={"query": query}, headers=agent),
        client.get("/sparql", params={"query": query}, headers=agent),
        client.post("/sparql", data={"query": query}, headers=agent),
        client.post(
            "/sparql",
            content=query.encode(),
            headers={**agent, "Content-Type": "application/sparql-query"},
        ),
        client.get("/id/state/rus?lang=fr", headers=agent),
        client.get("/nowhere/secret-path", headers=agent),
    ]
    ids = [response.headers["x-request-id"] for response in sent]

    def told() -> list[dict[str, Any]]:
        lines = {line["id"]: line for line in running.lines()}
        return [lines[one] for one in ids if one in lines]

    eventually(lambda: len(told()) == len(ids))
    lines = told()
    digest = hashlib.sha256(query.encode()).hexdigest()
    assert [line.get("query") for line in lines] == [digest] * 4 + [None] * 2
    assert [line["route"] for line in lines] == ["/sparql"] * 4 + [
        "/id/{kind}/{slug:path}",
        "other",
    ]
    assert [line["status"] for line in lines] == [response.status_code for response in sent]
    assert [line["bytes"] for line in lines] == [len(response.content) for response in sent]
    assert [line["cache"] for line in lines[:2]] == ["miss", "hit"]
    assert all(line["generation"] and line["ms"] > 0 and line["time"] for line in lines)
    whole = running.log.read_text("utf-8")
    for private in ("203.0.113", "127.0.0.1", "nosy", "secret", "rraschung", "lang"):
        assert private not in whole


def metrics(url: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = httpx.get(f"{url}/metrics", trust_env=False).text
    return {
        (
            sample.name,
            frozenset(sample.labels.items()) - {("worker", sample.labels.get("worker"))},
        ): (sample.value)
        for one in text_string_to_metric_families(text)
        for sample in one.samples
    }


def metric(url: str, name: str, **labels: str) -> float:
    return metrics(url).get((f"ergaomnes_{name}", frozenset(labels.items())), 0.0)


def test_requests_are_counted_by_few_names(running: Service, client: httpx.Client) -> None:
    labels = {"route": "other", "method": "GET", "status": "404"}
    before = metric(running.url, "http_requests_total", **labels)
    for number in range(5):
        client.get(f"/nowhere/{number}")
    client.request("PROPFIND", "/nowhere")
    after = metrics(running.url)
    assert after["ergaomnes_http_requests_total", frozenset(labels.items())] == before + 5
    names = [dict(labels) for name, labels in after if name == "ergaomnes_http_requests_total"]
    assert "other" in {one["method"] for one in names}
    assert "PROPFIND" not in {one["method"] for one in names}
    assert not any("nowhere" in one["route"] for one in names)
    for name in ("readers", "facts", "resident_memory_bytes", "is_ready"):
        assert metric(running.url, name) > 0, name
    duration = metric(running.url, "http_request_duration_seconds_count", route="other")
    infinite = metric(running.url, "http_request_duration_seconds_bucket", route="other", le="+Inf")
    assert infinite == duration > 5


def test_a_query_that_is_stopped_is_counted_with_its_reason(
    running: Service, client: httpx.Client
) -> None:
    reasons = ("query-timeout", "query-memory")
    before = [metric(running.url, "queries_stopped_total", reason=one) for one in reasons]
    stopped = client.get("/sparql", params={"query": SLOW}).json()["type"].rpartition("/")[2]
    after = [metric(running.url, "queries_stopped_total", reason=one) for one in reasons]
    assert [now - then for now, then in zip(after, before, strict=True)] == [
        float(stopped == one) for one in reasons
    ]
    assert stopped in reasons


def test_the_public_address_is_the_one_that_is_set(client: httpx.Client) -> None:
    text = client.get("/llms.txt", headers={"Host": "evil.example"}).text
    assert "https://graph.example/sparql" in text
    assert "evil" not in text
    assert "https://graph.example//" not in text


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_an_answer_in_a_coding_is_one_of_its_own(client: httpx.Client, coding: str) -> None:
    plain = client.get("/void?format=nt", headers={"Accept-Encoding": "identity"})
    coded = client.get("/void?format=nt", headers={"Accept-Encoding": coding})
    again = client.get("/void?format=nt", headers={"Accept-Encoding": coding})
    assert "content-encoding" not in plain.headers
    assert coded.headers["content-encoding"] == coding
    assert coded.content == again.content == plain.content
    assert int(coded.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    assert coded.headers["etag"] == again.headers["etag"] != plain.headers["etag"]
    for response in (plain, coded):
        assert "Accept-Encoding" in response.headers["vary"]
    known = {"If-None-Match": coded.headers["etag"], "Accept-Encoding": coding}
    assert client.get("/void?format=nt", headers=known).status_code == 304
    known["Accept-Encoding"] = "identity"
    assert client.get("/void?format=nt", headers=known).status_code == 200
    head = client.head("/void?format=nt", headers={"Accept-Encoding": coding})
    assert head.headers["content-length"] == coded.headers["content-length"]


def test_what_is_small_or_not_wanted_in_a_coding_goes_out_as_it_is(client: httpx.Client) -> None:
    small = client.get("/sparql?query=ASK%7B%7D", headers={"Accept-Encoding": "gzip"})
    refused = client.get("/void?format=nt", headers={"Accept-Encoding": "gzip;q=0"})
    for response in (small, refused):
        assert response.status_code == 200
        assert "content-encoding" not in response.headers
        assert "Accept-Encoding" in response.headers["vary"]


def test_a_container_finds_out_whether_the_service_lives(running: Service) -> None:
    file = Path(__file__).parent.parent / "service" / "deploy" / "Containerfile"
    [command] = re.findall(r'^ +CMD (\["python", .*\])$', file.read_text("utf-8"), re.MULTILINE)
    for port, status in ((running.port, 0), (free_port(), 1)):
        environment = os.environ | {"ERGAOMNES_PORT": str(port)}
        asked = [sys.executable, *json.loads(command)[1:]]
        run = subprocess.run(asked, env=environment, capture_output=True, check=False)
        assert run.returncode == status


def test_an_unforeseen_fault_is_told_without_what_it_says() -> None:
    code = (
        "import logging, logging.config; from ergaomnes.journal import configuration\n"
        "logging.config.dictConfig(configuration('json'))\n"
        "try: int('the text of somebody')\n"
        "except ValueError: logging.getLogger('x').exception('It failed')\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    line = json.loads(shown.stdout)
    assert (line["level"], line["message"], line["error"]) == ("error", "It failed", "ValueError")
    assert line["at"]
    assert "somebody" not in shown.stdout + shown.stderr


def test_a_log_that_nobody_takes_does_not_stop_the_service(tmp_path: Path) -> None:
    line = Line(0.0, "a", "GET", "/", 200, 0.001, 5, "g", "", b"", False)

    async def tell() -> None:
        with (tmp_path / "log").open("wb") as stream:
            journal = Journal(TEXT, stream)
            for _ in range(10_005):
                journal.tell(line)
            journal.close()

    asyncio.run(tell())
    lines = (tmp_path / "log").read_text("utf-8").splitlines()
    assert len(lines) == 10_001
    assert lines[0].startswith("1970-01-01T00:00:00.000Z info request id=a method=GET route=/")
    assert lines[-1].endswith("lines-lost lines=5")
    assert not Journal(NONE).is_kept


def test_a_line_written_by_hand_is_the_one_that_json_would_write() -> None:
    for line in (
        Line(
            1e9, "a:b", "GET", "/id/{kind}", 200, 0.0015, 5, "g1", "hit", b"a=1&query=ASK+{}", True
        ),
        Line(1e9 + 0.25, "a", "POST", "/sparql", 499, 12.5, 0, "g1", "", b"", False),
        Line(1e9 + 0.999, "a", "POST", "/sparql", 200, 0.1, 10, "g1", "", b"ASK {}", False),
    ):
        assert json.loads(line.json()) == line.members()
    assert Line(0, "", "", "", 0, 0, 0, "", "", b"query=ASK+%7B%7D", True).digest() == (
        hashlib.sha256(b"ASK {}").hexdigest()
    )


def test_a_line_is_one_line_whatever_is_in_it() -> None:
    assert written({"time": "t", "id": "a\nb"}, TEXT).count("\n") == 1
    assert written({"time": "t", "id": "a\nb"}, "json").count("\n") == 1


def test_a_route_is_named_by_its_pattern() -> None:
    routes = Routes(("/sparql", "/id/{kind}", "/id/{kind}/{slug:path}", "/a.b"))
    named = {path: routes.named(path) for path in ("/sparql", "/id/x", "/id/x/y/z", "/acb", "/")}
    assert list(named.values()) == [
        "/sparql",
        "/id/{kind}",
        "/id/{kind}/{slug:path}",
        "other",
        "other",
    ]


# --- several processes, and their end ----------------------------------------------------------


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    file = tmp_path / "facts.nq"
    file.write_text("".join(FACTS.replace("/s>", f"/s{n}>") for n in range(200)), "utf-8")
    return file


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder in which what a service makes for a while is made."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def test_several_workers_share_a_port_and_count_together(
    facts: Path, tmp_path: Path, scratch: Path
) -> None:
    with service(
        tmp_path, "--workers=2", "--readers=1", "--requests-per-minute=1", dump=facts, spares=1
    ) as made:
        eventually(lambda: len(ready_workers(made.url)) == 2)
        with made.client("203.0.113.9") as not_believed:
            for _ in range(20):
                response = not_believed.get("/robots.txt", headers={"Connection": "close"})
                assert response.status_code == 200
        eventually(lambda: counted(made.url) == 20)
        time.sleep(1.5)  # what a worker has counted it tells once a second
        victim = ready_workers(made.url)[0]
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: len({*ready_workers(made.url)} - {victim}) == 2)
        eventually(lambda: counted(made.url) == 20)
    assert list(scratch.iterdir()) == []


def test_workers_that_cannot_begin_are_not_tried_for_ever(facts: Path, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("ergaomnes")), "serve", "--workers=2"]
    environment = os.environ | {"ERGAOMNES_DUMP": str(facts), "ERGAOMNES_PORT": str(free_port())}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()  # it serves now, and its workers are about to begin
        facts.unlink()
        told, _ = process.communicate(timeout=SOON)
    assert process.returncode == 5
    assert any("facts.nq" in json.loads(line)["message"] for line in told.splitlines())


def ready_workers(url: str) -> list[int]:
    try:
        text = httpx.get(f"{url}/metrics", trust_env=False).text
    except httpx.HTTPError:
        return []
    return [int(pid) for pid in re.findall(r'^ergaomnes_is_ready{worker="(\d+)"} 1.0', text, re.M)]


def counted(url: str) -> float:
    return metric(url, "http_requests_total", route="/robots.txt", method="GET", status="200")


def test_a_service_that_is_told_to_end_says_so_and_answers_first(
    facts: Path, tmp_path: Path, scratch: Path
) -> None:
    with service(
        tmp_path, "--workers=2", "--readers=1", dump=facts, time_limit=2.5, notice_time=1
    ) as made:
        everybody = family(made.process.pid)
        connection = asked(made.port, SLOW)
        time.sleep(0.2)
        made.process.terminate()
        eventually(lambda: httpx.get(f"{made.url}/ready", trust_env=False).status_code == 503, 1)
        told = httpx.get(f"{made.url}/ready", trust_env=False).json()
        assert told["status"] == "ending"
        assert connection.getresponse().status == 504
        made.process.wait(10)
        eventually(lambda: not any(runs(pid) for pid in everybody), 5)
    assert list(scratch.iterdir()) == []
    assert "Traceback" not in (tmp_path / "err").read_text("utf-8")


def test_requests_that_last_too_long_do_not_hold_up_the_end(facts: Path, tmp_path: Path) -> None:
    with service(tmp_path, "--drain-time=1", "--readers=1", dump=facts, time_limit=60) as made:
        connection = asked(made.port, SLOW)
        time.sleep(0.3)
        began = time.monotonic()
        made.process.terminate()
        made.process.wait(10)
        assert time.monotonic() - began < 6
        connection.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_of_a_service_outlives_it_when_it_is_killed(
    workers: int, facts: Path, tmp_path: Path, scratch: Path
) -> None:
    with service(tmp_path, f"--workers={workers}", "--readers=1", dump=facts) as made:
        everybody = family(made.process.pid)
        assert len(everybody) >= 4 * workers
        made.process.kill()
        made.process.wait()
        eventually(lambda: not any(runs(pid) for pid in everybody))
        with socket.create_server(("127.0.0.1", made.port)):
            pass  # the next one finds the port free
    assert list(scratch.iterdir()) == []
