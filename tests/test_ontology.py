"""The ontology: written as its style shapes say, healthy by its quality queries, consistent."""

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path

import pyshacl
import pytest
from pyoxigraph import NamedNode, QuerySolutions, Store
from rdflib import Graph, Literal, URIRef, namespace
from rdflib.namespace import DCTERMS, OWL, RDF, RDFS, SH, SKOS

from ergaomnes.rules import derive, described, read_rules
from ergaomnes.shipped import Shipped
from ergaomnes.store import EmbeddedEngine, load_file, load_shipped
from ergaomnes.terms import read_prefixes

owlrl = import_module("owlrl")  # it carries no types
ERRNS = import_module("owlrl.Namespaces").ERRNS

ROOT = Path(__file__).parent.parent
ONTOLOGY = ROOT / "ontology"
LAYERS = ("actors", "texts", "norms", "acts", "situations", "assertions")
TERMS = [ONTOLOGY / f"{name}.ttl" for name in ("ergaomnes", *LAYERS)]
ALIGNMENTS = sorted((ONTOLOGY / "alignments").glob("*.ttl"))
SCHEMES = sorted((ONTOLOGY / "schemes").glob("*.ttl"))
SHAPES = sorted((ONTOLOGY / "shapes").glob("*.ttl"))
QUALITY = sorted((ROOT / "queries" / "quality").glob("*.rq"))
BAD = ROOT / "tests" / "quality"
BAD_STYLE = sorted((BAD / "style").glob("*.ttl"))
BAD_WHOLE = sorted([*(BAD / "data").glob("*.ttl"), *(BAD / "ontology").glob("*.ttl")])
BAD_LAYERS = sorted((BAD / "disjoint").glob("*.ttl"))

DEF = "https://w3id.org/ergaomnes/def/"
SHAPE = "https://w3id.org/ergaomnes/shape/"
HEADER = URIRef(DEF)
KINDS = (OWL.Class, OWL.ObjectProperty, OWL.DatatypeProperty)
SHIPPED = Shipped(ROOT)
PREFIXES = read_prefixes(SHIPPED.prefixes)

# ELI and LegalRuleML are not among rdflib's namespaces: these are the terms seen in their sources.
ELI = {
    "LegalResource",
    "LegalResourceSubdivision",
    "amends",
    "date_document",
    "first_date_entry_in_force",
    "id_local",
    "is_part_of",
    "number",
    "related_to",
    "title",
    "title_short",
    "type_document",
}
LEGALRULEML = {"DeonticSpecification", "Obligation"}
CLOSED = ("DCTERMS", "FOAF", "ODRL2", "ORG", "PROV", "SDO")


def graph_of(files: Iterable[Path]) -> Graph:
    graph = Graph()
    for file in files:
        graph.parse(file, format="turtle")
    return graph


def terms(graph: Graph) -> list[URIRef]:
    found = {term for kind in KINDS for term in graph.subjects(RDF.type, kind)}
    return sorted(term for term in found if isinstance(term, URIRef))


def local(iri: object) -> str:
    return re.split(r"[/#]", str(iri))[-1]


@cache
def style_shapes() -> Graph:
    return graph_of([ONTOLOGY / "shapes" / "style.ttl", SHIPPED.prefixes])


def style_findings(data: Graph) -> Counter[str]:
    """Name the style shapes that a graph offends; a SPARQL constraint counts by its own name."""
    _, report, _ = pyshacl.validate(data, shacl_graph=style_shapes())
    assert isinstance(report, Graph)
    return Counter(
        local(report.value(result, SH.sourceConstraint) or report.value(result, SH.sourceShape))
        for result in report.subjects(RDF.type, SH.ValidationResult)
    )


def consistency_errors(files: Iterable[Path]) -> list[str]:
    """Expand by the OWL 2 RL rules and give the contradictions."""
    graph = graph_of(files)
    owlrl.DeductiveClosure(owlrl.OWLRL_Semantics).expand(graph)
    return sorted(str(text) for text in graph.objects(None, ERRNS.error))


@pytest.fixture(scope="module")
def ontology() -> Graph:
    return graph_of(TERMS)


@pytest.fixture(scope="module")
def whole() -> Store:
    """Everything shipped, with what the rules derive."""
    engine = EmbeddedEngine(load_shipped(SHIPPED, PREFIXES))
    rules = read_rules(SHIPPED.rule_files())
    derive(rules, engine, PREFIXES)
    about = described(rules, PREFIXES, read_from=(), version="test")
    engine.add(PREFIXES.iri("graph:rules"), about)
    return engine.store


def rows(store: Store, query: Path) -> list[tuple[str, ...]]:
    found = store.query(query.read_text(encoding="utf-8"), use_default_graph_as_union=True)
    assert isinstance(found, QuerySolutions)
    return sorted(tuple(str(value) for value in row) for row in found)


def texts_of_queries() -> str:
    return "\n".join(
        file.read_text(encoding="utf-8")
        for folder in ("competency", "rules")
        for file in sorted((ROOT / "queries" / folder).glob("*.rq"))
    )


def names(text: str, term: URIRef) -> bool:
    return re.search(rf"\berga:{local(term)}\b", text) is not None


# the style


def test_the_ontology_its_schemes_and_its_shapes_follow_the_style() -> None:
    assert style_findings(graph_of([*TERMS, *SCHEMES, *SHAPES])) == Counter()


@pytest.mark.parametrize("file", BAD_STYLE, ids=lambda file: file.stem)
def test_a_fault_of_style_is_found_by_its_shape_and_by_no_other(file: Path) -> None:
    assert set(style_findings(graph_of([file]))) == {file.stem.split("__")[0]}


def test_every_style_shape_that_can_report_has_a_bad_file() -> None:
    style = graph_of([ONTOLOGY / "shapes" / "style.ttl"])
    reporting = {local(shape) for shape in style.subjects(SH.message, None)}
    assert reporting == {file.stem.split("__")[0] for file in BAD_STYLE}


# the terms


def test_the_header_names_the_version_that_the_changelog_opens_with(ontology: Graph) -> None:
    version = ontology.value(HEADER, OWL.versionInfo)
    assert ontology.value(HEADER, OWL.versionIRI) == URIRef(f"{DEF}{version}")
    log = (ONTOLOGY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[?(\d+\.\d+\.\d+)", log, re.MULTILINE)[0] == str(version)


def test_every_term_is_declared_once_and_in_one_file() -> None:
    declared = Counter(term for file in TERMS for term in terms(graph_of([file])))
    assert [term for term, times in declared.items() if times > 1] == []


def test_a_term_is_of_one_kind(ontology: Graph) -> None:
    for term in terms(ontology):
        assert len({kind for kind in KINDS if (term, RDF.type, kind) in ontology}) == 1, term


def test_every_class_stands_in_exactly_one_layer_but_for_two(ontology: Graph) -> None:
    layers = [URIRef(DEF + name) for name in ("Actor", "Text", "Norm", "LegalEvent")]
    layers += [URIRef(DEF + name) for name in ("Situation", "Assertion")]
    outside = set()
    for each in ontology.subjects(RDF.type, OWL.Class):
        above = set(ontology.transitive_objects(each, RDFS.subClassOf))
        if len(above & set(layers)) != 1:
            outside.add(local(each))
    assert outside == {"Territory", "DerivationRule"}


def test_the_layers_exclude_one_another(ontology: Graph) -> None:
    axiom = ontology.value(predicate=RDF.type, object=OWL.AllDisjointClasses)
    members = ontology.value(axiom, OWL.members)
    assert members is not None
    assert [local(each) for each in ontology.items(members)] == [
        "Actor",
        "Text",
        "Norm",
        "LegalEvent",
        "Situation",
        "Assertion",
    ]


def test_what_the_rules_write_is_said_to_be_derived(ontology: Graph) -> None:
    """Terms that rules alone write say so."""
    said = {
        local(term)
        for term, note in ontology.subject_objects(SKOS.editorialNote)
        if str(note).startswith("Derived: ")
    }
    named = {
        name.removeprefix("erga:")
        for rule in read_rules(SHIPPED.rule_files())
        for name in rule.derives
        if name.startswith("erga:")
    }
    # Stated by hand where a source does, and filled in by a rule elsewhere.
    filled_in = {
        "asOfDate",
        "coversParticipant",
        "effectiveDate",
        "hasCitation",
        "hasCounterpart",
        "hasEffectBasis",
        "isGovernedByRule",
        "isPartOf",
    }
    assert named - said <= filled_in


def test_every_question_that_a_term_names_is_asked(ontology: Graph) -> None:
    asked = set(re.findall(r"^#\+ number: (CQ-\d\d)$", texts_of_queries(), re.MULTILINE))
    for term, note in ontology.subject_objects(SKOS.editorialNote):
        if str(note).startswith("Used by "):
            assert set(re.findall(r"CQ-\d\d", str(note))) <= asked, term


def test_a_property_that_no_query_names_is_shown_by_the_question_about_records(
    ontology: Graph,
) -> None:
    queries = texts_of_queries()
    for kind in (OWL.ObjectProperty, OWL.DatatypeProperty):
        for term in ontology.subjects(RDF.type, kind):
            assert isinstance(term, URIRef)
            if not names(queries, term):
                notes = [str(note) for note in ontology.objects(term, SKOS.editorialNote)]
                assert any("CQ-25" in note for note in notes), term


def test_every_own_name_in_a_query_is_declared(ontology: Graph) -> None:
    declared = {local(term) for term in terms(ontology)}
    used = set(re.findall(r"\berga:([A-Za-z]+)\b", texts_of_queries()))
    assert used - declared == set()


def test_concepts_that_a_property_takes_have_their_scheme_named(ontology: Graph) -> None:
    schemes = set(graph_of(SCHEMES).subjects(RDF.type, SKOS.ConceptScheme))
    for term in ontology.subjects(namespace.SDO.rangeIncludes, SKOS.Concept):
        assert set(ontology.objects(term, RDFS.seeAlso)) <= schemes
        assert len(list(ontology.objects(term, RDFS.seeAlso))) == 1


def test_the_interval_is_defined_as_half_open(ontology: Graph) -> None:
    for name in ("holdsFrom", "holdsUntil"):
        definition = ontology.value(URIRef(DEF + name), SKOS.definition)
        assert "half-open interval [holdsFrom, holdsUntil)" in str(definition)


# the alignments


@pytest.mark.parametrize("file", ALIGNMENTS, ids=lambda file: file.stem)
def test_an_alignment_joins_a_declared_term_to_one_that_exists(file: Path, ontology: Graph) -> None:
    own = set(terms(ontology))
    joins = (RDFS.subClassOf, RDFS.subPropertyOf, SKOS.closeMatch)
    for subject, predicate, target in graph_of([file]):
        if not str(subject).startswith(DEF):
            assert predicate in (DCTERMS.title, DCTERMS.description)
            continue
        assert subject in own
        assert predicate in joins
        assert exists(URIRef(str(target))), target


def exists(term: URIRef) -> bool:
    if str(term).startswith("http://data.europa.eu/eli/ontology#"):
        return local(term) in ELI
    if str(term).startswith("http://docs.oasis-open.org/legalruleml/ns/v1.0/metamodel#"):
        return local(term) in LEGALRULEML
    return any(term in getattr(namespace, name) for name in CLOSED)


def test_nothing_is_a_subclass_of_a_legal_rule_language() -> None:
    graph = graph_of([ONTOLOGY / "alignments" / "odrl-legalruleml.ttl"])
    own = {predicate for subject, predicate, _ in graph if str(subject).startswith(DEF)}
    assert own == {SKOS.closeMatch}


# the hygiene of the whole


@pytest.mark.parametrize("query", QUALITY, ids=lambda file: file.stem)
def test_the_whole_is_healthy(query: Path, whole: Store) -> None:
    found = rows(whole, query)
    if query.stem == "unused-term":  # a term may also be needed by the text of a question or rule
        text = texts_of_queries()
        found = [row for row in found if not names(text, URIRef(row[0].strip("<>")))]
    assert found == []


@pytest.fixture(scope="module")
def before(whole: Store) -> dict[str, list[tuple[str, ...]]]:
    """What each query of quality finds in what is shipped."""
    return {query.stem: rows(whole, query) for query in QUALITY}


@pytest.mark.parametrize("file", BAD_WHOLE, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_fault_is_found_by_its_query_and_by_no_other(
    file: Path, whole: Store, before: dict[str, list[tuple[str, ...]]]
) -> None:
    graph = f"{PREFIXES['graph']}{file.relative_to(BAD).with_suffix('').as_posix()}"
    load_file(whole, file, graph)
    try:
        after = {query.stem: rows(whole, query) for query in QUALITY}
    finally:
        whole.remove_graph(NamedNode(graph))
    changed = {name for name in after if set(after[name]) - set(before[name])}
    assert changed == {file.stem.split("__")[0]}


def test_every_quality_query_has_a_bad_file() -> None:
    assert {query.stem for query in QUALITY} == {file.stem.split("__")[0] for file in BAD_WHOLE}


def test_every_quality_query_says_what_it_asks_and_what_its_columns_are() -> None:
    for query in QUALITY:
        text = query.read_text(encoding="utf-8")
        header = "".join(line[3:] + "\n" for line in text.splitlines() if line.startswith("#+ "))
        assert re.search(r"^title: \S", header, re.MULTILINE), query.stem
        assert re.search(r"^question: .+\?$", header, re.MULTILINE), query.stem
        assert "quality" in header.split("tags:")[1]
        assert "ORDER BY" in text
        selected = re.search(r"SELECT (.*)", text)
        assert selected
        columns = re.findall(r"\?(\w+)(?= |\)|$)", re.sub(r"\(COUNT.*? AS", "", selected[1]))
        assert columns == re.findall(r"^  (\w+):", header, re.MULTILINE), query.stem


# the logic


def test_the_ontology_and_the_case_are_consistent_under_owl_rl() -> None:
    """The reasoner takes minutes for every ten thousand facts: it gets one of each sort of file."""
    folders = ("actions", "bodies", "claims", "events", "organisations", "statements")
    data = [file for name in folders for file in sorted((ROOT / "data" / name).glob("*.ttl"))]
    data += [ROOT / f"data/{name}/ets-126.ttl" for name in ("instruments", "norms")]
    assert consistency_errors([*TERMS, *data]) == []


def test_nothing_in_the_whole_graph_stands_in_two_layers(whole: Store) -> None:
    found = whole.query(
        """
        PREFIX owl: <http://www.w3.org/2002/07/owl#>
        PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
        SELECT ?thing ?one ?other WHERE {
          [] a owl:AllDisjointClasses ; owl:members/rdf:rest*/rdf:first ?one , ?other .
          FILTER(STR(?one) < STR(?other))
          ?thing a ?one , ?other .
        }
        """,
        use_default_graph_as_union=True,
    )
    assert isinstance(found, QuerySolutions)
    assert [str(row) for row in found] == []


@pytest.mark.parametrize("file", BAD_LAYERS, ids=lambda file: file.stem)
def test_a_thing_in_two_layers_is_a_contradiction(file: Path) -> None:
    assert any("disjoint" in error.lower() for error in consistency_errors([*TERMS, file]))


def test_a_reasoner_finds_the_text_from_which_a_norm_arises() -> None:
    graph = graph_of(TERMS)
    norm, paragraph, article, treaty = (URIRef(f"https://example.org/{n}") for n in "npat")
    graph.add((norm, URIRef(DEF + "isSetOutIn"), paragraph))
    graph.add((paragraph, URIRef(DEF + "isPartOf"), article))
    graph.add((article, URIRef(DEF + "isPartOf"), treaty))
    owlrl.DeductiveClosure(owlrl.OWLRL_Semantics).expand(graph)
    assert (norm, URIRef(DEF + "arisesFrom"), treaty) in graph
    assert (paragraph, URIRef(DEF + "isPartOf"), treaty) in graph


def test_no_label_of_a_term_is_left_in_another_script(ontology: Graph) -> None:
    for term in terms(ontology):
        for label in ontology.objects(term, SKOS.prefLabel):
            assert isinstance(label, Literal)
            cyrillic = re.search(r"[А-Яа-яЁё]", str(label)) is not None
            assert cyrillic == (label.language == "ru"), term
