from pathlib import Path

import pytest
from pyoxigraph import Store

from ergaomnes.build import Built
from ergaomnes.engine import Iri, Literal, Triples
from ergaomnes.errors import RuleCycle, RuleFault, TurtleSyntax, UnknownPrefix, UnknownRule
from ergaomnes.rules import Rule, derive, described, in_order, read_rule, read_rules
from ergaomnes.shipped import Shipped, shipped
from ergaomnes.store import EmbeddedEngine, load_shipped
from ergaomnes.terms import Prefixes

HEADER = '#+ title: T\n#+ question: Q?\n#+ derives: ["erga:isPartOf"]\n'
PREFIXES = "PREFIX erga: <https://w3id.org/ergaomnes/def/>\n"
PART_OF = (
    f"{PREFIXES}CONSTRUCT {{ ?a erga:isPartOf ?c }} WHERE {{ ?a erga:isPartOf/erga:isPartOf ?c }}"
)


def rule(name: str, *after: str, text: str = PART_OF, derives: str = "erga:isPartOf") -> Rule:
    return Rule(name, "T", "Q?", "", after, (derives,), text)


def file(folder: Path, text: str) -> Path:
    (folder / "a-rule.rq").write_text(text, "utf-8")
    return folder / "a-rule.rq"


def test_a_rule_is_read_from_its_header_and_its_query(tmp_path: Path) -> None:
    made = read_rule(file(tmp_path, f"{HEADER}#+ after: [types]\n#+ note: N.\n{PART_OF}"))
    assert made == Rule("a-rule", "T", "Q?", "N.", ("types",), ("erga:isPartOf",), PART_OF + "\n")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (PART_OF, "does not open with lines"),
        (HEADER.replace("title", "titel") + PART_OF, "no `title`"),
        (HEADER + "#+ afterr: [types]\n" + PART_OF, "unknown key `afterr`"),
        (HEADER + "#+ after: types\n" + PART_OF, "`after` is not a list"),
        (HEADER + "#+ note: [1\n" + PART_OF, "not valid YAML"),
    ],
)
def test_a_fault_in_a_header_names_the_file(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(RuleFault, match=rf"a-rule\.rq: .*{why}"):
        read_rule(file(tmp_path, text))


def test_rules_come_after_those_they_name_and_ties_go_by_name() -> None:
    ordered = in_order([rule("d", "c"), rule("a", "c"), rule("c"), rule("b")])
    assert [each.name for each in ordered] == ["b", "c", "a", "d"]


def test_rules_that_wait_for_one_another_are_named_in_a_circle() -> None:
    with pytest.raises(RuleCycle) as caught:
        in_order([rule("a", "b"), rule("b", "c"), rule("c", "a"), rule("d")])
    names = caught.value.data["names"]
    assert isinstance(names, tuple)
    assert names[0] == names[-1]
    assert set(names) == {"a", "b", "c"}


def test_a_rule_after_one_that_does_not_exist_is_an_error_with_near_names() -> None:
    with pytest.raises(UnknownRule, match="“typs”") as caught:
        in_order([rule("a", "typs"), rule("types")])
    assert "types" in caught.value.remedy


def test_what_is_derived_goes_into_the_derived_graph_and_feeds_later_rules(
    small: Shipped, table: Prefixes
) -> None:
    (small.queries / "rules/witnesses.rq").write_text(
        "#+ title: W\n#+ question: W?\n#+ after: [persons]\n#+ derives: ['erga:Agent']\n"
        f"{PREFIXES}CONSTRUCT {{ ?a a erga:Agent }} WHERE {{ ?a a erga:LegalPerson }}\n",
        "utf-8",
    )
    engine = EmbeddedEngine(load_shipped(small, table))
    derivations = derive(read_rules(small.rule_files()), engine, table)
    assert [(each.rule.name, each.made, each.new) for each in derivations] == [
        ("persons", 1, 1),
        ("witnesses", 1, 1),
    ]
    derived = engine.select(
        f"SELECT ?type {{ GRAPH <{table.iri('graph:derived')}> {{ ?s a ?type }} }} ORDER BY ?type"
    )
    assert [str(term) for term in derived.column("type")] == [
        table.iri("erga:Agent"),
        table.iri("erga:LegalPerson"),
    ]


def test_deriving_twice_adds_nothing(small: Shipped, table: Prefixes) -> None:
    engine, rules = EmbeddedEngine(load_shipped(small, table)), read_rules(small.rule_files())
    derive(rules, engine, table)
    assert [each.new for each in derive(rules, engine, table)] == [0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("CONSTRUCT { ?s erga:amends ?o } WHERE { ?s a ?o }", "derives erga:amends"),
        ("CONSTRUCT { ?s a erga:Treaty } WHERE { ?s a ?o }", "derives rdf:type"),
        ("CONSTRUCT { ?s erga:isPartOf [] } WHERE { ?s a ?o }", "blank nodes"),
        ("CONSTRUCT { ?s ?p } WHERE { ?s ?p ?o }", "cannot be parsed"),
        ("ASK {}", "answers with triples is needed"),
    ],
)
def test_a_rule_that_makes_what_it_must_not_is_refused(
    small: Shipped, table: Prefixes, text: str, why: str
) -> None:
    engine = EmbeddedEngine(load_shipped(small, table))
    with pytest.raises(RuleFault, match=rf"bad\.rq: .*{why}"):
        derive([rule("bad", text=PREFIXES + text)], engine, table)


def test_a_class_that_is_derived_covers_all_that_is_said_of_its_instances(
    small: Shipped, table: Prefixes
) -> None:
    made = "?s a erga:Treaty ; erga:shortName 'x'"
    text = f"{PREFIXES}CONSTRUCT {{ {made} }} WHERE {{ ?s a erga:State }}"
    engine = EmbeddedEngine(load_shipped(small, table))
    (derivation,) = derive([rule("r", text=text, derives="erga:Treaty")], engine, table)
    assert derivation.new == 2


def test_a_header_that_derives_an_unknown_prefix_is_an_error(
    small: Shipped, table: Prefixes
) -> None:
    engine = EmbeddedEngine(load_shipped(small, table))
    with pytest.raises(UnknownPrefix):
        derive([rule("r", derives="ergo:Treaty")], engine, table)


def test_rules_and_the_derived_graph_are_described(table: Prefixes) -> None:
    rules = [rule("a"), rule("b", "a")]
    said = set(described(rules, table, read_from=["g:one"], version="sha256:0"))

    def fact(*names: str) -> tuple[Iri, Iri, Iri]:
        one, two, three = (Iri(table.iri(name)) for name in names)
        return one, two, three

    assert fact("rule:b", "rdf:type", "erga:DerivationRule") in said
    assert fact("rule:b", "dcterms:requires", "rule:a") in said
    assert fact("rule:b", "erga:derives", "erga:isPartOf") in said
    assert (Iri(table.iri("rule:a")), Iri(table.iri("sh:construct")), Literal(PART_OF)) in said
    assert fact("graph:derived", "prov:wasDerivedFrom", "rule:b") in said
    assert (
        Iri(table.iri("graph:derived")),
        Iri(table.iri("prov:wasDerivedFrom")),
        Iri("g:one"),
    ) in said


def test_another_engine_can_be_put_in_its_place(table: Prefixes) -> None:
    class Nothing:
        def construct(self, text: str) -> Triples:
            return Triples(())

        def add(self, graph: str, triples: Triples) -> int:
            return len(triples)

    assert [each.new for each in derive([rule("a")], Nothing(), table)] == [0]


def test_the_packaged_rules_can_be_put_in_order() -> None:
    rules = read_rules(shipped().rule_files())
    for place, each in enumerate(rules):
        assert set(each.after) <= {earlier.name for earlier in rules[:place]}


def test_the_packaged_rules_derive_nothing_more_the_second_time(
    built: Built, table: Prefixes
) -> None:
    engine = EmbeddedEngine.of_dump(built.dump)
    again = derive(read_rules(shipped().rule_files()), engine, table)
    assert {each.rule.name: each.new for each in again if each.new} == {}
    assert isinstance(engine.store, Store)


def test_a_rule_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.rq").write_bytes(b"\xff")
    with pytest.raises(TurtleSyntax, match=r"r\.rq:1:1"):
        read_rule(tmp_path / "r.rq")
