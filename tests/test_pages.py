"""The pages in a real browser: whole journeys, with scripts and without."""

import pytest
from playwright.sync_api import Browser, expect

import browser as real
from test_validate import BAD, GOOD, OWN, PERSON, TABLE


@pytest.mark.parametrize("scripts", [True, False])
def test_a_contributor_repairs_a_bad_table_from_the_report(
    scripts: bool, chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home, scripts=scripts, dark=scripts) as tab:
        page = tab.page
        page.goto("/validate?lang=en")
        tab.check() if scripts else None
        table = {"name": "acts.csv", "mimeType": "text/csv", "buffer": TABLE.encode()}
        page.set_input_files("#file", table)  # type: ignore[arg-type]
        page.click("button:has-text('Check')")
        expect(page.locator("#verdict")).to_have_text("It does not conform.")
        told = page.locator("tbody tr")
        expect(told).to_have_count(3)
        expect(told.nth(0)).to_contain_text("row 2")
        expect(told.nth(0)).to_contain_text("Did you mean Burkina Faso")
        expect(told.nth(1)).to_contain_text("there is no such day")
        expect(told.nth(2)).to_contain_text("Did you mean ratification")
        told.nth(2).get_by_role("link", name="row 3").click()
        expect(page.locator("li:target mark")).to_contain_text("Côte d'Ivoire;CAT;ratified")
        page.click("li:target >> text=finding 3")
        expect(page.locator("tr:target")).to_contain_text("ratified")
        if scripts:
            tab.check()
        text = page.input_value("#text")
        for wrong, right in (
            ("Burkina Fasso", "Burkina Faso"),
            ("1999-02-30", "1999-01-04"),
            ("ratified", "ratification"),
        ):
            text = text.replace(wrong, right)
        page.fill("#text", text)
        expect(page.locator("#type")).to_have_value("text/csv")
        page.click("button:has-text('Check')")
        # The cells can be read now; that state has acceded already.
        expect(page.locator("main")).to_contain_text("Two acts of consent overlap")
        expect(page.locator("tbody")).to_contain_text("row 3")
        standing = "situation:participation-civ-mtdsg-iv-9-accession"
        expect(page.get_by_role("link", name=standing)).to_be_visible()
        text = "\n".join(text.splitlines()[:2]) + "\n"
        page.fill("#text", text)
        page.click("button:has-text('Check')")
        expect(page.locator("#verdict")).to_have_text("It conforms.")
        assert tab.faults == []


def test_facts_are_checked_and_mended_where_they_were_pasted(chromium: Browser, home: str) -> None:
    with real.tab(chromium, home) as tab:
        page = tab.page
        page.goto("/validate?lang=fr")
        page.fill("#text", BAD)
        page.click("button:has-text('Vérifier')")
        expect(page.locator("#verdict")).to_have_text("Ce n’est pas conforme.")
        expect(page.locator("main")).to_contain_text("ligne 13")
        expect(page.locator("mark")).to_have_count(2)
        tab.check()
        page.fill("#text", GOOD)
        page.click("button:has-text('Vérifier')")
        expect(page.locator("#verdict")).to_have_text("C’est conforme.")
        page.click("text=русский")
        expect(page.locator("h1")).to_have_text("Проверить факты")


def test_what_cannot_be_read_is_shown_where_it_stands(chromium: Browser, home: str) -> None:
    with real.tab(chromium, home) as tab:
        page = tab.page
        page.goto("/validate?lang=en")
        page.fill("#text", "@prefix e: <http://e/> .\ne:a f:b 1 .")
        with page.expect_response("**/validate**") as answered:
            page.click("button:has-text('Check')")
        assert answered.value.status == 400
        expect(page.locator("#verdict")).to_have_text("This cannot be read")
        expect(page.locator("mark")).to_have_text("e:a f:b 1 .")
        tab.faults.clear()  # the console notes the status
        tab.check()


def test_shapes_of_ones_own_are_sent_beside_the_facts(chromium: Browser, home: str) -> None:
    with real.tab(chromium, home, scripts=False) as tab:
        page = tab.page
        page.goto("/validate?lang=en")
        page.fill("#text", PERSON)
        page.click("summary")
        shapes = {"name": "own.ttl", "mimeType": "text/turtle", "buffer": OWN.encode()}
        page.set_input_files("#shapes", shapes)  # type: ignore[arg-type]
        page.click("button:has-text('Check')")
        expect(page.locator("main")).to_contain_text("Too old.")
        expect(page.locator("main")).to_contain_text("http://example.org/PersonShape")


HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>\u202e'


def test_hostile_text_is_shown_as_text(chromium: Browser, home: str) -> None:
    with real.tab(chromium, home) as tab:
        page = tab.page
        page.goto("/validate?lang=en")
        page.fill(
            "#text", BAD.replace('"Notice"', repr(HOSTILE)) + f"\n# </textarea></ol>{HOSTILE}"
        )
        page.click("button:has-text('Check')")
        expect(page.locator("#verdict")).to_be_visible()
        expect(page.locator("#text")).to_have_value(page.input_value("#text"))
        assert HOSTILE in page.input_value("#text")
        assert page.locator("main script, main img").count() == 0
        tab.check()
        for path in ("/questions/%3Cscript%3Ealert(1)%3C%2Fscript%3E", "/id/state/%22%3E%3Cb%3E"):
            page.goto(path)
            assert page.locator("main script, main b").count() == 0


@pytest.mark.parametrize("lang", ["en", "fr", "ru"])
def test_a_problem_is_a_page_to_who_reads_pages(lang: str, chromium: Browser, home: str) -> None:
    with real.tab(chromium, home) as tab:
        answer = tab.page.goto(f"/questions/nope?lang={lang}")
        assert answer is not None
        assert answer.status == 404
        expect(tab.page.locator("html")).to_have_attribute("lang", lang)
        expect(tab.page.locator("h1")).to_have_text("No such question")
        tab.faults.clear()  # the console notes the status
        tab.check()
        kind = tab.page.locator("main a")
        address = kind.get_attribute("href")
        assert address == "/problem/unknown-question"
        kind.click()
        expect(tab.page.locator("h1")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_journalist_sees_who_could_look_inside_on_two_days_and_takes_the_table_away(
    scripts: bool, chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home, scripts=scripts) as tab:
        page = tab.page
        page.goto("/state/rus?on=2025-09-30&lang=en")
        expect(page.locator("h1")).to_have_text("Russian Federation")
        expect(page.locator(".lead")).to_contain_text("Bound by 13 of the 26 instruments")
        inspection = page.locator("section[aria-labelledby=inspection]")
        told = inspection.locator("tbody tr", has_text="European Committee for the Prevention")
        expect(told.locator(".chip.good").first).to_have_text("It applied")
        page.fill("#on", "2026-10-01")
        page.click("button:has-text('Show')")
        expect(page.locator(".lead")).to_contain_text("Bound by 12 of the 26 instruments")
        expect(told.locator(".chip").first).to_have_text("Uncertain: may have ended")
        bound = page.locator("section[aria-labelledby=instruments] tbody tr")
        expect(bound).to_have_count(26)
        ecpt = bound.filter(has_text="ECPT").filter(has_text="Uncertain")
        expect(ecpt).to_contain_text("last known on 2025-09-30")
        number = ecpt.locator("td a").last.inner_text().strip("[]")
        expect(page.locator(f"#source-{number}")).to_contain_text("ETS 126")
        if scripts:
            tab.check()
        else:
            assert tab.faults == []
        inspection.locator("summary").click()
        asked = inspection.get_by_role("link", name="The query, which is long, with its answer")
        assert "day=2026-10-01" in str(asked.get_attribute("href"))
        address = inspection.get_by_role("link", name="CSV").get_attribute("href")
        table = page.request.get(f"{home}{address}")
        assert table.headers["content-type"].startswith("text/csv")
        assert "uncertain: may have ended" in table.text()
        cited = inspection.get_by_role("link", name="Cite it").get_attribute("href")
        assert page.request.get(f"{home}{cited}").ok


def test_a_state_is_walked_through_along_its_own_acts(chromium: Browser, home: str) -> None:
    with real.tab(chromium, home) as tab:
        page = tab.page
        page.goto("/state/rus?on=2022-09-15&lang=fr")
        expect(page.locator("h1")).to_have_text("Fédération de Russie")
        page.click("a[rel=next]")
        expect(page.locator("#on")).to_have_value("2022-09-16")
        expect(page.locator(".chip.bad").first).to_have_text("Quitté")
        page.click("a[rel=prev]")
        assert page.input_value("#on") < "2022-09-16"
        page.click("text=русский")
        expect(page.locator("h1")).to_have_text("Российская Федерация")
        expect(page.locator("#instruments")).to_have_text("Чем оно связано")
        tab.check()
        page.goto("/state/rus?lang=en")
        expect(page.locator(".as-at")).to_contain_text("This is today.")
        page.click("text=All facts about it")
        expect(page.locator("h2#stated")).to_be_visible()


def test_what_is_no_state_has_its_other_page(chromium: Browser, home: str) -> None:
    with real.tab(chromium, home) as tab:
        page = tab.page
        missing = page.goto("/state/nowhere?lang=en")
        assert missing is not None
        assert missing.status == 404
        wrong = page.goto("/state/rus?on=2025-02-30")
        assert wrong is not None
        assert wrong.status == 400
        expect(page.locator("main")).to_contain_text("written YYYY-MM-DD")
        tab.faults.clear()  # the console notes each status
        tab.check()


def test_a_timeline_shows_since_when_a_state_is_bound_and_from_when_that_is_uncertain(
    chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home, scripts=False) as tab:
        page = tab.page
        page.goto("/state/rus?on=2026-11-01&lang=en")
        section = page.locator("section[aria-labelledby=timeline]")
        told = [one.text_content() or "" for one in section.locator("svg .datum title").all()]
        assert "ECHR: Bound, 1998-05-05 – 2022-09-16" in told
        assert "ECPT: Bound, 1998-09-01 – 2026-10-01" in told
        assert "ECPT: Uncertain, 2026-10-01 –" in told
        # each bar is a row of the table; the uncertain one is the same row as the one before it
        assert len(told) == section.locator("tbody tr").count() + 1
        row = section.locator("tbody tr", has_text="ECPT").first
        expect(row).to_contain_text("2026-10-01")
        page.goto("/state/rus?on=2026-11-01&lang=ru")
        expect(section.locator("svg")).to_contain_text("Связано")
        assert tab.faults == []
