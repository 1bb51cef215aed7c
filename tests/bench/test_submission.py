"""How long a submission is judged: beside the whole graph, and beside ten times the acts.

    uv run pytest tests/bench/test_submission.py -m bench -s

The submission has 196 facts: accessions of 28 states to a convention that they are no party to.
"""

import statistics
import sys
import time
from pathlib import Path

import httpx
import pyoxigraph as ox
import pytest

import engines
import serving
from ergaomnes import media
from ergaomnes.app import create_app
from ergaomnes.build import current
from ergaomnes.contribution import Packaged
from ergaomnes.judging import Judges
from ergaomnes.settings import Settings
from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine
from ergaomnes.submission import read_submission
from ergaomnes.terms import prefixes
from growth import grown

pytestmark = pytest.mark.bench
TIMES, ROUNDS = 10, 15
STATES = 28
NO_PARTIES = """
PREFIX erga: <https://w3id.org/ergaomnes/def/>
PREFIX instrument: <https://w3id.org/ergaomnes/id/instrument/>
PREFIX state: <https://w3id.org/ergaomnes/id/state/>
SELECT ?state WHERE {
  ?other erga:concernsInstrument instrument:mtdsg-iv-4 ; erga:isPerformedBy ?state .
  ?state a erga:State .
  FILTER NOT EXISTS {
    ?act erga:concernsInstrument instrument:mtdsg-iv-13 ; erga:isPerformedBy ?state }
} GROUP BY ?state ORDER BY ?state
"""
HEAD = """\
@prefix action: <https://w3id.org/ergaomnes/id/action/> .
@prefix action-kind: <https://w3id.org/ergaomnes/scheme/action-kind/> .
@prefix citation: <https://w3id.org/ergaomnes/id/citation/> .
@prefix confidence: <https://w3id.org/ergaomnes/scheme/confidence/> .
@prefix erga: <https://w3id.org/ergaomnes/def/> .
@prefix instrument: <https://w3id.org/ergaomnes/id/instrument/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
ACT = """
action:{code}-mtdsg-iv-13-accession a erga:ConsentToBeBound ;
  erga:concernsInstrument instrument:mtdsg-iv-13 ;
  erga:depositDate "2024-11-05"^^xsd:date ;
  erga:hasActionKind action-kind:accession ;
  erga:hasCitation citation:untc-iv-13-status ;
  erga:hasConfidence confidence:high ;
  erga:isPerformedBy <{state}> .
"""


def submission(dump: Path) -> bytes:
    """Write facts that a graph does not hold, and that conform beside it."""
    store = ox.Store()
    store.bulk_load(path=str(dump), format=ox.RdfFormat.N_QUADS)
    found = EmbeddedEngine(store).select(NO_PARTIES)
    states = [str(row[0]) for row in found.rows][:STATES]
    assert len(states) == STATES
    acts = (ACT.format(code=one.rpartition("/")[2], state=one) for one in states)
    return (HEAD + "".join(acts)).encode()


def told(said: str) -> None:
    sys.stderr.write(f"\n{said}")


def judged(dump: Path, content: bytes) -> float:
    """Give the median seconds of judging in a process that stands ready."""
    times = []
    with Judges(dump, Settings(), seconds=120) as judges:
        judges.start()
        for _ in range(ROUNDS):
            began = time.perf_counter()
            found = judges.judge(content, "text/turtle", written_as="application/json")
            times.append(time.perf_counter() - began)
            assert found.conforms, found.body.decode()
            assert len(found.patch.added) == STATES * 7
    return statistics.median(times)


def test_a_submission_is_judged_by_its_own_size_and_not_by_that_of_the_graph(
    tmp_path: Path,
) -> None:
    built = engines.packaged()
    content = submission(built.dump)
    few = judged(built.dump, content)
    told(f"{STATES * 7} facts beside {built.counts['facts']:,}: {few:.3f} s")
    with serving.served(create_app(engines.settings())) as url, httpx.Client(timeout=120) as client:
        times = []
        turtle = {"content-type": "text/turtle"}
        for number in range(ROUNDS + 1):
            began = time.perf_counter()
            answer = client.post(f"{url}/validate", content=content, headers=turtle)
            if not number:
                continue  # the judging process may still be starting
            times.append(time.perf_counter() - began)
            assert answer.json()["conforms"]
    told(f"… over HTTP: {statistics.median(times):.3f} s")
    files = grown(tmp_path / "files", TIMES)
    larger = current(Settings(data_dir=tmp_path / "stores"), files)
    many = judged(larger.dump, submission(larger.dump))
    times_facts = larger.counts["facts"] / built.counts["facts"]
    told(
        f"… beside {times_facts:.1f} times the facts: {many:.3f} s, {many / few:.2f} times as long"
    )


def test_a_submission_is_judged_many_times_faster_than_with_the_whole_graph() -> None:
    built = engines.packaged()
    content = submission(built.dump)
    few = judged(built.dump, content)
    packaged = Packaged(built.dump, shipped(), prefixes())
    sent = [read_submission(content, media.TURTLE)]
    packaged.judge_contribution(sent)  # what is read once is read
    began = time.perf_counter()
    assert packaged.judge_contribution(sent, whole=True).report.conforms
    whole = time.perf_counter() - began
    told(
        f"{STATES * 7} facts: {few:.3f} s; with the whole graph, by pySHACL as it is sped up here: "
        f"{whole:.1f} s, {whole / few:.0f} times as long"
    )
