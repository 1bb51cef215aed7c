"""What spares pySHACL work changes nothing that it finds."""

import gc
import logging
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyoxigraph as ox
import pyshacl
import pytest
import rdflib

from ergaomnes.build import Built
from ergaomnes.errors import OurFault
from ergaomnes.report import Report
from ergaomnes.shacl import Facts, Rules, undisturbed
from ergaomnes.shapes import Shapes, report_of
from ergaomnes.shipped import shipped
from ergaomnes.terms import Prefixes
from ergaomnes.turtle import read, triples

FOLDER = Path(__file__).parent / "shapes"
SAMPLE = 60

PREFIXES = """
@prefix : <http://example.org/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
"""


def facts_of(files: Iterable[Path]) -> set[ox.Triple]:
    return {fact for file in files for fact in triples(read(file), str(file))}


def subject(fact: ox.Triple) -> str:
    assert not isinstance(fact.subject, ox.Triple)
    return fact.subject.value


def plainly(data: rdflib.Graph, rules: Rules) -> Report:
    """Judge by pySHACL as it comes, over rdflib's own graphs."""
    graphs = rdflib.Graph(), rdflib.Graph()
    for graph, facts in zip(graphs, (data, rules.graph), strict=True):
        for fact in facts:
            graph.add(fact)
    with undisturbed():
        _, report, _ = pyshacl.validate(graphs[0], shacl_graph=graphs[1], inplace=True)
    assert isinstance(report, rdflib.Graph)
    return report_of(report, rules.graph, data)


def quickly(data: Facts, rules: Rules) -> Report:
    return report_of(rules.report(data), rules.graph, data)


def small_rules(text: str) -> Rules:
    return Rules("small", Facts(triples(PREFIXES + text)))


@pytest.fixture(scope="module")
def shapes(table: Prefixes) -> Shapes:
    return Shapes.read(shipped(), table)


@pytest.fixture(scope="module")
def ontology() -> set[ox.Triple]:
    files = shipped().ontology.rglob("*.ttl")
    return facts_of(file for file in files if file.parent.name != "shapes")


@pytest.fixture(scope="module")
def everything(built: Built) -> set[ox.Triple]:
    return {quad.triple for quad in ox.parse(path=str(built.dump), format=ox.RdfFormat.N_QUADS)}


def test_every_bad_file_gives_the_same_findings(shapes: Shapes, ontology: set[ox.Triple]) -> None:
    data = shapes.data(ontology | facts_of(FOLDER.glob("*.ttl")))
    found = quickly(data, shapes.whole)
    assert found == plainly(data, shapes.whole)
    assert len({finding.shape for finding in found.findings}) > 150


def test_the_shapes_for_handwork_give_the_same_findings(shapes: Shapes) -> None:
    data = shapes.data(facts_of(FOLDER.glob("*.ttl")))
    found = quickly(data, shapes.written)
    assert found == plainly(data, shapes.written)
    assert len({finding.shape for finding in found.findings}) > 3


def test_the_shapes_of_style_give_the_same_findings(
    shapes: Shapes, ontology: set[ox.Triple]
) -> None:
    """With every fifth fact of the ontology away, most of them find something."""
    kept = [fact for number, fact in enumerate(sorted(ontology, key=str)) if number % 5]
    data = shapes.data(kept)
    found = quickly(data, shapes.style)
    assert found == plainly(data, shapes.style)
    assert len({finding.shape for finding in found.findings}) > 10


@pytest.mark.parametrize("seed", range(2))
def test_a_damaged_part_of_the_world_gives_the_same_findings(
    seed: int, shapes: Shapes, ontology: set[ox.Triple], everything: set[ox.Triple], table: Prefixes
) -> None:
    chance = random.Random(seed)
    part = a_part(everything, table["id"], chance)
    data = shapes.data(ontology.union(damaged(part, chance)))
    found = quickly(data, shapes.whole)
    assert found == plainly(data, shapes.whole)
    assert len({finding.shape for finding in found.findings}) > 20


def a_part(everything: set[ox.Triple], names: str, chance: random.Random) -> list[ox.Triple]:
    """Take some records, what they point to, and what points to the same two things."""
    records = sorted({subject(fact) for fact in everything if subject(fact).startswith(names)})
    chosen = set(chance.sample(records, SAMPLE))
    chosen |= {
        fact.object.value
        for fact in everything
        if subject(fact) in chosen and isinstance(fact.object, ox.NamedNode)
    }
    return sorted((fact for fact in everything if subject(fact) in chosen), key=str)


def damaged(part: list[ox.Triple], chance: random.Random) -> Iterator[ox.Triple]:
    """Lose facts, say others twice, and move days, texts and names about."""
    values = [fact.object for fact in part]
    for fact in part:
        fate = chance.random()
        if fate > 0.1:
            yield fact
        if fate < 0.2:
            wrong = chance.choice(values)
            if isinstance(wrong, ox.Literal) and fate < 0.05:
                wrong = ox.Literal(wrong.value, datatype=ox.NamedNode("http://example.org/type"))
            yield ox.Triple(fact.subject, fact.predicate, wrong)


def test_rules_can_be_applied_to_one_graph_after_another() -> None:
    rules = small_rules(
        ":A a sh:NodeShape ; sh:targetClass :Thing ; sh:or ( :B ) . "
        ":B a sh:PropertyShape ; sh:path :p ; sh:minCount 1 ."
    )
    bad = Facts(triples(PREFIXES + ":x a :Thing ."))
    good = Facts(triples(PREFIXES + ":x a :Thing ; :p 1 ."))
    assert [quickly(data, rules).conforms for data in (bad, good, bad)] == [False, True, False]


def test_progress_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    rules = small_rules(":A a sh:NodeShape . :B a sh:NodeShape .")
    rules.report(Facts(), lambda step, done, steps: told.append((step, done, steps)))
    assert told == [("small", 0, 2), ("small", 1, 2)]


@pytest.mark.parametrize(
    "text",
    [
        ":A a sh:NodeShape ; sh:targetClass :T ; sh:property :B ; sh:closed true ; "
        "sh:ignoredProperties ( <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> ) . "
        ":B a sh:PropertyShape ; sh:path :p ; sh:minCount 1 .",
        ":A a sh:NodeShape ; sh:targetClass :T ; sh:property :B ; sh:deactivated true . "
        ":B a sh:PropertyShape ; sh:path :p ; sh:minCount 1 .",
        ":A a sh:NodeShape ; sh:targetClass :T ; sh:property :B . "
        ":B a sh:PropertyShape ; sh:path :p ; sh:minCount 1 . "
        ":C a sh:NodeShape ; sh:targetClass :T ; sh:not :A .",
        ":A a sh:NodeShape ; sh:targetClass :T ; sh:property :B , :C . "
        ":B a sh:PropertyShape ; sh:path :p ; sh:qualifiedValueShape [ sh:class :T ] ; "
        "sh:qualifiedMinCount 1 ; sh:qualifiedValueShapesDisjoint true . "
        ":C a sh:PropertyShape ; sh:path :p ; sh:qualifiedValueShape [ sh:class :U ] ; "
        "sh:qualifiedMinCount 1 ; sh:qualifiedValueShapesDisjoint true .",
        ":A a sh:NodeShape ; sh:targetSubjectsOf :p ; sh:targetNode :z ; sh:property :B . "
        ":B a sh:PropertyShape ; sh:path :p ; sh:property :C ; sh:minCount 1 . "
        ":C a sh:PropertyShape ; sh:path :p ; sh:minCount 1 .",
        ":A a sh:NodeShape, rdfs:Class ; sh:targetClass :T ; sh:property :B . "
        ":B a sh:PropertyShape ; sh:path :q ; sh:minCount 1 .",
    ],
    ids=["closed", "deactivated", "referred-to", "disjoint", "nested", "a-class"],
)
def test_a_property_shape_speaks_where_its_node_shape_let_it(text: str) -> None:
    rules = small_rules(text)
    data = Facts(
        triples(
            PREFIXES + ":x a :T , :U ; :p :x ; :q 1 . :y a :T . :v a :T ; :p :w . :w a :A ; :p 2 ."
        )
    )
    assert quickly(data, rules) == plainly(data, rules)


SPARQL = """
:A a sh:NodeShape ; sh:targetClass :T ; sh:sparql [
  a sh:SPARQLConstraint ; sh:select "SELECT $this ?value WHERE { %s }" ] .
"""


def test_a_query_is_asked_about_nameless_things_too() -> None:
    rules = small_rules(SPARQL % "$this <http://example.org/p> ?value FILTER(?value > 1)")
    data = Facts(triples(PREFIXES + "[] a :T ; :p 1 , 2 , 3 . :x a :T ; :p 1 . :y :p 4 ."))
    found = quickly(data, rules)
    assert found == plainly(data, rules)
    assert sorted(str(finding.value) for finding in found.findings) == ["2", "3"]


@pytest.mark.parametrize(
    "where",
    [
        "{ $this <http://example.org/p> 1 } UNION { ?value <http://example.org/p> 2 }",
        "$this <http://example.org/p> ?value FILTER($currentShape != ?value)",
    ],
    ids=["open", "current-shape"],
)
def test_a_query_that_cannot_be_asked_about_all_at_once_is_refused(where: str) -> None:
    rules = small_rules(SPARQL % where)
    with pytest.raises(OurFault):
        rules.report(Facts(triples(PREFIXES + ":x a :T ; :p 1 , 2 .")))


def test_shapes_that_cannot_be_applied_are_our_fault() -> None:
    rules = small_rules(SPARQL % "$this ?p ?value MINUS { $this a ?value }")
    with pytest.raises(OurFault, match="MINUS"):
        rules.report(Facts(triples(PREFIXES + ":x a :T .")))


def test_facts_answer_patterns_as_rdflib_does() -> None:
    given = triples(PREFIXES + ':x :p :y , "z"@en , "z" ; :q :x . :y :p :y . [] :q "z" .')
    facts, plain = Facts([*given, *given]), rdflib.Graph()
    for fact in facts:
        plain.add(fact)
    assert len(facts) == len(plain) == 6
    terms = [None, *sorted({term for fact in plain for term in fact}, key=str)]
    for one in terms:
        for two in terms:
            assert set(facts.objects(one, two)) == set(plain.objects(one, two))
            for three in terms:
                pattern = (one, two, three)
                assert set(facts.triples(pattern)) == set(plain.triples(pattern))
                assert (pattern in facts) == (pattern in plain)


def test_what_was_put_off_is_taken_up_again_after_an_error() -> None:
    logger = logging.getLogger("rdflib.term")
    before = gc.isenabled(), logger.disabled
    during = []

    def stopped() -> None:
        with undisturbed():
            during.append((gc.isenabled(), logger.disabled))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert during == [(False, True)]
    assert (gc.isenabled(), logger.disabled) == before
