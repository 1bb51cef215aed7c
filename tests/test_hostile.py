"""Many hostile queries at once over HTTP, and what others notice of them."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyoxigraph as ox
import pytest

from apart import Answer, Client, family, served_apart
from hostile import HOSTILE

TIME_LIMIT = 1.5
STATED = {200, 400, 413, 503, 504, 507}
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a small graph in which there is much to multiply."""
    store = ox.Store()
    value, following = ox.NamedNode("http://e/p"), ox.NamedNode("http://e/next")
    for number in range(3000):
        subject, target = (ox.NamedNode(f"http://e/s{one % 300}") for one in (number, number + 1))
        store.add(ox.Quad(subject, value, ox.Literal(number)))
        store.add(ox.Quad(subject, following, target))
    file = tmp_path_factory.mktemp("hostile") / "graph.nq"
    store.dump(str(file), format=ox.RdfFormat.N_QUADS)
    return file


@pytest.fixture(scope="module")
def service(dump: Path) -> Iterator[tuple[int, int]]:
    """Give the port and the process of a service over it."""
    limits = {"readers": 4, "spares": 2, "time_limit": TIME_LIMIT, "memory_limit": 256 * 2**20}
    with served_apart(dump, **limits) as made:
        yield made


def attack(port: int, name: str, number: int) -> tuple[str, float, Answer]:
    """Send one hostile query and wait for its end."""
    with Client(port, f"127.0.0.{3 + number % 5}") as client:
        began = time.monotonic()
        answer = client.post(f"# {number}\n{HOSTILE[name]}")
        return name, time.monotonic() - began, answer


def test_hostile_queries_end_at_their_limits_and_others_are_served(
    service: tuple[int, int],
) -> None:
    port, _ = service
    answers: list[tuple[str, float, Answer]] = []
    threads = [
        threading.Thread(target=lambda one, two: answers.append(attack(port, one, two)), args=given)
        for given in zip([*HOSTILE, *HOSTILE], range(2 * len(HOSTILE)), strict=True)
    ]
    for thread in threads:
        thread.start()
    took: list[float] = []
    with Client(port, "127.0.0.2") as modest:
        while any(thread.is_alive() for thread in threads):
            began = time.monotonic()
            answer = modest.query(f"SELECT * {{ <http://e/s{len(took)}> ?p ?o }} LIMIT 3")
            took.append(time.monotonic() - began)
            assert answer.status == 200, answer.body
            time.sleep(0.01)
    assert len(answers) == 2 * len(HOSTILE)
    for name, seconds, answer in answers:
        assert answer.status in STATED, (name, answer.body)
        if answer.status != 200:
            assert answer.headers["content-type"] == PROBLEM
            assert answer.json()["detail"]
        if answer.status == 503:
            assert int(answer.headers["retry-after"]) > 0
        # Each may wait for as long as it may run; and this machine may be busy.
        assert seconds < 2 * TIME_LIMIT + 10, name
    took.sort()
    assert len(took) > 20
    assert took[len(took) // 2] < 0.25


def test_afterwards_all_is_as_before(service: tuple[int, int]) -> None:
    with Client(service[0]) as asking:
        deadline = time.monotonic() + 10
        while asking.get("/health").json()["readers"] != 8:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert asking.query("ASK { ?s ?p ?o }").json()["boolean"] is True


def test_a_client_that_leaves_frees_its_reader(service: tuple[int, int]) -> None:
    port, _ = service
    began = time.monotonic()
    for number in range(12):
        with Client(port, "127.0.0.9", timeout=0.15) as leaving, pytest.raises(TimeoutError):
            leaving.query(f"# {number}\n{HOSTILE['cross product']}")
    with Client(port, "127.0.0.9") as asking:
        assert asking.query("ASK { }").status == 200
    # Were they not ended, the later ones would have waited for the earlier.
    assert time.monotonic() - began < 12 * TIME_LIMIT / 2


def test_a_cut_answer_never_looks_whole(service: tuple[int, int]) -> None:
    with Client(service[0]) as asking:
        whole = asking.query("SELECT ?a ?b ?c ?d { ?a ?b ?c . ?d <http://e/p> 7 }")
        assert whole.status == 200
        assert int(whole.headers["content-length"]) == len(whole.body) > 100_000
        rows = whole.json()["results"]
        assert isinstance(rows, dict)
        assert len(rows["bindings"]) == 3300
        pairs = "{ ?a ?b ?c . ?d ?e ?f }"
        for query in (f"SELECT * {pairs}", f"CONSTRUCT {{ ?a ?b ?f . ?d ?e ?c }} {pairs}"):
            answer = asking.query(query)
            assert answer.status in (413, 504, 507)
            assert answer.headers["content-type"] == PROBLEM


def test_a_service_heals_whatever_process_of_it_is_killed(dump: Path) -> None:
    with served_apart(dump, readers=1, spares=0) as (port, pid), Client(port) as client:
        for round_ in range(2):
            for one in family(pid)[1:]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)
                answer = client.query(f"ASK {{ <http://e/s{round_}> ?p {one} }}")
                assert answer.status == 200, answer.body
        assert len(family(pid)) >= 5
