"""Contributions are read safely, judged beside what stands, and answered with places."""

import json
from datetime import date, timedelta
from pathlib import Path

import pyoxigraph as ox
import pytest

from ergaomnes import media
from ergaomnes.build import build
from ergaomnes.contribution import Packaged
from ergaomnes.errors import (
    NoSuchFile,
    SubmissionSyntax,
    SubmissionTooLarge,
    UnsupportedMediaType,
)
from ergaomnes.judgement import Judgement
from ergaomnes.places import Place, places_in_turtle
from ergaomnes.settings import Settings
from ergaomnes.shipped import Shipped, shipped
from ergaomnes.submission import format_named, media_type_of, part_of, read_submission
from ergaomnes.terms import Prefixes
from ergaomnes.turtle import read, triples, write

FOLDER = Path(__file__).parent / "shapes"

PREFIXES = """\
@prefix action-kind: <https://w3id.org/ergaomnes/scheme/action-kind/> .
@prefix action: <https://w3id.org/ergaomnes/id/action/> .
@prefix citation: <https://w3id.org/ergaomnes/id/citation/> .
@prefix effect-basis: <https://w3id.org/ergaomnes/scheme/effect-basis/> .
@prefix erga: <https://w3id.org/ergaomnes/def/> .
@prefix instrument: <https://w3id.org/ergaomnes/id/instrument/> .
@prefix situation: <https://w3id.org/ergaomnes/id/situation/> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix state: <https://w3id.org/ergaomnes/id/state/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
CONSENT = """\
action:aaa-good-ratification a erga:ConsentToBeBound ;
  skos:prefLabel "Ratification"@en ;
  erga:isPerformedBy state:good-former ;
  erga:concernsInstrument instrument:good ;
  erga:hasActionKind action-kind:ratification ;
  erga:depositDate "2000-02-01"^^xsd:date ;
  erga:hasCitation citation:good .
"""
AGAIN = CONSENT.replace("aaa-good-ratification", "aaa-good-again").replace("2000-", "2001-")


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


def judged(world: Packaged, text: str) -> Judgement:
    return world.judge_contribution([read_submission((PREFIXES + text).encode(), media.TURTLE)])


def fired(judgement: Judgement, table: Prefixes) -> set[str]:
    return {table.short(one.finding.shape) for one in judgement.located}


def test_a_good_contribution_conforms(world: Packaged, table: Prefixes) -> None:
    assert fired(judged(world, CONSENT), table) == set()


def test_an_empty_contribution_conforms(world: Packaged) -> None:
    assert judged(world, "").report.conforms


def test_the_types_and_labels_that_stand_count(world: Packaged, table: Prefixes) -> None:
    added = 'state:good erga:isOrganOf state:good ; skos:altLabel "Another name"@en .\n'
    assert fired(judged(world, added), table) == {"shape:IsOrganOf-domain"}


def test_the_rules_run_on_a_contribution(world: Packaged, table: Prefixes) -> None:
    without_deposit = CONSENT.replace('  erga:depositDate "2000-02-01"^^xsd:date ;\n', "")
    bounds = 'erga:earliestDate "2000-01-01"^^xsd:date ; erga:latestDate "2000-12-31"^^xsd:date'
    undated = without_deposit.replace("erga:hasCitation", f"{bounds} ; erga:hasCitation")
    assert fired(judged(world, undated), table) == {"shape:ConsentToBeBound-effectiveDate"}
    assert fired(judged(world, CONSENT), table) == set()


def test_a_day_that_the_clause_contradicts_is_reported(world: Packaged, table: Prefixes) -> None:
    stated = CONSENT.replace(
        "erga:hasCitation",
        'erga:effectiveDate "2000-06-02"^^xsd:date ; '
        "erga:hasEffectBasis effect-basis:depositary-stated ; erga:hasCitation",
    )
    assert fired(judged(world, stated), table) == {"shape:ComputedEffect-effectiveDate"}
    agreed = stated.replace("2000-06-02", "2000-06-01")
    assert fired(judged(world, agreed), table) == set()


def test_two_consents_make_overlapping_participations_with_a_place(
    world: Packaged, table: Prefixes
) -> None:
    text = CONSENT + AGAIN
    judgement = judged(world, text)
    overlaps = [
        one for one in judgement.located if one.finding.shape.endswith("Participation-overlap")
    ]
    assert len(overlaps) == 2
    first = PREFIXES.count("\n") + 1
    assert {one.place for one in overlaps} == {
        Place(first, 1),
        Place(first + CONSENT.count("\n"), 1),
    }


def test_a_situation_written_by_hand_is_refused(world: Packaged, table: Prefixes) -> None:
    text = "situation:mine a erga:Participation ; erga:isInitiatedBy state:good .\n"
    assert "shape:Written-situation" in fired(judged(world, text), table)


def test_a_nameless_record_is_refused_and_harms_no_rule(world: Packaged, table: Prefixes) -> None:
    text = CONSENT.replace("action:aaa-good-ratification", "_:act")
    assert "shape:Written-identifier" in fired(judged(world, text), table)


def test_an_undeclared_term_is_found_with_the_near_one(world: Packaged) -> None:
    judgement = judged(world, CONSENT.replace("erga:hasCitation", "erga:hasCitaton"))
    near = [one for one in judgement.located if "DeclaredProperty" in one.finding.shape]
    assert near[0].near[0] == "erga:hasCitation"
    assert near[0].place == Place(PREFIXES.count("\n") + 7, 3)


def test_a_dangling_name_is_found_with_the_near_one(world: Packaged) -> None:
    judgement = judged(world, CONSENT.replace("instrument:good", "instrument:god"))
    dangling = [one for one in judgement.located if "Reference" in one.finding.shape]
    assert "instrument:good" in dangling[0].near


def test_what_stands_is_not_judged(world: Packaged) -> None:
    text = CONSENT.replace("erga:hasCitation citation:good", "erga:hasConfidence state:good")
    sent = {"action:aaa-good-ratification"}
    found = {world.prefixes.short(str(one.finding.focus)) for one in judged(world, text).located}
    assert found == sent


@pytest.mark.parametrize(
    "name",
    [
        "MonitoringActivity-acceptedPower__before-acceptance",
        "TreatyAction-sameSource__two-days",
        "Claim-sameSource__two-days",
        "Record-hasCitation__missing-on-claim",
        "Reference-type__dangling",
        "DeclaredClass-isDefinedBy__misspelt",
        "LegalEvent-hasOutcome__other-scheme",
    ],
)
def test_the_slice_and_the_whole_give_the_same_findings(name: str, world: Packaged) -> None:
    part = part_of(FOLDER / f"{name}.ttl")
    sent = [read_submission(part.content, part.kind, part.name)]
    sliced = world.judge_contribution(sent)
    assert sliced.report == world.judge_contribution(sent, whole=True).report
    assert sliced.located


def test_the_slice_and_the_whole_agree_on_what_is_derived(world: Packaged) -> None:
    sent = [read_submission((PREFIXES + CONSENT + AGAIN).encode(), media.TURTLE)]
    assert (
        world.judge_contribution(sent).report == world.judge_contribution(sent, whole=True).report
    )


def test_a_finding_says_where_in_the_text(world: Packaged) -> None:
    text = CONSENT.replace("2000-02-01", "2000-02-30")
    (found,) = [one for one in judged(world, text).located if "depositDate" in one.finding.shape]
    assert found.place == Place(PREFIXES.count("\n") + 6, 20)


def test_the_report_in_json_groups_findings_by_rule(world: Packaged, table: Prefixes) -> None:
    judgement = judged(world, CONSENT.replace("  erga:hasCitation citation:good .", "  ."))
    said = json.loads(judgement.json(table, "fr"))
    assert said["conforms"] is False
    assert said["counts"] == {"violation": 1, "warning": 0, "info": 0}
    (rule,) = said["rules"]
    assert rule["name"] == "shape:Record-hasCitation"
    assert rule["sentence"].startswith("Un fait sans source")
    assert rule["findings"][0]["line"] == PREFIXES.count("\n") + 1


@pytest.mark.parametrize(("name", "kind"), [("ttl", "ttl"), ("jsonld", "jsonld")])
def test_the_w3c_report_says_the_same(
    name: str, kind: str, world: Packaged, table: Prefixes
) -> None:
    judgement = judged(world, CONSENT.replace("2000-02-01", "2000-02-30"))
    formats = {"ttl": ox.RdfFormat.TURTLE, "jsonld": ox.RdfFormat.JSON_LD}
    store = ox.Store()
    store.load(judgement.report.written(table, name), format=formats[kind])
    sh = "PREFIX sh: <http://www.w3.org/ns/shacl#> "
    rows = list(
        store.query(  # type: ignore[arg-type]  # a SELECT gives rows
            sh + "SELECT ?shape WHERE { ?r sh:conforms false ; sh:result/sh:sourceShape ?shape }"
        )
    )
    assert len(rows) == len(judgement.report.findings)


def test_every_statement_of_the_packaged_files_has_its_place() -> None:
    missing = []
    for file in shipped().turtle_files():
        text = read(file)
        known = places_in_turtle(text).statements
        for fact in triples(text, str(file)):
            parts = (fact.subject, fact.object)
            if any(isinstance(part, ox.BlankNode | ox.Triple) for part in parts):
                continue
            key = tuple(part.value for part in (fact.subject, fact.predicate, fact.object))  # type: ignore[union-attr]
            if key not in known:
                missing.append((file.name, key))
    assert missing == []


def test_places_are_found_in_every_form_of_turtle() -> None:
    text = (
        "PREFIX e: <http://e/>\n@base <http://b/> .\n"
        '<s> a e:C, e:D ; e:p """long\n"text" """@en , 4.5, -1 , true ; # a: b\n'
        "  e:q [ e:r <o> ] , ( e:x ) ; e:name\\/slash e:dot.in.it .\n"
        "e:g { e:s e:p 'it' . }\n"
    )
    places = places_in_turtle(text)
    assert places.of("http://b/s", ("http://e/q",)) == Place(5, 3)
    assert places.statements["http://b/s", "http://e/p", "true"] == Place(4, 27)
    assert places.statements["http://b/s", "http://e/name/slash", "http://e/dot.in.it"].line == 5
    assert places.statements["http://e/s", "http://e/p", "it"] == Place(6, 15)
    assert places.of("http://nowhere/") is None


ACT = "https://w3id.org/ergaomnes/id/action/aaa-x"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (media.TURTLE, f"<{ACT}> a <https://w3id.org/ergaomnes/def/Signature> ."),
        (media.TRIG, f"<g:g> {{ <{ACT}> a <https://w3id.org/ergaomnes/def/Signature> }}"),
        (
            media.N_TRIPLES,
            f"<{ACT}> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> "
            "<https://w3id.org/ergaomnes/def/Signature> .",
        ),
        (
            media.N_QUADS,
            f"<{ACT}> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> "
            "<https://w3id.org/ergaomnes/def/Signature> <g:g> .",
        ),
        (
            media.JSON_LD,
            f'{{"@id": "{ACT}", "@type": "https://w3id.org/ergaomnes/def/Signature"}}',
        ),
        (
            media.RDF_XML,
            '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
            f'xmlns:e="https://w3id.org/ergaomnes/def/"><e:Signature r:about="{ACT}"/></r:RDF>',
        ),
    ],
    ids=lambda part: part.name if isinstance(part, media.Format) else "",
)
def test_each_format_is_read_and_its_names_have_places(kind: media.Format, text: str) -> None:
    sent = read_submission(text.encode(), kind)
    assert [fact.subject for fact in sent.facts] == [ox.NamedNode(ACT)]
    assert sent.places.of(ACT) is not None


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        (media.TURTLE, "erga:x a erga:y .", "prefix"),
        (media.TURTLE, '@prefix e: <http://e/> .\ne:x e:y "open .', "end of file"),
        (media.TURTLE, "[" * 200, "nest"),
        (media.JSON_LD, "[" * 5000 + "]" * 5000, "nest"),
        (media.JSON_LD, '{"@context": "https://example.org/c", "a": "b"}', "ontext"),
        (media.RDF_XML, '<!DOCTYPE r [<!ENTITY a "aa">]><r/>', "document type"),
        (media.TURTLE, "\0", "NUL"),
    ],
)
def test_what_cannot_be_read_says_why(kind: media.Format, text: str, why: str) -> None:
    with pytest.raises(SubmissionSyntax, match=why):
        read_submission(text.encode(), kind, "sent.ttl")


def test_a_syntax_error_names_file_line_and_column() -> None:
    with pytest.raises(SubmissionSyntax) as caught:
        read_submission(b"@prefix e: <http://e/> .\ne:x  f:y 1 .", media.TURTLE, "sent.ttl")
    assert caught.value.data["line"] == 2
    assert caught.value.data["column"] == 6
    assert str(caught.value).startswith("sent.ttl:2:6: ")


def test_text_that_is_not_utf8_names_its_place() -> None:
    with pytest.raises(SubmissionSyntax) as caught:
        read_submission(b"# ok\n# \xff", media.TURTLE, "sent.ttl")
    assert (caught.value.data["line"], caught.value.data["column"]) == (2, 3)


def test_a_submission_has_a_size() -> None:
    with pytest.raises(SubmissionTooLarge):
        read_submission(b"# too long", media.TURTLE, limit=5)


def test_an_unknown_ending_or_type_is_refused_with_what_is_read() -> None:
    with pytest.raises(UnsupportedMediaType, match=r"\.html"):
        media_type_of("facts.html")
    with pytest.raises(UnsupportedMediaType):
        format_named("text/html")
    assert format_named("text/turtle; charset=utf-8") == media.TURTLE


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoSuchFile, match="no such file"):
        part_of(tmp_path / "none.ttl")


# Mutations of the packaged data: what must never pass unseen.
EVERY = 23  # of the records that a mutation could be made of, spread over all files


@pytest.fixture(scope="module")
def packaged(settings: Settings, table: Prefixes) -> Packaged:
    return Packaged(build(settings).dump, shipped(), table)


def about(packaged: Packaged, names: set[str]) -> set[ox.Triple]:
    """Give what stands about some records, and the subclass axioms: enough for shapes of dates."""
    axiom = packaged.prefixes.iri("rdfs:subClassOf")
    return {
        fact
        for fact in packaged.facts
        if fact.predicate.value == axiom or subject_of(fact) in names
    }


def of_shape(packaged: Packaged, facts: set[ox.Triple], name: str) -> set[str]:
    report = packaged.shapes.judge(facts)
    shape = packaged.prefixes.iri(f"shape:{name}")
    return {str(one.focus) for one in report.findings if one.shape == shape}


def values(packaged: Packaged, name: str) -> dict[str, ox.Triple]:
    wanted = packaged.prefixes.iri(f"erga:{name}")
    found = [fact for fact in packaged.facts if fact.predicate.value == wanted]
    return {subject_of(fact): fact for fact in found}


def subject_of(fact: ox.Triple) -> str:
    assert not isinstance(fact.subject, ox.Triple)
    return fact.subject.value


def test_deleting_any_citation_is_reported(packaged: Packaged) -> None:
    cited = packaged.prefixes.iri("erga:hasCitation")
    layers = ("/id/situation/", "/scheme/", "/id/source/", "/id/state/", "/id/body/")
    kept = {fact for fact in packaged.facts if fact.predicate.value != cited}
    lost = {
        subject_of(fact)
        for fact in packaged.facts - kept
        if not any(layer in subject_of(fact) for layer in layers)
    }
    optional = {"/id/organisation/", "/id/agent/", "/id/territory/"}
    lost = {one for one in lost if not any(layer in one for layer in optional)}
    lost = set(sorted(lost)[::EVERY])
    assert len(lost) > 200
    facts = about(packaged, lost) & kept
    assert of_shape(packaged, facts, "Record-hasCitation") == lost


def test_swapping_two_dates_is_reported(packaged: Packaged) -> None:
    deposits, effects = values(packaged, "depositDate"), values(packaged, "effectiveDate")
    names = set(sorted(deposits.keys() & effects.keys())[::EVERY])
    facts = about(packaged, names)
    swapped = set()
    for name in names:
        deposit, effect = deposits[name], effects[name]
        if str(deposit.object) >= str(effect.object):
            continue
        facts -= {deposit, effect}
        facts |= {
            ox.Triple(deposit.subject, deposit.predicate, effect.object),
            ox.Triple(effect.subject, effect.predicate, deposit.object),
        }
        swapped.add(name)
    assert len(swapped) >= 5
    assert swapped == of_shape(packaged, facts, "TreatyAction-effectAfterReceipt")


def test_adding_a_day_to_an_effective_date_is_reported(packaged: Packaged) -> None:
    effects = values(packaged, "effectiveDate")
    computed = values(packaged, "computedEffectiveDate")
    names = set(sorted(effects.keys() & computed.keys())[::EVERY])
    facts = about(packaged, names)
    moved = set()
    for name in names:
        fact = effects[name]
        assert isinstance(fact.object, ox.Literal)
        later = date.fromisoformat(fact.object.value) + timedelta(days=1)
        literal = ox.Literal(later.isoformat(), datatype=fact.object.datatype)
        facts.remove(fact)
        facts.add(ox.Triple(fact.subject, fact.predicate, literal))
        moved.add(name)
    assert len(moved) >= 5
    assert moved == of_shape(packaged, facts, "ComputedEffect-effectiveDate")


def test_a_day_that_is_none_is_reported_and_compared_with_no_other(world: Packaged) -> None:
    """Of such a day and another rdflib cannot say which comes first, and raises."""
    text = 'action:good-consent erga:depositDate "1998-02-31"^^xsd:date .'
    found = judged(world, text).report
    assert not found.conforms
    assert "1998-02-31" in {str(one.value) for one in found.findings}
