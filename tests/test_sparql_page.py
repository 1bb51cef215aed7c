"""/sparql for who reads pages: the editor, the answer, and what was wrong with the query."""

from urllib.parse import urlencode

import httpx
import pytest
from playwright.sync_api import Browser, expect

import browser as real
from ergaomnes import assets

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PREFIX = "PREFIX erga: <https://w3id.org/ergaomnes/def/>\n"
HOSTILE = '</textarea><script>alert(1)</script><img src=x onerror="alert(2)">'


def at(query: str, **more: str) -> str:
    return "/sparql?" + urlencode({"query": query, "lang": "en", **more})


@pytest.mark.parametrize("scripts", [True, False])
def test_a_question_is_put_into_the_editor_changed_and_asked(
    scripts: bool, chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home, scripts=scripts) as tab:
        page = tab.page
        page.goto("/sparql?lang=en")
        page.select_option("#question", label="Standing of a state on a day")
        page.click("text=Put it into the editor")
        query = page.locator("textarea[name=query]")
        text = query.input_value()
        assert "SELECT ?instrument" in text
        expect(page.locator("#answer")).to_have_count(0)
        page.goto(at(text.replace("state:rus", "state:fra")))
        row = page.locator("tbody tr", has_text="instrument:mtdsg-iv-9-b")
        expect(row).to_contain_text("2008-11-11")
        expect(row).to_contain_text("2008-12-11")
        link = row.get_by_role("link", name="instrument:mtdsg-iv-9-b")
        expect(link).to_have_attribute("href", "/id/instrument/mtdsg-iv-9-b")
        with page.expect_download() as got:
            page.get_by_role("link", name="CSV", exact=True).click()
        lines = got.value.path().read_text().splitlines()
        assert len(lines) == 1 + page.locator("tbody tr").count()
        tab.check() if scripts else None
        assert tab.faults == []


def test_the_editor_completes_our_own_words_and_lets_the_keyboard_out(
    chromium: Browser, home: str
) -> None:
    if not assets.present():
        pytest.skip("the editor was not built: npm was not there when the package was installed")
    with real.tab(chromium, home) as tab:
        page = tab.page
        page.goto(at(f"{PREFIX}SELECT * {{ ?s erga:", edit="1"))
        editor = page.locator(".cm-content")
        editor.click()
        page.keyboard.press("Control+End")
        page.keyboard.type("hasPartic")
        offered = page.locator(".cm-tooltip-autocomplete li", has_text="erga:hasParticipant")
        expect(offered.first).to_be_visible()
        # Enter is not taken in the first moment after the list has opened.
        offered.first.click()
        page.keyboard.type(" ?who } LIMIT 3")
        page.keyboard.press("Control+Enter")
        expect(page.locator("tbody tr")).to_have_count(3)
        editor.click()
        page.keyboard.press("Escape")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.tagName") == "BUTTON"
        assert tab.faults == []


def test_a_query_in_an_address_with_edit_is_shown_and_not_asked(
    chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home, scripts=False) as tab:
        page = tab.page
        page.goto("/questions/standing-of-a-state-on-a-day?state=fra&day=2008-12-10&lang=en")
        page.click("text=The query")
        page.click("text=Open in the editor")
        expect(page.locator("textarea")).to_contain_text("state/fra")
        expect(page.locator("textarea")).to_contain_text('"2008-12-10"')
        expect(page.locator("#answer")).to_have_count(0)
        page.click("button:has-text('Ask')")
        row = page.locator("tbody tr", has_text="instrument:mtdsg-iv-9-b")
        expect(row).to_contain_text("consented, not yet in force")


@pytest.mark.parametrize("scripts", [True, False])
def test_what_is_wrong_with_a_query_is_shown_at_its_line(
    scripts: bool, chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home, scripts=scripts) as tab:
        answer = tab.page.goto(at(f"{PREFIX}SELECT ?s WHERE {{\n  ?s a ;\n}}"))
        assert answer is not None
        assert answer.status == 400
        expect(tab.page.locator("#fault")).to_have_text("The query is not valid SPARQL")
        expect(tab.page.locator("main")).to_contain_text("line 4, column 2")
        expect(tab.page.locator("mark")).to_have_text("}")
        assert "?s a ;" in tab.page.locator("textarea[name=query]").input_value()
        tab.faults.clear()  # the console notes the status
        tab.check() if scripts else None


def test_each_kind_of_answer_has_its_form(chromium: Browser, home: str) -> None:
    with real.tab(chromium, home, scripts=False) as tab:
        page = tab.page
        page.goto(at("ASK { <https://w3id.org/ergaomnes/id/state/rus> ?p ?o }"))
        expect(page.locator(".lead")).to_have_text("Yes.")
        page.goto(at("ASK { <https://w3id.org/ergaomnes/id/state/none> ?p ?o }"))
        expect(page.locator(".lead")).to_have_text("No.")
        page.goto(at("DESCRIBE <https://w3id.org/ergaomnes/id/state/rus>"))
        expect(page.locator("main pre")).to_contain_text("state:rus")
        expect(page.get_by_role("link", name="JSON-LD")).to_be_visible()
        page.goto(at("CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o } LIMIT 5000"))
        expect(page.locator("main")).to_contain_text("more lines are not shown")
        page.goto(at("SELECT * { ?s ?p ?o } LIMIT 5000"))
        expect(page.locator("main")).to_contain_text("The first 200 of 5000 rows")
        expect(page.locator("tbody tr")).to_have_count(200)
        page.goto(at(f"{PREFIX}SELECT * {{ ?s a erga:Denunciatio }}"))
        expect(page.locator("main")).to_contain_text("That is not the same as a no.")
        expect(page.locator(".note")).to_contain_text("erga:Denunciation")
        page.goto(at('SELECT ("نص"@ar AS ?t) (1.5 AS ?n) {}'))
        expect(page.locator("bdi[lang=ar]")).to_have_text("نص")
        expect(page.locator("tbody")).to_contain_text("xsd:decimal")


def test_hostile_text_is_shown_as_text(chromium: Browser, home: str) -> None:
    with real.tab(chromium, home) as tab:
        page = tab.page
        page.goto(at(f"SELECT ('''{HOSTILE}''' AS ?x) {{}}"))
        expect(page.locator("tbody td")).to_have_text(HOSTILE)
        assert page.locator("main script, main img").count() == 0
        tab.check()
        page.goto(at(f"{HOSTILE} \u202e"))
        expect(page.locator("#fault")).to_be_visible()
        assert page.locator("main script, main img[src]").count() == 0
        answer = page.goto(f"/sparql?question={HOSTILE}")
        assert answer is not None
        assert answer.status == 404
        assert page.locator("main script, main img").count() == 0


@pytest.mark.parametrize(
    ("lang", "heading"),
    [("en", "Ask in SPARQL"), ("fr", "Interroger en SPARQL"), ("ru", "Спросить на SPARQL")],
)
def test_the_page_speaks_the_language_of_its_reader(
    lang: str, heading: str, chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home, scripts=False) as tab:
        tab.page.goto(f"/sparql?lang={lang}")
        expect(tab.page.locator("h1")).to_have_text(heading)
        words = httpx.get(f"{home}/vocab.json", params={"lang": lang}).json()
        called = {one["name"]: one["label"] for one in words["terms"]}
        expected = {"en": "State", "fr": "État", "ru": "государство"}
        assert called["erga:State"].casefold() == expected[lang].casefold()
        assert words["prefixes"]["erga"] == "https://w3id.org/ergaomnes/def/"


def test_programs_are_answered_as_ever(home: str) -> None:
    asked = {"query": "ASK {}"}
    with httpx.Client(base_url=home) as client:
        plain = client.get("/sparql", params=asked)
        assert plain.headers["content-type"] == "application/sparql-results+json"
        assert client.get("/sparql").headers["content-type"].startswith("text/turtle")
        page = client.get("/sparql", params=asked, headers=BROWSER)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "Accept" in page.headers["vary"]
        for more in ({"format": "json"}, {"default-graph-uri": "https://example.org/"}):
            told = client.get("/sparql", params=asked | more, headers=BROWSER)
            assert "html" not in told.headers["content-type"]
        shown = client.get("/sparql", params=asked | {"format": "html"})
        assert "text/html" in shown.headers["content-type"]
        again = client.get(
            "/sparql", params=asked, headers=BROWSER | {"If-None-Match": page.headers["etag"]}
        )
        assert again.status_code == 304
        assert client.head("/sparql", params=asked, headers=BROWSER).status_code == 200


def test_a_query_that_costs_too_much_is_told_on_a_page(home: str) -> None:
    query = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
    page = httpx.get(home + at(query), headers=BROWSER, timeout=120)
    assert page.status_code in (503, 504, 507)
    assert "<textarea" in page.text
    assert '<section class="verdict fails"' in page.text
