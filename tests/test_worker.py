import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyoxigraph as ox
import pytest

from ergaomnes import media
from ergaomnes.engine import Iri, Literal, Table, Triples, Truth
from ergaomnes.errors import (
    AnswerTooLarge,
    AnswerUnwritable,
    BadRequest,
    BuildFailed,
    Busy,
    CallerLeft,
    ErgaOmnesError,
    QueryCrashed,
    QueryMemory,
    QueryRefused,
    QuerySyntax,
    QueryTimeout,
    QueryTooDeep,
    Stopped,
)
from ergaomnes.guard import Guarded
from ergaomnes.settings import Settings
from ergaomnes.worker import Caller, Readers, caller
from hostile import ENDLESS, GROWING, HOSTILE
from serving import Listener

LIMITS = Settings(
    readers=2,
    spares=1,
    queue_limit=2,
    time_limit=1.0,
    memory_limit=200 * 2**20,
    row_limit=4000,
    answer_limit=2_000_000,
)
NUMBERS = "SELECT * { ?s <http://e/p> ?o }"


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a small graph in which hostile queries find much to multiply."""
    store = ox.Store()
    graph = ox.NamedNode("http://e/graph")
    value, following = ox.NamedNode("http://e/p"), ox.NamedNode("http://e/next")
    for number in range(3000):
        subject = ox.NamedNode(f"http://e/s{number % 300}")
        store.add(ox.Quad(subject, value, ox.Literal(number), graph))
    for number in range(300):
        subject, target = (ox.NamedNode(f"http://e/s{one % 300}") for one in (number, number + 1))
        store.add(ox.Quad(subject, following, target, graph))
    odd = ox.NamedNode("http://e/odd")
    store.add(ox.Quad(odd, ox.NamedNode("http://e/control"), ox.Literal("a\u0001b"), graph))
    store.add(ox.Quad(odd, ox.NamedNode("http://e/return"), ox.Literal("a\r\nb"), graph))
    file = tmp_path_factory.mktemp("worker") / "graph.nq"
    store.dump(str(file), format=ox.RdfFormat.N_QUADS)
    return file


@pytest.fixture(scope="module")
def readers(dump: Path) -> Iterator[Readers]:
    """Give a pool that all tests of this module share: it has to heal."""
    with Readers(dump, LIMITS) as pool:
        yield pool


def reply(readers: Readers, query: str, written_as: media.Format | None = None) -> bytes:
    asked = readers.guarded(query)
    usual = media.TURTLE if asked.answers_with_a_graph else media.SPARQL_JSON
    return readers.reply(asked, written_as or usual).body


def unguarded(query: str) -> Guarded:
    return Guarded(query, "SELECT")


def test_a_pool_is_an_engine(readers: Readers) -> None:
    assert readers.quads == 3302
    assert readers.query("ASK { <http://e/s0> ?p ?o }") == Truth(True)
    table = readers.query("SELECT ?s ?n { ?s <http://e/p> ?n } ORDER BY ?n LIMIT 1")
    assert table == Table(("s", "n"), ((Iri("http://e/s0"), Literal("0", Literal.INTEGER)),))
    triples = readers.query("CONSTRUCT { ?s ?p ?o } { VALUES ?s { <http://e/odd> } ?s ?p ?o }")
    assert isinstance(triples, Triples)
    assert len(triples) == 2


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_query_ends_at_a_limit_and_others_are_served(readers: Readers, name: str) -> None:
    raised: list[BaseException] = []

    def attack() -> None:
        try:
            reply(readers, HOSTILE[name])
        except ErgaOmnesError as error:
            raised.append(error)

    attacker = threading.Thread(target=attack)
    began = time.monotonic()
    attacker.start()
    served = 0
    while attacker.is_alive():
        assert b"true" in reply(readers, "ASK { ?s ?p ?o }")
        served += 1
        time.sleep(0.01)
    attacker.join()
    assert time.monotonic() - began < 10
    assert served > 0
    limits = (QueryTimeout, QueryMemory, QueryCrashed, AnswerTooLarge)
    assert not raised or isinstance(raised[0], limits)


def test_a_query_past_its_time_limit_is_killed(readers: Readers) -> None:
    began = time.monotonic()
    with pytest.raises(QueryTimeout):
        reply(readers, ENDLESS)
    assert time.monotonic() - began < 5


def test_a_query_past_its_memory_is_ended(dump: Path) -> None:
    limits = Settings(readers=1, spares=1, time_limit=30.0, memory_limit=100 * 2**20)
    with Readers(dump, limits) as pool:
        with pytest.raises(QueryMemory) as caught:
            reply(pool, GROWING)
        assert caught.value.data["limit"] == 100 * 2**20
        assert b"true" in reply(pool, "ASK {}")


@pytest.mark.parametrize(
    "query",
    ["SELECT (1 AS ?x) {" + "(" * 50_000, "SELECT * {" + "{SELECT * " * 2000 + "}" * 2001],
)
def test_what_breaks_the_parser_breaks_a_reader_only(readers: Readers, query: str) -> None:
    with pytest.raises(QueryTooDeep):
        Readers(readers.dump, Settings(query_limit=100_000)).guarded(query)
    with pytest.raises((QueryCrashed, QueryMemory, QuerySyntax)):
        readers.reply(unguarded(query), media.SPARQL_JSON)
    assert b"true" in reply(readers, "ASK {}")


def test_the_pool_has_as_many_readers_as_before(readers: Readers) -> None:
    deadline = time.monotonic() + 20
    wanted = LIMITS.readers + readers.slow_readers + LIMITS.spares
    while readers.alive < wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    assert readers.alive == wanted


def test_no_reader_can_call_even_when_the_guard_is_passed_by(readers: Readers) -> None:
    listener = Listener()
    try:
        for url in (listener.url, listener.url.replace("127.0.0.1", "localhost")):
            with pytest.raises(QueryRefused):
                readers.reply(unguarded(f"ASK {{ SERVICE <{url}> {{}} }}"), media.SPARQL_JSON)
            silent = f"ASK {{ SERVICE SILENT <{url}> {{ ?s ?p ?o }} }}"
            readers.reply(unguarded(silent), media.SPARQL_JSON)
        assert not listener.called()
        # The listener works: without the limits of a reader the same query reaches it.
        code = "import pyoxigraph, sys; pyoxigraph.Store().query(sys.argv[1])"
        query = f"ASK {{ SERVICE SILENT <{listener.url}> {{ ?s ?p ?o }} }}"
        process = subprocess.Popen([sys.executable, "-c", code, query], stderr=subprocess.DEVNULL)
        heard = any(listener.called() for _ in range(50))
        process.kill()
        process.wait()
        assert heard
    finally:
        listener.close()


def test_an_answer_is_whole_or_none(readers: Readers) -> None:
    for written_as in media.TABLES:
        assert reply(readers, NUMBERS, written_as)
        with pytest.raises(AnswerTooLarge) as caught:
            reply(readers, "SELECT ?s { ?s <http://e/p> ?o VALUES ?two { 1 2 } }", written_as)
        assert caught.value.data == {"limit": 4000, "unit": "rows"}
    with pytest.raises(AnswerTooLarge) as caught:
        reply(readers, "SELECT * { ?a ?b ?c . ?d ?e ?f }")
    assert caught.value.data == {"limit": 2_000_000, "unit": "bytes"}


def test_rows_are_counted_whatever_the_values_hold(dump: Path) -> None:
    rows = """VALUES (?a ?b) { ("},{" "[{") ("\\"},{\\"" "{}") ("a\\nb" ",{") (UNDEF UNDEF)
      (<http://e/> "<result>") }"""
    query = f"SELECT ?a ?b {{ {rows} }}"
    for limit in (5, 4):
        with Readers(dump, Settings(readers=1, spares=0, row_limit=limit)) as pool:
            for written_as in media.TABLES:
                if limit == 5:
                    assert reply(pool, query, written_as)
                else:
                    with pytest.raises(AnswerTooLarge):
                        reply(pool, query, written_as)


def test_triples_are_limited_and_come_once(readers: Readers) -> None:
    once = reply(readers, "CONSTRUCT { <a:b> <a:b> <a:b> } { ?s ?p ?o }", media.N_TRIPLES)
    assert once == b"<a:b> <a:b> <a:b> .\n"
    with pytest.raises(AnswerTooLarge, match="triples"):
        reply(readers, "CONSTRUCT { ?s ?o ?n . ?n ?o ?s . ?s ?p ?n } { ?s ?p ?n . ?s ?q ?o "
              "FILTER(ISIRI(?o)) }", media.TURTLE)  # fmt: skip


def test_xml_is_refused_where_it_cannot_carry_the_answer(readers: Readers) -> None:
    control = "SELECT ?o { ?s <http://e/control> ?o }"
    with pytest.raises(AnswerUnwritable):
        reply(readers, control, media.SPARQL_XML)
    assert b"a\\u0001b" in reply(readers, control)
    returned = "SELECT ?o { ?s <http://e/return> ?o }"
    assert b"a&#13;\nb" in reply(readers, returned, media.SPARQL_XML)
    graph = "CONSTRUCT WHERE { ?s <http://e/control> ?o }"
    with pytest.raises(AnswerUnwritable):
        reply(readers, graph, media.RDF_XML)
    assert reply(readers, graph, media.TURTLE)


def test_what_the_engine_does_not_take_is_the_askers_fault(readers: Readers) -> None:
    with pytest.raises(QuerySyntax):
        reply(readers, "SELECT * {")
    with pytest.raises(BadRequest, match="custom function"):
        reply(readers, "SELECT (<http://e/f>(1) AS ?x) {}")


def test_the_dataset_of_the_protocol_goes_before_that_of_the_query(readers: Readers) -> None:
    table = readers.query("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }")
    assert isinstance(table, Table)
    assert table.rows == ((Literal("3302", Literal.INTEGER),),)
    asked = readers.guarded("SELECT (COUNT(*) AS ?n) FROM <http://e/none> { ?s ?p ?o }")
    assert b'"0"' in readers.reply(asked, media.SPARQL_JSON).body
    chosen = readers.reply(asked, media.SPARQL_JSON, default_graphs=["http://e/graph"])
    assert b'"3302"' in chosen.body


def attacked(pool: Readers, attackers: int, query: str = ENDLESS) -> list[threading.Thread]:
    """Send hostile queries, each from a thread of its own, that are to be stopped."""

    def attack() -> None:
        with pytest.raises((Stopped, AnswerTooLarge)):
            reply(pool, query)

    threads = [threading.Thread(target=attack) for _ in range(attackers)]
    for thread in threads:
        thread.start()
    return threads


def test_a_long_query_leaves_its_place_to_a_short_one(dump: Path) -> None:
    limits = Settings(readers=1, spares=1, queue_limit=8, time_limit=2.0)
    with Readers(dump, limits, slow_readers=1) as pool:
        threads = attacked(pool, 3)
        time.sleep(0.3)
        assert pool.counts()["slow"] == 1
        for _ in range(20):
            began = time.monotonic()
            assert b"true" in reply(pool, "ASK {}")
            assert time.monotonic() - began < 1
        for thread in threads:
            thread.join()
        assert pool.counts()["slow"] == pool.counts()["quick"] == pool.counts()["waiting"] == 0


def test_fifty_hostile_queries_at_once_do_not_hold_up_the_others(dump: Path) -> None:
    took: list[float] = []
    ended: list[tuple[float, str]] = []

    async def attack(pool: Readers, number: int, name: str) -> None:
        caller.set(Caller(f"hostile {number % 10}"))
        began = time.monotonic()
        with contextlib.suppress(Stopped, AnswerTooLarge):
            asked = await pool.checked(f"# {number}\n{HOSTILE[name]}")
            usual = media.TURTLE if asked.answers_with_a_graph else media.SPARQL_JSON
            await pool.replied(asked, usual)
        ended.append((time.monotonic() - began, name))

    async def ask(pool: Readers) -> None:
        caller.set(Caller("modest"))
        while len(ended) < 50:
            began = time.monotonic()
            asked = pool.guarded(f"SELECT * {{ <http://e/s{len(took) % 300}> ?p ?o }}")
            await pool.replied(asked, media.CSV)
            took.append(time.monotonic() - began)
            await asyncio.sleep(0.005)

    async def all_at_once() -> None:
        limits = Settings(readers=8, spares=4, time_limit=2.0, memory_limit=256 * 2**20)
        async with Readers(dump, limits) as pool:
            names = [list(HOSTILE)[number % len(HOSTILE)] for number in range(50)]
            attacks = [attack(pool, number, name) for number, name in enumerate(names)]
            await asyncio.gather(ask(pool), *attacks)

    asyncio.run(all_at_once())
    # The guard's turn and the query's: each may wait for as long as it may run.
    assert max(ended)[0] < 4 * 2.0 + 1
    took.sort()
    assert len(took) > 50
    assert took[len(took) // 2] < 0.1
    assert took[int(len(took) * 0.99)] < 0.75  # 0.25 is promised, of a machine of one's own


def test_a_long_query_that_nobody_waits_for_is_answered(dump: Path) -> None:
    limits = Settings(readers=1, spares=1, time_limit=20.0)
    with Readers(dump, limits, slow_readers=1, quick_time=0.001) as pool:
        query = "SELECT (COUNT(*) AS ?n) { ?a <http://e/p> ?c . ?d <http://e/p> ?f }"
        found: list[bytes] = []
        threads = [
            threading.Thread(target=lambda: found.append(reply(pool, query))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        assert all(b'"9000000"' in body for body in found)


def test_long_queries_run_at_a_low_priority(dump: Path) -> None:
    limits = Settings(readers=1, spares=0, time_limit=1.0)
    with Readers(dump, limits, slow_readers=1) as pool:
        threads = attacked(pool, 1)
        time.sleep(0.3)
        priorities = sorted(os.getpriority(os.PRIO_PROCESS, pid) for pid in pool.pids)
        assert priorities[0] < priorities[-1]
        assert os.getpriority(os.PRIO_PROCESS, 0) < priorities[0]
        for thread in threads:
            thread.join()


def test_when_all_are_at_work_the_pool_says_so(dump: Path) -> None:
    limits = Settings(readers=1, spares=0, queue_limit=0, time_limit=2.0)
    with Readers(dump, limits, slow_readers=1) as pool:
        threads = attacked(pool, 1)
        time.sleep(0.3)
        threads += attacked(pool, 1)
        time.sleep(0.1)
        with pytest.raises(Busy) as caught:
            reply(pool, "ASK {}")
        assert caught.value.headers["Retry-After"] == "2"
        for thread in threads:
            thread.join()
        assert b"true" in reply(pool, "ASK {}")


def asked_by(pool: Readers, name: str, query: str) -> bytes | ErgaOmnesError:
    caller.set(Caller(name))
    try:
        return reply(pool, query)
    except ErgaOmnesError as error:
        return error


def test_who_asks_most_waits_longest_and_goes_first(dump: Path) -> None:
    limits = Settings(readers=1, spares=2, queue_limit=4, time_limit=3.0)
    with Readers(dump, limits, slow_readers=1) as pool, ThreadPoolExecutor(20) as threads:
        greedy = [threads.submit(asked_by, pool, "greedy", ENDLESS) for _ in range(12)]
        time.sleep(0.5)
        for number in range(10):
            began = time.monotonic()
            answer = threads.submit(asked_by, pool, f"modest {number}", "ASK {}").result()
            assert isinstance(answer, bytes)
            assert time.monotonic() - began < 1
        stopped = [one.result() for one in greedy]
        assert all(isinstance(one, Busy | QueryTimeout) for one in stopped)
        assert any(isinstance(one, Busy) for one in stopped)


def test_the_queries_of_one_who_leaves_are_ended(dump: Path) -> None:
    async def leaves() -> None:
        async with Readers(dump, Settings(readers=1, spares=1), slow_readers=1) as pool:
            who = Caller("somebody")
            caller.set(who)
            work = asyncio.create_task(pool.replied(pool.guarded(ENDLESS), media.SPARQL_JSON))
            await asyncio.sleep(0.3)
            pids = pool.pids
            who.leave()
            with pytest.raises(CallerLeft):
                await work
            with pytest.raises(CallerLeft):
                await pool.replied(pool.guarded("ASK {}"), media.SPARQL_JSON)
            await dead_one_of(pids)
            # A task that is cancelled ends its query, too.
            caller.set(None)
            work = asyncio.create_task(pool.replied(pool.guarded(ENDLESS), media.SPARQL_JSON))
            await asyncio.sleep(0.3)
            pids = pool.pids
            work.cancel()
            await dead_one_of(pids)
            assert pool.counts()["slow"] == pool.counts()["quick"] == 0

    async def dead_one_of(pids: list[int]) -> None:
        deadline = time.monotonic() + 5
        while all(is_running(pid) for pid in pids):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    asyncio.run(leaves())


def test_readers_killed_from_outside_are_replaced(dump: Path) -> None:
    with Readers(dump, Settings(readers=2, spares=1), slow_readers=1) as pool:
        pids = pool.pids
        assert len(pids) == 4
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        assert b"true" in reply(pool, "ASK {}")
        deadline = time.monotonic() + 10
        while len(set(pool.pids) - set(pids)) < 4:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_query_whose_reader_is_killed_from_outside_is_asked_again(dump: Path) -> None:
    query = "SELECT (COUNT(*) AS ?n) { ?a <http://e/p> ?c . ?d <http://e/p> ?f }"
    patient = Settings(readers=1, spares=0, time_limit=60)
    with Readers(dump, patient, slow_readers=1) as pool:
        found: list[bytes] = []
        asking = threading.Thread(target=lambda: found.append(reply(pool, query)))
        asking.start()
        time.sleep(0.1)
        for pid in pool.pids:
            os.kill(pid, signal.SIGKILL)
        asking.join()
        assert b'"9000000"' in found[0]


def test_the_pool_outlives_the_process_that_bears_the_readers(dump: Path) -> None:
    with Readers(dump, LIMITS) as pool:
        for _ in range(2):
            nursery = pool._nursery
            assert nursery is not None
            pids = pool.pids
            os.kill(nursery.process.pid, signal.SIGKILL)
            assert b"true" in reply(pool, "ASK {}")
            deadline = time.monotonic() + 10
            while any(is_running(pid) for pid in pids) or pool.alive < 5:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert not set(pids) & set(pool.pids)


def test_the_pool_moves_to_another_generation_and_drops_no_query(
    dump: Path, tmp_path: Path
) -> None:
    other = tmp_path / "graph.nq"
    other.write_text("<http://e/a> <http://e/b> <http://e/c> <http://e/graph> .\n", "utf-8")
    long = "SELECT (COUNT(*) AS ?n) { ?a <http://e/p> ?c . ?d <http://e/p> ?f }"
    size = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"

    async def moves() -> None:
        async with Readers(dump, Settings(readers=2, time_limit=30.0), "old") as pool:
            begun = asyncio.create_task(pool.replied(pool.guarded(long), media.SPARQL_JSON))
            await asyncio.sleep(0.02)
            old = pool.pids
            moving = asyncio.create_task(pool.move(other, "new"))
            generations: list[str] = []
            while not moving.done() or "new" not in generations:
                reply = await pool.replied(pool.guarded(size), media.CSV)
                assert (
                    reply.body == {"old": b"n\r\n3302\r\n", "new": b"n\r\n1\r\n"}[reply.generation]
                )
                generations.append(reply.generation)
            assert generations == sorted(generations, reverse=True)
            assert (pool.generation, pool.quads) == ("new", 1)
            answer = await begun
            assert answer.generation == "old"
            assert b'"9000000"' in answer.body
            deadline = time.monotonic() + 10
            while any(is_running(pid) for pid in old):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
            # One that cannot be loaded changes nothing.
            with pytest.raises(BuildFailed):
                await pool.move(tmp_path / "none.nq", "none")
            assert (await pool.replied(pool.guarded(size), media.CSV)).generation == "new"

    asyncio.run(moves())


def test_the_caller_knows_whether_the_answer_would_come_again(readers: Readers) -> None:
    for query, comes_again in (
        ("ASK {}", True),
        ("SELECT (NOW() AS ?now) {}", False),
        ("SELECT (struuid ( ) AS ?id) {}", False),
        ("SELECT (RAND() AS ?number) {}", False),
    ):
        who = Caller()
        token = caller.set(who)
        reply(readers, query)
        caller.reset(token)
        assert who.is_repeatable is comes_again
        assert who.generations == {""}


@pytest.mark.parametrize("length", [0, 5000])
def test_the_guard_may_work_apart(dump: Path, length: int) -> None:
    rest = f"# {'x' * length}\n"

    async def checks() -> None:
        limits = Settings(readers=1, spares=0, query_limit=6000, depth_limit=10)
        async with Readers(dump, limits) as pool:
            query = f"{rest}SELECT * FROM <http://e/graph> FROM NAMED <http://e/n> {{ ?s ?p ?o }}"
            assert await pool.checked(query) == pool.guarded(query)
            for wrong in (
                f"{rest}ASK {{ SERVICE <http://e/> {{}} }}",
                f"{rest}ASK {'{' * 20}",
                f"{rest}DELETE WHERE {{ ?s ?p ?o }}",
                f"{rest}ASK FROM <http://other/> {{}}",
                f"{rest}{'x' * 6000}",
            ):
                with pytest.raises(ErgaOmnesError) as here:
                    pool.guarded(wrong, "http://e/")
                with pytest.raises(type(here.value)) as apart:
                    await pool.checked(wrong, "http://e/")
                assert str(apart.value) == str(here.value)
                assert apart.value.data == here.value.data
                assert apart.value.remedy == here.value.remedy

    asyncio.run(checks())


def test_a_closed_pool_leaves_no_process(dump: Path) -> None:
    pool = Readers(dump, LIMITS)
    with pool:
        pids = pool.pids
        assert len(pids) == 5
    assert not any(is_running(pid) for pid in pids)
    assert pool.alive == 0


def test_readers_die_with_their_parent_in_the_middle_of_a_query(dump: Path) -> None:
    code = f"""
import threading, time
from pathlib import Path
from ergaomnes.settings import Settings
from ergaomnes.worker import Readers
with Readers(Path({str(dump)!r}), Settings(readers=1, spares=1, time_limit=60)) as pool:
    threading.Thread(target=pool.query, args=({ENDLESS!r},), daemon=True).start()
    time.sleep(0.3)
    print(*pool.pids, flush=True)
    time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 4
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while any(is_running(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(is_running(pid) for pid in pids)


def test_a_dump_that_cannot_be_read_is_said_at_the_start(tmp_path: Path) -> None:
    broken = tmp_path / "broken.nq"
    broken.write_text("this is no N-Quads\n", "utf-8")
    for file in (tmp_path / "none.nq", broken):
        with pytest.raises(BuildFailed), Readers(file, LIMITS):
            pass


def is_running(pid: int) -> bool:
    """Say whether a process runs; one that has ended and waits for its parent does not."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self").exists():
        return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
