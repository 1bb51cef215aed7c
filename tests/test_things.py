import json
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pyoxigraph as ox
import pytest
import rdflib

from ergaomnes import media
from ergaomnes.app import create_app
from ergaomnes.build import Built
from ergaomnes.catalogue import Catalogue
from ergaomnes.settings import Settings
from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import prefixes
from ergaomnes.thing import FORMATS, PAGE, is_sound, of_path, path_of
from serving import served

BASE = prefixes().base
HTML = {"Accept": "text/html"}
NEXT = re.compile(r'<([^>]*)>; rel="next"')
LINK = re.compile(r'<([^>]*)>; rel="([^"]*)"')
PARSED = {
    "ttl": ox.RdfFormat.TURTLE,
    "nt": ox.RdfFormat.N_TRIPLES,
    "rdf": ox.RdfFormat.RDF_XML,
    "trig": ox.RdfFormat.TRIG,
    "nq": ox.RdfFormat.N_QUADS,
}
LABEL = "<http://www.w3.org/2004/02/skos/core#prefLabel>"
TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
HOSTILE = "</title><script>alert(1)</script>{{ 7*7 }}"


def name(path: str) -> str:
    return f"<{BASE}{path}>"


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a dump of things that are odd, each in its own way."""
    state, file = name("def/State"), name("graph/data/odd")
    lines = [
        f'{name("id/state/bad")} {LABEL} "{HOSTILE}"@en {file} .',
        f"{name('id/state/bad')} {name('def/isAbout')} <javascript:alert(1)> {file} .",
        f"{name('id/state/bad')} {TYPE} {state} {file} .",
        f'{name("id/state/été")} {LABEL} "Summer"@en {file} .',
        f'{name("id/state/a%2Fb")} {LABEL} "Slash"@en {file} .',
        f'{name("id/state/old")} {LABEL} "Old"@en {file} .',
        f"{name('id/state/old')} <http://purl.org/dc/terms/isReplacedBy>"
        f" {name('id/state/bad')} {file} .",
        f"{name('id/state/bad')} {name('def/isAbout')} {name('id/state/bad')} {file} .",
        f'{name("id/claim/7")} {LABEL} "One name"@en {file} .',
        f'{name("id/claim/7")} {LABEL} "Another name"@en {file} .',
        f"{name('id/claim/list')} {name('def/isAbout')} _:a {file} .",
        f'_:a <http://www.w3.org/1999/02/22-rdf-syntax-ns#first> "one" {file} .',
        "_:a <http://www.w3.org/1999/02/22-rdf-syntax-ns#rest>"
        f" <http://www.w3.org/1999/02/22-rdf-syntax-ns#nil> {file} .",
    ]
    for number in range(PAGE * 2 + 50):
        claim = name(f"id/claim/{number}")
        lines.append(f"{claim} {name('def/isAbout')} {name('id/state/bad')} {file} .")
        if number % 3 == 0:
            also = name("graph/data/other")
            lines.append(f"{claim} {name('def/isAbout')} {name('id/state/bad')} {also} .")
    dump = tmp_path_factory.mktemp("odd") / "odd.nq"
    dump.write_text("\n".join(lines) + "\n", "utf-8")
    return dump


@pytest.fixture(scope="module")
def oddities(odd: Path) -> Iterator[httpx.Client]:
    """Give a client of a service over the odd things."""
    with (
        served(create_app(Settings(dump=odd, time_limit=60))) as address,
        httpx.Client(base_url=address, timeout=60, trust_env=False) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def client(built: Built) -> Iterator[httpx.Client]:
    """Give a client of a service over the packaged graph."""
    with (
        served(create_app(Settings(dump=built.dump, time_limit=60))) as address,
        httpx.Client(base_url=address, timeout=60, trust_env=False) as made,
    ):
        yield made


def pages(client: httpx.Client, path: str, form: str) -> list[bytes]:
    found = []
    following: str | None = f"{path}?format={form}"
    while following:
        response = client.get(following)
        assert response.status_code == 200, response.text
        found.append(response.content)
        turn = NEXT.search(response.headers["link"])
        following = turn[1] if turn else None
    return found


def quads_of(store: ox.Store, iri: str) -> list[str]:
    node = ox.NamedNode(iri)
    out = store.quads_for_pattern(node, None, None)
    into = store.quads_for_pattern(None, None, node)
    return sorted({str(quad) for quad in (*out, *into)})


def test_an_escape_in_a_path_stays_only_where_it_is_needed() -> None:
    assert of_path(BASE, "/id/state/%C3%A9t%C3%A9") == BASE + "id/state/été"
    assert of_path(BASE, "/id/state/a%2fb") == BASE + "id/state/a%2Fb"
    assert of_path(BASE, "/id/state/%72us") == BASE + "id/state/rus"
    assert of_path(BASE, "/id/state/%ff%20") == BASE + "id/state/%FF%20"
    assert path_of(BASE, BASE + "id/state/été") == "/id/state/%C3%A9t%C3%A9"
    assert path_of(BASE, BASE + 'id/"><b>') == "/id/%22%3E%3Cb%3E"
    assert not is_sound(BASE + "id/<")
    assert not is_sound(BASE + "a" * 3000)


def test_a_thing_sends_to_its_document(client: httpx.Client) -> None:
    response = client.get("/id/state/rus?format=ttl")
    assert response.status_code == 303
    assert response.headers["location"] == "/state/rus?format=ttl"
    assert '</state/rus>; rel="describedby"' in response.headers["link"]
    assert client.head("/id/state/rus").status_code == 303
    assert client.get(response.headers["location"]).status_code == 200


def test_every_kind_of_address_answers(client: httpx.Client, built: Built) -> None:
    of: dict[str, list[str]] = defaultdict(list)
    for line in built.dump.read_bytes().decode().splitlines():
        iri = line.split(" ", 1)[0][1:-1]
        if iri.startswith(BASE):
            first, second, *_ = [*iri.removeprefix(BASE).split("/"), ""]
            kind = f"{first}/{second}" if first == "id" else first
            if len(of[kind]) < 3 and iri not in of[kind]:
                of[kind].append(iri)
    of["query"] = [BASE + "query/" + one.name for one in Catalogue(shipped().queries, prefixes())]
    assert {"def", "scheme", "shape", "rule", "prefix", "prefixes", "table"} <= set(of)
    assert len(of) > 25
    for iri in (one for kind in of.values() for one in kind):
        path = path_of(BASE, iri)
        response = client.get(path, headers={"Accept": "text/turtle"}, follow_redirects=True)
        assert response.status_code == 200, iri
        assert response.headers["content-type"].startswith("text/turtle"), iri
        found = {
            str(node) for one in ox.parse(response.content, format=PARSED["ttl"]) for node in one
        }
        assert f"<{iri}>" in found or path.startswith("/graph/")  # of that the facts are given
        page = client.get(path, headers=HTML, follow_redirects=True)
        assert page.status_code == 200, iri
        assert f"<code>{iri}</code>" in page.text


def test_a_document_comes_in_every_format_and_says_the_same(client: httpx.Client) -> None:
    bodies = {}
    for form in FORMATS:
        by_name = client.get("/state/rus", params={"format": form.name})
        by_header = client.get("/state/rus", headers={"Accept": form.media_type})
        assert by_name.content == by_header.content
        assert by_name.headers["content-type"].partition(";")[0] == form.media_type
        assert {"Accept", "Accept-Language"} <= set(by_name.headers["vary"].split(", "))
        bodies[form.name] = by_name.content
    said = {
        form: {
            str(one.triple if isinstance(one, ox.Quad) else one)
            for one in ox.parse(bodies[form], format=kind)
        }
        for form, kind in PARSED.items()
    }
    assert len(said["ttl"]) > 100
    assert all(one == said["ttl"] for one in said.values())


def test_json_ld_reads_with_the_context_that_is_served(client: httpx.Client) -> None:
    body = client.get("/state/rus?format=jsonld").json()
    assert urljoin("/state/rus", body["@context"]) == "/context.jsonld"
    context = client.get(body["@context"])
    assert context.headers["content-type"] == media.JSON_LD.media_type
    whole = {"@context": context.json()["@context"], "@graph": body["@graph"]}
    graph = rdflib.Graph().parse(data=json.dumps(whole), format="json-ld")
    turtle = rdflib.Graph().parse(client.get("/state/rus?format=ttl").content, format="turtle")
    assert set(graph) == set(turtle)


@pytest.mark.parametrize(
    ("path", "iri"),
    [
        ("/scheme/confidence/high", "scheme/confidence/high"),
        ("/instrument/mtdsg-iv-9", "id/instrument/mtdsg-iv-9"),
    ],
)
def test_the_pages_lose_and_repeat_nothing(
    client: httpx.Client, built: Built, path: str, iri: str
) -> None:
    store = ox.Store()
    store.bulk_load(path=str(built.dump), format=PARSED["nq"])
    found = pages(client, path, "nq")
    lines = [str(one) for body in found for one in ox.parse(body, format=PARSED["nq"])]
    assert len(found) > 5
    assert len(lines) == len(set(lines))
    assert sorted(lines) == quads_of(store, BASE + iri)


def test_another_pool_lists_the_same_facts_on_the_same_page(
    odd: Path, oddities: httpx.Client
) -> None:
    ours = pages(oddities, "/state/bad", "nq")
    with (
        served(create_app(Settings(dump=odd, time_limit=60))) as address,
        httpx.Client(base_url=address, timeout=60, trust_env=False) as other,
    ):
        assert pages(other, "/state/bad", "nq") == ours
    assert len(ours) == 4


def test_a_fact_of_two_files_and_a_thing_that_names_itself_come_once(
    oddities: httpx.Client,
) -> None:
    found = pages(oddities, "/state/bad", "nq")
    lines = [line for body in found for line in body.splitlines()]
    assert len(lines) == len(set(lines)) == 5 + 450 + 150


def test_what_is_said_of_a_thing_comes_before_what_refers_to_it(client: httpx.Client) -> None:
    page = client.get("/instrument/mtdsg-iv-4?view=facts", headers=HTML).text
    assert page.index('id="stated"') < page.index('id="referring"')
    second = client.get("/instrument/mtdsg-iv-4?page=2", headers=HTML).text
    assert 'id="stated"' not in second
    assert re.search(r"<h1[^>]*>(.*)</h1>", second)[1] == re.search(r"<h1[^>]*>(.*)</h1>", page)[1]  # type: ignore[index]


def test_names_come_in_the_language_asked_for(client: httpx.Client) -> None:
    for accept, title in (
        ("fr-CH, en;q=0.5", "Fédération de Russie"),
        ("de, ru;q=0.7, en;q=0.1", "Российская Федерация"),
        ("de", "Russian Federation"),
        ("fr;q=0", "Russian Federation"),
        ("", "Russian Federation"),
    ):
        response = client.get("/state/rus", headers={**HTML, "Accept-Language": accept})
        assert f">{title}</h1>" in response.text
        asked = client.get("/state/rus?lang=fr", headers={**HTML, "Accept-Language": accept})
        assert asked.headers["content-language"] == "fr"
    assert (
        'lang="fr">Dénonciation</h1>' in client.get("/def/Denunciation?lang=fr", headers=HTML).text
    )


def test_the_ontology_documents_itself(client: httpx.Client, graph: EmbeddedEngine) -> None:
    page = client.get("/def/", headers=HTML).text
    terms = graph.select(text_of("term-names")).column("term")
    for term in {str(one) for one in terms}:
        assert f'href="{path_of(BASE, term)}"' in page
    denunciation = client.get("/def/Denunciation", headers=HTML).text
    [count] = [
        int(str(row["things"]))
        for row in graph.select(text_of("term-classes"))
        if str(row["class"]) == BASE + "def/Denunciation"
    ]
    assert re.search(rf"<dt>Things of this class</dt>\s*<dd>{count}</dd>", denunciation)
    for place in ("/def/TreatyAction", "/shape/Denunciation", "/query/effect-of-denunciations"):
        assert f'href="{place}"' in denunciation
    ontology = client.get("/def/?format=nt").text
    assert all(f"<{term}> " in ontology for term in {str(one) for one in terms})
    assert client.get("/def").headers["location"] == "/def/"


def text_of(name: str) -> str:
    return Catalogue(shipped().queries, prefixes())[name].text


def test_a_shape_that_checks_a_path_of_two_terms_is_named_by_both(client: httpx.Client) -> None:
    for term in ("depositDate", "earliestDate"):
        page = client.get(f"/def/{term}", headers=HTML).text
        assert 'href="/shape/Denunciation-depositDate"' in page


def test_a_page_of_another_generation_is_refused(oddities: httpx.Client) -> None:
    first = oddities.get("/state/bad?format=nt")
    following = NEXT.search(first.headers["link"])
    assert following
    assert oddities.get(following[1]).status_code == 200
    stale = re.sub(r"generation=[^&]*", "generation=gone", following[1])
    assert oddities.get(stale).status_code == 400
    assert oddities.get("/state/bad?page=0").status_code == 400
    assert oddities.get("/state/bad?page=9999").status_code == 404
    links = LINK.findall(oddities.get(following[1]).headers["link"])
    back = {rel: place for place, rel in links}
    assert oddities.get(back["prev"]).content == first.content


def test_the_links_lead_somewhere(client: httpx.Client) -> None:
    links = LINK.findall(client.get("/state/rus", headers=HTML).headers["link"])
    of: dict[str, list[str]] = defaultdict(list)
    for place, rel in links:
        of[rel].append(place)
    assert [urlsplit(one).path for one in of["canonical"]] == ["/state/rus"]
    assert of["license"] == ["https://creativecommons.org/publicdomain/zero/1.0/"]
    assert len(of["describedby"]) == 1
    assert len(of["alternate"]) == len(FORMATS)
    for place in of["alternate"]:
        assert client.get(place).status_code == 200


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("/id/state/ruz", "state:rus"),
        ("/id/state/RUS", "state:rus"),
        ("/state/ruz", "state:rus"),
        ("/def/Denunciatio", "erga:Denunciation"),
        ("/scheme/right/freedom-from-tortur", "right:freedom-from-torture"),
        ("/query/who-could-inspect-on-day", "query:who-could-inspect-on-a-day"),
    ],
)
def test_an_unknown_address_is_told_with_near_ones(
    client: httpx.Client, path: str, near: str
) -> None:
    problem = client.get(path)
    assert problem.status_code == 404
    assert problem.headers["content-type"] == "application/problem+json"
    assert prefixes().iri(near) in problem.json()["near"]
    page = client.get(path, headers=HTML)
    assert page.status_code == 404
    assert f"<code>{near}</code>" in page.text


@pytest.mark.parametrize(
    "path",
    [
        "/id/state/%3Cscript%3E",
        "/state/%00",
        "/def/%ff",
        "/id/nothing/x",
        "/shape/" + "a" * 3000,
        "/query/..%2F..%2Fetc",
        "/prefix/%22%20onload=%22",
    ],
)
def test_a_hostile_address_is_unknown_and_no_more(client: httpx.Client, path: str) -> None:
    for headers in (HTML, {"Accept": "text/turtle"}):
        response = client.get(path, headers=headers)
        assert response.status_code == 404
        assert "<script" not in response.text


def test_what_was_replaced_has_moved_for_good(oddities: httpx.Client) -> None:
    for path in ("/id/state/old", "/state/old"):
        response = oddities.get(path)
        assert response.status_code == 301
        assert response.headers["location"] == "/id/state/bad"


def test_names_beyond_ascii_answer_however_they_are_written(oddities: httpx.Client) -> None:
    for path in ("/id/state/%C3%A9t%C3%A9", "/id/state/%c3%a9t%c3%a9"):
        response = oddities.get(path)
        assert (response.status_code, response.headers["location"]) == (303, "/state/%C3%A9t%C3%A9")
    page = oddities.get("/state/%C3%A9t%C3%A9", headers=HTML)
    assert f"<code>{BASE}id/state/été</code>" in page.text
    assert oddities.get("/state/a%2Fb", headers=HTML).status_code == 200


def test_a_list_comes_whole(oddities: httpx.Client) -> None:
    body = oddities.get("/claim/list?format=ttl").text
    assert '( "one" )' in body


def test_hostile_names_and_addresses_are_shown_as_text(oddities: httpx.Client) -> None:
    page = oddities.get("/state/bad", headers=HTML)
    assert "<script" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}" in page.text
    assert 'href="javascript:' not in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_every_kind_of_problem_has_a_page(oddities: httpx.Client) -> None:
    problem = oddities.get("/state/nobody").json()
    assert problem["type"].startswith(BASE)
    path = path_of(BASE, problem["type"])
    assert oddities.get(path).json()["title"] == problem["title"]
    assert f"<h1>{problem['title']}</h1>" in oddities.get(path, headers=HTML).text
    for path in ("/problem/query-timeout", "/problem/busy"):
        assert oddities.get(path).status_code == 200
    missing = oddities.get("/problem/query-timeou")
    assert missing.status_code == 404
    assert BASE + "problem/query-timeout" in missing.json()["near"]


def test_a_document_is_asked_for_as_the_web_expects(client: httpx.Client) -> None:
    whole = client.get("/state/rus", headers=HTML)
    head = client.head("/state/rus", headers=HTML)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == whole.headers["etag"]
    again = client.get("/state/rus", headers={**HTML, "If-None-Match": whole.headers["etag"]})
    assert again.status_code == 304
    assert client.get("/state/rus", headers={"Accept": "image/png"}).status_code == 406
    assert client.get("/state/rus?format=pdf").status_code == 400
    assert client.post("/state/rus").status_code == 405
    assert client.get("/state/rus").headers["content-type"].startswith("text/turtle")
    style = re.search(r'rel="stylesheet" href="([^"]*)"', whole.text)
    assert style
    assert client.get(style[1]).headers["content-type"].startswith("text/css")


def test_the_pages_are_made_for_everybody(client: httpx.Client) -> None:
    for path in ("/state/rus", "/def/", "/def/Denunciation", "/graph/data/states/rus"):
        page = client.get(path, headers=HTML).text
        assert page.startswith("<!doctype html>")
        assert '<html lang="en">' in page
        assert page.count("<h1") == 1
        assert '<a class="skip" href="#content">' in page
        scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page, re.DOTALL)
        assert len(scripts) == page.count("<script")
        # None but data stands in the page itself: the others are files of ours.
        for given, inside in scripts:
            assert given == ' type="application/ld+json"' or not inside
            assert "src=" not in given or ' src="/static/' in given
        assert " style=" not in page
        levels = [int(level) for level in re.findall(r"<h([1-6])", page)]
        assert all(after - before <= 1 for before, after in pairwise(levels))
        names = re.findall(r' id="([^"]*)"', page)
        assert len(names) == len(set(names))


def test_the_page_of_a_question_shows_its_query_and_where_to_ask_it(client: httpx.Client) -> None:
    page = client.get("/query/effect-of-denunciations", headers=HTML).text
    assert "<pre" in page
    assert "SELECT" in page
    assert 'href="/query/effect-of-denunciations/state"' in page
    assert client.get("/query/effect-of-denunciations/state", headers=HTML).status_code == 200
    asked = re.search(r'href="(/questions/[^"]*)">Ask', page)
    assert asked
    assert client.get(asked[1]).status_code == 200
