import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
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
    ErgaOmnesError,
    QueryCrashed,
    QueryMemory,
    QueryRefused,
    QuerySyntax,
    QueryTimeout,
    QueryTooDeep,
)
from ergaomnes.guard import Guarded
from ergaomnes.settings import Settings
from ergaomnes.worker import Readers
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
ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
GROWING = "SELECT (STRLEN(?x40) AS ?n) {{ BIND('{}' AS ?x0) {} }}".format(
    "a" * 64, " ".join(f"BIND(CONCAT(?x{i}, ?x{i}) AS ?x{i + 1})" for i in range(40))
)
HOSTILE = {
    "cross product": ENDLESS,
    "all of it sorted": "SELECT * { ?a ?b ?c . ?d ?e ?f } ORDER BY ?f ?c",
    "one long string": "SELECT (GROUP_CONCAT(?c) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }",
    "doubled forty times": GROWING,
    "closure of a path": (
        "SELECT (COUNT(*) AS ?n) { ?a (<http://e/next>|!<http://e/x>)* ?b ."
        " ?b <http://e/next>* ?c . ?c <http://e/next>* ?d . ?d <http://e/next>* ?e }"
    ),
    "a long path": f"ASK {{ ?a {'<a:b>/' * 8000}<a:b> ?c }}",
    "a deep expression": f"SELECT (1 AS ?x) {{ BIND({'!' * 40_000}true AS ?y) }}",
    "a wide union": f"SELECT * {{ {'{ ?s ?p ?o } UNION ' * 2000}{{ ?a ?b ?c }} }}",
}


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


def reply(readers: Readers, query: str, written_as: media.Format = media.SPARQL_JSON) -> bytes:
    return readers.reply(readers.guarded(query), written_as).body


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
    while readers.alive < LIMITS.readers + LIMITS.spares and time.monotonic() < deadline:
        time.sleep(0.05)
    assert readers.alive == LIMITS.readers + LIMITS.spares


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


def fails(pool: Readers) -> None:
    with pytest.raises(QueryTimeout):
        reply(pool, ENDLESS)


def test_when_all_are_at_work_the_pool_says_so(dump: Path) -> None:
    limits = Settings(readers=1, spares=0, queue_limit=0, time_limit=2.0)
    with Readers(dump, limits) as pool:
        attacker = threading.Thread(target=fails, args=(pool,))
        attacker.start()
        time.sleep(0.3)
        with pytest.raises(Busy) as caught:
            reply(pool, "ASK {}")
        assert caught.value.headers["Retry-After"] == "2"
        attacker.join()
        assert b"true" in reply(pool, "ASK {}")


def test_a_reader_killed_from_outside_is_replaced(dump: Path) -> None:
    with Readers(dump, Settings(readers=1, spares=1)) as pool:
        for reader in list(pool._all):
            os.kill(reader.process.pid, signal.SIGKILL)
            reader.process.wait()
        for _ in range(2):
            with pytest.raises((QueryMemory, QueryCrashed)):
                reply(pool, "ASK {}")
        assert b"true" in reply(pool, "ASK {}")


def test_a_closed_pool_leaves_no_process(dump: Path) -> None:
    pool = Readers(dump, LIMITS)
    with pool:
        pids = [reader.process.pid for reader in pool._all]
        assert len(pids) == 3
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
    print(*(one.process.pid for one in pool._all), flush=True)
    time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
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
