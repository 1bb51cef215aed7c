"""Contributions over HTTP, on the packaged graph: from handing in to redaction."""

import datetime
import os
import shutil
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from ergaomnes import tokens
from ergaomnes.app import PROBLEM, create_app
from ergaomnes.build import Built, publish
from ergaomnes.cli import main
from ergaomnes.ledger import audited
from ergaomnes.settings import Settings
from serving import served

FAR = datetime.date(2999, 1, 1)
ATOM = "{http://www.w3.org/2005/Atom}"
BASE = "https://w3id.org/ergaomnes/"
PREFIXES = """
@prefix agent: <https://w3id.org/ergaomnes/id/agent/> .
@prefix erga: <https://w3id.org/ergaomnes/def/> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix state: <https://w3id.org/ergaomnes/id/state/> .
@prefix action: <https://w3id.org/ergaomnes/id/action/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
SAID = {"licence": "CC0-1.0", "author": "Witness"}
ALIAS = PREFIXES + 'state:rus skos:altLabel "RF"@en .\n'
TURTLE = {"Content-Type": "text/turtle"}


@dataclass(frozen=True)
class Place:
    client: httpx.Client
    settings: Settings
    curator: dict[str, str]
    contributor: dict[str, str]
    other: dict[str, str]

    def send(
        self, text: str, by: dict[str, str] | None = None, key: str = "", **said: str
    ) -> httpx.Response:
        headers = {**(self.contributor if by is None else by), **TURTLE}
        if key:
            headers["Idempotency-Key"] = key
        return self.client.post(
            "/contributions", params={**SAID, **said}, content=text, headers=headers
        )

    def do(
        self, number: int, what: str, by: dict[str, str] | None = None, reason: str = "why"
    ) -> httpx.Response:
        return self.client.post(
            f"/contributions/{number}/{what}",
            data={"reason": reason},
            headers=self.curator if by is None else by,
        )

    def names(self, thing: str) -> str:
        """Give the names of a thing as sorted N-Triples."""
        query = f"CONSTRUCT {{ {thing} skos:prefLabel ?n }} WHERE {{ {thing} skos:prefLabel ?n }}"
        text = "".join(PREFIXES.replace("@prefix", "PREFIX").replace(" .\n", "\n")) + query
        answer = self.client.get("/sparql", params={"query": text, "format": "nt"})
        return "\n".join(sorted(answer.text.splitlines()))

    def asks(self, text: str) -> bool:
        query = f"ASK {{ ?s ?p {text} }}"
        answer = self.client.get("/sparql", params={"query": query, "format": "json"})
        return bool(answer.json()["boolean"])


@pytest.fixture(scope="module")
def place(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("home"),
        log_format="none",
        time_limit=60,
        readers=2,
        open_contributions=20,
    )
    shutil.copytree(
        built.place,
        settings.data_dir / "stores" / built.key,
        copy_function=os.link,
        ignore=shutil.ignore_patterns(".held"),
    )
    publish(settings, built)
    secrets = [
        {"Authorization": f"Bearer {tokens.create(settings, role, label, FAR)[1]}"}
        for role, label in (("curator", "Anna"), ("contributor", "Real Name"), ("contributor", "X"))
    ]
    with (
        served(create_app(settings)) as address,
        httpx.Client(base_url=address, timeout=200, trust_env=False) as client,
    ):
        yield Place(client, settings, *secrets)


def problem(response: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    body: dict[str, Any] = response.json()
    assert str(body["type"]).endswith(f"/problem/{slug}")
    return body


def test_only_who_has_a_token_hands_in_and_only_a_curator_decides(place: Place) -> None:
    problem(place.send(ALIAS, by={}), 401, "token-missing")
    problem(place.send(ALIAS, by={"Authorization": "Bearer x"}), 401, "token-refused")
    for what in ("accept", "reject", "undo", "redact"):
        problem(place.do(1, what, by={}), 401, "token-missing")
        problem(place.do(1, what, by=place.contributor), 403, "token-forbidden")
    for what in ("accept", "reject", "undo", "redact", "comments", "withdraw"):
        problem(place.do(4711, what), 404, "unknown-contribution")


def test_everything_that_is_missing_is_named_at_once(place: Place) -> None:
    said = problem(
        place.send(ALIAS.replace("rus", "fra"), licence="", author=""),
        422,
        "contribution-incomplete",
    )
    assert said["lacking"] == ["licence", "author"]
    act = PREFIXES + ('state:xyz a erga:State ; skos:prefLabel "Nowhere"@en .\n')
    assert problem(place.send(act), 422, "contribution-incomplete")["lacking"] == []
    problem(place.send(ALIAS, licence="CC-BY-4.0", source="s"), 422, "contribution-incomplete")
    problem(place.send(ALIAS, mode="mend", source="s"), 400, "bad-parameter")
    problem(place.send(ALIAS, supersedes="x", source="s"), 400, "bad-parameter")
    problem(place.send(ALIAS, supersedes="4711", source="s"), 404, "unknown-contribution")


def test_a_fact_without_a_source_is_pointed_at(place: Place) -> None:
    text = PREFIXES + 'state:vat skos:altLabel "Somewhere"@en .\n'
    said = problem(place.send(text), 422, "contribution-incomplete")
    [fact] = said["unsourced"]
    assert (fact["record"], fact["line"], fact["column"]) == (f"{BASE}id/state/vat", 8, 1)


def test_a_draft_that_breaks_a_rule_is_refused_with_the_report(place: Place) -> None:
    text = PREFIXES + 'action:rus-ets-126-ratification erga:depositDate "1998-02-31"^^xsd:date .\n'
    said = problem(place.send(text, source="s"), 422, "contribution-rejected")
    assert said["report"]["conforms"] is False
    lines = {one["line"] for rule in said["report"]["rules"] for one in rule["findings"]}
    assert 8 in lines
    known = PREFIXES + "".join(place.names("state:rus"))
    problem(place.send(known, source="s"), 422, "nothing-new")
    problem(place.send("@prefix", source="s"), 400, "submission-syntax")
    problem(
        place.send(PREFIXES + 'state:rus skos:altLabel "q"@en ; erga:hasCitation [] .', source="s"),
        422,
        "contribution-rejected",
    )


def test_a_contribution_goes_from_hand_to_graph_and_out_again(place: Place) -> None:
    answer = place.send(ALIAS, key="one", source="Its own papers", note="Widely used")
    assert answer.status_code == 201, answer.text
    said = answer.json()
    number = said["id"]
    assert answer.headers["location"] == f"/contributions/{number}"
    assert said["iri"] == f"{BASE}contribution/{number}"
    assert (said["state"], said["added"], said["removed"]) == ("submitted", 1, 0)
    assert '"RF"@en' in said["diff"]["added"][0]
    again = place.send(ALIAS, key="one", source="Its own papers", note="Widely used")
    assert (again.status_code, again.json()["id"]) == (200, number)
    problem(place.send(ALIAS, key="one", source="Other"), 422, "idempotency-key-reused")

    # Who may see what, before anything is decided.
    assert "author" not in place.client.get(f"/contributions/{number}").json()
    problem(place.client.get(f"/contributions/{number}/patch"), 401, "token-missing")
    stranger = place.client.get(f"/contributions/{number}/patch", headers=place.other)
    problem(stranger, 403, "not-yours")
    for reader in (place.contributor, place.curator):
        shown = place.client.get(f"/contributions/{number}", headers=reader).json()
        assert (shown["author"], shown["note"]) == ("Witness", "Widely used")
        sent = place.client.get(shown["links"]["sent"][0], headers=reader)
        assert sent.text == ALIAS
        assert "attachment" in sent.headers["content-disposition"]
    problem(place.do(number, "comments", by=place.other), 403, "not-yours")
    assert place.do(number, "comments", reason="Which paper?").status_code == 201
    problem(place.do(number, "accept", reason=" "), 400, "reason-missing")

    assert not place.asks('"RF"@en')
    accepted = place.do(number, "accept", reason="The paper says so")
    assert accepted.status_code == 200, accepted.text
    assert accepted.json()["state"] == "accepted"
    assert place.asks('"RF"@en'), "whoever reads after the answer reads what was accepted"
    generation = place.client.get("/sparql", params={"query": "ASK {}"}).headers["etag"]
    assert accepted.json()["generation"] in generation or accepted.headers["etag"]
    graph = place.client.get(
        f"/graph/data/contributions/{number}", headers={"Accept": "text/turtle"}
    )
    assert '"RF"@en' in graph.text
    about = place.client.get("/graph/changes", headers={"Accept": "application/n-triples"}).text
    assert "Witness" in about
    assert "Real Name" not in about
    problem(place.do(number, "reject"), 409, "contribution-closed")
    assert place.client.get(f"/contributions/{number}").json()["author"] == "Witness", "public now"
    moved = place.client.get(f"/contribution/{number}", follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (303, f"/contributions/{number}")

    problem(place.do(number, "redact"), 409, "still-stands")
    undone = place.do(number, "undo", reason="It is a nickname")
    assert undone.json()["supersedes"] == number
    assert not place.asks('"RF"@en')
    assert place.client.get(f"/contributions/{number}").json()["state"] == "undone"
    assert place.do(number, "redact", reason="It names a person").status_code == 200
    gone = place.client.get(f"/contributions/{number}", headers=place.curator).json()
    assert gone["state"] == "redacted"
    problem(
        place.client.get(f"/contributions/{number}/patch", headers=place.curator), 410, "redacted"
    )
    audited(place.settings)


def test_what_was_decided_is_told_to_the_sender(place: Place) -> None:
    number = place.send(PREFIXES + 'state:fra skos:altLabel "FR-x"@en .', source="s").json()["id"]
    assert place.do(number, "reject", reason="No such name").status_code == 200
    shown = place.client.get(f"/contributions/{number}", headers=place.contributor).json()
    assert (shown["state"], shown["decision"]["text"]) == ("rejected", "No such name")
    number = place.send(PREFIXES + 'state:fra skos:altLabel "FR-y"@en .', source="s").json()["id"]
    problem(place.do(number, "withdraw", by=place.other), 403, "not-yours")
    assert place.do(number, "withdraw", by=place.contributor).status_code == 200


def test_the_list_loses_and_repeats_nothing(place: Place) -> None:
    for name in ("a", "b", "c"):
        text = PREFIXES + f'state:fra skos:altLabel "list-{name}"@en .'
        assert place.send(text, source="s").status_code == 201
    whole = place.client.get("/contributions").json()["contributions"]
    pages, address = [], "/contributions?limit=2"
    while address:
        page = place.client.get(address).json()
        pages += page["contributions"]
        address = page.get("next", "")
    assert [one["id"] for one in pages] == [one["id"] for one in whole]
    found = place.client.get("/contributions?state=submitted").json()["contributions"]
    assert {one["state"] for one in found} == {"submitted"}
    assert len(found) >= 3
    problem(place.client.get("/contributions?state=new"), 400, "bad-parameter")
    problem(place.client.get("/contributions?limit=0"), 400, "bad-parameter")


def test_a_correction_takes_the_place_of_what_stands(place: Place) -> None:
    standing = f"<{BASE}id/state/fra> <http://www.w3.org/2004/02/skos/core#prefLabel>"
    before = place.names("state:fra")
    [line] = [one for one in before.splitlines() if one.startswith(standing) and "@en " in one]
    text = PREFIXES + "".join(
        f"{one}\n" for one in before.splitlines() if one.startswith(standing) and one != line
    )
    text += 'state:fra skos:prefLabel "French Republic (test)"@en .\n'
    answer = place.send(text, source="s", mode="replace")
    assert answer.status_code == 201, answer.text
    said = answer.json()
    assert (said["added"], said["removed"]) == (1, 1), said
    assert line.split('"')[1] in said["diff"]["removed"][0]
    number = said["id"]
    assert place.do(number, "accept").status_code == 200
    assert place.asks('"French Republic (test)"@en')
    assert place.do(number, "undo").status_code == 200
    assert place.names("state:fra") == before


def test_a_form_and_a_file_serve_as_well(place: Place) -> None:
    answer = place.client.post(
        "/contributions",
        data={**SAID, "source": "s", "lang": "fr"},
        files={"file": ("facts.ttl", PREFIXES + 'state:fra skos:altLabel "form"@en .')},
        headers=place.contributor,
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["language"] == "fr"
    assert answer.json()["author"] == "Witness"


def test_the_key_for_redactions_is_public(place: Place) -> None:
    assert "BEGIN PUBLIC KEY" in place.client.get("/contributions/key").text


def test_all_of_it_can_be_typed(
    place: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    good, bad, secret = tmp_path / "good.ttl", tmp_path / "bad.ttl", tmp_path / "token"
    good.write_text(PREFIXES + 'state:fra skos:altLabel "typed"@en .\n', "utf-8")
    bad.write_text(
        PREFIXES + 'action:fra-ets-126-ratification erga:depositDate "1998-02-31"^^xsd:date .\n',
        "utf-8",
    )
    secret.write_text(place.contributor["Authorization"].removeprefix("Bearer "), "utf-8")
    curator = place.curator["Authorization"].removeprefix("Bearer ")
    to = ["--to", str(place.client.base_url)]
    monkeypatch.setenv("ERGAOMNES_DATA_DIR", str(place.settings.data_dir))

    def typed(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(list(map(str, words)))
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    handing_in = ["contribute", *to, "--token-file", secret, "--source", "A paper"]
    status, out, err = typed("contribute", bad, *to, "--check")
    assert status == 1, err
    assert "bad.ttl:8:" in out
    status, out, _ = typed(*handing_in, "--author", "W", "--licence", "CC0-1.0", bad)
    assert status == 1
    assert "bad.ttl:8:" in out
    status, _, err = typed(*handing_in, "--author", "W", good)
    assert status == 2
    assert "licence" in err
    status, _, err = typed("contribute", good, *to)
    assert status == 2
    assert "token" in err.lower()
    status, out, _ = typed(*handing_in, "--author", "W", "--licence", "CC0-1.0", good)
    assert status == 0
    number = out.split()[1]
    assert "1 facts more" in out
    assert typed("contribute", good, "--to", "http://127.0.0.1:9", "--check")[0] == 4

    monkeypatch.setenv("ERGAOMNES_TOKEN", curator)
    status, out, _ = typed("review", *to, "--state", "submitted")
    assert status == 0
    assert number in out
    assert '"typed"@en' in typed("review", "show", number, *to)[1]
    assert typed("review", "comment", number, *to, "--reason", "Which page?")[0] == 0
    assert typed("review", "accept", number, *to)[0] == 2, "a reason is missing"
    status, out, _ = typed("review", "accept", number, *to, "--reason", "so it is")
    assert (status, "accepted" in out) == (0, True)

    # The same on the data folder itself, without a service between.
    status, out, err = typed("review", "show", number)
    assert "Which page?" in out, err
    assert number in typed("review", "--state", "accepted")[1]
    assert typed("review", "undo", number, "--reason", "it was not")[0] == 2, "by whom?"
    status, out, _ = typed("review", "undo", number, "--reason", "it was not", "--by", "Anna")
    assert (status, "undone" in out) == (0, True)
    status, out, _ = typed("audit")
    assert status == 0
    assert out.count("the chain holds. (sha256 ") == 2
    assert "compared with their records: the same" in out
    status, out, _ = typed("diff", place.client.get("/generations").json()["generations"][1]["key"])
    assert status == 0
    assert '- <http://www.w3.org/2004/02/skos/core#altLabel> "typed"@en' in out
    assert typed("diff", "zzz")[0] == 2


def test_every_generation_can_still_be_asked(place: Place) -> None:
    """After the tests above several generations have been published, and stores are few."""
    deadline = time.monotonic() + 60
    while not (said := place.client.get("/generations").json()["generations"])[0]["current"]:
        assert time.monotonic() < deadline, "the readers follow what was published beside them"
        time.sleep(0.5)
    assert len(said) >= 4
    newest, first = said[0], said[-1]
    assert newest["current"]
    assert not first["current"]
    assert first["previous"] is None
    pages, address = [], "/generations?limit=2"
    while address:
        page = place.client.get(address).json()
        pages += page["generations"]
        address = page.get("next", "")
    assert [one["key"] for one in pages] == [one["key"] for one in said]
    one = place.client.get(f"/generations/{first['key'][:12]}").json()
    assert one["sha256"] == first["sha256"]
    problem(place.client.get("/generations/zzz"), 404, "unknown-generation")
    problem(place.client.get("/generations?after=zzz"), 404, "unknown-generation")
    seen = place.client.get(f"/generation/{first['key']}", follow_redirects=False)
    assert seen.status_code == 303

    count = {"query": "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }", "generation": first["key"]}
    answer = place.client.get("/sparql", params=count)
    assert answer.status_code == 200, answer.text
    [row] = answer.json()["results"]["bindings"]
    assert int(row["n"]["value"]) <= first["facts"]
    assert "memento-datetime" in answer.headers
    assert 'rel="timemap"' in answer.headers["link"]
    asked = {"generation": first["key"], "state": "rus", "day": "2025-10-01"}
    old = place.client.get("/questions/who-could-inspect-on-a-day", params=asked)
    assert old.status_code == 200, old.text
    assert old.json()["generation"] == first["key"]
    document = place.client.get(f"/state/rus?generation={first['key']}")
    assert document.status_code == 200
    problem(place.client.get("/state/rus?generation=zzz"), 404, "unknown-generation")
    twice = place.client.get(f"/state/rus?generation={first['key']}&generation=b")
    problem(twice, 400, "bad-parameter")


def test_a_day_leads_to_what_was_served_then(place: Place) -> None:
    client = place.client
    first = client.get("/generations").json()["generations"][-1]["key"]
    ago = {"Accept-Datetime": "Thu, 31 May 2007 20:35:00 GMT"}
    sent_on = client.get("/state/rus?lang=fr", headers=ago, follow_redirects=False)
    assert sent_on.status_code == 302
    assert sent_on.headers["vary"] == "accept-datetime"
    assert sent_on.headers["location"] == f"/state/rus?lang=fr&generation={first}"
    for moment in ("yesterday", "Thu, 31 May 2007 20:35:00 +99999999999999999999"):
        bad = client.get("/state/rus", headers={"Accept-Datetime": moment})
        problem(bad, 400, "bad-parameter")
    # What is kept of today is not given for another day.
    today = [client.get("/state/rus?lang=fr", follow_redirects=False) for _ in range(2)]
    assert {one.status_code for one in today} == {200}
    assert "accept-datetime" in today[0].headers["vary"]
    again = client.get("/state/rus?lang=fr", headers=ago, follow_redirects=False)
    assert again.status_code == 302
    mapped = client.get("/timemap/link/state/rus?lang=fr")
    assert mapped.headers["content-type"].startswith("application/link-format")
    assert 'rel="first memento"' in mapped.text
    assert 'rel="last memento"' in mapped.text
    assert f"generation={first}" in mapped.text


def test_two_generations_are_compared(place: Place) -> None:
    client = place.client
    listed = client.get("/generations").json()["generations"]
    lost = [one["key"] for one in listed if one["gone"]]
    problem(
        client.get("/sparql", params={"query": "ASK {}", "generation": lost[0]}),
        410,
        "generation-lost",
    )
    said = [one for one in listed if not one["gone"]]
    begin, end = said[-1]["key"], said[-2]["key"]
    found = client.get("/diff", params={"from": begin, "to": end}).json()
    assert found["added"] > 0
    everything = found["differences"]
    pages, address = [], f"/diff?from={begin}&to={end}&limit=1"
    while address:
        page = client.get(address).json()
        pages += page["differences"]
        address = page.get("next", "")
    assert pages == everything
    written = client.get(
        "/diff", params={"from": begin, "to": end}, headers={"Accept": "application/rdf-patch"}
    )
    assert written.text.startswith("TX .\n")
    assert written.text.count("\nA ") == found["added"]
    today = client.get("/diff", params={"from": "2007-05-31"}).json()
    assert today["from"] == begin
    assert client.get("/diff", params={"from": begin, "to": begin}).json()["records"] == 0
    problem(client.get("/diff"), 400, "bad-parameter")
    problem(client.get("/diff?from=zzz"), 404, "unknown-generation")
    problem(client.get(f"/diff?from={begin}&limit=0"), 400, "bad-parameter")


def test_a_past_that_is_being_asked_ends_when_its_content_is_taken_away(place: Place) -> None:
    text = PREFIXES + 'agent:erga-omnes-editors skos:altLabel "A secret"@en .\n'
    number = place.send(text, source="s").json()["id"]
    key = place.do(number, "accept").json()["generation"]
    assert place.do(number, "undo").status_code == 200
    secret = {"query": 'ASK { ?s ?p "A secret"@en }', "generation": key, "format": "json"}
    assert place.client.get("/sparql", params=secret).json()["boolean"] is True
    assert place.do(number, "redact").status_code == 200
    problem(place.client.get("/sparql", params=secret), 410, "generation-lost")


def test_acts_and_edits_are_told_as_feeds(place: Place) -> None:
    client = place.client
    for path in ("/feeds/acts", "/feeds/changes"):
        atom = client.get(f"{path}.atom")
        assert atom.headers["content-type"].startswith("application/atom+xml")
        feed = ElementTree.fromstring(atom.content)
        entries = feed.findall(f"{ATOM}entry")
        items = client.get(f"{path}.json").json()["items"]
        assert [one.findtext(f"{ATOM}id") for one in entries] == [one["id"] for one in items]
        assert entries
        days = [one.findtext(f"{ATOM}updated") or "" for one in entries]
        assert days == sorted(days, reverse=True)
        assert feed.findtext(f"{ATOM}updated") == days[0]
        again = client.get(f"{path}.atom", headers={"If-None-Match": atom.headers["etag"]})
        assert again.status_code == 304
        problem(client.get(f"{path}.rss"), 400, "bad-parameter")
        problem(client.get(f"{path}.atom?colour=red"), 400, "bad-parameter")
        problem(client.get(f"{path}.atom?state=atlantis"), 400, "bad-parameter")
    russia = client.get("/feeds/acts.json?state=rus").json()
    assert russia["items"]
    assert {item["tags"][0] for item in russia["items"]} == {"Russian Federation"}
    cat = client.get("/feeds/acts.json?instrument=mtdsg-iv-9").json()
    assert {item["tags"][1] for item in cat["items"]} == {"CAT"}
    of_france = client.get("/feeds/changes.json?state=fra").json()["items"]
    of_all = client.get("/feeds/changes.json").json()["items"]
    assert 0 < len(of_france) < len(of_all)


def test_a_token_has_so_many_open_contributions_and_no_more(place: Place) -> None:
    for number in range(30):
        text = PREFIXES + f'state:fra skos:altLabel "open-{number}"@en .'
        answer = place.send(text, by=place.other, source="s")
        if answer.status_code != 201:
            break
    problem(answer, 429, "too-many-contributions")
    assert number == 20
    assert int(answer.headers["retry-after"]) > 0


def test_the_service_describes_it_for_programs(place: Place) -> None:
    said = place.client.get("/openapi.json").json()
    post = said["paths"]["/contributions"]["post"]
    assert {"licence", "author", "source", "Idempotency-Key"} <= {
        one["name"] for one in post["parameters"]
    }
    assert "text/turtle" in post["requestBody"]["content"]


def test_a_service_that_is_only_read_takes_none(built: Built, tmp_path: Path) -> None:
    with served(create_app(Settings(dump=built.dump, log_format="none", readers=1))) as address:
        answer = httpx.post(
            f"{address}/contributions", content=ALIAS, headers=TURTLE, params=SAID, timeout=60
        )
        problem(answer, 403, "read-only")
        problem(httpx.get(f"{address}/contributions/1"), 404, "unknown-contribution")
