"""Each shape fires where it should, only there, and on something that exists."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pyoxigraph as ox
import pytest

from ergaomnes.build import Built
from ergaomnes.contribution import Packaged
from ergaomnes.judgement import Judgement
from ergaomnes.report import LANGUAGES, Finding, Report, Severity
from ergaomnes.shapes import WRITTEN, Shapes
from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import Prefixes, prefixes
from ergaomnes.turtle import read, triples

FOLDER = Path(__file__).parent / "shapes"
GOOD = FOLDER / "good.ttl"
BAD = sorted(file for file in FOLDER.glob("*.ttl") if file != GOOD)

Facts = frozenset[ox.Triple]


def facts_of(*files: Path) -> Facts:
    return frozenset(fact for file in files for fact in triples(read(file), str(file)))


def subjects(facts: Iterable[ox.Triple]) -> set[str]:
    return {fact.subject.value for fact in facts if not isinstance(fact.subject, ox.Triple)}


def names(facts: Iterable[ox.Triple]) -> set[str]:
    """Name what a file speaks of in our own namespaces, and its nameless things."""
    terms = [term for fact in facts for term in (fact.subject, fact.predicate, fact.object)]
    ours = prefixes().base
    return {
        term.value
        for term in terms
        if isinstance(term, ox.BlankNode)
        or (isinstance(term, ox.NamedNode) and term.value.startswith(ours))
    }


def axioms(ontology: Facts) -> Facts:
    return frozenset(fact for fact in ontology if fact.predicate.value.endswith("#subClassOf"))


def expected_shape(file: Path, table: Prefixes) -> str:
    return table["shape"] + file.stem.partition("__")[0]


@pytest.fixture(scope="session")
def shapes(table: Prefixes) -> Shapes:
    return Shapes.read(shipped(), table)


@pytest.fixture(scope="session")
def ontology() -> Facts:
    folder = shipped().ontology
    return facts_of(*(f for f in folder.rglob("*.ttl") if f.parent.name != "shapes"))


@pytest.fixture(scope="session")
def good() -> Facts:
    return facts_of(GOOD)


@pytest.fixture(scope="session")
def found(shapes: Shapes, ontology: Facts, good: Facts) -> dict[Path, list[Finding]]:
    """Judge every bad file: together, since each speaks of names of its own, and find its share."""
    bad = {file: facts_of(file) for file in BAD}
    known = subjects(ontology | good)
    owner = {name: file for file, facts in bad.items() for name in names(facts) - known}
    written = {file for file in bad if file.name.startswith("Written-")}
    report = shapes.judge(
        ontology.union(good, *(facts for file, facts in bad.items() if file not in written))
    ) + shapes.judge_written(axioms(ontology).union(*(bad[file] for file in written)))
    findings: dict[Path, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        findings[owner[str(finding.focus).removeprefix("_:")]].append(finding)
    return findings


def test_the_good_world_is_good(shapes: Shapes, ontology: Facts, good: Facts) -> None:
    assert shapes.judge(ontology | good) == Report()


def test_no_two_bad_files_speak_of_the_same_name(ontology: Facts, good: Facts) -> None:
    known = subjects(ontology | good)
    owners: dict[str, list[str]] = defaultdict(list)
    for file in BAD:
        for name in names(facts_of(file)) - known:
            owners[name].append(file.name)
    assert {name: files for name, files in owners.items() if len(files) > 1} == {}


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_a_bad_file_triggers_its_shape_and_nothing_else(
    file: Path, found: dict[Path, list[Finding]], table: Prefixes
) -> None:
    triggered = {table.short(finding.shape) for finding in found[file]}
    assert triggered == {table.short(expected_shape(file, table))}


@pytest.mark.parametrize("file", BAD[::24], ids=lambda file: file.stem)
def test_a_bad_file_by_itself_gives_the_same_findings(
    file: Path,
    shapes: Shapes,
    ontology: Facts,
    good: Facts,
    found: dict[Path, list[Finding]],
) -> None:
    if file.name.startswith("Written-"):
        report = shapes.judge_written(facts_of(file) | axioms(ontology))
    else:
        report = shapes.judge(ontology | good | facts_of(file))
    assert {one for one in report.findings if "bad" in str(one.focus)} == set(found[file])


def test_the_severity_is_that_of_the_shape(
    found: dict[Path, list[Finding]], graph: EmbeddedEngine
) -> None:
    rows = graph.select(
        "PREFIX sh: <http://www.w3.org/ns/shacl#> SELECT ?shape ?severity "
        "WHERE { ?shape sh:severity ?severity }"
    )
    said = {str(row["shape"]): str(row["severity"]).rpartition("#")[2].upper() for row in rows}
    every = [finding for findings in found.values() for finding in findings]
    assert {(one.shape, one.severity.name) for one in every} <= set(said.items())
    assert {one.severity for one in every} == set(Severity)


def test_every_shape_with_a_message_has_a_bad_file(graph: EmbeddedEngine, table: Prefixes) -> None:
    rows = graph.select(
        "PREFIX sh: <http://www.w3.org/ns/shacl#> SELECT DISTINCT ?shape WHERE { "
        "?shape a ?kind ; sh:message ?message . "
        "FILTER(?kind IN (sh:NodeShape, sh:PropertyShape)) }"
    )
    reported = {table.short(str(row["shape"])) for row in rows}
    ours = {one for one in reported if not one.startswith("shape:Style")}
    # Those of a scheme speak only through the property shape that asks for a concept of it.
    inner = {one for one in ours if one.endswith("-inScheme")}
    covered = {table.short(expected_shape(file, table)) for file in BAD}
    assert ours - inner - covered == set()
    assert covered - ours == set()


def test_every_node_shape_looks_at_something(packaged: Packaged, table: Prefixes) -> None:
    counts = packaged.shapes.focus_nodes(packaged.facts)
    empty = {table.short(shape) for shape, count in counts.items() if not count}
    assert empty == set()


def test_every_message_is_said_in_three_languages(found: dict[Path, list[Finding]]) -> None:
    for findings in found.values():
        for finding in findings:
            assert set(finding.messages) == set(LANGUAGES)
            for language in LANGUAGES:
                assert finding.sentence(language)
                assert finding.remedy(language)


def test_the_shapes_agree_with_the_ontology_on_what_a_property_leads_to(
    graph: EmbeddedEngine,
) -> None:
    """Every range that the ontology tells of is one that a shape of that property demands."""
    rows = graph.select(
        """
        PREFIX owl: <http://www.w3.org/2002/07/owl#>
        PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
        PREFIX schema: <https://schema.org/>
        PREFIX sh: <http://www.w3.org/ns/shacl#>
        SELECT DISTINCT ?property ?class WHERE {
          ?property a owl:ObjectProperty ; schema:rangeIncludes ?class .
          ?class a owl:Class .
          MINUS { ?shape sh:path ?property ; sh:class ?class . }
          MINUS { ?shape sh:path ?property ; sh:or/rdf:rest*/rdf:first/sh:class ?class . }
        }
        """
    )
    assert {(str(row["property"]), str(row["class"])) for row in rows} == set()


def test_nothing_is_wrong_with_the_packaged_data(judged: Judgement) -> None:
    assert [one for one in judged.located if one.finding.severity is Severity.VIOLATION] == []


def test_every_warning_about_the_packaged_data_is_explained(
    judged: Judgement, graph: EmbeddedEngine, table: Prefixes
) -> None:
    """The record that a warning is about says in a note of the editors why it stands."""
    rows = graph.select(
        "PREFIX skos: <http://www.w3.org/2004/02/skos/core#> "
        "SELECT DISTINCT ?record WHERE { ?record skos:editorialNote ?note }"
    )
    explained = {str(row["record"]) for row in rows}
    warned = {
        (table.short(str(one.finding.focus)), table.short(one.finding.shape))
        for one in judged.located
        if one.finding.severity is Severity.WARNING and str(one.finding.focus) not in explained
    }
    assert warned == set()


def test_the_shapes_for_handwork_stand_in_a_file_of_their_own() -> None:
    assert (shipped().ontology / "shapes" / f"{WRITTEN}.ttl").is_file()


@pytest.fixture(scope="session")
def packaged(built: Built, table: Prefixes) -> Packaged:
    return Packaged(built.dump, shipped(), table)


@pytest.fixture(scope="session")
def judged(packaged: Packaged) -> Judgement:
    """Judge the whole packaged graph, once."""
    return packaged.judge()
