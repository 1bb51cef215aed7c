"""The first page, what this is, what can be taken away, and what stands around a thing."""

import httpx
import pytest
from playwright.sync_api import Browser, expect

import browser as real
import world_tables as tables
from ergaomnes import assets

HTML = {"Accept": "text/html,*/*;q=0.8"}
HOSTILE = '"><script>alert(1)</script>'


@pytest.mark.parametrize("scripts", [False])
def test_a_journalist_finds_who_could_inspect_on_two_days_and_takes_the_table_away(
    scripts: bool, chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home, scripts=scripts) as tab:
        page = tab.page
        page.goto("/?lang=en")
        inspection = page.locator("section[aria-labelledby=inspection]")
        visits = inspection.locator("tbody tr", has_text="CPT visits")
        expect(visits.locator(".chip")).to_have_text("Uncertain: may have ended")
        expect(visits).to_contain_text("1998-09-01")
        page.fill("#q", "Russia")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Russian Federation", exact=True).click()
        for day, said in (
            ("2026-09-30", "It applied"),
            ("2026-10-01", "Uncertain: may have ended"),
        ):
            page.fill("#on", day)
            page.click(".as-at button")
            panel = page.locator("section[aria-labelledby=inspection]")
            row = panel.locator("tbody tr", has_text="CPT visits")
            expect(row.locator(".chip")).to_have_text(said)
            source = row.locator("a[href^='#source-']").first.get_attribute("href")
            expect(page.locator(f"{source}")).to_contain_text("European Convention")
            panel.locator("summary").last.click()
            with page.expect_download() as got:
                panel.get_by_role("link", name="CSV", exact=True).click()
            lines = got.value.path().read_text("utf-8").splitlines()
            [visits_line] = [line for line in lines if "cpt-visits" in line]
            assert "European Convention for the Prevention of Torture" in visits_line
            assert "1998-09-01" in visits_line
        assert tab.faults == []


def test_what_is_covered_is_what_the_tables_hold(chromium: Browser, home: str) -> None:
    with real.tab(chromium, home, scripts=False) as tab:
        page = tab.page
        page.goto("/about?lang=en")
        coverage = page.locator("section[aria-labelledby=coverage] tbody")
        assert coverage.locator("tr").count() == 26
        for instrument in ("CAT", "OPCAT", "CRC"):
            row = coverage.locator(f"tr:has(th a:text-is('{instrument}'))")
            expect(row).to_contain_text("2026-02-03")
        # Of these nothing is claimed to be known in full.
        statute = coverage.locator("tr:has(th a:text-is('ECPT-P1'))")
        assert statute.locator("td").all_inner_texts() == [""] * 5
        registers = page.locator("section[aria-labelledby=registers] tbody")
        for instrument, facts in tables.instruments().items():
            row = registers.locator(
                f"tr:has(a[href*='/{instrument}?']), tr:has(a[href$='/{instrument}'])"
            )
            if row.count():
                expect(row.first).to_contain_text(facts["parties"])
        assert page.locator("section[aria-labelledby=standings] tbody tr").count() == 7
        gaps = page.locator("section[aria-labelledby=gaps]")
        expect(gaps).to_contain_text("No notification of a denunciation")
        made_of = page.locator("section[aria-labelledby=parts]")
        expect(made_of.locator("a")).to_have_count(1 if assets.present() else 0)


def test_all_that_is_offered_to_take_away_can_be_taken(home: str) -> None:
    page = httpx.get(f"{home}/data", headers=HTML)
    links = {part.split('"')[0] for part in page.text.split("<main")[1].split('href="')[1:]}
    ours = sorted(one.replace("&amp;", "&") for one in links if one.startswith("/"))
    assert any("dump.nq" in one for one in ours)
    with httpx.Client(base_url=home, follow_redirects=True, timeout=120) as client:
        for one in ours:
            assert client.head(one, headers=HTML).status_code == 200, one


@pytest.mark.parametrize(
    ("path", "lang"),
    [
        ("/", "en"),
        ("/", "ru"),
        ("/about", "en"),
        ("/about", "fr"),
        ("/data", "ru"),
        ("/neighbourhood?iri=gap:cpt-rus-visit-dates", "fr"),
    ],
)
def test_each_page_is_for_everybody(path: str, lang: str, chromium: Browser, home: str) -> None:
    with real.tab(chromium, home, dark=lang == "ru") as tab:
        mark = "&" if "?" in path else "?"
        tab.page.goto(f"{path}{mark}lang={lang}")
        expect(tab.page.locator("html")).to_have_attribute("lang", lang)
        tab.check()


def test_one_goes_from_thing_to_thing_by_what_stands_around_it(
    chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home, scripts=False) as tab:
        page = tab.page
        page.goto("/state/rus?lang=en")
        page.get_by_role("link", name="What stands around it").click()
        expect(page.locator("h2").first).to_have_text("Russian Federation")
        expect(page.locator("svg")).to_contain_text("Leads to: has region")
        region = page.locator(".around li", has_text="Eastern Europe")
        region.get_by_role("link", name="Around it: Eastern Europe").click()
        expect(page.locator("h2").first).to_have_text("Eastern Europe")
        expect(page.locator(".around")).to_contain_text(["Ukraine"])
        page.get_by_role("link", name="Its page").click()
        expect(page.locator("h1")).to_have_text("Eastern Europe")


def test_an_iri_leads_to_its_document(home: str) -> None:
    with httpx.Client(base_url=home) as client:
        for typed in ("state:rus", "https://w3id.org/ergaomnes/id/state/rus"):
            answer = client.get("/resource", params={"iri": typed}, headers=HTML)
            assert (answer.status_code, answer.headers["location"]) == (303, "/id/state/rus")
        for typed, status in (
            ("state:rux", 404),
            ("nothing:x", 400),
            (HOSTILE, 400),
            ("https://example.org/nothing", 404),
        ):
            answer = client.get("/resource", params={"iri": typed}, headers=HTML)
            assert answer.status_code == status, typed
            assert "<script>alert" not in answer.text
        around = client.get("/neighbourhood", params={"iri": HOSTILE}, headers=HTML)
        assert around.status_code < 500
        assert "<script>alert" not in around.text
        assert client.get("/ontology").headers["location"] == "/def/"
