"""Instruments, their provisions and their obligations: what the graph holds, as at a day."""

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

import browser as real
import world_tables as tables
from ergaomnes import drawing

HTML = {"Accept": "text/html"}
CAT = "/instrument/mtdsg-iv-9"
DAY = "2026-02-03"


def section(page: Page, name: str) -> str:
    return page.locator(f"section[aria-labelledby={name}]").inner_text()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_lawyer_walks_from_an_obligation_to_the_reservations(
    scripts: bool, chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home, scripts=scripts) as tab:
        page = tab.page
        page.goto(f"{CAT}?lang=en&on={DAY}")
        page.locator(".provisions").get_by_role("link", name="CAT, Article 2(1)").click()
        expect(page.locator("h1")).to_contain_text("CAT, Article 2(1)")
        page.locator("section[aria-labelledby=obligations] a", has_text="Prevent torture").click()
        expect(page.locator("h1")).to_have_text(
            "Prevent torture in any territory under jurisdiction"
        )
        assert f"on={DAY}" in page.url
        expect(page.locator("svg")).to_contain_text("Confidential inquiry")
        tab.check() if scripts else None
        chain = page.locator("section[aria-labelledby=chain]")
        chain.locator("tr", has_text="Confidential inquiry").locator("td a").first.click()
        expect(page.locator("h1")).to_have_text("Committee against Torture")
        page.go_back()
        chain.get_by_role("link", name="Confidential inquiry").first.click()
        expect(page.locator("h1")).to_contain_text("Confidential inquiry")
        page.goto(f"/instrument/cat/article/20?lang=en&on={DAY}")
        expect(page.locator("h1")).to_have_text("CAT, Article 20: confidential inquiry")
        page.get_by_role("link", name="CAT, Article 21: ").click()
        page.goto("/instrument/cat/article/30?lang=en")
        reservations = page.locator("section[aria-labelledby=reservations]")
        france = reservations.locator("tbody tr:has(th a:text-is('France'))")
        expect(france).to_contain_text("In force")
        assert tab.faults == []


def test_an_instrument_says_whom_it_binds_on_the_day(chromium: Browser, home: str) -> None:
    with real.tab(chromium, home, scripts=False) as tab:
        page = tab.page
        for day in ("1987-06-25", "1987-06-26", DAY):
            page.goto(f"{CAT}?lang=en&on={day}")
            bound = len(tables.bound("mtdsg-iv-9", tables.day_of(day)))
            if bound:
                expect(page.locator(".lead")).to_contain_text(f"It binds {bound} states")
            else:
                expect(page.locator(".lead")).not_to_contain_text("It binds")
        table = page.locator("section[aria-labelledby=parties]")
        if drawing.has_map():
            expect(table.locator("svg title").first).not_to_be_empty()
            table.locator("summary").first.click()
        assert table.locator("tbody tr").count() > 190
        expect(table.locator("tbody tr", has_text="India")).to_contain_text("Signed only")
        assert "10 Dec" not in section(page, "facts")
        assert "1984-12-10" in section(page, "facts")


def test_the_numbers_of_all_instruments_are_those_of_the_tables(home: str) -> None:
    asked = {"day": DAY, "format": "json"}
    told = httpx.get(f"{home}/questions/instruments-on-a-day", params=asked).json()
    found = {row["instrument"].rsplit("/", 1)[-1]: row["bound"] for row in told["rows"]}
    for instrument in tables.instruments():
        expected = len(tables.bound(instrument, tables.day_of(DAY)))
        assert int(found[instrument]) == expected, instrument
    assert found["ets-001"] in (None, "")


@pytest.mark.parametrize(
    ("path", "lang"),
    [
        ("/instruments", "fr"),
        ("/instruments", "ru"),
        (CAT, "en"),
        (CAT, "ru"),
        ("/provision/mtdsg-iv-9/art-20", "fr"),
        ("/norm/mtdsg-iv-9-art-2-prevent-torture", "ru"),
    ],
)
def test_each_page_is_for_everybody(path: str, lang: str, chromium: Browser, home: str) -> None:
    with real.tab(chromium, home, dark=lang == "fr") as tab:
        tab.page.goto(f"{path}?lang={lang}")
        expect(tab.page.locator("html")).to_have_attribute("lang", lang)
        tab.check()


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("/instrument/cat", CAT),
        ("/instrument/CAT?on=2020-01-01", f"{CAT}?on=2020-01-01"),
        ("/instrument/IV-9", CAT),
        ("/instrument/CETS%20126", "/instrument/ets-126"),
        ("/instrument/opcat", "/instrument/mtdsg-iv-9-b"),
        ("/instrument/echr", "/instrument/ets-005"),
        ("/instrument/cat/article/20", "/provision/mtdsg-iv-9/art-20"),
        ("/instrument/mtdsg-iv-9/article/20(3)", "/provision/mtdsg-iv-9/art-20-3"),
        ("/state/FRA", "/state/fra"),
    ],
)
def test_a_thing_is_found_by_its_other_names(typed: str, path: str, home: str) -> None:
    answer = httpx.get(home + typed, headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (301, path)


@pytest.mark.parametrize(
    "path",
    [
        "/instrument/nothing",
        "/instrument/cat/article/2000",
        "/instrument/nothing/article/1",
        "/provision/nothing",
        "/norm/%3Cscript%3E",
        "/instrument/%22%3E%3Cb%3E",
    ],
)
def test_what_is_not_there_is_told(path: str, home: str) -> None:
    answer = httpx.get(home + path, headers=HTML)
    assert answer.status_code == 404
    assert "<script>" not in answer.text
    assert "<b>" not in answer.text


def test_the_pictures_can_be_taken_away(home: str) -> None:
    for name in ["instrument/growth", *(["instrument/parties"] if drawing.has_map() else [])]:
        asked = {"instrument": "mtdsg-iv-9", "on": DAY}
        svg = httpx.get(f"{home}/embed/{name}.svg", params=asked)
        assert svg.headers["content-type"].startswith("image/svg+xml")
        assert DAY in svg.text
        assert "<script" not in svg.text
    chain = httpx.get(
        f"{home}/embed/norm/chain.svg", params={"norm": "mtdsg-iv-9-art-2-prevent-torture"}
    )
    assert "Committee against" in chain.text
    bars = httpx.get(f"{home}/embed/instruments/instruments.svg", params={"on": "1970-01-01"})
    assert "ICERD" in bars.text
