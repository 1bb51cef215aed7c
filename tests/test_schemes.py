"""The concept schemes: complete in three languages, and named as their addresses say."""

import re
from collections import Counter
from pathlib import Path

import pytest
from rdflib import BNode, Graph, URIRef
from rdflib.namespace import RDF, RDFS, SKOS
from rdflib.term import Literal

ROOT = Path(__file__).parent.parent
SCHEMES = ROOT / "ontology" / "schemes"
BASE = "https://w3id.org/ergaomnes/scheme/"
ONTOLOGY = URIRef("https://w3id.org/ergaomnes/def/")
FILES = sorted(SCHEMES.glob("*.ttl"))
MATCHES = (SKOS.exactMatch, SKOS.closeMatch, SKOS.relatedMatch, SKOS.broadMatch, SKOS.narrowMatch)

every_scheme = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def graph_of(file: Path) -> Graph:
    return Graph().parse(file, format="turtle")


def concepts(graph: Graph) -> list[URIRef]:
    return sorted(s for s in graph.subjects(RDF.type, SKOS.Concept) if isinstance(s, URIRef))


def literals(graph: Graph, subject: URIRef, predicate: URIRef) -> list[Literal]:
    return [o for o in graph.objects(subject, predicate) if isinstance(o, Literal)]


def languages(graph: Graph, subject: URIRef) -> list[str]:
    return sorted(str(label.language) for label in literals(graph, subject, SKOS.prefLabel))


def test_there_are_as_many_schemes_as_the_prefix_table_names() -> None:
    table = graph_of(SCHEMES.parent / "prefixes.ttl")
    namespaces = {str(o) for o in table.objects(None, None) if str(o).startswith(BASE)}
    assert {f"{BASE}{file.stem}/" for file in FILES} == namespaces - {BASE}


@every_scheme
def test_a_scheme_has_three_titles_a_definition_and_every_top_concept(file: Path) -> None:
    graph, scheme = graph_of(file), URIRef(BASE + file.stem)
    assert list(graph.subjects(RDF.type, SKOS.ConceptScheme)) == [scheme]
    assert languages(graph, scheme) == ["en", "fr", "ru"]
    assert len(literals(graph, scheme, SKOS.definition)) == 1
    assert list(graph.objects(scheme, RDFS.isDefinedBy)) == [ONTOLOGY]
    tops = set(graph.objects(scheme, SKOS.hasTopConcept))
    assert tops == set(graph.subjects(SKOS.topConceptOf, scheme))
    assert tops


@every_scheme
def test_a_concept_is_complete_and_its_notation_is_its_slug(file: Path) -> None:
    graph, scheme = graph_of(file), URIRef(BASE + file.stem)
    assert concepts(graph)
    for concept in concepts(graph):
        notations = [str(notation) for notation in graph.objects(concept, SKOS.notation)]
        assert notations == [concept.removeprefix(f"{scheme}/")], concept
        assert list(graph.objects(concept, SKOS.inScheme)) == [scheme], concept
        assert languages(graph, concept) == ["en", "fr", "ru"], concept


@every_scheme
def test_a_definition_is_one_sentence_that_does_not_begin_with_its_label(file: Path) -> None:
    graph = graph_of(file)
    for subject in [URIRef(BASE + file.stem), *concepts(graph)]:
        [definition] = literals(graph, subject, SKOS.definition)
        assert definition.language == "en", subject
        assert definition.endswith("."), subject
        assert ". " not in definition, subject
        first = definition.lower().removeprefix("the ").removeprefix("an ").removeprefix("a ")
        for label in literals(graph, subject, SKOS.prefLabel):
            assert not first.startswith(f"{label.lower()} "), subject


@every_scheme
def test_a_concept_is_at_the_top_or_below_another_of_its_scheme(file: Path) -> None:
    graph = graph_of(file)
    known = set(concepts(graph))
    for concept in known:
        above = list(graph.objects(concept, SKOS.broader))
        assert len(above) + len(list(graph.objects(concept, SKOS.topConceptOf))) == 1, concept
        assert set(above) <= known, concept
        seen = {concept}
        while above:
            assert above[0] not in seen, f"{concept} is above itself"
            seen.add(URIRef(str(above[0])))
            above = list(graph.objects(above[0], SKOS.broader))


@every_scheme
def test_no_two_concepts_of_a_scheme_have_the_same_label(file: Path) -> None:
    graph = graph_of(file)
    labels = Counter(
        (label.lower(), label.language)
        for concept in concepts(graph)
        for predicate in (SKOS.prefLabel, SKOS.altLabel)
        for label in literals(graph, concept, predicate)
    )
    assert [label for label, count in labels.items() if count > 1] == []


@every_scheme
def test_a_scheme_has_no_blank_node_and_no_triple_of_another_scheme(file: Path) -> None:
    graph = graph_of(file)
    scheme = URIRef(BASE + file.stem)
    assert set(graph.subjects()) == {scheme, *concepts(graph)}
    assert not [node for triple in graph for node in triple if isinstance(node, BNode)]


def test_mappings_lead_to_thesauri_and_never_twice_to_the_same_concept() -> None:
    for file in FILES:
        graph = graph_of(file)
        for subject in set(graph.subjects()):
            targets = [str(o) for match in MATCHES for o in graph.objects(subject, match)]
            assert len(targets) == len(set(targets)), subject
            assert all(
                target.startswith(
                    ("http://eurovoc.europa.eu/", "http://metadata.un.org/thesaurus/")
                )
                for target in targets
            ), subject


def concepts_named_in(file: Path) -> set[URIRef]:
    schemes = "|".join(file.stem for file in FILES)
    found = re.findall(rf"(?<![\w-])({schemes}):([a-z0-9][a-z0-9-]*)", file.read_text())
    return {URIRef(f"{BASE}{scheme}/{concept}") for scheme, concept in found}


def test_every_concept_that_data_and_queries_name_exists() -> None:
    known = {concept for file in FILES for concept in concepts(graph_of(file))}
    named = [*ROOT.glob("data/**/*.ttl"), *ROOT.glob("queries/**/*.rq")]
    unknown = {file.name: concepts_named_in(file) - known for file in named}
    assert {name: missing for name, missing in unknown.items() if missing} == {}


def test_no_event_has_a_group_heading_for_its_kind() -> None:
    graph = graph_of(SCHEMES / "action-kind.ttl")
    headings = {
        concept
        for concept in concepts(graph)
        if any("Group heading" in note for note in literals(graph, concept, SKOS.scopeNote))
    }
    assert headings
    used = {file.name: concepts_named_in(file) & headings for file in ROOT.glob("data/**/*.ttl")}
    assert {name: kinds for name, kinds in used.items() if kinds} == {}
