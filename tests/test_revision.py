"""A change is judged and followed in its neighbourhood, as if everything were done anew."""

import random
from pathlib import Path

import pyoxigraph as ox
import pytest

from ergaomnes.build import build
from ergaomnes.contribution import Packaged
from ergaomnes.report import Report
from ergaomnes.settings import Settings
from ergaomnes.shipped import Shipped, shipped
from ergaomnes.terms import Prefixes
from ergaomnes.turtle import read, triples, write

FOLDER = Path(__file__).with_name("shapes")
CHANGES = 24


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, table: Prefixes) -> Packaged:
    """Give a small packaged graph: the ontology, the rules, and the good world as its data."""
    root = tmp_path_factory.mktemp("world")
    for name in ("ontology", "queries"):
        (root / name).symlink_to(shipped().root / name)
    (root / "data").mkdir()
    good = triples(read(FOLDER / "good.ttl"))
    hand = [fact for fact in good if "/id/situation/" not in str(fact.subject)]
    (root / "data" / "good.ttl").write_text(write(hand, table), "utf-8")
    files = Shipped(root)
    built = build(Settings(data_dir=tmp_path_factory.mktemp("stores")), files)
    return Packaged(built.dump, files, table)


def whole(world: Packaged) -> set[tuple[str, ...]]:
    """Judge everything as it stands, and give what is wrong."""
    background = world.background
    facts = {quad.triple for quad in background.store}
    report = world.shapes.judge(facts) + world.shapes.judge_written(written(world))
    return sameness(report)


def written(world: Packaged) -> set[ox.Triple]:
    data = world.prefixes.iri("graph:data/")
    axiom = world.prefixes.iri("rdfs:subClassOf")
    return {
        quad.triple
        for quad in world.background.store
        if str(quad.graph_name).strip("<>").startswith(data) or quad.predicate.value == axiom
    }


def sameness(report: Report) -> set[tuple[str, ...]]:
    return {(one.shape, str(one.focus), *one.path, str(one.value)) for one in report.findings}


def derived(world: Packaged) -> set[ox.Triple]:
    graph = ox.NamedNode(world.prefixes.iri("graph:derived"))
    return {
        quad.triple for quad in world.background.store.quads_for_pattern(None, None, None, graph)
    }


@pytest.mark.parametrize("seed", range(CHANGES))
def test_a_change_is_judged_and_followed_as_if_everything_were_done_anew(
    world: Packaged, seed: int
) -> None:
    chance = random.Random(seed)
    background = world.background
    stood = set(background.store)
    data = world.prefixes.iri("graph:data/")
    hand = sorted((q for q in stood if str(q.graph_name).strip("<>").startswith(data)), key=str)
    chosen = chance.sample(hand, k=chance.randint(1, 4))
    if seed % 4 == 0:  # everything that is said of a record
        chosen = [quad for quad in hand if quad.subject == chosen[0].subject]
    removed = frozenset(chosen if seed % 3 else ())
    added = set()
    for quad in chosen:
        others = [q.object for q in hand if q.predicate == quad.predicate]
        other = ox.Quad(quad.subject, quad.predicate, chance.choice(others), quad.graph_name)
        stays = (one for one in stood if one not in removed)
        if seed % 2 and other not in removed and not any(o.triple == other.triple for o in stays):
            added.add(other)
    before = whole(world)
    report, _ = world.judge_change(frozenset(added), removed)
    try:
        assert derived(world) == background.all_derived_with(())
        assert sameness(report) == whole(world) - before
    finally:
        background.store.clear()
        background.store.extend(stood)
