"""The questions over HTTP: rows, pages, citations, and the manual for programs."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from ergaomnes import citing
from ergaomnes.app import create_app
from ergaomnes.build import Built
from ergaomnes.catalogue import Catalogue
from ergaomnes.settings import Settings
from ergaomnes.shipped import shipped
from ergaomnes.terms import prefixes
from serving import served

PARTIES = "/questions/parties-of-an-instrument-on-a-day"
INSPECT = "/questions/who-could-inspect-on-a-day"
ON_A_DAY = {"instrument": "mtdsg-iv-9", "day": "2000-01-01"}
CATALOGUE = Catalogue(shipped().queries, prefixes())


@pytest.fixture(scope="module")
def client(built: Built) -> Iterator[httpx.Client]:
    with (
        served(create_app(Settings(dump=built.dump))) as address,
        httpx.Client(base_url=address, timeout=60, trust_env=False) as made,
    ):
        yield made


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def links_of(response: httpx.Response) -> dict[str, str]:
    return {str(rel): str(link["url"]) for rel, link in response.links.items()}


# rows


def test_plain_json_says_what_was_asked_what_the_columns_mean_and_the_rows(
    client: httpx.Client,
) -> None:
    said = client.get(INSPECT, params={"state": "rus", "day": "2025-10-01"}).json()
    assert said["number"] == "CQ-03"
    assert said["asked"] == {"state": "rus", "day": "2025-10-01"}
    assert said["last_known"] == ["2025-09-30"]
    columns = [column["name"] for column in said["columns"]]
    assert all(column["about"] for column in said["columns"])
    assert all(list(row) == columns for row in said["rows"])
    [visits] = [row for row in said["rows"] if row["power"].endswith("/cpt-visits")]
    assert (visits["could"], visits["since"]) == ("could", "1998-09-01")
    assert visits["refused"] is None


def test_plain_json_has_numbers_where_the_graph_has_whole_numbers(client: httpx.Client) -> None:
    rows = client.get("/questions/depositary-counts").json()["rows"]
    [cat] = [row for row in rows if row["instrument_label"] == "CAT"]
    assert (cat["parties"], cat["signatories"]) == (175, 83)


def test_the_default_day_is_said_to_be_today(client: httpx.Client) -> None:
    before = datetime.now(UTC).date()
    response = client.get(INSPECT)
    after = datetime.now(UTC).date()
    day = date.fromisoformat(response.json()["asked"]["day"])
    assert before <= day <= after
    assert f"day={day}" in response.headers["content-location"]


def test_csv_carries_iris_and_the_same_rows_as_json(client: httpx.Client) -> None:
    params = {**ON_A_DAY, "format": "csv"}
    rows = rows_of(client.get(PARTIES, params=params).text)
    said = client.get(PARTIES, params=ON_A_DAY).json()
    assert [row["state"] for row in rows] == [row["state"] for row in said["rows"]]
    assert rows[0]["state"].startswith("https://w3id.org/ergaomnes/id/state/")
    assert said["total"] == len(rows) > 100


def test_a_byte_order_mark_comes_on_request_alone(client: httpx.Client) -> None:
    plain = client.get(PARTIES, params={**ON_A_DAY, "format": "csv"}).content
    marked = client.get(PARTIES, params={**ON_A_DAY, "format": "csv", "bom": "true"}).content
    assert marked == b"\xef\xbb\xbf" + plain
    as_json = client.get(PARTIES, params={**ON_A_DAY, "bom": "true"}).content
    assert not as_json.startswith(b"\xef")


def test_only_the_columns_asked_for_come_in_their_order(client: httpx.Client) -> None:
    params = {**ON_A_DAY, "format": "csv", "columns": "deposited,state"}
    assert client.get(PARTIES, params=params).text.startswith("deposited,state\r\n")
    refused = client.get(PARTIES, params={**ON_A_DAY, "columns": "stat"})
    assert refused.status_code == 400
    assert "state" in refused.json()["near"]


@pytest.mark.parametrize("code", ["RU", "ru", "RUS", "643", "state:rus"])
def test_a_state_is_also_named_by_its_codes(client: httpx.Client, code: str) -> None:
    response = client.get(INSPECT, params={"state": code, "day": "2025-10-01"})
    assert response.json()["asked"] == {"state": "rus", "day": "2025-10-01"}
    assert "state=rus&" in response.headers["content-location"]


def test_several_codes_of_one_state_are_one_state(client: httpx.Client) -> None:
    where = "/questions/comparison-of-states"
    said = client.get(where, params={"state": "DE,rus,276,RU", "day": "2020-01-01"}).json()
    assert said["asked"]["state"] == "deu,rus"


@pytest.mark.parametrize("code", ["RX", "999", "*", '"', "a\\b"])
def test_what_is_no_code_names_no_state(client: httpx.Client, code: str) -> None:
    response = client.get(INSPECT, params={"state": code})
    assert response.status_code == 400
    assert response.json()["name"] == "state"


# pages


@pytest.mark.parametrize("limit", [1, 7, 50, 1000])
def test_pages_lose_and_repeat_no_row(client: httpx.Client, limit: int) -> None:
    day = {**ON_A_DAY, "day": "1988-01-01"}
    whole = rows_of(client.get(PARTIES, params={**day, "format": "csv"}).text)
    found: list[dict[str, str]] = []
    response = client.get(PARTIES, params={**day, "format": "csv", "limit": str(limit)})
    pages = 1
    while True:
        page = rows_of(response.text)
        assert 0 < len(page) <= limit
        found += page
        links = links_of(response)
        assert links["first"] == links_of(client.get(links["first"]))["first"]
        if "next" not in links:
            break
        response = client.get(links["next"])
        pages += 1
    assert found == whole
    assert pages == -(-len(whole) // limit)


def test_a_page_leads_back_and_says_how_many_rows_there_are(client: httpx.Client) -> None:
    response = client.get(PARTIES, params={**ON_A_DAY, "limit": "10", "offset": "15"})
    said = response.json()
    assert (said["offset"], len(said["rows"])) == (15, 10)
    before = client.get(links_of(response)["prev"]).json()
    assert before["offset"] == 5
    after = client.get(said["next"]).json()
    assert after["offset"] == 25
    assert before["rows"][-1] != said["rows"][0] != after["rows"][0]
    assert before["total"] == said["total"] == after["total"]


@pytest.mark.parametrize("offset", ["5", "15", "20"])
def test_the_pages_before_meet_the_page_and_each_other(client: httpx.Client, offset: str) -> None:
    whole = client.get(PARTIES, params=ON_A_DAY).json()["rows"]
    response = client.get(PARTIES, params={**ON_A_DAY, "limit": "10", "offset": offset})
    found: list[object] = []
    while "prev" in links_of(response):
        response = client.get(links_of(response)["prev"])
        found = [*response.json()["rows"], *found]
    assert found == whole[: int(offset)]


def test_where_an_answer_lies_is_the_address_of_those_very_rows(client: httpx.Client) -> None:
    manner = {"limit": "10", "offset": "15", "columns": "state", "format": "csv", "bom": "true"}
    page = client.get(PARTIES, params={**ON_A_DAY, **manner})
    again = client.get(page.headers["content-location"])
    assert again.content == page.content
    assert again.headers["content-location"] == page.headers["content-location"]


def test_links_lead_to_the_public_address(built: Built) -> None:
    public = "https://example.org/law"
    settings = Settings(dump=built.dump, public_url=public)
    with served(create_app(settings)) as address:
        response = httpx.get(f"{address}{PARTIES}?limit=1", timeout=60, trust_env=False)
    addresses = [*links_of(response).values(), response.headers["content-location"]]
    assert {one.partition("/questions/")[0] for one in addresses} == {public}


def test_behind_the_last_row_there_is_nothing_and_no_next_page(client: httpx.Client) -> None:
    response = client.get(PARTIES, params={**ON_A_DAY, "limit": "10", "offset": "100000"})
    assert response.json()["rows"] == []
    assert "next" not in links_of(response)


def test_a_page_of_a_generation_that_is_gone_is_410_and_says_how_to_go_on(
    client: httpx.Client,
) -> None:
    response = client.get(PARTIES, params={**ON_A_DAY, "limit": "10", "generation": "0" * 24})
    assert response.status_code == 410
    problem = response.json()
    assert problem["type"].endswith("/generation-gone")
    assert "without the parameter" in problem["remedy"]
    served_now = problem["served"]
    assert client.get(PARTIES, params={**ON_A_DAY, "generation": served_now}).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "ten"},
        {"offset": "1.5"},
        {"offset": "9999999999"},
        {"bom": "yes"},
        {"format": "xlsx"},
    ],
    ids=str,
)
def test_a_manner_that_does_not_fit_is_refused(client: httpx.Client, wrong: dict[str, str]) -> None:
    response = client.get(PARTIES, params={**ON_A_DAY, **wrong})
    assert response.status_code == 400
    assert next(iter(wrong)) in response.json()["detail"]


# the list


def test_the_list_is_narrowed_by_tag_and_by_audience(client: httpx.Client) -> None:
    every = client.get("/questions").json()["questions"]
    for name, key in (("tag", "tags"), ("audience", "audience")):
        value = every[0][key][0]
        found = client.get("/questions", params={name: value}).json()["questions"]
        assert found == [one for one in every if value in one[key]]
        assert 0 < len(found) < len(every)
    assert client.get("/questions", params={"tag": "none such"}).json()["questions"] == []
    assert client.get("/questions", params={"tags": "x"}).json()["near"] == ["tag"]


# the manual for programs


def test_every_question_is_a_path_with_its_parameters(client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    for question in CATALOGUE:
        operation = described["paths"][f"/questions/{question.name}"]["get"]
        assert operation["summary"] == question.title
        parameters = {one["name"]: one for one in operation["parameters"]}
        for parameter in question.parameters.values():
            assert parameter.about in parameters[parameter.name]["description"]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert list(schema["properties"]["rows"]["items"]["properties"]) == list(question.columns)
    listed = {one["name"]: one for one in described["paths"]["/questions"]["get"]["parameters"]}
    tags = {tag for question in CATALOGUE for tag in question.tags}
    assert listed["tag"]["schema"]["enum"] == sorted(tags)
    ids = [
        operation["operationId"]
        for path in described["paths"].values()
        for operation in path.values()
        if "operationId" in operation
    ]
    assert len(set(ids)) == len(ids)


def test_the_manual_is_what_openapi_asks_for(client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()
    assert [fault.message for fault in OpenAPIV31SpecValidator(described).iter_errors()] == []


# citing


def test_a_citation_leads_to_the_same_answer_whose_hash_it_names(client: httpx.Client) -> None:
    said = client.get(INSPECT, params={"state": "rus", "day": "2025-10-01"}).json()
    response = client.get(said["citation"])
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    text = response.text
    assert "Who could inspect on a day (CQ-03): state rus, day 2025-10-01" in text
    assert "last known on 2025-09-30" in text
    assert str(datetime.now(UTC).year) in text
    [url] = re.findall(r"http://\S+", text)
    assert url == said["permanent"]
    assert parse_qs(urlsplit(url).query)["generation"] == [said["generation"]]
    again = client.get(url + "&format=csv").content
    assert f"SHA-256 of the CSV: {hashlib.sha256(again).hexdigest()}" in text


def test_another_day_is_another_citation(client: httpx.Client) -> None:
    one, two = (
        client.get(f"{INSPECT}/citation", params={"state": "rus", "day": day}).text
        for day in ("1990-01-01", "2025-10-01")
    )
    assert one != two
    assert "day 1990-01-01" in one


def test_a_citation_comes_as_csl_json_and_as_bibtex(client: httpx.Client) -> None:
    where = f"{INSPECT}/citation?state=rus&day=2025-10-01"
    csl = client.get(where, headers={"Accept": "application/vnd.citationstyles.csl+json"})
    assert csl.headers["content-type"].startswith("application/vnd.citationstyles.csl+json")
    [item] = csl.json()
    assert item["type"] == "dataset"
    assert item["author"] == [{"literal": item["publisher"]}]
    assert "Erga Omnes" in item["container-title"]
    assert len(item["accessed"]["date-parts"][0]) == 3
    bibtex = client.get(where, params={"format": "bib"}, headers={}).text
    assert bibtex.startswith("@misc{")
    assert bibtex.count("{") == bibtex.count("}")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("format=ris", 400),
        ("limit=3", 400),
        ("state=ruz", 400),
        ("generation=0", 410),
    ],
)
def test_a_citation_that_cannot_be_made_is_refused(
    client: httpx.Client, query: str, status: int
) -> None:
    assert client.get(f"{INSPECT}/citation?{query}").status_code == status


def citation(title: str, url: str = "http://example.org/") -> citing.Citation:
    return citing.Citation(
        title=title,
        dataset="A graph: of things",
        publisher="Editors",
        version="1",
        issued="2026-11-22",
        generation="0123456789ab",
        url=url,
        sha256="0" * 64,
        last_known=(),
        accessed=date(2026, 11, 23),
    )


@given(st.text())
@settings(max_examples=200)
def test_whatever_a_title_holds_bibtex_stays_one_balanced_entry(title: str) -> None:
    written = citing.bibtex(citation(title, f"http://example.org/{title}")).decode()
    depth, last = 0, ""
    for letter in written:
        if last == "\\":
            last = ""
            continue
        depth += (letter == "{") - (letter == "}")
        assert depth >= 0
        last = letter
    assert depth == 0
    assert written.startswith("@misc{a-graph")


@given(st.text())
def test_whatever_a_title_holds_csl_json_says_it(title: str) -> None:
    [item] = json.loads(citing.csl_json(citation(title)))
    assert item["title"] == title
    assert re.fullmatch(r"[a-z0-9-]+", item["id"])
