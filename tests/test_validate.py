"""`ergaomnes validate` and POST /validate: the same judgement at both doors."""

import gzip
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pyoxigraph as ox
import pyshacl
import pytest
import rdflib
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from rdflib.compare import isomorphic

from ergaomnes import media
from ergaomnes.build import Built
from ergaomnes.cli import main
from ergaomnes.errors import ErgaOmnesError, JudgementCrashed, JudgementTimeout
from ergaomnes.judging import Judges
from ergaomnes.routes.validation import Doors, router
from ergaomnes.settings import Settings
from ergaomnes.templates import Templates

Typed = Callable[..., tuple[int, str, str]]
Sent = Callable[..., Path]

GOOD = """\
@prefix claim: <https://w3id.org/ergaomnes/id/claim/> .
@prefix state: <https://w3id.org/ergaomnes/id/state/> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .

state:rus skos:altLabel "Another name of Russia"@en .
"""
BAD = """\
@prefix action: <https://w3id.org/ergaomnes/id/action/> .
@prefix action-kind: <https://w3id.org/ergaomnes/scheme/action-kind/> .
@prefix erga: <https://w3id.org/ergaomnes/def/> .
@prefix instrument: <https://w3id.org/ergaomnes/id/instrument/> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix state: <https://w3id.org/ergaomnes/id/state/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

action:rus-ets-126-notice
  a erga:Denunciation ;
  skos:prefLabel "Notice"@en ;
  erga:concernsInstrument instrument:ets-126 ;
  erga:depositDate "2025-09-31"^^xsd:date ;
  erga:hasActionKind action-kind:denunciation ;
  erga:isPerformedBy state:rus ;
.
"""
WARNED = """\
@prefix erga: <https://w3id.org/ergaomnes/def/> .
@prefix event: <https://w3id.org/ergaomnes/id/event/> .
@prefix citation: <https://w3id.org/ergaomnes/id/citation/> .
@prefix agent: <https://w3id.org/ergaomnes/id/agent/> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

event:rus-a-new-decree a erga:DomesticAct ;
  skos:prefLabel "A decree"@en ;
  erga:isPerformedBy agent:erga-omnes-editors ;
  erga:earliestDate "2026-01-01"^^xsd:date ;
  erga:hasCitation citation:fedlex-ecpt-russia .
"""


@pytest.fixture
def typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], built: Built
) -> Typed:
    """Type `ergaomnes validate …` over the store of the tests; give exit status, out and err."""
    monkeypatch.setenv("ERGAOMNES_DATA_DIR", str(built.place.parent.parent))

    def run(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["validate", *map(str, words)])
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def sent(tmp_path: Path) -> Sent:
    def write(text: str, name: str = "sent.ttl") -> Path:
        file = tmp_path / name
        file.write_text(text, "utf-8")
        return file

    return write


def test_a_file_that_conforms_exits_with_0(typed: Typed, sent: Sent) -> None:
    status, out, _ = typed(sent(GOOD))
    assert (status, out.strip()) == (
        0,
        "Conforms. (0 violations, 0 warnings, 0 pieces of advice)",
    )


def test_a_violation_exits_with_1_and_names_line_term_value_and_remedy(
    typed: Typed, sent: Sent
) -> None:
    file = sent(BAD)
    status, out, _ = typed(file)
    assert status == 1
    assert "VIOLATION ×1 · shape:LegalEvent-depositDate" in out
    assert f"{file}:13:20  action:rus-ets-126-notice  erga:depositDate  2025-09-31" in out
    assert "→ Add erga:hasCitation with a citation" in out
    assert f"{file}:9:1  action:rus-ets-126-notice  erga:hasCitation" in out


def test_a_warning_fails_only_when_strict(typed: Typed, sent: Sent) -> None:
    file = sent(WARNED)
    assert typed(file)[0] == 0
    status, out, _ = typed(file, "--strict")
    assert status == 1
    assert "WARNING ×1 · shape:LegalEvent-bounds" in out


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("fr", "Un fait sans source n'existe pas ici"), ("ru", "Факта без источника здесь нет")],
)
def test_the_report_speaks_three_languages(
    language: str, sentence: str, typed: Typed, sent: Sent
) -> None:
    assert sentence in typed(sent(BAD), "--lang", language)[1]


def test_the_report_is_json_on_request(typed: Typed, sent: Sent) -> None:
    status, out, _ = typed(sent(BAD), "--format", "json")
    said = json.loads(out)
    assert status == 1
    assert said["conforms"] is False
    assert {rule["name"] for rule in said["rules"]} >= {"shape:Record-hasCitation"}


@pytest.mark.parametrize(
    ("name", "kind"), [("ttl", ox.RdfFormat.TURTLE), ("jsonld", ox.RdfFormat.JSON_LD)]
)
def test_the_report_is_the_w3c_one_on_request(
    name: str, kind: ox.RdfFormat, typed: Typed, sent: Sent
) -> None:
    _, out, _ = typed(sent(BAD), "--format", name)
    facts = list(ox.parse(out, format=kind))
    conforms = [fact.object for fact in facts if fact.predicate.value.endswith("#conforms")]
    assert conforms == [ox.Literal(False)]


def test_several_files_are_judged_together(typed: Typed, sent: Sent) -> None:
    action = BAD.replace("rus-ets-126-notice", "rus-x").replace("2025-09-31", "2025-09-30")
    both = typed(sent(action), sent(GOOD, "two.ttl"))
    assert both[0] == 1
    assert "sent.ttl" in both[1]
    assert "two.ttl" not in both[1]


def test_a_syntax_error_names_file_line_and_column_and_exits_with_3(
    typed: Typed, sent: Sent
) -> None:
    file = sent(BAD.replace("erga:hasActionKind", "unknown:kind"))
    status, out, err = typed(file)
    assert status == 3
    assert out == ""
    assert f"{file}:14:" in err
    assert "prefix unknown:" in err


def test_an_unknown_ending_is_refused_unless_the_type_is_given(typed: Typed, sent: Sent) -> None:
    file = sent(GOOD, "sent.txt")
    status, _, err = typed(file)
    assert status == 2
    assert "text/turtle" in err
    assert typed(file, "--media-type", "text/turtle")[0] == 0


def test_a_wrong_media_type_is_refused(typed: Typed, sent: Sent) -> None:
    assert typed(sent(GOOD), "--media-type", "text/html")[0] == 2


def test_a_missing_file_exits_with_2(typed: Typed, tmp_path: Path) -> None:
    assert typed(tmp_path / "none.ttl")[0] == 2


# over HTTP


@pytest.fixture(scope="module")
def judges(built: Built) -> Iterator[Judges]:
    with Judges(built.dump, Settings(submission_limit=20_000), seconds=60) as made:
        yield made


@pytest.fixture(scope="module")
def client(judges: Judges) -> Iterator[TestClient]:
    from starlette.requests import Request  # noqa: PLC0415 - only this fixture makes a service
    from starlette.responses import JSONResponse  # noqa: PLC0415

    app = FastAPI()
    app.include_router(router(Doors(judges, Templates())))

    @app.exception_handler(ErgaOmnesError)
    async def problem(_: Request, error: ErgaOmnesError) -> JSONResponse:
        return JSONResponse({"type": error.slug, **error.data}, error.status)

    with TestClient(app) as made:
        yield made


def posted(
    client: TestClient, text: str | bytes, kind: str = "text/turtle", **headers: str
) -> Response:
    answer: Response = client.post(
        "/validate", content=text, headers={"content-type": kind, **headers}
    )
    return answer


def test_a_submission_that_does_not_conform_is_a_200(client: TestClient) -> None:
    answer = posted(client, BAD)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    said = answer.json()
    assert said["conforms"] is False
    dates = next(rule for rule in said["rules"] if rule["name"] == "shape:LegalEvent-depositDate")
    assert (dates["findings"][0]["line"], dates["findings"][0]["column"]) == (13, 20)
    assert dates["findings"][0]["value"] == "2025-09-31"


def test_a_submission_that_conforms_says_so(client: TestClient) -> None:
    assert posted(client, GOOD).json()["conforms"] is True


def test_the_sentences_come_in_the_language_asked_for(client: TestClient) -> None:
    answer = client.post("/validate?lang=ru", content=BAD, headers={"content-type": "text/turtle"})
    sentences = " ".join(rule["sentence"] for rule in answer.json()["rules"])
    assert "Факта без источника" in sentences


@pytest.mark.parametrize("kind", ["text/turtle", "application/ld+json"])
def test_the_w3c_report_is_negotiated(kind: str, client: TestClient) -> None:
    answer = posted(client, BAD, accept=kind)
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["vary"] == "Accept"
    facts = list(ox.parse(answer.content, format=ox.RdfFormat.from_media_type(kind)))
    assert any(fact.predicate.value.endswith("#sourceShape") for fact in facts)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("application/n-triples", "<http://a/> <http://b/> <http://c/> ."),
        ("application/n-quads", "<http://a/> <http://b/> <http://c/> <http://d/> ."),
        ("application/trig", "{ <http://a/> <http://b/> <http://c/> }"),
        ("application/ld+json", '{"@id": "http://a/", "http://b/": "c"}'),
        (
            "application/rdf+xml",
            '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>',
        ),
    ],
)
def test_every_format_is_taken(kind: str, text: str, client: TestClient) -> None:
    assert posted(client, text, kind).json()["conforms"] is True


@pytest.mark.parametrize(
    ("kind", "text", "status"),
    [
        ("text/html", "a,b", 415),
        ("", "", 415),
        ("text/turtle", "# " + "x" * 20_000, 413),
        ("text/turtle", "broken", 400),
        ("application/ld+json", "[" * 5000, 400),
        ("application/ld+json", '{"@context": "http://example.org/", "a": 1}', 400),
        ("application/rdf+xml", "<!DOCTYPE r><r/>", 400),
    ],
    ids=["html", "untyped", "large", "broken", "nested", "remote-context", "doctype"],
)
def test_what_is_not_read_is_refused(kind: str, text: str, status: int, client: TestClient) -> None:
    assert posted(client, text, kind).status_code == status


def test_the_report_comes_as_sarif_with_the_place_and_the_rule(client: TestClient) -> None:
    answer = posted(client, BAD, accept="application/sarif+json")
    assert answer.headers["content-type"].startswith("application/sarif+json")
    [run] = answer.json()["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    [found] = [one for one in run["results"] if one["ruleId"] == "shape:LegalEvent-depositDate"]
    assert rules[found["ruleIndex"]] == found["ruleId"]
    assert found["level"] == "error"
    [place] = found["locations"]
    assert place["physicalLocation"]["region"] == {"startLine": 13, "startColumn": 20}
    assert place["logicalLocations"][0]["fullyQualifiedName"].endswith("rus-ets-126-notice")


@pytest.mark.parametrize("name", ["ttl", "nt", "rdf", "jsonld", "trig", "nq"])
def test_the_same_w3c_report_comes_in_every_rdf_format(name: str, client: TestClient) -> None:
    answer = client.post(
        f"/validate?format={name}", content=BAD, headers={"content-type": "text/turtle"}
    )
    kind = ox.RdfFormat.from_media_type(answer.headers["content-type"])
    assert kind is not None
    facts = [quad.triple for quad in ox.parse(answer.content, format=kind)]
    shapes = {fact.object for fact in facts if fact.predicate.value.endswith("#sourceShape")}
    turtle = posted(client, BAD, accept="text/turtle").content
    wanted = list(ox.parse(turtle, format=ox.RdfFormat.TURTLE))
    assert len(facts) == len(wanted)
    assert shapes == {f.object for f in wanted if f.predicate.value.endswith("#sourceShape")}


def test_a_format_that_is_none_is_refused_with_those_there_are(client: TestClient) -> None:
    answer = client.post(
        "/validate?format=pdf", content=GOOD, headers={"content-type": "text/turtle"}
    )
    assert answer.status_code == 400
    assert "sarif" in answer.json()["why"]


def test_a_finding_shows_how_the_property_is_used(client: TestClient) -> None:
    rules = posted(client, BAD).json()["rules"]
    [dates] = [rule for rule in rules if rule["name"] == "shape:LegalEvent-depositDate"]
    assert any("5 May 1998" in one for one in dates["examples"])


OTHERWISE = """\
@prefix action: <https://w3id.org/ergaomnes/id/action/> .
@prefix erga: <https://w3id.org/ergaomnes/def/> .
@prefix state: <https://w3id.org/ergaomnes/id/state/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

action:rus-mtdsg-iv-9-ratification
  erga:isPerformedBy state:rus ;
  erga:depositDate "1987-03-04"^^xsd:date .
"""


def test_what_stands_already_and_what_stands_otherwise_is_told_with_its_source(
    client: TestClient,
) -> None:
    said = posted(client, OTHERWISE).json()
    [known] = said["known"]
    assert (known["path"].rpartition("/")[2], known["line"]) == ("isPerformedBy", 7)
    [other] = said["contradicted"]
    assert other["value"] == "1987-03-04"
    assert other["standing"] == ["1987-03-03"]
    assert "chapter IV-9" in other["standing_source"]
    assert (other["line"], other["column"]) == (8, 20)
    same = posted(client, OTHERWISE.replace("03-04", "03-03")).json()
    assert same["contradicted"] == []
    assert len(same["known"]) == 2


def test_a_second_value_where_several_may_stand_contradicts_nothing(client: TestClient) -> None:
    assert posted(client, GOOD).json()["contradicted"] == []


def test_a_form_sends_files_that_are_judged_together(client: TestClient) -> None:
    files = [
        ("file", ("one.ttl", BAD.replace("2025-09-31", "2025-09-30"), "text/turtle")),
        ("file", ("two.nt", "<http://a/> <http://b/> <http://c/> .", "application/octet-stream")),
    ]
    said = client.post("/validate", files=files).json()
    assert {one["file"] for rule in said["rules"] for one in rule["findings"]} == {"one.ttl"}


def test_a_form_sends_a_text_that_was_pasted(client: TestClient) -> None:
    for sent in ({"data": {"text": BAD}}, {"data": {"text": BAD}, "files": {"file": b""}}):
        said = client.post("/validate", **sent).json()
        assert said["conforms"] is False
    typed = {"text": '{"@id": "http://a/"}', "type": "application/ld+json"}
    assert client.post("/validate", data=typed).json()["conforms"] is True


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data"),
        (b"other=1", "application/x-www-form-urlencoded"),
    ],
    ids=["empty", "broken", "no-boundary", "no-text"],
)
def test_a_form_without_facts_is_refused(content: bytes, kind: str, client: TestClient) -> None:
    assert posted(client, content, kind).status_code == 400


def test_a_packed_body_is_unpacked_within_the_limit(client: TestClient) -> None:
    packed = {"content-encoding": "gzip"}
    assert posted(client, gzip.compress(BAD.encode()), **packed).json()["conforms"] is False
    bomb = gzip.compress(b"#" * 5_000_000)
    assert len(bomb) < 10_000
    assert posted(client, bomb, **packed).status_code == 413
    assert posted(client, gzip.compress(BAD.encode())[:-20], **packed).status_code == 400
    assert posted(client, b"no gzip", **packed).status_code == 400
    assert posted(client, GOOD, **{"content-encoding": "br"}).status_code == 415


def test_an_unacceptable_answer_is_refused(client: TestClient) -> None:
    assert posted(client, GOOD, accept="image/png").status_code == 406


def test_a_syntax_error_says_line_and_column(client: TestClient) -> None:
    said = posted(client, "@prefix e: <http://e/> .\ne:a  f:b 1 .").json()
    assert (said["line"], said["column"]) == (2, 6)


def test_a_judgement_past_its_time_is_killed_and_the_next_one_is_made(
    judges: Judges, monkeypatch: pytest.MonkeyPatch
) -> None:
    judges.start()
    monkeypatch.setattr(judges, "seconds", 0.01)
    with pytest.raises(JudgementTimeout):
        judges.judge(BAD.encode(), "text/turtle", written_as="application/json")
    monkeypatch.setattr(judges, "seconds", 60)
    assert judges.judge(GOOD.encode(), "text/turtle", written_as="application/json").body


def test_a_judgement_that_outgrows_its_memory_ends_its_process_alone(built: Built) -> None:
    judges = Judges(built.dump, Settings(memory_limit=1), seconds=60)
    with judges, pytest.raises(JudgementCrashed):
        judges.judge(BAD.encode(), "text/turtle", written_as="application/json")


TABLE = """\
participant;instrument;kind;deposited_on;confidence;source;locator
Burkina Fasso;CAT;accession;1999-02-30;high;untc-iv-9;status table
Côte d'Ivoire;CAT;ratified;1995-12-18;high;untc-iv-9;status table
"""


def test_each_bad_cell_of_a_table_is_told_with_its_row(client: TestClient) -> None:
    said = posted(client, TABLE, "text/csv").json()
    assert said["conforms"] is False
    [rule] = [rule for rule in said["rules"] if rule["name"] == "table:acts"]
    told = {(one["line"], one["value"]): one["remedy"] for one in rule["findings"]}
    assert set(told) == {(2, "Burkina Fasso"), (2, "1999-02-30"), (3, "ratified")}
    assert "Did you mean Burkina Faso" in told[2, "Burkina Fasso"]
    assert "there is no such day" in told[2, "1999-02-30"]
    other = posted(client, "colour;taste\nred;sweet\n", "text/csv").json()
    assert {one["line"] for one in other["rules"][0]["findings"]} == {1}
    assert posted(client, "", "text/csv").status_code == 400
    form = client.post("/validate", files={"file": ("acts.csv", TABLE)}).json()
    assert form["counts"] == said["counts"]
    graph = posted(client, TABLE, "text/csv", accept="text/turtle").text
    assert graph.count("sh:resultSeverity sh:Violation") == 3


def test_a_good_table_is_judged_by_the_shapes_and_what_stands(client: TestClient) -> None:
    mended = (
        TABLE.replace("Burkina Fasso", "Burkina Faso")
        .replace("1999-02-30", "1999-01-04")
        .replace("ratified", "accession")
    )
    said = posted(client, mended, "text/csv").json()
    assert not [rule for rule in said["rules"] if rule["name"] == "table:acts"], said["rules"]
    assert {one["line"] for one in said["known"]} <= {2, 3}
    assert said["known"], "both states are parties"
    twice = mended.replace("1999-01-04", "1979-01-04")
    said = posted(client, twice, "text/csv").json()
    assert said["conforms"] is False, "a state does not accede before the treaty is open"
    lines = {one["line"] for rule in said["rules"] for one in rule["findings"]}
    assert 2 in lines


def test_a_workbook_is_read_like_a_table(client: TestClient) -> None:
    answer = posted(client, b"PK no workbook", media.XLSX.media_type)
    assert answer.status_code == 400


# by shapes of one's own

OWN = """\
@prefix ex: <http://example.org/> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
ex:PersonShape a sh:NodeShape ; sh:targetClass ex:Person ;
  sh:property [ sh:path ex:name ; sh:minCount 1 ] ;
  sh:property [ sh:path ex:age ; sh:maxInclusive 150 ; sh:message "Too old."@en, "Trop."@fr ] .
"""
PERSON = """\
@prefix ex: <http://example.org/> .
ex:a a ex:Person ;
  ex:age 200 .
"""
ASKING = """\
@prefix ex: <http://example.org/> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
ex:S a sh:NodeShape ; sh:targetClass ex:Person ; sh:sparql [ sh:select \"\"\"%s\"\"\" ] .
"""


def by_own(client: TestClient, shapes: str, text: str = PERSON, **more: str) -> Response:
    files = [("shapes", ("own.ttl", shapes, "text/turtle")), ("file", ("a.ttl", text))]
    answer: Response = client.post("/validate", files=files, params=more)
    return answer


def test_facts_are_judged_by_shapes_of_ones_own_and_by_nothing_else(client: TestClient) -> None:
    said = by_own(client, OWN, lang="fr").json()
    assert {
        rule["name"]: (rule["sentence"], rule["findings"][0]["line"]) for rule in said["rules"]
    } == {
        "http://example.org/PersonShape → http://example.org/age": ("Trop.", 3),
        "http://example.org/PersonShape → http://example.org/name": (
            "Less than 1 values on <http://example.org/a>-><http://example.org/name>",
            2,
        ),
    }
    assert by_own(client, OWN, BAD).json()["rules"] == [], "our own shapes take no part"
    known = "@prefix ex: <http://example.org/> . <https://w3id.org/ergaomnes/id/state/rus> a ex:P ."
    shape = OWN.replace("ex:Person ;", "ex:P ;").replace("ex:name", "skos:prefLabel")
    shape = "@prefix skos: <http://www.w3.org/2004/02/skos/core#> .\n" + shape
    assert len(by_own(client, shape, known).json()["rules"]) == 1, "nor does what stands"


def test_the_report_on_ones_own_shapes_is_that_of_the_validator(client: TestClient) -> None:
    # Without prefixes, with which it would shorten names in its sentences.
    facts, theirs = (
        rdflib.Graph().parse(data=rdflib.Graph().parse(data=text).serialize(format="nt"))
        for text in (PERSON, OWN)
    )
    _, expected, _ = pyshacl.validate(facts, shacl_graph=theirs)
    assert isinstance(expected, rdflib.Graph)
    for name, form in (("ttl", "turtle"), ("rdf", "xml"), ("jsonld", "json-ld")):
        answer = by_own(client, OWN, format=name)
        assert isomorphic(rdflib.Graph().parse(data=answer.text, format=form), expected)
    sarif = by_own(client, OWN, format="sarif").json()["runs"][0]
    assert [one["level"] for one in sarif["results"]] == ["error", "error"]


def test_shapes_can_be_pasted_beside_the_facts(client: TestClient) -> None:
    turtle = {"text": PERSON, "shapes": OWN}
    assert client.post("/validate", data=turtle).json()["counts"]["violation"] == 2
    made = rdflib.Graph().parse(data=OWN, format="turtle")
    as_json = {
        "text": PERSON,
        "shapes": made.serialize(format="json-ld"),
        "shapes_type": "application/ld+json",
    }
    assert client.post("/validate", data=as_json).json()["counts"]["violation"] == 2
    assert client.post("/validate", data={"shapes": OWN}).status_code == 400, "no facts"


@pytest.mark.parametrize(
    ("shapes", "why"),
    [
        (PERSON, "no sh:NodeShape"),
        (OWN + "<urn:x> <http://www.w3.org/2002/07/owl#imports> <http://e/> .", "owl:imports"),
        (OWN + "ex:PersonShape sh:rule [] .", "sh:rule"),
        (OWN + "ex:PersonShape sh:target [] .", "sh:target"),
        (OWN + "ex:PersonShape sh:js [] .", "sh:js"),
        (OWN + "ex:PersonShape sh:property 5 .", ""),
        (OWN + 'ex:Two a sh:NodeShape ; sh:targetNode ex:a ; sh:pattern "(" .', ""),
        (
            ASKING % "SELECT $this WHERE { SERVICE <http://127.0.0.1:9/> { $this ?p ?o } }",
            "SERVICE",
        ),
        (ASKING % "SELECT $this WHERE {", ""),
    ],
)
def test_shapes_that_cannot_be_applied_are_refused_by_name(
    shapes: str, why: str, client: TestClient
) -> None:
    answer = by_own(client, shapes)
    assert (answer.status_code, answer.json()["type"]) == (422, "unusable-shapes")
    assert why in answer.json()["why"]


def test_shapes_that_do_not_parse_are_told_apart_from_the_facts(client: TestClient) -> None:
    said = by_own(client, "@prefix e: <http://e/> .\ne:a f:b 1 .").json()
    assert (said["type"], said["file"], said["line"]) == ("submission-syntax", "own.ttl", 2)


@pytest.mark.parametrize("clause", ["FROM <%s>", "FROM NAMED <%s>"])
def test_shapes_reach_no_other_host(clause: str, client: TestClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(1)
        address = f"http://127.0.0.1:{door.getsockname()[1]}/a.ttl"
        asks = f"SELECT $this {clause % address} WHERE {{ $this ?p ?o }}"
        assert by_own(client, ASKING % asks).status_code in (200, 422)
        with pytest.raises(TimeoutError):
            door.accept()


def test_shapes_that_never_end_are_ended(
    client: TestClient, judges: Judges, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = "".join(f"ex:p{number} a ex:Person . " for number in range(60))
    many = "SELECT $this WHERE { ?a a ?b . ?c a ?d . ?e a ?f . ?g a ?h . ?i a ?j . $this a ?k }"
    monkeypatch.setattr(judges, "seconds", 1.5)
    answer = by_own(client, ASKING % many, PERSON + people)
    assert (answer.status_code, answer.json()["type"]) == (504, "judgement-timeout")


def test_files_are_judged_by_shapes_of_ones_own_at_the_terminal(typed: Typed, sent: Sent) -> None:
    own, person = sent(OWN, "own.ttl"), sent(PERSON)
    status, out, _ = typed(person, "--shapes", own)
    assert (status, "Too old." in out, f"{person}:3:" in out) == (1, True, True)
    assert typed(sent(PERSON.replace("200", '15 ; ex:name "A"')), "--shapes", own)[0] == 0
    assert typed("--shapes", own)[0] == 2
    assert typed(person, "--shapes", sent("<a> <b> .", "bad.ttl"))[0] == 3
    assert typed(person, "--shapes", person)[0] == 3
