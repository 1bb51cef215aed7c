from collections import defaultdict
from pathlib import Path

import pytest
from pyoxigraph import BlankNode, NamedNode, Quad, Store, Triple
from pyoxigraph import Literal as OxLiteral

from ergaomnes.engine import Blank, Iri, Literal, Table, Triples, Truth
from ergaomnes.errors import QueryKind, QuerySyntax, TurtleSyntax
from ergaomnes.shipped import Shipped, shipped
from ergaomnes.store import EmbeddedEngine, canonical_lines, load_shipped, own, theirs
from ergaomnes.terms import Prefixes

A, P = NamedNode("e:a"), NamedNode("e:p")


@pytest.fixture
def engine() -> EmbeddedEngine:
    store = Store()
    store.add(Quad(A, P, OxLiteral("x", language="en"), NamedNode("g:one")))
    store.add(Quad(A, P, OxLiteral("007", datatype=NamedNode("e:t")), NamedNode("g:two")))
    return EmbeddedEngine(store)


def test_the_default_graph_is_the_union_of_all_graphs(engine: EmbeddedEngine) -> None:
    assert engine.select("SELECT ?o { <e:a> <e:p> ?o } ORDER BY ?o").rows == (
        (Literal("007", "e:t"),),
        (Literal("x", Literal.LANG_STRING, "en"),),
    )


def test_named_graphs_can_still_be_told_apart(engine: EmbeddedEngine) -> None:
    table = engine.select("SELECT ?g ?o { GRAPH ?g { <e:a> <e:p> ?o } } ORDER BY ?g")
    assert table.column("g") == (Iri("g:one"), Iri("g:two"))


def test_each_form_of_query_has_its_kind_of_answer(engine: EmbeddedEngine) -> None:
    assert engine.query("SELECT ?a ?b { ?a ?p 'x'@en }") == Table(("a", "b"), ((Iri("e:a"), None),))
    assert engine.query("ASK { ?a ?b ?c }") == Truth(True)
    assert engine.query("CONSTRUCT { ?a <e:q> 1 } WHERE { ?a ?b ?c }") == Triples(
        ((Iri("e:a"), Iri("e:q"), Literal("1", Literal.INTEGER)),)
    )
    assert engine.ask("ASK { ?a <e:no> ?c }") is False


def test_an_answer_of_another_form_than_needed_is_refused(engine: EmbeddedEngine) -> None:
    with pytest.raises(QueryKind, match="answers with rows is needed here; this one"):
        engine.select("ASK {}")
    with pytest.raises(QueryKind):
        engine.ask("SELECT * {}")
    with pytest.raises(QueryKind):
        engine.construct("ASK {}")


def test_a_query_that_does_not_parse_says_where(engine: EmbeddedEngine) -> None:
    with pytest.raises(QuerySyntax, match="1:16"):
        engine.query("SELECT ?a WERE {}")


def test_only_what_no_graph_says_is_added(engine: EmbeddedEngine) -> None:
    new = (Iri("e:a"), Iri("e:p"), Literal("y"))
    old = (Iri("e:a"), Iri("e:p"), Literal("x", Literal.LANG_STRING, "en"))
    assert engine.add("g:derived", Triples((new, old))) == 1
    assert engine.select("SELECT ?o { GRAPH <g:derived> { ?s ?p ?o } }").rows == ((Literal("y"),),)


@pytest.mark.parametrize(
    "term",
    [
        Iri("e:a"),
        Blank("b1"),
        Literal("x"),
        Literal("x", Literal.LANG_STRING, "ru-latn"),
        Literal("007", Literal.INTEGER),
        Literal("", Literal.DATE),
    ],
)
def test_terms_lose_nothing_on_the_way_to_the_engine_and_back(
    term: Iri | Blank | Literal,
) -> None:
    assert own(theirs(term)) == term


def test_each_file_is_a_graph_named_after_its_path(small: Shipped, table: Prefixes) -> None:
    store = load_shipped(small, table)
    assert {str(graph) for graph in store.named_graphs()} == {
        "<https://w3id.org/ergaomnes/graph/ontology/prefixes>",
        "<https://w3id.org/ergaomnes/graph/data/states/rus>",
    }


def test_no_fact_is_stated_in_two_packaged_files(table: Prefixes) -> None:
    # Oxigraph gives such a fact twice, although the union of graphs is a set.
    graphs: dict[Triple, list[str]] = defaultdict(list)
    for quad in load_shipped(shipped(), table):
        graphs[quad.triple].append(str(quad.graph_name))
    assert {str(fact): names for fact, names in graphs.items() if len(names) > 1} == {}


def test_blank_nodes_of_two_files_are_never_the_same(small: Shipped, table: Prefixes) -> None:
    for name in ("one", "two"):
        (small.data / f"{name}.ttl").write_text("<e:s> <e:p> _:b1 .", "utf-8")
    found = load_shipped(small, table).quads_for_pattern(NamedNode("e:s"), None, None)
    assert len({quad.object for quad in found}) == 2


def test_a_file_that_does_not_parse_is_named(small: Shipped, table: Prefixes) -> None:
    (small.data / "bad.ttl").write_text("<e:s> <e:p>\n  'x\n", "utf-8")
    with pytest.raises(TurtleSyntax, match=r"bad\.ttl:2:\d+: "):
        load_shipped(small, table)


def test_the_same_facts_are_the_same_lines_whatever_their_order_and_labels() -> None:
    one = [Quad(A, P, BlankNode("x")), Quad(BlankNode("x"), P, OxLiteral("é\n"))]
    two = [Quad(BlankNode("y"), P, OxLiteral("é\n")), Quad(A, P, BlankNode("y"))]
    assert canonical_lines(one) == canonical_lines(two)
    assert canonical_lines(one) != canonical_lines(one[:1])


def test_the_lines_of_a_dump_are_sorted() -> None:
    quads = [Quad(A, P, OxLiteral(str(number))) for number in range(50)]
    lines = canonical_lines(quads)
    assert lines == sorted(lines)
    assert len(lines) == 50


def test_a_dump_can_be_loaded_again(tmp_path: Path) -> None:
    quad = Quad(A, P, OxLiteral("x"), NamedNode("g:one"))
    (tmp_path / "d.nq").write_bytes(b"".join(canonical_lines([quad])))
    assert list(EmbeddedEngine.of_dump(tmp_path / "d.nq").store) == [quad]
