import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyoxigraph import BlankNode, Literal, NamedNode, Triple

from ergaomnes import turtle
from ergaomnes.errors import CommentsInTurtle, FactsChanged, NoSuchFile, TurtleSyntax
from ergaomnes.shipped import shipped
from ergaomnes.terms import Prefixes, prefixes
from ergaomnes.turtle import canonical, comment_lines, formatted, read, replace, triples, write

OPENING = """\
@prefix erga: <https://w3id.org/ergaomnes/def/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix state: <https://w3id.org/ergaomnes/id/state/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
PACKAGED = shipped().turtle_files()


def body(text: str) -> str:
    """Format a text and give what stands below its prefixes."""
    made = formatted(OPENING + text, prefixes())
    assert formatted(made, prefixes()) == made
    return made.split("\n\n", 1)[1] if made.startswith("@prefix") else made


def test_a_subject_is_written_in_the_house_form() -> None:
    text = """state:rus erga:zeta 2 , 1 ; skos:example "e"@en ; skos:scopeNote "n"@en ;
        a erga:State ;
        skos:definition "d"@en ; skos:altLabel "RF"@en ; erga:alpha state:sun ;
        skos:prefLabel "Россия"@ru , "Russia"@en , "Russie"@fr ."""
    assert (
        body(text)
        == """\
state:rus
  a erga:State ;
  skos:prefLabel
    "Russia"@en ,
    "Russie"@fr ,
    "Россия"@ru ;
  skos:altLabel "RF"@en ;
  skos:definition "d"@en ;
  skos:scopeNote "n"@en ;
  skos:example "e"@en ;
  erga:alpha state:sun ;
  erga:zeta
    1 ,
    2 ;
.
"""
    )


def test_only_used_prefixes_are_declared_and_they_are_sorted() -> None:
    made = formatted(OPENING + 'state:rus erga:n "1"^^xsd:date .', prefixes())
    assert [line.split()[1] for line in made.splitlines() if line.startswith("@prefix")] == [
        "erga:",
        "state:",
        "xsd:",
    ]


def test_other_namespaces_are_written_as_whole_iris() -> None:
    assert body("@prefix e: <https://e.example/> . e:a e:b e:c .").startswith(
        "<https://e.example/a>\n  <https://e.example/b> <https://e.example/c> ;\n"
    )


def test_subjects_are_sorted_and_the_ontology_comes_first() -> None:
    made = body("state:b erga:p 1 . state:a erga:p 1 . state:z a owl:Ontology . erga:z erga:p 1 .")
    assert [line for line in made.splitlines() if line and line[0] not in " ."] == [
        "state:z",
        "erga:z",
        "state:a",
        "state:b",
    ]


@pytest.mark.parametrize(
    ("given_form", "written"),
    [
        ('"007"^^xsd:integer', '"007"^^xsd:integer'),
        ('"+1"^^xsd:integer', '"+1"^^xsd:integer'),
        ('"-12"^^xsd:integer', "-12"),
        ('"1"^^xsd:boolean', '"1"^^xsd:boolean'),
        ('"true"^^xsd:boolean', "true"),
        ('"1.50"^^xsd:decimal', "1.50"),
        ('"1."^^xsd:decimal', '"1."^^xsd:decimal'),
        ('".5"^^xsd:decimal', '".5"^^xsd:decimal'),
        ("1e5", '"1e5"^^xsd:double'),
        ('"2026-09-30Z"^^xsd:date', '"2026-09-30Z"^^xsd:date'),
        ('"not a date"^^xsd:date', '"not a date"^^xsd:date'),
        ('"x"^^xsd:string', '"x"'),
        ('"say \\"no\\" \\\\ then"', '"say \\"no\\" \\\\ then"'),
        ('"tab\\tbell\\u0007"', '"tab\\tbell\\u0007"'),
    ],
)
def test_a_literal_keeps_its_lexical_form(given_form: str, written: str) -> None:
    assert body(f"state:rus erga:p {given_form} .") == f"state:rus\n  erga:p {written} ;\n.\n"


def test_a_text_with_line_breaks_is_written_so_that_it_can_be_read() -> None:
    made = body('state:rus sh:select "SELECT \\"a\\"\\nWHERE { \\\\ }\\n" .')
    assert made == 'state:rus\n  sh:select """SELECT "a"\nWHERE { \\\\ }\n""" ;\n.\n'


@pytest.mark.parametrize(
    "text", ['a\n"', 'a\n"""', '"\n""', 'a\n\\"', "a\r\nb", "\n\\", 'a"""b\n""""']
)
def test_quotes_and_line_ends_survive_in_long_texts(text: str) -> None:
    fact = Triple(NamedNode("e:s"), NamedNode("e:p"), Literal(text))
    assert triples(write([fact], prefixes())) == [fact]


def test_lists_paths_and_anonymous_nodes_are_nested_legibly() -> None:
    text = """
    state:Z sh:or ( [ sh:node state:Y ] [ sh:node state:X ; sh:deactivated true ] ) ;
      sh:property [ sh:path ( [ sh:inversePath erga:x ] erga:y ) ; sh:minCount 1 ] ;
      sh:in () ; sh:languageIn ( "en" "fr" ) ."""
    assert (
        body(text)
        == """\
state:Z
  sh:in () ;
  sh:languageIn ( "en" "fr" ) ;
  sh:or (
    [ sh:node state:Y ]
    [
      sh:deactivated true ;
      sh:node state:X ;
    ]
  ) ;
  sh:property [
    sh:minCount 1 ;
    sh:path ( [ sh:inversePath erga:x ] erga:y ) ;
  ] ;
.
"""
    )


def test_a_node_that_is_used_twice_gets_a_label_whatever_it_was_called() -> None:
    one = body("state:a erga:p _:x . state:b erga:p _:x . _:x erga:q 1 .")
    assert one == body("_:zz erga:q 1 . state:b erga:p _:zz . state:a erga:p _:zz .")
    assert "  erga:p _:b1 ;\n" in one
    assert "_:b1\n  erga:q 1 ;\n.\n" in one


@pytest.mark.parametrize(
    "text",
    [
        "_:a erga:p _:a .",
        "_:a erga:p _:b . _:b erga:p _:a .",
        "_:a erga:p _:b , _:c . _:b erga:p _:c . _:c erga:p _:a .",
        "[] erga:p [] , [] .",
        "(1 2) erga:p (3 (4 [])) .",
        "state:a erga:p _:l . _:l <http://www.w3.org/1999/02/22-rdf-syntax-ns#rest> _:l .",
        "state:a erga:p _:l , state:b . state:c erga:p _:l . _:l erga:q (1) .",
    ],
)
def test_strange_graphs_of_anonymous_nodes_keep_their_facts(text: str) -> None:
    assert canonical(triples(formatted(OPENING + text, prefixes()))) == canonical(
        triples(OPENING + text)
    )
    body(text)


def test_deep_nesting_and_long_lists_are_no_danger() -> None:
    rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    chain = [
        fact
        for i in range(3000)
        for fact in (
            Triple(BlankNode(f"n{i}"), NamedNode("e:p"), BlankNode(f"n{i + 1}")),
            # without a value of its own, each node would cost the canonical form dearly
            Triple(BlankNode(f"n{i}"), NamedNode("e:q"), Literal(str(i))),
        )
    ]
    endless = [
        fact
        for i in range(3000)
        for fact in (
            Triple(BlankNode(f"c{i}"), NamedNode(rdf + "first"), Literal(str(i))),
            Triple(BlankNode(f"c{i}"), NamedNode(rdf + "rest"), BlankNode(f"c{i + 1}")),
        )
    ]
    ended = [*endless, Triple(BlankNode("c2999"), NamedNode(rdf + "rest"), NamedNode(rdf + "nil"))]
    for facts in (chain, endless, ended):
        assert canonical(triples(write(facts, prefixes()))) == canonical(facts)


def test_comments_are_refused_and_their_lines_named() -> None:
    text = (
        'state:a erga:p "# no" , <http://e.example/#no> . # yes\n'
        '# yes too\nstate:b erga:p """\n# no\n""" .\n'
    )
    with pytest.raises(CommentsInTurtle) as caught:
        formatted(OPENING + text, prefixes(), file="a.ttl")
    assert caught.value.data["lines"] == (7, 8)
    assert "yes" not in formatted(OPENING + text, prefixes(), drop_comments=True)


def test_a_hash_in_a_text_an_iri_or_a_name_is_no_comment() -> None:
    text = r"""<http://e.example/#a> e:b\#c "#" , '#' , '''#
    # ' ''' , "\"#" ."""
    assert comment_lines(text) == []
    assert comment_lines("e:a e:b e:c .#here") == [1]


@pytest.mark.parametrize(
    ("text", "line", "column", "why"),
    [
        ("state:a erga:p foo:x .\n", 7, 16, "foo: has not been declared"),
        ('state:a erga:p\n  "x\n" .\n', 8, 5, "Line jumps are not allowed"),
        ("state:a erga:p\n\n", 9, 1, "Unexpected end"),
    ],
)
def test_a_syntax_error_has_its_file_line_and_column(
    text: str, line: int, column: int, why: str
) -> None:
    with pytest.raises(TurtleSyntax, match=why) as caught:
        formatted(OPENING + text, prefixes(), file="data/a.ttl")
    data = caught.value.data
    assert (data["file"], data["line"], data["column"]) == ("data/a.ttl", line, column)
    assert "Parser error" not in str(caught.value)


def test_a_file_that_is_not_utf_8_is_named_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "a.ttl").write_bytes(b"ok\nab\xff")
    with pytest.raises(TurtleSyntax, match=r"a\.ttl:2:3: this is not UTF-8"):
        read(tmp_path / "a.ttl")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoSuchFile, match=r"a\.ttl: there is no such file"):
        read(tmp_path / "a.ttl")
    with pytest.raises(NoSuchFile, match="this is a folder"):
        read(tmp_path)


def test_a_text_that_would_change_a_fact_is_never_given(monkeypatch: pytest.MonkeyPatch) -> None:
    fact = Triple(NamedNode("e:s"), NamedNode("e:p"), Literal("007"))
    monkeypatch.setattr(turtle, "quoted", lambda value: f'"{value.lstrip("0")}"')
    with pytest.raises(FactsChanged) as caught:
        write([fact], prefixes(), file="a.ttl")
    assert caught.value.data["lost"] == ('<e:s> <e:p> "007"',)


def full(_: int) -> None:
    raise OSError("full")


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.ttl"
    file.write_bytes(b"old")
    file.chmod(0o640)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="full"):
        replace(file, b"new")
    assert (file.read_bytes(), list(tmp_path.iterdir())) == (b"old", [file])
    monkeypatch.undo()
    replace(file, b"new")
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"new", 0o640)


# every graph there is

IRIS = st.sampled_from(
    [
        "https://w3id.org/ergaomnes/id/state/rus",
        "https://w3id.org/ergaomnes/id/provision/ets-126/art-8",
        "https://w3id.org/ergaomnes/def/",
        "https://w3id.org/ergaomnes/def/a.",
        "http://www.w3.org/1999/02/22-rdf-syntax-ns#nil",
        "http://www.w3.org/2002/07/owl#Ontology",
        "https://e.example/é?x=(y)#z",
        "urn:x:y",
    ]
).map(NamedNode)
PREDICATES = st.sampled_from(
    [
        "http://www.w3.org/1999/02/22-rdf-syntax-ns#type",
        "http://www.w3.org/1999/02/22-rdf-syntax-ns#first",
        "http://www.w3.org/1999/02/22-rdf-syntax-ns#rest",
        "http://www.w3.org/2004/02/skos/core#prefLabel",
        "https://w3id.org/ergaomnes/def/isPartOf",
        "https://e.example/p",
    ]
).map(NamedNode)
BLANKS = st.integers(0, 5).map(lambda number: BlankNode(f"n{number}"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.text(
    "\"'\\\n\r\t#aé\x00\x7f\u2028\ufeff", max_size=8
)
TYPES = st.sampled_from(["integer", "decimal", "double", "boolean", "date", "string", "anyURI"])
VALUES = st.sampled_from(["1", "007", "-0", "1.0", "1e0", "true", "1", "", "."])
LITERALS = (
    TEXTS.map(Literal)
    | st.tuples(TEXTS, st.sampled_from(["en", "fr", "ru-Latn"])).map(
        lambda pair: Literal(pair[0], language=pair[1])
    )
    | st.tuples(VALUES, TYPES).map(
        lambda pair: Literal(
            pair[0], datatype=NamedNode(f"http://www.w3.org/2001/XMLSchema#{pair[1]}")
        )
    )
)
GRAPHS = st.lists(
    st.builds(Triple, IRIS | BLANKS, PREDICATES, IRIS | BLANKS | LITERALS), max_size=14
)


@settings(max_examples=300, deadline=None)
@given(GRAPHS)
def test_any_graph_keeps_its_facts_and_is_written_the_same_twice(graph: list[Triple]) -> None:
    table = prefixes()
    once = write(graph, table)
    assert canonical(triples(once)) == canonical(graph)
    assert formatted(once, table) == once


@settings(max_examples=100, deadline=None)
@given(GRAPHS)
def test_neither_order_nor_labels_of_the_input_matter(graph: list[Triple]) -> None:
    renamed = [
        Triple(renamed_node(fact.subject), fact.predicate, renamed_node(fact.object))
        for fact in reversed(graph)
    ]
    assert write(renamed, prefixes()) == write(graph, prefixes())


def renamed_node(term: Any) -> Any:
    return BlankNode(f"x{9 - int(term.value[1:])}") if isinstance(term, BlankNode) else term


# the packaged files


@pytest.mark.parametrize("file", PACKAGED, ids=lambda file: shipped().name_of(file))
def test_a_packaged_file_is_what_the_writer_writes(file: Path, table: Prefixes) -> None:
    text = read(file)
    assert formatted(text, table, file=str(file)) == text


@pytest.mark.parametrize(
    "file",
    [file for file in PACKAGED if not shipped().name_of(file).startswith("ontology/shapes/")],
    ids=lambda file: shipped().name_of(file),
)
def test_only_shapes_have_anonymous_nodes(file: Path) -> None:
    name = shipped().name_of(file)
    anonymous = [
        fact
        for fact in triples(read(file))
        if isinstance(fact.subject, BlankNode) or isinstance(fact.object, BlankNode)
    ]
    # owl:AllDisjointClasses, property chains and the order of columns can be said in no other way
    assert not anonymous or name in ("ontology/ergaomnes", "ontology/norms", "ontology/tables/acts")
