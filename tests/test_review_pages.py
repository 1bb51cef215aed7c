"""Contributions on pages: from a bad table to a fact on the page of a state, and out again."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

import browser as real
from ergaomnes import tokens
from ergaomnes.app import create_app
from ergaomnes.build import Built, publish
from ergaomnes.settings import Settings
from serving import served
from test_contributions_api import FAR, PREFIXES

HTML = {"Accept": "text/html"}
HEAD = "state,instrument,kind,date,source\n"
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


@dataclass(frozen=True)
class Place:
    url: str
    curator: str
    contributor: str


@pytest.fixture(scope="module")
def place(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Serve the packaged graph from a folder of its own, with a curator and a contributor."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("home"), log_format="none", time_limit=60, readers=2
    )
    shutil.copytree(
        built.place,
        settings.data_dir / "stores" / built.key,
        copy_function=os.link,
        ignore=shutil.ignore_patterns(".held"),
    )
    publish(settings, built)
    curator = tokens.create(settings, "curator", "Anna", FAR)[1]
    contributor = tokens.create(settings, "contributor", "Real Name", FAR)[1]
    with served(create_app(settings)) as url:
        yield Place(url, curator, contributor)


def handed_in(page: Page, text: str, token: str, **said: str) -> None:
    page.goto("/validate?lang=en")
    page.fill("#text", text)
    page.locator("#hand-in > summary").click()
    for name, value in {"author": "Witness", "source": "Its own papers", **said}.items():
        page.fill(f"#{name}", value)
    page.fill("#token", token)
    page.click("button:has-text('Hand it in')")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_contributor_hands_in_and_a_curator_accepts_and_the_state_page_changes(
    scripts: bool, chromium: Browser, place: Place
) -> None:
    with real.tab(chromium, place.url, scripts=scripts) as tab:
        page = tab.page
        page.goto("/state/fra?view=facts&lang=en")
        expect(page.locator("main")).not_to_contain_text("Hexagon Republic")
        # What is wrong is told, and nothing typed is lost but the token.
        wrong = PREFIXES + 'state:fra skos:altLabel "Hexagon Republic" .\n'
        right = wrong.replace('Republic"', 'Republic"@en')
        handed_in(page, right, "no token", note="Heard of it")
        expect(page.locator("#verdict")).to_contain_text("oken")
        expect(page.locator("#author")).to_have_value("Witness")
        expect(page.locator("#note")).to_have_value("Heard of it")
        expect(page.locator("#token")).to_have_value("")
        assert "Hexagon Republic" in page.input_value("#text")
        tab.faults.clear()  # the console notes the status
        tab.check() if scripts else None
        page.fill("#token", place.contributor)
        page.click("button:has-text('Hand it in')")
        expect(page.locator("[role=status]")).to_contain_text("It was received.")
        expect(page.locator("h1")).to_contain_text("Contribution ")
        assert place.contributor not in page.content()
        # While it is open a stranger does not see what it says.
        expect(page.locator("main")).not_to_contain_text("Hexagon Republic")
        tab.check() if scripts else None
        # A curator reads it, and decides.
        page.fill("#read-token", place.curator)
        page.click("button:has-text('Show all of it')")
        expect(page.locator("ins")).to_contain_text("Hexagon Republic")
        expect(page.locator("main")).to_contain_text("Its own papers")
        tab.check() if scripts else None
        page.fill("#token", place.curator)
        page.click("button:has-text('Take it into the graph')")
        expect(page.locator("#fault")).to_be_visible()  # without a reason
        tab.faults.clear()
        page.fill("#reason", "The papers say so")
        page.fill("#token", place.contributor)
        page.click("button:has-text('Take it into the graph')")
        expect(page.locator("#fault")).to_be_visible()  # no curator
        expect(page.locator("#reason")).to_have_value("The papers say so")
        tab.faults.clear()
        page.fill("#token", place.curator)
        page.click("button:has-text('Take it into the graph')")
        expect(page.locator("[role=status]")).to_contain_text("It was taken into the graph")
        expect(page.locator("ins")).to_contain_text("Hexagon Republic")
        page.goto("/state/fra?view=facts&lang=en")
        expect(page.locator("main")).to_contain_text("Hexagon Republic")
        page.goto("/contributions?lang=en&state=accepted")
        # An undoing is a contribution too, that of the curator.
        handed = page.locator("tbody tr", has_text="Witness")
        expect(handed).to_have_count(1)
        # What changed is told by the generations too.
        page.click("footer >> text=Changes")
        expect(page.locator("tbody tr").first).to_contain_text("Served now")
        page.locator("tbody tr").first.get_by_role("link", name="Since the one before").click()
        expect(page.locator(".lead")).to_contain_text("facts come")
        fact = page.locator("section.record", has_text="state:fra")
        expect(fact.locator("ins")).to_contain_text("Hexagon Republic")
        tab.check() if scripts else None
        page.get_by_role("link", name="All generations").click()
        page.locator("tbody th a").first.click()
        expect(page.locator("h1")).to_contain_text("Generation")
        tab.check() if scripts else None
        # And out of it again.
        page.goto("/contributions?lang=en&state=accepted")
        handed.locator("a").click()
        page.fill("#reason", "The papers were forged")
        page.fill("#token", place.curator)
        page.click("button:has-text('Undo it')")
        expect(page.locator("[role=status]")).to_contain_text("It was undone")
        page.goto("/state/fra?view=facts&lang=en")
        expect(page.locator("main")).not_to_contain_text("Hexagon Republic")
        assert tab.faults == []


def test_what_breaks_a_rule_is_refused_with_the_report_beside_the_text(
    chromium: Browser, place: Place
) -> None:
    with real.tab(chromium, place.url) as tab:
        page = tab.page
        before = httpx.get(f"{place.url}/contributions").json()
        bad = PREFIXES + 'action:rus-ets-126-ratification erga:depositDate "1998-02-31"^^xsd:date .'
        handed_in(page, bad, place.contributor)
        expect(page.locator("#verdict")).to_have_text("It does not conform.")
        expect(page.locator("mark").first).to_contain_text("1998-02-31")
        expect(page.locator("#source")).to_have_value("Its own papers")
        tab.faults.clear()
        tab.check()
        page.goto("/contributions?lang=en")
        assert httpx.get(f"{place.url}/contributions").json() == before


def test_one_that_is_decided_against_stays_closed_and_hostile_text_is_text(
    chromium: Browser, place: Place
) -> None:
    with real.tab(chromium, place.url) as tab:
        page = tab.page
        text = PREFIXES + "state:fra skos:altLabel " + f"'''{HOSTILE}'''@en .\n"
        handed_in(page, text, place.contributor, author=HOSTILE[:100], note=HOSTILE)
        page.fill("#read-token", place.contributor)
        page.click("button:has-text('Show all of it')")
        expect(page.locator("ins")).to_contain_text(HOSTILE)
        assert page.locator("main script, main img").count() == 0
        tab.check()
        page.fill("#reason", HOSTILE)
        page.fill("#token", place.contributor)
        page.click("button:has-text('Only comment')")
        expect(page.locator("[role=status]")).to_contain_text("kept")
        page.fill("#reason", "That is no name")
        page.fill("#token", place.curator)
        page.click("button:has-text('Decide against it')")
        expect(page.locator(".chip.bad")).to_have_text("Decided against")
        assert page.locator("main script, main img").count() == 0
        number = page.url.split("/contributions/")[1].split("?")[0]
        late = httpx.post(
            f"{place.url}/contributions/{number}/accept",
            data={"reason": "late", "token": place.curator},
            headers=HTML,
        )
        assert late.status_code == 409
        assert "<h1>Contribution" in late.text
        tab.faults.clear()


@pytest.mark.parametrize(
    ("lang", "heading"),
    [("en", "Contributions"), ("fr", "Contributions"), ("ru", "Предложения")],
)
def test_the_list_speaks_the_language_of_its_reader(
    lang: str, heading: str, chromium: Browser, place: Place
) -> None:
    with real.tab(chromium, place.url, dark=lang == "fr") as tab:
        tab.page.goto(f"/contributions?lang={lang}")
        expect(tab.page.locator("h1")).to_have_text(heading)
        tab.check()
        for path in ("/generations", "/diff"):
            tab.page.goto(f"{path}?lang={lang}")
            expect(tab.page.locator("html")).to_have_attribute("lang", lang)
            tab.check()
    for path, status in (("?state=nope", 400), ("/4711", 404), ("/4711/read", 404)):
        answer = httpx.get(f"{place.url}/contributions{path}", headers=HTML)
        assert answer.status_code == status
        assert "text/html" in answer.headers["content-type"]


def test_programs_are_answered_as_ever_and_a_field_is_no_key_to_them(place: Place) -> None:
    with httpx.Client(base_url=place.url) as client:
        before = client.get("/contributions").json()["contributions"]
        asked = {"licence": "CC0-1.0", "author": "W", "source": "s"}
        text = PREFIXES + 'state:fra skos:altLabel "Hexagon"@en .\n'
        sent = client.post(
            "/contributions",
            params=asked,
            content=text,
            headers={"Authorization": f"Bearer {place.contributor}", "Content-Type": "text/turtle"},
            timeout=60,
        )
        assert sent.status_code == 201
        assert sent.headers["content-type"] == "application/json"
        assert len(client.get("/contributions").json()["contributions"]) == len(before) + 1
        number = sent.json()["id"]
        refused = client.post(f"/contributions/{number}/accept", data={"reason": "why"})
        assert refused.status_code == 401
        assert refused.headers["content-type"] == "application/problem+json"
        for path in ("/generations", "/diff?from=current"):
            assert client.get(path).headers["content-type"] == "application/json"
        assert client.get("/diff").status_code == 400
        assert client.get("/diff?from=nothing", headers=HTML).status_code == 404
